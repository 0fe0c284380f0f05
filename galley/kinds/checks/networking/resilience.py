"""Rules of what surrounds an HTTP route: retries, faults, CORS."""

from __future__ import annotations

from datetime import timedelta

from galley.kinds.checks.findings import Findings, shown
from galley.kinds.checks.scalars import (
    check_duration,
    check_header_name,
    check_not_negative,
    check_percent,
    check_regex,
)
from galley.kinds.networking.virtual_service import Abort, CorsPolicy, Delay, HttpFaultInjection, HttpRetry
from galley.kinds.values import Percent

_CONDITIONS = """
    5xx gateway-error reset reset-before-request connect-failure envoy-ratelimited retriable-4xx refused-stream
    retriable-status-codes retriable-headers http3-post-connect-failure
    cancelled deadline-exceeded internal resource-exhausted unavailable
"""
RETRY_CONDITIONS = frozenset(_CONDITIONS.split())
"""Envoy's words for ``x-envoy-retry-on`` and ``x-envoy-retry-grpc-on``."""

_STATUSES = """
    OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
    RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS
    UNAUTHENTICATED
"""
GRPC_STATUSES = frozenset(_STATUSES.split())
"""Names of the status codes of gRPC."""

_METHODS = frozenset({"*", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"})


def check_retries(
    findings: Findings, path: str, retries: HttpRetry | None, *, timeout: timedelta | None = None
) -> None:
    """Known conditions, sensible numbers; nothing beside ``attempts: 0``, which switches retries off."""
    if retries is None:
        return
    check_not_negative(findings, f"{path}.attempts", retries.attempts)
    others = (retries.retry_on, retries.per_try_timeout, retries.backoff, retries.retry_remote_localities)
    if retries.attempts == 0 and any(others):
        what = "is 0, which switches retries off, and yet other settings are given"
        findings.error(f"{path}.attempts", "retries-off", what, "write how many retries there may be")
    check_duration(findings, f"{path}.perTryTimeout", retries.per_try_timeout)
    check_duration(findings, f"{path}.backoff", retries.backoff)
    if timeout and retries.per_try_timeout and retries.per_try_timeout > timeout:
        what = "is longer than the route's timeout, which ends all tries"
        findings.warn(f"{path}.perTryTimeout", "ineffective-setting", what)
    for word in (part.strip() for part in retries.retry_on.split(",") if retries.retry_on):
        is_status = word.isdecimal() and 100 <= int(word[:4]) <= 599
        if word not in RETRY_CONDITIONS and not is_status:
            what = f"{shown(word)} is neither a condition that Envoy knows nor a status code"
            findings.error(
                f"{path}.retryOn", "unknown-condition", what, "such as 5xx, connect-failure, unavailable, 503"
            )


def check_fault(findings: Findings, path: str, fault: HttpFaultInjection | None) -> None:
    """A delay or an abort, each for a share of the requests."""
    if fault is None:
        return
    if fault.delay is None and fault.abort is None:
        findings.error(path, "missing-field", "needs delay or abort")
    if fault.delay is not None:
        _check_delay(findings, f"{path}.delay", fault.delay)
    if fault.abort is not None:
        _check_abort(findings, f"{path}.abort", fault.abort)


def _check_delay(findings: Findings, path: str, delay: Delay) -> None:
    if delay.fixed_delay is None and delay.exponential_delay is None:
        findings.error(f"{path}.fixedDelay", "missing-field", "is required", "such as 5s")
    check_duration(findings, f"{path}.fixedDelay", delay.fixed_delay)
    _check_share(findings, path, delay.percentage)
    if delay.percent:
        check_percent(findings, f"{path}.percent", delay.percent)
        findings.warn(f"{path}.percent", "deprecated-field", "is deprecated (IST0002)", "write percentage: {value: …}")
    elif delay.percentage is None:
        what = "delays nothing without a percentage"
        findings.warn(path, "ineffective-setting", what, "write percentage: {value: 100} for every request")


def _check_abort(findings: Findings, path: str, abort: Abort) -> None:
    if abort.http_status is not None and not 200 <= abort.http_status <= 599:
        findings.error(f"{path}.httpStatus", "invalid-status", f"must be from 200 to 599, not {abort.http_status}")
    if abort.grpc_status is not None and abort.grpc_status not in GRPC_STATUSES:
        hint = "such as UNAVAILABLE or DEADLINE_EXCEEDED"
        findings.error(f"{path}.grpcStatus", "invalid-status", f"{shown(abort.grpc_status)} is no status of gRPC", hint)
    if abort.http_status is None and abort.grpc_status is None and abort.http2_error is None:
        findings.warn(path, "ineffective-setting", "aborts nothing", "give httpStatus or grpcStatus")
    _check_share(findings, path, abort.percentage)
    if abort.percentage is None:
        what = "aborts nothing without a percentage"
        findings.warn(path, "ineffective-setting", what, "write percentage: {value: 100} for every request")


def _check_share(findings: Findings, path: str, percentage: Percent | None) -> None:
    if percentage is not None:
        check_percent(findings, f"{path}.percentage.value", percentage.value)


def check_cors(findings: Findings, path: str, cors: CorsPolicy | None) -> None:
    """Origins that match something, methods and headers of HTTP, a maximum age in whole seconds."""
    if cors is None:
        return
    for index, origin in enumerate(cors.allow_origins):
        place = f"{path}.allowOrigins[{index}]"
        if not (origin.exact or origin.prefix or origin.regex):
            findings.error(place, "empty-match", "must not be empty", 'write {exact: "*"} for every origin')
        elif origin.regex is not None and not origin.is_presence:
            check_regex(findings, f"{place}.regex", origin.regex)
    for index, method in enumerate(cors.allow_methods):
        if method not in _METHODS:
            findings.error(f"{path}.allowMethods[{index}]", "unknown-method", f"{shown(method)} is not an HTTP method")
    for name, headers in (("allowHeaders", cors.allow_headers), ("exposeHeaders", cors.expose_headers)):
        for index, header in enumerate(headers):
            check_header_name(findings, f"{path}.{name}[{index}]", header)
    if cors.max_age is not None and cors.max_age % timedelta(seconds=1):
        findings.error(f"{path}.maxAge", "invalid-duration", "must be of whole seconds")
    if cors.allow_origin:
        hint = "write allowOrigins: [{exact: …}]"
        findings.warn(f"{path}.allowOrigin", "deprecated-field", "is deprecated", hint)

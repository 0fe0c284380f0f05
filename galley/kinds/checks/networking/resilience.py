"""Rules of what surrounds an HTTP route: retries, faults, CORS."""

from __future__ import annotations

from datetime import timedelta

from galley.kinds.checks.scalars import (
    check_duration,
    check_header_name,
    check_not_negative,
    check_percent,
    check_regex,
)
from galley.kinds.http import Abort, CorsPolicy, Delay, HttpFaultInjection, HttpRetry
from galley.kinds.values import Percent
from galley.text.recorder import Recorder
from galley.text.wording import quoted

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
    recorder: Recorder, path: str, retries: HttpRetry | None, *, timeout: timedelta | None = None
) -> None:
    """Known conditions, sensible numbers; nothing beside ``attempts: 0``, which switches retries off."""
    if retries is None:
        return
    check_not_negative(recorder, f"{path}.attempts", retries.attempts)
    others = (retries.retry_on, retries.per_try_timeout, retries.backoff, retries.retry_remote_localities)
    if retries.attempts == 0 and any(others):
        what = "is 0, which switches retries off, and yet other settings are given"
        recorder.error(f"{path}.attempts", "retries-off", what, "write how many retries there may be")
    check_duration(recorder, f"{path}.perTryTimeout", retries.per_try_timeout)
    check_duration(recorder, f"{path}.backoff", retries.backoff)
    if timeout and retries.per_try_timeout and retries.per_try_timeout > timeout:
        what = "is longer than the route's timeout, which ends all tries"
        recorder.warn(f"{path}.perTryTimeout", "ineffective-setting", what)
    for word in (part.strip() for part in retries.retry_on.split(",") if retries.retry_on):
        is_status = word.isdecimal() and 100 <= int(word[:4]) <= 599
        if word not in RETRY_CONDITIONS and not is_status:
            what = f"{quoted(word)} is neither a condition that Envoy knows nor a status code"
            recorder.error(
                f"{path}.retryOn", "unknown-condition", what, "such as 5xx, connect-failure, unavailable, 503"
            )


def check_fault(recorder: Recorder, path: str, fault: HttpFaultInjection | None) -> None:
    """A delay or an abort, each for a share of the requests."""
    if fault is None:
        return
    if fault.delay is None and fault.abort is None:
        recorder.error(path, "missing-field", "needs delay or abort")
    if fault.delay is not None:
        _check_delay(recorder, f"{path}.delay", fault.delay)
    if fault.abort is not None:
        _check_abort(recorder, f"{path}.abort", fault.abort)


def _check_delay(recorder: Recorder, path: str, delay: Delay) -> None:
    if delay.fixed_delay is None and delay.exponential_delay is None:
        recorder.error(f"{path}.fixedDelay", "missing-field", "is required", "such as 5s")
    check_duration(recorder, f"{path}.fixedDelay", delay.fixed_delay)
    _check_share(recorder, path, delay.percentage)
    if delay.percent:
        check_percent(recorder, f"{path}.percent", delay.percent)
        recorder.warn(f"{path}.percent", "deprecated-field", "is deprecated (IST0002)", "write percentage: {value: …}")
    elif delay.percentage is None:
        what = "delays nothing without a percentage"
        recorder.warn(path, "ineffective-setting", what, "write percentage: {value: 100} for every request")


def _check_abort(recorder: Recorder, path: str, abort: Abort) -> None:
    if abort.http_status is not None and not 200 <= abort.http_status <= 599:
        recorder.error(f"{path}.httpStatus", "invalid-status", f"must be from 200 to 599, not {abort.http_status}")
    if abort.grpc_status is not None and abort.grpc_status not in GRPC_STATUSES:
        hint = "such as UNAVAILABLE or DEADLINE_EXCEEDED"
        what = f"{quoted(abort.grpc_status)} is no status of gRPC"
        recorder.error(f"{path}.grpcStatus", "invalid-status", what, hint)
    if abort.http_status is None and abort.grpc_status is None and abort.http2_error is None:
        recorder.warn(path, "ineffective-setting", "aborts nothing", "give httpStatus or grpcStatus")
    _check_share(recorder, path, abort.percentage)
    if abort.percentage is None:
        what = "aborts nothing without a percentage"
        recorder.warn(path, "ineffective-setting", what, "write percentage: {value: 100} for every request")


def _check_share(recorder: Recorder, path: str, percentage: Percent | None) -> None:
    if percentage is not None:
        check_percent(recorder, f"{path}.percentage.value", percentage.value)


def check_cors(recorder: Recorder, path: str, cors: CorsPolicy | None) -> None:
    """Origins that match something, methods and headers of HTTP, a maximum age in whole seconds."""
    if cors is None:
        return
    for index, origin in enumerate(cors.allow_origins):
        inner = f"{path}.allowOrigins[{index}]"
        if not (origin.exact or origin.prefix or origin.regex):
            recorder.error(inner, "empty-match", "must not be empty", 'write {exact: "*"} for every origin')
        elif origin.regex is not None and not origin.is_presence:
            check_regex(recorder, f"{inner}.regex", origin.regex)
    for index, method in enumerate(cors.allow_methods):
        if method not in _METHODS:
            recorder.error(f"{path}.allowMethods[{index}]", "unknown-method", f"{quoted(method)} is not an HTTP method")
    for name, headers in (("allowHeaders", cors.allow_headers), ("exposeHeaders", cors.expose_headers)):
        for index, header in enumerate(headers):
            check_header_name(recorder, f"{path}.{name}[{index}]", header)
    if cors.max_age is not None and cors.max_age % timedelta(seconds=1):
        recorder.error(f"{path}.maxAge", "invalid-duration", "must be of whole seconds")
    if cors.allow_origin:
        hint = "write allowOrigins: [{exact: …}]"
        recorder.warn(f"{path}.allowOrigin", "deprecated-field", "is deprecated", hint)

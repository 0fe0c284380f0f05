"""What a rule does with a matched HTTP request, field by field: headers, retries, faults, redirects."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from galley.kinds.http import (
    CorsPolicy,
    HeaderOperations,
    Headers,
    HttpDirectResponse,
    HttpFaultInjection,
    HttpRedirect,
    HttpRetry,
    RedirectPortSelection,
    UnmatchedPreflights,
)
from galley.kinds.values import StringMatch
from galley.meta import Labels
from pilot.ir.http_filters import RouteCorsPlan, RouteFaultPlan, RouteFilterPlan
from pilot.ir.route import (
    NO_MUTATION,
    REDIRECT_CODES,
    DirectResponsePlan,
    HeaderMutationPlan,
    RedirectPlan,
    RetryPlan,
)
from pilot.mesh.rules.model import HttpRule

RETRIABLE_STATUS_CODES = "retriable-status-codes"

GRPC_STATUS_CODES = {
    name: code
    for code, name in enumerate(
        (
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        )
    )
}


class HeaderChanges(NamedTuple):
    """Header changes of one block; ``authority`` is what the block sets the Host to ("" leaves it)."""

    request: HeaderMutationPlan = NO_MUTATION
    response: HeaderMutationPlan = NO_MUTATION
    authority: str = ""


NO_CHANGES = HeaderChanges()


def plan_headers(headers: Headers | None) -> HeaderChanges:
    """Header changes. Envoy rewrites the Host by an option of its own, and leaves other pseudo headers alone."""
    if headers is None:
        return NO_CHANGES
    request, response = headers.request, headers.response
    authority = ""
    if request is not None:
        authority = _authority(request.set) or _authority(request.add)
    return HeaderChanges(request=_mutation(request), response=_mutation(response), authority=authority)


def _authority(headers: Labels) -> str:
    return next((value for name, value in headers.items() if name.lower() in ("host", ":authority")), "")


def _is_ordinary(name: str) -> bool:
    return not name.startswith(":") and name.lower() != "host"


def _mutation(operations: HeaderOperations | None) -> HeaderMutationPlan:
    if operations is None:
        return NO_MUTATION
    return HeaderMutationPlan(
        set=tuple((name, value) for name, value in operations.set.items() if _is_ordinary(name)),
        add=tuple((name, value) for name, value in operations.add.items() if _is_ordinary(name)),
        remove=tuple(sorted(name for name in operations.remove if _is_ordinary(name))),
    )


def plan_retry(retries: HttpRetry | None, mesh_default: HttpRetry | None) -> RetryPlan | None:
    """The retry policy: the rule's, else the mesh's, else the built-in one. Zero attempts switch retries off."""
    effective = retries or mesh_default
    built_in = RetryPlan()
    if effective is None:
        return built_in
    if effective.attempts <= 0:
        return None
    retry_on, codes = _retry_conditions(effective.retry_on)
    return RetryPlan(
        num_retries=effective.attempts,
        retry_on=retry_on or built_in.retry_on,
        retriable_status_codes=codes,
        per_try_timeout=effective.per_try_timeout,
        backoff=effective.backoff,
        previous_hosts=effective.retry_ignore_previous_hosts is not False,
        remote_localities=bool(effective.retry_remote_localities),
    )


def _retry_conditions(retry_on: str) -> tuple[str, tuple[int, ...]]:
    """Envoy's list of conditions, and the status codes that Istio's list holds besides them."""
    tokens = [token.strip() for token in retry_on.split(",") if token.strip()]
    codes = tuple(int(token) for token in tokens if token.isdecimal())
    conditions = [token for token in tokens if not token.isdecimal()]
    if codes and RETRIABLE_STATUS_CODES not in conditions:
        conditions.append(RETRIABLE_STATUS_CODES)
    return ",".join(conditions), codes


def plan_route_filters(http: HttpRule) -> tuple[RouteFilterPlan, ...]:
    """What a rule says to the HTTP filters about its requests."""
    plans: list[RouteFilterPlan | None] = [plan_fault(http.fault), plan_cors(http.cors)]
    return tuple(plan for plan in plans if plan is not None)


def plan_cors(policy: CorsPolicy | None) -> RouteCorsPlan | None:
    """The CORS policy. The deprecated list of origins counts where the other is empty."""
    if policy is None:
        return None
    return RouteCorsPlan(
        allow_origins=policy.allow_origins or tuple(StringMatch(exact=origin) for origin in policy.allow_origin),
        allow_methods=policy.allow_methods,
        allow_headers=policy.allow_headers,
        expose_headers=policy.expose_headers,
        max_age=policy.max_age,
        allow_credentials=policy.allow_credentials,
        forward_unmatched=policy.unmatched_preflights is not UnmatchedPreflights.IGNORE,
    )


def plan_fault(fault: HttpFaultInjection | None) -> RouteFaultPlan | None:
    """Faults. A missing percentage means the deprecated ``percent`` for delays, and for aborts nothing at all.

    Of two statuses that of gRPC counts.
    """
    if fault is None:
        return None
    plan = RouteFaultPlan()
    delay, abort = fault.delay, fault.abort
    if delay is not None and delay.fixed_delay is not None:
        percent = delay.percentage.value if delay.percentage is not None else float(delay.percent)
        plan = RouteFaultPlan(delay=delay.fixed_delay, delay_percent=percent)
    if abort is not None:
        grpc_status = GRPC_STATUS_CODES.get((abort.grpc_status or "").upper())
        if abort.http_status is not None or grpc_status is not None:
            plan = RouteFaultPlan(
                delay=plan.delay,
                delay_percent=plan.delay_percent,
                abort_http_status=abort.http_status if grpc_status is None else None,
                abort_grpc_status=grpc_status,
                abort_percent=abort.percentage.value if abort.percentage is not None else 0.0,
            )
    return None if plan == RouteFaultPlan() else plan


def plan_redirect(redirect: HttpRedirect, *, listener_port: int) -> RedirectPlan | None:
    """A redirect; None when Envoy has no such redirect code. The default port of a named scheme is left out."""
    code = redirect.redirect_code or 301
    if code not in REDIRECT_CODES:
        return None
    port = redirect.port or 0
    if redirect.derive_port is RedirectPortSelection.FROM_REQUEST_PORT:
        port = listener_port
    if (redirect.scheme, port) in (("http", 80), ("https", 443)):
        port = 0
    return RedirectPlan(
        code=code,
        host=redirect.authority,
        path=redirect.uri if redirect.prefix_rewrite is None else None,
        prefix=redirect.prefix_rewrite,
        scheme=redirect.scheme,
        port=port,
    )


def plan_direct_response(response: HttpDirectResponse) -> DirectResponsePlan:
    """A fixed answer; bytes that are not base64 give no body."""
    body = b""
    if response.body is not None and response.body.string is not None:
        body = response.body.string.encode()
    elif response.body is not None and response.body.bytes is not None:
        try:
            body = base64.b64decode(response.body.bytes, validate=True)
        except binascii.Error:
            body = b""
    return DirectResponsePlan(status=response.status, body=body)

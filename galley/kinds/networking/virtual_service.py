"""VirtualService: how requests for a host are matched, changed and routed (networking.istio.io)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from galley.frozen import FrozenMap, frozen
from galley.kinds.values import Destination, Percent, StringMatch, unsupported
from galley.meta import NO_LABELS, Labels

NO_MATCHES: FrozenMap[str, StringMatch] = FrozenMap()


@frozen
class HeaderOperations:
    """Header changes: ``set`` overwrites, ``add`` appends, ``remove`` deletes."""

    set: Labels = NO_LABELS
    add: Labels = NO_LABELS
    remove: tuple[str, ...] = ()


@frozen
class Headers:
    """Header changes on the request and on the response."""

    request: HeaderOperations | None = None
    response: HeaderOperations | None = None


@frozen
class HttpMatchRequest:
    """One alternative of a route's match: all fields that are set must hold."""

    name: str = ""
    uri: StringMatch | None = None
    scheme: StringMatch | None = None
    method: StringMatch | None = None
    authority: StringMatch | None = None
    headers: FrozenMap[str, StringMatch] = NO_MATCHES
    port: int = 0
    source_labels: Labels = NO_LABELS
    gateways: tuple[str, ...] = ()
    query_params: FrozenMap[str, StringMatch] = NO_MATCHES
    ignore_uri_case: bool = False
    without_headers: FrozenMap[str, StringMatch] = NO_MATCHES
    source_namespace: str = ""
    stat_prefix: str = ""


@frozen
class HttpRouteDestination:
    """A destination, its relative weight, and header changes for its share of the traffic."""

    destination: Destination | None = None
    weight: int = 0
    headers: Headers | None = None


class RedirectPortSelection(StrEnum):
    """Where the port of a redirect comes from."""

    FROM_PROTOCOL_DEFAULT = "FROM_PROTOCOL_DEFAULT"
    FROM_REQUEST_PORT = "FROM_REQUEST_PORT"


@frozen
class HttpRedirect:
    """Answer with a redirect. ``redirect_code`` 0 means 301."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("port", "derive_port"),)
    uri: str | None = None
    authority: str = ""
    port: int | None = None
    derive_port: RedirectPortSelection | None = None
    scheme: str = ""
    redirect_code: int = 0
    prefix_rewrite: str | None = None


@frozen
class HttpBody:
    """The body of a direct response: text, or base64 of bytes."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("string", "bytes"),)
    string: str | None = None
    bytes: str | None = None


@frozen
class HttpDirectResponse:
    """Answer with this status and body, without asking any upstream."""

    status: int = 0
    body: HttpBody | None = None


@frozen
class Delegate:
    """Another VirtualService that holds the routes of this one."""

    name: str = ""
    namespace: str = ""


@frozen
class RegexRewrite:
    """RE2 pattern and substitution (captures as ``\\1``) for the path."""

    match: str = ""
    rewrite: str = ""


@frozen
class HttpRewrite:
    """Rewrite the matched part of the path, or the authority, before forwarding."""

    uri: str = ""
    authority: str = ""
    uri_regex_rewrite: RegexRewrite | None = None


@frozen
class HttpRetry:
    """Retry policy; ``attempts`` counts retries, not tries, and 0 switches retries off."""

    attempts: int = 0
    per_try_timeout: timedelta | None = None
    retry_on: str = ""
    retry_remote_localities: bool | None = None
    retry_ignore_previous_hosts: bool | None = None
    backoff: timedelta | None = None


@frozen
class Delay:
    """Hold a share of the requests for a fixed time. ``percent`` is the deprecated integer form."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("fixed_delay", "exponential_delay"),)
    percent: int = 0
    fixed_delay: timedelta | None = None
    exponential_delay: timedelta | None = unsupported(None, "Envoy has no exponential delay; use fixedDelay")
    percentage: Percent | None = None


@frozen
class Abort:
    """Answer a share of the requests with an error. Without ``percentage`` nothing is aborted (Istio's rule)."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("http_status", "grpc_status", "http2_error"),)
    http_status: int | None = None
    grpc_status: str | None = None
    http2_error: str | None = unsupported(None, "Istio does not implement it either; use httpStatus or grpcStatus")
    percentage: Percent | None = None


@frozen
class HttpFaultInjection:
    """Faults that the client's proxy injects before it routes."""

    delay: Delay | None = None
    abort: Abort | None = None


@frozen
class HttpMirrorPolicy:
    """Send a copy of a share of the requests to ``destination``; absent percentage means all."""

    destination: Destination | None = None
    percentage: Percent | None = None


class UnmatchedPreflights(StrEnum):
    """What happens to a CORS preflight whose origin does not match."""

    UNSPECIFIED = "UNSPECIFIED"
    FORWARD = "FORWARD"
    IGNORE = "IGNORE"


@frozen
class CorsPolicy:
    """Cross-origin resource sharing. ``allow_origin`` is the deprecated list of exact origins."""

    allow_origin: tuple[str, ...] = ()
    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: timedelta | None = None
    allow_credentials: bool | None = None
    unmatched_preflights: UnmatchedPreflights = UnmatchedPreflights.UNSPECIFIED


@frozen
class HttpRoute:
    """One rule: any alternative of ``match`` (none: everything), then an action and what surrounds it."""

    name: str = ""
    match: tuple[HttpMatchRequest, ...] = ()
    route: tuple[HttpRouteDestination, ...] = ()
    redirect: HttpRedirect | None = None
    direct_response: HttpDirectResponse | None = None
    delegate: Delegate | None = unsupported(None, "delegation between VirtualServices is not translated yet")
    rewrite: HttpRewrite | None = None
    timeout: timedelta | None = None
    retries: HttpRetry | None = None
    fault: HttpFaultInjection | None = None
    mirror: Destination | None = None
    mirrors: tuple[HttpMirrorPolicy, ...] = ()
    mirror_percent: int | None = None
    mirror_percentage: Percent | None = None
    cors_policy: CorsPolicy | None = None
    headers: Headers | None = None


@frozen
class RouteDestination:
    """A TCP or TLS destination and its relative weight."""

    destination: Destination | None = None
    weight: int = 0


@frozen
class TlsMatchAttributes:
    """Match of an opaque TLS connection by SNI."""

    sni_hosts: tuple[str, ...] = ()
    destination_subnets: tuple[str, ...] = ()
    port: int = 0
    source_labels: Labels = NO_LABELS
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


@frozen
class TlsRoute:
    """Routes opaque TLS connections by SNI."""

    match: tuple[TlsMatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


@frozen
class L4MatchAttributes:
    """Match of a TCP connection. ``source_subnet`` is in the API and implemented by nobody, Istio included."""

    destination_subnets: tuple[str, ...] = ()
    port: int = 0
    source_subnet: str = unsupported("", "Istio does not implement it either")
    source_labels: Labels = NO_LABELS
    gateways: tuple[str, ...] = ()
    source_namespace: str = ""


@frozen
class TcpRoute:
    """Routes TCP connections."""

    match: tuple[L4MatchAttributes, ...] = ()
    route: tuple[RouteDestination, ...] = ()


@frozen
class VirtualService:
    """Routing rules for ``hosts``, bound to the named ``gateways`` (none: to the sidecars of the mesh)."""

    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    http: tuple[HttpRoute, ...] = ()
    tls: tuple[TlsRoute, ...] = ()
    tcp: tuple[TcpRoute, ...] = ()
    export_to: tuple[str, ...] = field(default=())


def destinations_of(spec: VirtualService) -> Iterator[tuple[str, Destination]]:
    """Every destination of the rules in ``spec``, mirrors included, with the path of its field."""
    for index, http in enumerate(spec.http):
        path = f"spec.http[{index}]"
        for number, share in enumerate(http.route):
            if share.destination is not None:
                yield f"{path}.route[{number}].destination", share.destination
        if http.mirror is not None:
            yield f"{path}.mirror", http.mirror
        for number, mirror in enumerate(http.mirrors):
            if mirror.destination is not None:
                yield f"{path}.mirrors[{number}].destination", mirror.destination
    opaque = [*((f"spec.tls[{index}]", route.route) for index, route in enumerate(spec.tls))]
    opaque += ((f"spec.tcp[{index}]", route.route) for index, route in enumerate(spec.tcp))
    for path, targets in opaque:
        for number, target in enumerate(targets):
            if target.destination is not None:
                yield f"{path}.route[{number}].destination", target.destination

"""VirtualService: how requests for a host are matched, changed and routed (networking.istio.io)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import timedelta

from galley.frozen import FrozenMap, frozen
from galley.kinds.http import (
    CorsPolicy,
    Headers,
    HttpDirectResponse,
    HttpFaultInjection,
    HttpRedirect,
    HttpRetry,
    HttpRewrite,
)
from galley.kinds.values import Destination, Percent, StringMatch, unsupported
from galley.meta import NO_LABELS, Labels

NO_MATCHES: FrozenMap[str, StringMatch] = FrozenMap()

CLAIM_PREFIX = "@request.auth.claims"
"""In the place of a header's name: the claims of the request's token, which a gateway has verified."""
_CLAIM = re.compile(r"@request\.auth\.claims((?:\.[^.\[\]]+)+|(?:\[[^\[\]]+\])+)")


def claim_path(name: str) -> tuple[str, ...] | None:
    """The claim, outermost first, that a header match asks for by ``@request.auth.claims.a.b`` or
    ``@request.auth.claims[a][b]``; None for the name of a header."""
    found = _CLAIM.fullmatch(name)
    if found is None:
        return None
    return tuple(found[1][1:-1].split("][") if found[1].startswith("[") else found[1][1:].split("."))


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


@frozen
class Delegate:
    """Another VirtualService that holds the routes of this one."""

    name: str = ""
    namespace: str = ""


@frozen
class HttpMirrorPolicy:
    """Send a copy of a share of the requests to ``destination``; absent percentage means all."""

    destination: Destination | None = None
    percentage: Percent | None = None


@frozen
class HttpRoute:
    """One rule: any alternative of ``match`` (none: everything), then an action and what surrounds it."""

    name: str = ""
    match: tuple[HttpMatchRequest, ...] = ()
    route: tuple[HttpRouteDestination, ...] = ()
    redirect: HttpRedirect | None = None
    direct_response: HttpDirectResponse | None = None
    delegate: Delegate | None = None
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

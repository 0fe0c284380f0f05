"""VirtualService → traffic rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from galley.exports import resolve_exports
from galley.frozen import FrozenMap
from galley.hosts.names import MESH_GATEWAY, resolve_gateway, resolve_host
from galley.kinds.networking.virtual_service import (
    HttpMatchRequest,
    HttpRoute,
    L4MatchAttributes,
    RouteDestination,
    TcpRoute,
    TlsMatchAttributes,
    TlsRoute,
    VirtualService,
    claim_path,
)
from galley.kinds.values import Destination, Percent, StringMatch
from galley.meta import Resource
from pilot.mesh.rules.delegates import with_delegates
from pilot.mesh.rules.model import (
    ClaimPath,
    ConnectionCondition,
    ConnectionRule,
    HttpAction,
    HttpCondition,
    HttpForward,
    HttpRule,
    RuleDestination,
    RuleMirror,
    RuleSettings,
    RuleShare,
    RuleSite,
    TrafficRule,
)


def read_virtual_service(
    resource: Resource[VirtualService], delegates: tuple[Resource[VirtualService], ...], settings: RuleSettings
) -> tuple[TrafficRule, ...]:
    """The rules of a VirtualService, with the routes of its ``delegates``; without gateways they are for sidecars. One
    without hosts has none: it is a delegate itself."""
    spec, reader = with_delegates(resource, delegates, settings).spec, _Reader(resource.namespace, settings.domain)
    if not spec.hosts:
        return ()
    gateways = (resolve_gateway(reference, resource.namespace) for reference in spec.gateways or (MESH_GATEWAY,))
    rule = TrafficRule(
        origin=resource.key,
        hosts=tuple(dict.fromkeys(reader.host(host) for host in spec.hosts)),
        gateways=tuple(dict.fromkeys(gateways)),
        exports=resolve_exports(spec.export_to, settings.export_default, resource.namespace),
        age=resource.age,
        http=tuple(reader.http_rule(f"spec.http[{index}]", route) for index, route in enumerate(spec.http)),
        tls=tuple(reader.tls_rule(f"spec.tls[{index}]", route) for index, route in enumerate(spec.tls)),
        tcp=tuple(reader.tcp_rule(f"spec.tcp[{index}]", route) for index, route in enumerate(spec.tcp)),
    )
    return (rule,)


class _Reader:
    """Reads the parts of a VirtualService of one namespace."""

    def __init__(self, namespace: str, domain: str) -> None:
        self._namespace = namespace
        self._domain = domain

    def host(self, host: str) -> str:
        return resolve_host(host, self._namespace, self._domain)

    def http_rule(self, field: str, route: HttpRoute) -> HttpRule:
        return HttpRule(
            field=field,
            conditions=tuple(self._http_conditions(route.match)),
            action=self._action(route),
            mirrors=tuple(self._mirrors(route)),
            name=route.name,
            headers=route.headers,
            fault=route.fault,
            cors=route.cors_policy,
        )

    def tls_rule(self, field: str, route: TlsRoute) -> ConnectionRule:
        conditions = (
            ConnectionCondition(self._site(match), match.sni_hosts, match.destination_subnets) for match in route.match
        )
        return ConnectionRule(field, tuple(conditions), self._opaque_shares(route.route))

    def tcp_rule(self, field: str, route: TcpRoute) -> ConnectionRule:
        conditions = (
            ConnectionCondition(self._site(match), destination_subnets=match.destination_subnets)
            for match in route.match or (L4MatchAttributes(),)
        )
        return ConnectionRule(field, tuple(conditions), self._opaque_shares(route.route))

    def _http_conditions(self, matches: tuple[HttpMatchRequest, ...]) -> Iterator[HttpCondition]:
        for match in matches or (HttpMatchRequest(),):
            yield HttpCondition(
                site=self._http_site(match),
                uri=match.uri,
                ignore_uri_case=match.ignore_uri_case,
                scheme=match.scheme,
                method=match.method,
                authority=match.authority,
                headers=_headers(match.headers),
                without_headers=_headers(match.without_headers),
                claims=_claims(match.headers),
                without_claims=_claims(match.without_headers),
                query_params=match.query_params,
                name=match.name,
                stat_prefix=match.stat_prefix,
            )

    def _http_site(self, match: HttpMatchRequest) -> RuleSite:
        """Istio: an HTTP match that lists gateways ignores sourceLabels and sourceNamespace; opaque ones do not."""
        site = self._site(match)
        return RuleSite(gateways=site.gateways, port=site.port) if site.gateways else site

    def _site(self, match: HttpMatchRequest | TlsMatchAttributes | L4MatchAttributes) -> RuleSite:
        return RuleSite(
            gateways=tuple(resolve_gateway(reference, self._namespace) for reference in match.gateways),
            port=match.port,
            source_labels=match.source_labels,
            source_namespace=match.source_namespace,
        )

    def _action(self, route: HttpRoute) -> HttpAction | None:
        if route.redirect is not None:
            return route.redirect
        if route.direct_response is not None:
            return route.direct_response
        shares = tuple(
            RuleShare(self._destination(found), one.weight, one.headers)
            for one in route.route
            if (found := one.destination) is not None
        )
        if not shares:
            return None
        return HttpForward(
            shares=_weighted(shares), rewrite=route.rewrite, timeout=route.timeout, retries=route.retries
        )

    def _mirrors(self, route: HttpRoute) -> Iterator[RuleMirror]:
        asked = [(route.mirror, _percent(route.mirror_percentage, route.mirror_percent))]
        asked += ((mirror.destination, _percent(mirror.percentage, None)) for mirror in route.mirrors)
        for destination, percent in asked:
            if destination is not None:
                yield RuleMirror(self._destination(destination), percent)

    def _opaque_shares(self, route: tuple[RouteDestination, ...]) -> tuple[RuleShare, ...]:
        named = ((found, one.weight) for one in route if (found := one.destination) is not None)
        return _weighted(tuple(RuleShare(self._destination(destination), weight) for destination, weight in named))

    def _destination(self, destination: Destination) -> RuleDestination:
        port = destination.port.number if destination.port is not None else 0
        return RuleDestination(self.host(destination.host), destination.subset, port)


def _weighted(shares: tuple[RuleShare, ...]) -> tuple[RuleShare, ...]:
    """The same, but that the weight of a single destination means nothing, not even when it is 0."""
    return (replace(shares[0], weight=1),) if len(shares) == 1 else shares


def _percent(percentage: Percent | None, deprecated: int | None) -> float:
    if percentage is not None:
        return percentage.value
    return 100.0 if deprecated is None else float(deprecated)


def _headers(written: FrozenMap[str, StringMatch]) -> FrozenMap[str, StringMatch]:
    """The comparisons of what are names of headers."""
    return FrozenMap({name: value for name, value in written.items() if claim_path(name) is None})


def _claims(written: FrozenMap[str, StringMatch]) -> FrozenMap[ClaimPath, StringMatch]:
    """The comparisons of claims, which are written among those of headers."""
    return FrozenMap({path: value for name, value in written.items() if (path := claim_path(name)) is not None})

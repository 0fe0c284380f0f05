"""VirtualService ``http`` rules → route plans, for sidecars and gateways alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from galley.frozen import frozen
from galley.kinds.networking.virtual_service import (
    HttpMatchRequest,
    HttpRetry,
    HttpRoute,
    HttpRouteDestination,
    VirtualService,
)
from galley.kinds.values import Destination, Percent
from galley.meta import Resource
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    MirrorPlan,
    RedirectPlan,
    RouteMatchPlan,
    RoutePlan,
    WeightedClusterPlan,
)
from pilot.mesh.naming import outbound_cluster, parse_cluster_name
from pilot.mesh.rules.destinations import NO_DESTINATIONS, Destinations, destination_cluster
from pilot.mesh.rules.http_actions import (
    plan_direct_response,
    plan_headers,
    plan_redirect,
    plan_retry,
    plan_route_filters,
)
from pilot.mesh.rules.http_matches import RouteSite, match_applies, plan_match


@frozen
class HttpRouting:
    """Everything besides a VirtualService that its routes depend on."""

    site: RouteSite
    default_retry: HttpRetry | None = None
    destinations: Destinations = NO_DESTINATIONS


def plan_http_routes(rule: Resource[VirtualService], routing: HttpRouting) -> tuple[RoutePlan, ...]:
    """The routes of a VirtualService at one place, in listed order.

    Each alternative of a match is a route of its own. Nothing follows a route that takes every request.
    """
    planned: list[RoutePlan] = []
    for http in rule.spec.http:
        for match in http.match or (None,):
            route = _plan_route(http, match, rule, routing)
            if route is None:
                continue
            planned.append(route)
            if route.match.is_catch_all:
                return tuple(planned)
    return tuple(planned)


def plan_service_route(host: str, port: int, default_retry: HttpRetry | None) -> RoutePlan:
    """The route of a service without a VirtualService: everything to its cluster, with the default retries."""
    return RoutePlan(
        match=RouteMatchPlan(),
        action=ForwardPlan(
            clusters=(WeightedClusterPlan(cluster=outbound_cluster(port=port, host=host), weight=1),),
            retry=plan_retry(None, default_retry),
        ),
        name="default",
        decorator=f"{host}:{port}/*",
    )


def _plan_route(
    http: HttpRoute, match: HttpMatchRequest | None, rule: Resource[VirtualService], routing: HttpRouting
) -> RoutePlan | None:
    if match is not None and not match_applies(match, rule_namespace=rule.namespace, site=routing.site):
        return None
    action = _plan_action(http, rule, routing)
    if action is None:
        return None
    changes = plan_headers(http.headers)
    planned = plan_match(match)
    return RoutePlan(
        match=planned,
        action=action,
        name=f"{http.name}.{match.name}" if match is not None and match.name else http.name,
        request_headers=changes.request,
        response_headers=changes.response,
        filters=plan_route_filters(http),
        decorator=_operation(action, planned, rule.name, routing.site.port),
        stat_prefix=match.stat_prefix if match is not None else "",
        virtual_service=rule.key,
    )


def _plan_action(
    http: HttpRoute, rule: Resource[VirtualService], routing: HttpRouting
) -> ForwardPlan | RedirectPlan | DirectResponsePlan | None:
    """What the rule does; None when it does nothing that is translated (a delegate, an unknown redirect code)."""
    if http.redirect is not None:
        return plan_redirect(http.redirect, listener_port=routing.site.port)
    if http.direct_response is not None:
        return plan_direct_response(http.direct_response)
    shares = [share for share in http.route if share.destination is not None]
    if http.delegate is not None or not shares:
        return None
    if len(shares) == 1:  # the weight of a single destination means nothing, not even when it is 0
        return _plan_forward(http, (_plan_share(shares[0], 1, rule, routing),), rule, routing)
    clusters = tuple(_plan_share(share, share.weight, rule, routing) for share in shares if share.weight > 0)
    # Envoy refuses a total weight of 0, and falling through to a later rule would be a surprise.
    return _plan_forward(http, clusters, rule, routing) if clusters else DirectResponsePlan(status=500)


def _plan_share(
    share: HttpRouteDestination, weight: int, rule: Resource[VirtualService], routing: HttpRouting
) -> WeightedClusterPlan:
    own = plan_headers(share.headers)
    return WeightedClusterPlan(
        cluster=_cluster(share.destination, rule, routing),
        weight=weight,
        request_headers=own.request,
        response_headers=own.response,
        host_rewrite=own.authority,
    )


def _plan_forward(
    http: HttpRoute,
    clusters: tuple[WeightedClusterPlan, ...],
    rule: Resource[VirtualService],
    routing: HttpRouting,
) -> ForwardPlan:
    rewrite = http.rewrite
    authority = (rewrite.authority if rewrite else "") or plan_headers(http.headers).authority
    if authority:  # Istio: the Host that the rule sets wins over what its destinations set
        clusters = tuple(replace(share, host_rewrite="") for share in clusters)
    regex_rewrite = rewrite.uri_regex_rewrite if rewrite else None
    return ForwardPlan(
        clusters=clusters,
        timeout=http.timeout or timedelta(0),
        retry=plan_retry(http.retries, routing.default_retry),
        prefix_rewrite=rewrite.uri if rewrite and regex_rewrite is None else "",
        regex_rewrite=regex_rewrite,
        host_rewrite=authority,
        mirrors=_plan_mirrors(http, rule, routing),
    )


def _plan_mirrors(http: HttpRoute, rule: Resource[VirtualService], routing: HttpRouting) -> tuple[MirrorPlan, ...]:
    asked = [(mirror.destination, _percent(mirror.percentage, None)) for mirror in http.mirrors]
    asked.insert(0, (http.mirror, _percent(http.mirror_percentage, http.mirror_percent)))
    return tuple(
        MirrorPlan(cluster=_cluster(destination, rule, routing), percent=percent)
        for destination, percent in asked
        if destination is not None and percent > 0
    )


def _percent(percentage: Percent | None, deprecated: int | None) -> float:
    if percentage is not None:
        return percentage.value
    return 100.0 if deprecated is None else float(deprecated)


def _cluster(destination: Destination | None, rule: Resource[VirtualService], routing: HttpRouting) -> str:
    return destination_cluster(
        destination or Destination(),
        namespace=rule.namespace,
        known=routing.destinations,
        listener_port=routing.site.port,
    )


def _operation(
    action: ForwardPlan | RedirectPlan | DirectResponsePlan, match: RouteMatchPlan, rule_name: str, port: int
) -> str:
    """The operation name of traces: where the request goes if that is one place, and the path that was matched."""
    path = "/*"
    if match.uri is not None:
        path = f"{match.uri.prefix}*" if match.uri.prefix is not None else match.uri.exact or match.uri.regex or path
    if isinstance(action, ForwardPlan) and len(action.clusters) == 1:
        cluster = parse_cluster_name(action.clusters[0].cluster)
        if cluster is not None:
            return f"{cluster.host}:{cluster.port}{path}"
    return f"{rule_name}:{port}{path}"

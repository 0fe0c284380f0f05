"""Rules for HTTP requests → route plans, for sidecars and gateways alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from galley.frozen import frozen
from galley.kinds.http import HttpRedirect, HttpRetry
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    HashPolicyPlan,
    MirrorPlan,
    RedirectPlan,
    RouteMatchPlan,
    RoutePlan,
    WeightedClusterPlan,
)
from pilot.mesh.naming import outbound_cluster, parse_cluster_name
from pilot.mesh.rules.destinations import NO_DESTINATIONS, Destinations, destination_cluster, destination_port
from pilot.mesh.rules.hashing import NONE_HASHES, HashingByHost
from pilot.mesh.rules.http_actions import (
    plan_direct_response,
    plan_headers,
    plan_redirect,
    plan_retry,
    plan_route_filters,
)
from pilot.mesh.rules.http_matches import RouteSite, applies, plan_match
from pilot.mesh.rules.model import HttpCondition, HttpForward, HttpRule, RuleDestination, RuleShare, TrafficRule


@frozen
class HttpRouting:
    """Everything besides a rule that its routes depend on."""

    site: RouteSite
    default_retry: HttpRetry | None = None
    destinations: Destinations = NO_DESTINATIONS
    hashing: HashingByHost = NONE_HASHES

    def cluster(self, destination: RuleDestination) -> str:
        """The name of the cluster that ``destination`` means there."""
        return destination_cluster(destination, self.destinations, self.site.port)

    def hash_policy(self, destination: RuleDestination) -> HashPolicyPlan | None:
        """What of a request decides which endpoint of ``destination`` takes it, if anything does."""
        hashing = self.hashing.get(destination.host)
        if hashing is None:
            return None
        port = destination_port(destination, self.destinations, self.site.port)
        return hashing.policy(port, destination.subset)


def plan_http_routes(rule: TrafficRule, routing: HttpRouting) -> tuple[RoutePlan, ...]:
    """The routes of a rule at one site, in listed order.

    Each condition has a route of its own. Nothing follows a route that takes every request.
    """
    planned: list[RoutePlan] = []
    for http in rule.http:
        for condition in http.conditions:
            route = _plan_route(http, condition, rule, routing)
            if route is None:
                continue
            planned.append(route)
            if route.match.is_catch_all:
                return tuple(planned)
    return tuple(planned)


def plan_service_route(
    host: str, port: int, default_retry: HttpRetry | None, hash_policy: HashPolicyPlan | None = None
) -> RoutePlan:
    """The route of a service without a rule: everything to its cluster, with the default retries."""
    return RoutePlan(
        match=RouteMatchPlan(),
        action=ForwardPlan(
            clusters=(WeightedClusterPlan(cluster=outbound_cluster(port=port, host=host), weight=1),),
            retry=plan_retry(None, default_retry),
            hash_policies=(hash_policy,) if hash_policy is not None else (),
        ),
        name="default",
        decorator=f"{host}:{port}/*",
    )


def _plan_route(http: HttpRule, condition: HttpCondition, rule: TrafficRule, routing: HttpRouting) -> RoutePlan | None:
    if not applies(condition, routing.site):
        return None
    action = _plan_action(http, routing)
    if action is None:
        return None
    changes = plan_headers(http.headers)
    match = plan_match(condition)
    return RoutePlan(
        match=match,
        action=action,
        name=f"{http.name}.{condition.name}" if condition.name else http.name,
        request_headers=changes.request,
        response_headers=changes.response,
        filters=plan_route_filters(http),
        decorator=_operation(action, match, rule.name, routing.site.port),
        stat_prefix=condition.stat_prefix,
        rule=rule.origin,
    )


def _plan_action(http: HttpRule, routing: HttpRouting) -> ForwardPlan | RedirectPlan | DirectResponsePlan | None:
    """What the rule does; None when it does nothing that is translated."""
    action = http.action
    if action is None:
        return None
    if isinstance(action, HttpForward):
        return _plan_forward(http, action, routing)
    if isinstance(action, HttpRedirect):
        return plan_redirect(action, listener_port=routing.site.port)
    return plan_direct_response(action)


def _plan_forward(http: HttpRule, forward: HttpForward, routing: HttpRouting) -> ForwardPlan | DirectResponsePlan:
    clusters = tuple(_plan_share(share, routing) for share in forward.shares if share.weight > 0)
    if not clusters:
        # Envoy refuses a total weight of 0, and falling through to a later rule would be a surprise.
        return DirectResponsePlan(status=500)
    rewrite = forward.rewrite
    authority = (rewrite.authority if rewrite else "") or plan_headers(http.headers).authority
    if authority:  # Istio: the Host that the rule sets wins over what its destinations set
        clusters = tuple(replace(share, host_rewrite="") for share in clusters)
    regex_rewrite = rewrite.uri_regex_rewrite if rewrite else None
    policies = [routing.hash_policy(share.destination) for share in forward.shares if share.weight > 0]
    hash_policies = tuple(policy for policy in policies if policy is not None)
    retry = plan_retry(forward.retries, routing.default_retry)
    if retry is not None and hash_policies and len(clusters) == 1:
        # A retry that avoids the endpoint of before would lead past the one that the request belongs to.
        retry = replace(retry, previous_hosts=False)
    return ForwardPlan(
        clusters=clusters,
        timeout=forward.timeout or timedelta(0),
        retry=retry,
        prefix_rewrite=rewrite.uri if rewrite and regex_rewrite is None else "",
        regex_rewrite=regex_rewrite,
        host_rewrite=authority,
        hash_policies=hash_policies,
        mirrors=tuple(
            MirrorPlan(cluster=routing.cluster(mirror.destination), percent=mirror.percent)
            for mirror in http.mirrors
            if mirror.percent > 0
        ),
    )


def _plan_share(share: RuleShare, routing: HttpRouting) -> WeightedClusterPlan:
    own = plan_headers(share.headers)
    return WeightedClusterPlan(
        cluster=routing.cluster(share.destination),
        weight=share.weight,
        request_headers=own.request,
        response_headers=own.response,
        host_rewrite=own.authority,
    )


def _operation(
    action: ForwardPlan | RedirectPlan | DirectResponsePlan, match: RouteMatchPlan, rule_name: str, port: int
) -> str:
    """The operation name of traces: the service that requests go to if it is one, else the rule, and the path."""
    path = "/*"
    if match.uri is not None:
        path = f"{match.uri.prefix}*" if match.uri.prefix is not None else match.uri.exact or match.uri.regex or path
    if isinstance(action, ForwardPlan) and len(action.clusters) == 1:
        cluster = parse_cluster_name(action.clusters[0].cluster)
        if cluster is not None:
            return f"{cluster.host}:{cluster.port}{path}"
    return f"{rule_name}:{port}{path}"

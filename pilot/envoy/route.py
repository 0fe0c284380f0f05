"""Route configurations, virtual hosts and routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import (
    Decorator,
    DirectResponseAction,
    RedirectAction,
    RedirectActionRedirectResponseCode,
    Route,
    RouteAction,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
    RouteConfiguration,
    VirtualHost,
    VirtualHostTlsRequirementType,
    WeightedCluster,
    WeightedClusterClusterWeight,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatchAndSubstitute

from envoycodec.construct import maker
from pilot.envoy.filters.http import render_route_filters
from pilot.envoy.fraction import render_runtime_fraction
from pilot.envoy.headers import render_header_mutation
from pilot.envoy.metadata import config_path, render_istio_metadata
from pilot.envoy.retry import render_retry
from pilot.envoy.route_match import render_route_match
from pilot.envoy.string_match import render_regex
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    MirrorPlan,
    RedirectPlan,
    RouteConfigPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)

_route_configuration = maker(RouteConfiguration)
_virtual_host = maker(VirtualHost)
_route = maker(Route)
_route_action = maker(RouteAction)
_max_stream_duration = maker(RouteActionMaxStreamDuration)
_mirror_policy = maker(RouteActionRequestMirrorPolicy)
_weighted_cluster = maker(WeightedCluster)
_cluster_weight = maker(WeightedClusterClusterWeight)
_redirect_action = maker(RedirectAction)
_direct_response_action = maker(DirectResponseAction)
_data_source = maker(DataSource)
_decorator = maker(Decorator)
_regex_substitution = maker(RegexMatchAndSubstitute)

MAX_DIRECT_RESPONSE_BODY = 1 << 20  # bytes; Istio's, where Envoy's own limit is 4096

_NO_UPSTREAM = DirectResponsePlan(status=500)
_REDIRECT_CODES = {
    302: RedirectActionRedirectResponseCode.FOUND,
    303: RedirectActionRedirectResponseCode.SEE_OTHER,
    307: RedirectActionRedirectResponseCode.TEMPORARY_REDIRECT,
    308: RedirectActionRedirectResponseCode.PERMANENT_REDIRECT,
}


def render_route_config(plan: RouteConfigPlan) -> RouteConfiguration:
    """The whole route configuration. ``RenderCache`` puts the same together from virtual hosts encoded earlier."""
    config = render_route_config_options(plan)
    config.name = plan.name
    config.virtual_hosts = [render_virtual_host(host) for host in distinct_virtual_hosts(plan.virtual_hosts)]
    return config


def render_route_config_options(plan: RouteConfigPlan) -> RouteConfiguration:
    """All but name and virtual hosts. A route may name a cluster that is not there: it answers 503, and the rest of
    the configuration stays in force."""
    return _route_configuration(
        validate_clusters=False,
        max_direct_response_body_size_bytes=MAX_DIRECT_RESPONSE_BODY,
        ignore_port_in_host_matching=plan.ignore_port,
    )


def distinct_virtual_hosts(hosts: Sequence[VirtualHostPlan]) -> Sequence[VirtualHostPlan]:
    """``hosts`` with every domain in the first that claims it only, and without hosts that are left with none.

    Envoy refuses a route configuration that has a domain twice, in whatever case, or a host without domains.
    """
    domains = [domain.lower() for host in hosts for domain in host.domains]
    if len(set(domains)) == len(domains) and all(host.domains for host in hosts):
        return hosts
    claimed: set[str] = set()
    kept = []
    for host in hosts:
        own = dict.fromkeys(domain for domain in map(str.lower, host.domains) if domain not in claimed)
        claimed.update(own)
        if own:
            kept.append(replace(host, domains=tuple(own)))
    return kept


def render_virtual_host(plan: VirtualHostPlan) -> VirtualHost:
    requirement = VirtualHostTlsRequirementType
    return _virtual_host(
        name=plan.name,
        domains=list(plan.domains),
        routes=[render_route(route) for route in plan.routes],
        require_tls=requirement.ALL if plan.require_tls else requirement.NONE,
        include_request_attempt_count=plan.include_attempt_count,
    )


def render_route(plan: RoutePlan) -> Route:
    """A route. One that has nowhere to forward to answers 500, as Istio's does; Envoy would refuse it."""
    action, request, response = plan.action, [plan.request_headers], [plan.response_headers]
    targets = _targets(action) if isinstance(action, ForwardPlan) else ()
    if len(targets) == 1:  # there are no weights to hang the target's own changes on
        request.append(targets[0].request_headers)
        response.append(targets[0].response_headers)
    request_headers, response_headers = render_header_mutation(*request), render_header_mutation(*response)
    route = _route(
        name=plan.name,
        match=render_route_match(plan.match),
        metadata=render_istio_metadata({"config": config_path(plan.virtual_service)}),
        decorator=_decorator(operation=plan.decorator) if plan.decorator else None,
        typed_per_filter_config=render_route_filters(plan.filters),
        request_headers_to_add=request_headers.add,
        request_headers_to_remove=request_headers.remove,
        response_headers_to_add=response_headers.add,
        response_headers_to_remove=response_headers.remove,
        stat_prefix=plan.stat_prefix,
    )
    match action:
        case ForwardPlan() if targets:
            route.route = _render_forward(action, targets)
        case RedirectPlan():
            route.redirect = _render_redirect(action)
        case DirectResponsePlan():
            route.direct_response = _render_direct_response(action)
        case _:
            route.direct_response = _render_direct_response(_NO_UPSTREAM)
    return route


def _targets(action: ForwardPlan) -> tuple[WeightedClusterPlan, ...]:
    """The clusters that get traffic: a single one whatever its weight."""
    if len(action.clusters) == 1:
        return action.clusters
    return tuple(target for target in action.clusters if target.weight > 0)


def _render_forward(plan: ForwardPlan, targets: tuple[WeightedClusterPlan, ...]) -> RouteAction:
    action = _route_action(
        timeout=plan.timeout,
        retry_policy=render_retry(plan.retry),
        request_mirror_policies=[_render_mirror(mirror) for mirror in plan.mirrors if mirror.percent > 0],
    )
    if len(targets) == 1:
        action.cluster = targets[0].cluster
        action.host_rewrite_literal = plan.host_rewrite or targets[0].host_rewrite or None
    else:
        action.weighted_clusters = _weighted_cluster(clusters=[_render_weight(target) for target in targets])
        action.host_rewrite_literal = plan.host_rewrite or None
    if plan.prefix_rewrite:
        action.prefix_rewrite = plan.prefix_rewrite
    elif plan.regex_rewrite is not None:
        action.regex_rewrite = _regex_substitution(
            pattern=render_regex(plan.regex_rewrite.match), substitution=plan.regex_rewrite.rewrite
        )
    _add_grpc_timeout(action, plan)
    return action


def _add_grpc_timeout(action: RouteAction, plan: ForwardPlan) -> None:
    """A client's ``grpc-timeout`` counts, up to the route's own timeout (0: without a limit).

    ``max_stream_duration`` says so, but with it Envoy forgets the route's timeout. So a route that has one says it as
    Istio does, with the deprecated ``max_grpc_timeout``, of which Envoy warns in its log at every update.
    """
    if plan.timeout:
        action.max_grpc_timeout = plan.timeout
    else:
        action.max_stream_duration = _max_stream_duration(
            max_stream_duration=timedelta(0) if plan.max_stream_duration else None, grpc_timeout_header_max=timedelta(0)
        )


def _render_weight(plan: WeightedClusterPlan) -> WeightedClusterClusterWeight:
    request = render_header_mutation(plan.request_headers)
    response = render_header_mutation(plan.response_headers)
    return _cluster_weight(
        name=plan.cluster,
        weight=plan.weight,
        request_headers_to_add=request.add,
        request_headers_to_remove=request.remove,
        response_headers_to_add=response.add,
        response_headers_to_remove=response.remove,
        host_rewrite_literal=plan.host_rewrite or None,
    )


def _render_mirror(plan: MirrorPlan) -> RouteActionRequestMirrorPolicy:
    return _mirror_policy(
        cluster=plan.cluster,
        runtime_fraction=render_runtime_fraction(plan.percent),
        trace_sampled=False,
        disable_shadow_host_suffix_append=True,
    )


def _render_redirect(plan: RedirectPlan) -> RedirectAction:
    action = _redirect_action(
        host_redirect=plan.host,
        scheme_redirect=plan.scheme or None,
        port_redirect=plan.port,
        response_code=_REDIRECT_CODES.get(plan.code, RedirectActionRedirectResponseCode.MOVED_PERMANENTLY),
    )
    if plan.prefix is not None:
        action.prefix_rewrite = plan.prefix
    elif plan.path is not None:
        action.path_redirect = plan.path
    return action


def _render_direct_response(plan: DirectResponsePlan) -> DirectResponseAction:
    return _direct_response_action(status=plan.status, body=_render_body(plan.body) if plan.body else None)


def _render_body(body: bytes) -> DataSource:
    try:
        return _data_source(inline_string=body.decode())
    except UnicodeDecodeError:
        return _data_source(inline_bytes=body)

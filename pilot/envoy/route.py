"""Route configurations, virtual hosts and routes."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import assert_never

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import (
    Decorator,
    DirectResponseAction,
    RedirectAction,
    RedirectActionRedirectResponseCode,
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    RetryPolicyRetryPriority,
    Route,
    RouteAction,
    RouteActionHashPolicy,
    RouteActionHashPolicyConnectionProperties,
    RouteActionHashPolicyCookie,
    RouteActionHashPolicyCookieAttribute,
    RouteActionHashPolicyHeader,
    RouteActionHashPolicyQueryParameter,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
    RouteConfiguration,
    VirtualHost,
    VirtualHostTlsRequirementType,
    WeightedCluster,
    WeightedClusterClusterWeight,
)
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from envoy_data_plane.envoy.extensions.retry.priority.previous_priorities.v3 import PreviousPrioritiesConfig
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatchAndSubstitute

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.envoy.core import render_regex, render_runtime_fraction
from pilot.envoy.filters.http import render_route_filters
from pilot.envoy.headers import render_header_mutation
from pilot.envoy.metadata import config_path, render_istio_metadata
from pilot.envoy.route_match import render_route_match
from pilot.ir.route import (
    MAX_DIRECT_RESPONSE_BODY,
    DirectResponsePlan,
    ForwardPlan,
    HashPolicyPlan,
    MirrorPlan,
    RedirectPlan,
    RetryPlan,
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
_retry_policy = maker(RetryPolicy)
_back_off = maker(RetryPolicyRetryBackOff)
_host_predicate = maker(RetryPolicyRetryHostPredicate)
_retry_priority = maker(RetryPolicyRetryPriority)
_previous_hosts_predicate = maker(PreviousHostsPredicate)
_previous_priorities_config = maker(PreviousPrioritiesConfig)

_hash_policy = maker(RouteActionHashPolicy)
_hash_header = maker(RouteActionHashPolicyHeader)
_hash_cookie = maker(RouteActionHashPolicyCookie)
_hash_cookie_attribute = maker(RouteActionHashPolicyCookieAttribute)
_hash_connection = maker(RouteActionHashPolicyConnectionProperties)
_hash_query_parameter = maker(RouteActionHashPolicyQueryParameter)

_HOST_SELECTION_ATTEMPTS = 5  # Istio's
_PRIORITY_UPDATE_FREQUENCY = 2  # Istio's

_REDIRECT_CODES = {
    301: RedirectActionRedirectResponseCode.MOVED_PERMANENTLY,
    302: RedirectActionRedirectResponseCode.FOUND,
    303: RedirectActionRedirectResponseCode.SEE_OTHER,
    307: RedirectActionRedirectResponseCode.TEMPORARY_REDIRECT,
    308: RedirectActionRedirectResponseCode.PERMANENT_REDIRECT,
}


def render_route_config(plan: RouteConfigPlan) -> RouteConfiguration:
    """The whole route configuration. ``RenderCache`` puts the same together from virtual hosts encoded earlier."""
    config = render_route_config_options(plan)
    config.name = plan.name
    config.virtual_hosts = [render_virtual_host(host) for host in plan.virtual_hosts]
    return config


def render_route_config_options(plan: RouteConfigPlan) -> RouteConfiguration:
    """All but name and virtual hosts. A route may name a cluster that is not there: it answers 503, and the rest of
    the configuration stays in force."""
    return _route_configuration(
        validate_clusters=False,
        max_direct_response_body_size_bytes=MAX_DIRECT_RESPONSE_BODY,
        ignore_port_in_host_matching=plan.ignore_port,
        typed_per_filter_config=render_route_filters(plan.filters),
    )


def render_virtual_host(plan: VirtualHostPlan) -> VirtualHost:
    """A virtual host with all of its routes."""
    requirement = VirtualHostTlsRequirementType
    return _virtual_host(
        name=plan.name,
        domains=list(plan.domains),
        routes=[render_route(route) for route in plan.routes],
        require_tls=requirement.ALL if plan.require_tls else requirement.NONE,
        include_request_attempt_count=plan.include_attempt_count,
    )


def render_route(plan: RoutePlan) -> Route:
    """A route, with the settings that it has for filters."""
    action, request, response = plan.action, [plan.request_headers], [plan.response_headers]
    if isinstance(action, ForwardPlan) and len(action.clusters) == 1:
        # There are no weights to hang the cluster's own changes on.
        request.append(action.clusters[0].request_headers)
        response.append(action.clusters[0].response_headers)
    request_headers, response_headers = render_header_mutation(*request), render_header_mutation(*response)
    route = _route(
        name=plan.name,
        match=render_route_match(plan.match),
        metadata=render_istio_metadata({"config": config_path(plan.rule)}),
        decorator=_decorator(operation=plan.decorator) if plan.decorator else None,
        typed_per_filter_config=render_route_filters(plan.filters),
        request_headers_to_add=request_headers.add,
        request_headers_to_remove=request_headers.remove,
        response_headers_to_add=response_headers.add,
        response_headers_to_remove=response_headers.remove,
        stat_prefix=plan.stat_prefix,
    )
    match action:
        case ForwardPlan():
            route.route = _render_forward(action)
        case RedirectPlan():
            route.redirect = _render_redirect(action)
        case DirectResponsePlan():
            route.direct_response = _render_direct_response(action)
        case _:
            assert_never(action)
    return route


def _render_forward(plan: ForwardPlan) -> RouteAction:
    action = _route_action(
        timeout=plan.timeout,
        retry_policy=_render_retry(plan.retry),
        request_mirror_policies=[_render_mirror(mirror) for mirror in plan.mirrors],
        hash_policy=[_render_hash_policy(policy) for policy in plan.hash_policies],
    )
    if len(plan.clusters) == 1:
        action.cluster = plan.clusters[0].cluster
        action.host_rewrite_literal = plan.host_rewrite or plan.clusters[0].host_rewrite or None
    else:
        action.weighted_clusters = _weighted_cluster(clusters=[_render_weight(target) for target in plan.clusters])
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


def _render_hash_policy(plan: HashPolicyPlan) -> RouteActionHashPolicy:
    if plan.header:
        return _hash_policy(header=_hash_header(header_name=plan.header))
    if plan.query_parameter:
        return _hash_policy(query_parameter=_hash_query_parameter(name=plan.query_parameter))
    if plan.cookie is None:
        return _hash_policy(connection_properties=_hash_connection(source_ip=True))
    cookie = plan.cookie
    attributes = [_hash_cookie_attribute(name=one.name, value=one.value) for one in cookie.attributes]
    return _hash_policy(cookie=_hash_cookie(name=cookie.name, path=cookie.path, ttl=cookie.ttl, attributes=attributes))


def _render_retry(plan: RetryPlan | None) -> RetryPolicy | None:
    """The retry policy; None for none."""
    if plan is None:
        return None
    return _retry_policy(
        retry_on=plan.retry_on,
        num_retries=plan.num_retries,
        retriable_status_codes=list(plan.retriable_status_codes),
        per_try_timeout=plan.per_try_timeout,
        retry_back_off=_back_off(base_interval=plan.backoff) if plan.backoff is not None else None,
        retry_host_predicate=[_previous_hosts()] if plan.previous_hosts else [],
        host_selection_retry_max_attempts=_HOST_SELECTION_ATTEMPTS,
        retry_priority=_previous_priorities() if plan.remote_localities else None,
    )


@cache
def _previous_hosts() -> RetryPolicyRetryHostPredicate:
    return _host_predicate(
        name="envoy.retry_host_predicates.previous_hosts", typed_config=pack(_previous_hosts_predicate())
    )


@cache
def _previous_priorities() -> RetryPolicyRetryPriority:
    config = _previous_priorities_config(update_frequency=_PRIORITY_UPDATE_FREQUENCY)
    return _retry_priority(name="envoy.retry_priorities.previous_priorities", typed_config=pack(config))


def _render_redirect(plan: RedirectPlan) -> RedirectAction:
    action = _redirect_action(
        host_redirect=plan.host,
        scheme_redirect=plan.scheme or None,
        port_redirect=plan.port,
        response_code=_REDIRECT_CODES[plan.code],
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

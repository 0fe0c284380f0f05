"""Hypothesis strategies for plans that Envoy should accept, whatever they combine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

from hypothesis import strategies as st

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import JwtPlan
from citadel.access.rbac import RbacPlan
from citadel.policy.authorization.filters import plan_rbac
from galley.frozen import FrozenMap
from galley.kinds.http import RegexRewrite
from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from galley.kinds.networking.destination_rule import (
    ConnectionKeepalive,
    HttpCookie,
    HttpCookieAttribute,
    OutlierDetection,
)
from galley.kinds.values import StringMatch, TcpKeepalive
from galley.meta import ResourceKey
from pilot.ir.cluster import (
    SLOW_STARTS,
    CircuitBreakerPlan,
    ClusterPlan,
    DiscoveryType,
    EndpointPlan,
    LbPolicy,
    LoadAssignmentPlan,
    LocalityPlan,
    RetryBudgetPlan,
    SlowStartPlan,
    UpstreamProtocol,
)
from pilot.ir.http_filters import HttpFilterPlan, RouteCorsPlan, RouteFaultPlan, RouterPlan
from pilot.ir.listener import ChainMatchPlan, Direction, FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import (
    HttpInspectorPlan,
    OriginalDstPlan,
    OriginalSrcPlan,
    ProxyProtocolPlan,
    TlsInspectorPlan,
)
from pilot.ir.network_filters import (
    AccessLogPlan,
    HttpConnectionPlan,
    HttpConnectionSettings,
    TcpProxyPlan,
    UpstreamAlpnPlan,
    WeightedTcpCluster,
)
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    HashPolicyPlan,
    HeaderMutationPlan,
    MirrorPlan,
    RedirectPlan,
    RetryPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)
from pilot.node.locality import Locality
from tests.citadel.policy.authorization.strategies import policies, read_policies


def has_share(shares: list[Any]) -> bool:
    """Whether there is anything to forward to."""
    return len(shares) == 1 or any(share.weight for share in shares)


names = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
hosts = st.builds("{}.{}.svc.cluster.local".format, names, names)
clusters = st.builds("outbound|{}||{}".format, st.integers(1, 65535), hosts)
durations = st.timedeltas(timedelta(milliseconds=1), timedelta(hours=1))
percents = st.floats(0, 100)
counts = st.integers(0, 2**31 - 1)
ports = st.integers(1, 65535)
paths = st.from_regex(r"/[a-z/]{0,8}", fullmatch=True)
regexes = st.sampled_from([".*", "/v[0-9]+/.*", "(a|b)c+", "*", ""])
matches = st.one_of(
    st.just(StringMatch()),
    st.builds(StringMatch, exact=st.text("abc-/", max_size=4)),
    st.builds(StringMatch, prefix=st.text("abc-/", max_size=4)),
    st.builds(StringMatch, regex=regexes),
)
keyed_matches = st.dictionaries(names, matches, max_size=3).map(FrozenMap)
header_values = st.text("ab% (){}:_REQPROTOCOL", max_size=12)
mutations = st.builds(
    HeaderMutationPlan,
    set=st.lists(st.tuples(names, header_values), max_size=2).map(tuple),
    add=st.lists(st.tuples(names, header_values), max_size=2).map(tuple),
    remove=st.lists(names, max_size=2).map(tuple),
)
keys = st.builds(ResourceKey, kind=st.sampled_from(["VirtualService", "DestinationRule"]), namespace=names, name=names)

weights = st.integers(1, 1000) | st.integers(1, 2**32 - 1)
endpoints = st.builds(EndpointPlan, address=st.ip_addresses().map(str), port=ports, weight=weights)
load_assignments = st.builds(
    LoadAssignmentPlan,
    cluster_name=clusters,
    localities=st.lists(
        st.builds(
            LocalityPlan,
            locality=st.builds(Locality, region=names, zone=names),
            endpoints=st.lists(endpoints, min_size=1, max_size=3, unique=True).map(tuple),
        ),
        max_size=2,
        unique_by=lambda plan: plan.locality,
    ).map(tuple),
)
outliers = st.builds(
    OutlierDetection,
    split_external_local_origin_errors=st.booleans(),
    consecutive_local_origin_failures=st.none() | counts,
    consecutive_gateway_errors=st.none() | counts,
    consecutive_5xx_errors=st.none() | counts,
    interval=st.none() | durations,
    base_ejection_time=st.none() | durations,
    max_ejection_percent=st.integers(0, 100),
    min_health_percent=st.integers(0, 100),
)
one_endpoint = st.builds(
    LoadAssignmentPlan,
    cluster_name=clusters,
    localities=st.tuples(
        st.builds(LocalityPlan, locality=st.builds(Locality, region=names), endpoints=st.tuples(endpoints))
    ),
)
slow_starts = st.builds(
    SlowStartPlan,
    window=durations,
    min_percent=st.none() | st.floats(0, 100),
    aggression=st.none() | st.floats(0.1, 10),
)
balancers: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"lb_policy": LbPolicy.RANDOM}),
    st.fixed_dictionaries(
        {"lb_policy": st.sampled_from(sorted(SLOW_STARTS)), "slow_start": st.none() | slow_starts},
    ),
    st.fixed_dictionaries({"lb_policy": st.just(LbPolicy.RING_HASH), "hash_table_size": st.integers(1, 8 << 20)}),
    st.fixed_dictionaries({"lb_policy": st.just(LbPolicy.MAGLEV), "hash_table_size": st.sampled_from([2, 65537])}),
)
sources: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict, balancers, discovery=st.just(DiscoveryType.EDS)),
    st.just({"discovery": DiscoveryType.ORIGINAL_DST, "lb_policy": LbPolicy.CLUSTER_PROVIDED}),
    st.builds(
        dict,
        balancers,
        discovery=st.sampled_from([DiscoveryType.STATIC, DiscoveryType.STRICT_DNS]),
        load_assignment=st.none() | load_assignments,
    ),
    st.builds(dict, balancers, discovery=st.just(DiscoveryType.LOGICAL_DNS), load_assignment=one_endpoint),
)
cluster_plans = st.builds(
    lambda source, **traits: ClusterPlan(**source, **traits),
    source=sources,
    name=clusters,
    connect_timeout=durations,
    protocol=st.sampled_from(UpstreamProtocol),
    circuit_breakers=st.builds(
        CircuitBreakerPlan,
        max_connections=counts,
        max_retries=counts,
        retry_budget=st.none()
        | st.builds(RetryBudgetPlan, percent=st.floats(0, 100), min_concurrency=st.integers(1, 100)),
    ),
    outlier_detection=st.none() | outliers,
    tcp_keepalive=st.none()
    | st.builds(TcpKeepalive, probes=st.integers(0, 9), time=st.none() | durations, interval=st.none() | durations),
    idle_timeout=st.none() | durations,
    max_connection_duration=st.none() | durations,
    max_requests_per_connection=counts,
    max_concurrent_streams=counts,
    http2_keepalive=st.none()
    | st.builds(ConnectionKeepalive, interval=st.none() | durations, timeout=st.none() | durations),
    dns_refresh_rate=st.none() | durations,
    source_addresses=st.sampled_from([(), ("127.0.0.6",), ("::6",), ("127.0.0.6", "::6")]),
    original_dst_port=st.integers(0, 65535),
    service_host=hosts,
    service_namespace=names,
    subset=st.just("") | names,
    destination_rule=st.none() | keys,
)

shares = st.builds(
    WeightedClusterPlan,
    cluster=clusters,
    weight=st.integers(0, 100) | weights,
    request_headers=mutations,
    response_headers=mutations,
    host_rewrite=st.just("") | hosts,
)
retries = st.builds(
    RetryPlan,
    num_retries=st.integers(1, 10),
    retriable_status_codes=st.lists(st.integers(100, 599), max_size=2).map(tuple),
    per_try_timeout=st.none() | durations,
    backoff=st.none() | durations,
    previous_hosts=st.booleans(),
    remote_localities=st.booleans(),
)
rewrites: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"prefix_rewrite": paths}),
    st.just({"regex_rewrite": RegexRewrite(match="/v([0-9]+)/(.*)", rewrite=r"/\2/\1")}),
)
hash_policies = st.one_of(
    st.builds(HashPolicyPlan, header=names),
    st.builds(HashPolicyPlan, query_parameter=names),
    st.just(HashPolicyPlan(source_ip=True)),
    st.builds(
        HashPolicyPlan,
        cookie=st.builds(
            HttpCookie,
            name=names,
            path=st.just("") | paths,
            ttl=st.none() | st.just(timedelta(0)) | durations,
            attributes=st.lists(st.builds(HttpCookieAttribute, name=names, value=names), max_size=2).map(tuple),
        ),
    ),
)
forwards = st.builds(
    lambda rewrite, **traits: ForwardPlan(**rewrite, **traits),
    rewrite=rewrites,
    clusters=st.lists(shares, min_size=1, max_size=3).filter(has_share).map(tuple),
    timeout=st.just(timedelta(0)) | durations,
    retry=st.none() | retries,
    host_rewrite=st.just("") | hosts,
    mirrors=st.lists(st.builds(MirrorPlan, cluster=clusters, percent=st.floats(0.0001, 100)), max_size=2).map(tuple),
    hash_policies=st.lists(hash_policies, max_size=2).map(tuple),
    max_stream_duration=st.booleans(),
)
replaced_paths: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"path": st.just("") | paths}),
    st.fixed_dictionaries({"prefix": paths}),
)
redirects = st.builds(
    lambda replaced, **traits: RedirectPlan(**replaced, **traits),
    replaced=replaced_paths,
    code=st.sampled_from([301, 302, 303, 307, 308]),
    host=st.just("") | hosts,
    scheme=st.sampled_from(["", "https"]),
    port=st.integers(0, 65535),
)
direct_responses = st.builds(DirectResponsePlan, status=st.integers(200, 599), body=st.binary(max_size=8))
abort_statuses: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"abort_http_status": st.integers(200, 599)}),
    st.fixed_dictionaries({"abort_grpc_status": st.integers(0, 16)}),
)
faults = st.builds(
    lambda status, **traits: RouteFaultPlan(**status, **traits),
    status=abort_statuses,
    delay=st.none() | durations,
    delay_percent=percents,
    abort_percent=percents,
)
cors_policies = st.builds(
    RouteCorsPlan,
    allow_origins=st.lists(matches, max_size=2).map(tuple),
    allow_methods=st.just(("GET", "POST")),
    max_age=st.none() | durations,
    allow_credentials=st.none() | st.booleans(),
    forward_unmatched=st.booleans(),
)
route_filters = st.tuples() | st.tuples(faults) | st.tuples(cors_policies) | st.tuples(faults, cors_policies)
route_plans = st.builds(
    RoutePlan,
    match=st.builds(
        RouteMatchPlan,
        uri=st.none() | matches,
        ignore_case=st.booleans(),
        headers=keyed_matches,
        without_headers=keyed_matches,
        query_params=keyed_matches,
    ),
    action=st.one_of(forwards, redirects, direct_responses),
    name=st.just("") | names,
    request_headers=mutations,
    response_headers=mutations,
    filters=route_filters,
    decorator=st.just("") | names,
    rule=st.none() | keys,
)
virtual_host_plans = st.builds(
    VirtualHostPlan,
    name=hosts,
    domains=st.lists(hosts | names | names.map(str.upper), max_size=3).map(tuple),
    routes=st.lists(route_plans, max_size=3).map(tuple),
    require_tls=st.booleans(),
    origins=st.lists(keys, max_size=1).map(tuple),
)
route_config_plans = st.builds(
    RouteConfigPlan,
    name=names,
    virtual_hosts=st.lists(virtual_host_plans, max_size=3).map(tuple),
    ignore_port=st.booleans(),
    filters=route_filters,
)

access_logs = st.builds(
    AccessLogPlan,
    path=st.sampled_from(["/dev/stdout", "/dev/stderr", "/dev/null"]),
    format=st.sampled_from(["", "%PROTOCOL%", '{"method": "%REQ(:METHOD)%", "more": {"code": 1}}']),
    json=st.booleans(),
)
connection_settings = st.builds(
    HttpConnectionSettings,
    accept_http_10=st.booleans(),
    normalization=st.sampled_from(NormalizationType),
    access_log=st.none() | access_logs,
)
_NOT_PLAIN = (ExtAuthzPlan, JwtPlan, RbacPlan, RouterPlan)
plain_filters = st.sampled_from([kind for kind in get_args(HttpFilterPlan) if kind not in _NOT_PLAIN])
rbac_filters = policies().map(lambda written: plan_rbac(read_policies(written), http=True))
http_connections = st.builds(
    lambda routes, **traits: HttpConnectionPlan(**routes, **traits),
    routes=st.fixed_dictionaries({"route_name": names}) | st.fixed_dictionaries({"route_config": route_config_plans}),
    stat_prefix=names,
    use_remote_address=st.booleans(),
    xff_num_trusted_hops=st.integers(0, 4),
    server_name=st.just("") | names,
    forward_client_cert=st.none() | st.sampled_from(list(ForwardClientCertDetails)[1:]),
    allow_absolute_url=st.booleans(),
    filters=st.builds(
        lambda rbac, kinds: (*rbac, *(kind() for kind in kinds), RouterPlan()),
        rbac_filters,
        st.lists(plain_filters, unique=True),
    ),
    settings=connection_settings,
    idle_timeout=st.none() | durations,
)
tcp_shares = st.builds(WeightedTcpCluster, cluster=clusters, weight=st.integers(0, 100) | weights)
tcp_proxies = st.builds(
    TcpProxyPlan,
    stat_prefix=names,
    clusters=st.lists(tcp_shares, min_size=1, max_size=3).filter(has_share).map(tuple),
    idle_timeout=st.none() | durations,
    max_connection_duration=st.none() | durations,
    access_log=st.none() | access_logs,
)
chain_matches = st.builds(
    ChainMatchPlan,
    destination_port=st.integers(0, 3),
    server_names=st.sampled_from([(), ("*",), ("A.example.com", "*.example.org"), ("a.example.com",)]),
    transport_protocol=st.sampled_from(["", "tls", "raw_buffer"]),
    application_protocols=st.sampled_from([(), ("http/1.1", "h2c")]),
    prefix_ranges=st.sampled_from([(), ("10.0.0.0/8", "10.1.2.3"), ("10.9.9.9/8",), ("fd00::/8",)]),
)
terminals = http_connections | tcp_proxies
upstream_alpn = st.builds(UpstreamAlpnPlan, protocols=st.sampled_from([("h2",), ("istio-h2", "istio")]))
chains = st.builds(
    FilterChainPlan,
    filters=st.tuples(terminals) | st.tuples(upstream_alpn, terminals),
    match=chain_matches,
    name=st.just("") | names,
    transport_connect_timeout=st.none() | durations,
)
port_lists = st.lists(ports, max_size=3).map(tuple)
listener_filter_plans = st.one_of(
    st.sampled_from([OriginalDstPlan(), OriginalSrcPlan(), ProxyProtocolPlan()]),
    st.builds(TlsInspectorPlan, excluded_ports=port_lists),
    st.builds(HttpInspectorPlan, excluded_ports=port_lists),
)
listener_plans = st.builds(
    TcpListenerPlan,
    name=names,
    address=st.ip_addresses().map(str),
    port=ports,
    chains=st.lists(chains, min_size=1, max_size=3).map(tuple),
    direction=st.sampled_from(Direction),
    default_chain=st.none() | chains,
    listener_filters=st.lists(listener_filter_plans, max_size=3, unique_by=type).map(tuple),
    bind_to_port=st.booleans(),
    use_original_dst=st.booleans(),
    transparent=st.booleans(),
    listener_filters_timeout=st.none() | st.just(timedelta(0)) | durations,
    continue_on_listener_filters_timeout=st.booleans(),
)

"""Hypothesis strategies for plans that Envoy should accept, whatever they combine."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from hypothesis import strategies as st

from galley.frozen import FrozenMap
from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from galley.kinds.networking.destination_rule import ConnectionKeepalive, OutlierDetection
from galley.kinds.networking.virtual_service import RegexRewrite
from galley.kinds.values import StringMatch, TcpKeepalive
from galley.meta import ResourceKey
from pilot.ir.cluster import CircuitBreakerPlan, ClusterPlan, Discovery, LbPolicy, UpstreamProtocol
from pilot.ir.endpoint import EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.http_filters import HttpFilterPlan, RouteCorsPlan, RouteFaultPlan, RouterPlan
from pilot.ir.listener import ChainMatchPlan, Direction, FilterChainPlan, ListenerFilter, TcpListenerPlan
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

endpoints = st.builds(EndpointPlan, address=st.ip_addresses().map(str), port=ports, weight=st.integers(0, 1000))
load_assignments = st.builds(
    LoadAssignmentPlan,
    cluster_name=clusters,
    localities=st.lists(
        st.builds(
            LocalityPlan,
            locality=st.builds(Locality, region=names, zone=names),
            endpoints=st.lists(endpoints, max_size=3, unique=True).map(tuple),
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
cluster_plans = st.builds(
    ClusterPlan,
    name=clusters,
    discovery=st.sampled_from(Discovery),
    connect_timeout=durations,
    load_assignment=st.none() | load_assignments,
    lb_policy=st.sampled_from(LbPolicy),
    protocol=st.sampled_from(UpstreamProtocol),
    circuit_breakers=st.builds(CircuitBreakerPlan, max_connections=counts, max_retries=counts),
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
    weight=st.integers(0, 100),
    request_headers=mutations,
    response_headers=mutations,
    host_rewrite=st.just("") | hosts,
)
retries = st.builds(
    RetryPlan,
    num_retries=st.integers(0, 10),
    retriable_status_codes=st.lists(st.integers(100, 599), max_size=2).map(tuple),
    per_try_timeout=st.none() | durations,
    backoff=st.none() | durations,
    previous_hosts=st.booleans(),
    remote_localities=st.booleans(),
)
forwards = st.builds(
    ForwardPlan,
    clusters=st.lists(shares, max_size=3).map(tuple),
    timeout=st.just(timedelta(0)) | durations,
    retry=st.none() | retries,
    prefix_rewrite=st.just("") | paths,
    regex_rewrite=st.none() | st.just(RegexRewrite(match="/v([0-9]+)/(.*)", rewrite=r"/\2/\1")),
    host_rewrite=st.just("") | hosts,
    mirrors=st.lists(st.builds(MirrorPlan, cluster=clusters, percent=percents), max_size=2).map(tuple),
    max_stream_duration=st.booleans(),
)
redirects = st.builds(
    RedirectPlan,
    code=st.sampled_from([301, 302, 303, 307, 308]),
    host=st.just("") | hosts,
    path=st.none() | st.just("") | paths,
    prefix=st.none() | paths,
    scheme=st.sampled_from(["", "https"]),
    port=st.integers(0, 65535),
)
direct_responses = st.builds(DirectResponsePlan, status=st.integers(200, 599), body=st.binary(max_size=8))
faults = st.builds(
    RouteFaultPlan,
    delay=st.none() | durations,
    delay_percent=percents,
    abort_http_status=st.none() | st.integers(200, 599),
    abort_grpc_status=st.none() | st.integers(0, 16),
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
    filters=st.tuples() | st.tuples(faults) | st.tuples(cors_policies) | st.tuples(faults, cors_policies),
    decorator=st.just("") | names,
    virtual_service=st.none() | keys,
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
plain_filters = st.sampled_from([kind for kind in get_args(HttpFilterPlan) if kind is not RouterPlan])
http_connections = st.builds(
    HttpConnectionPlan,
    stat_prefix=names,
    route_name=names,
    route_config=st.none() | route_config_plans,
    use_remote_address=st.booleans(),
    xff_num_trusted_hops=st.integers(0, 4),
    server_name=st.just("") | names,
    forward_client_cert=st.none() | st.sampled_from(ForwardClientCertDetails),
    allow_absolute_url=st.booleans(),
    filters=st.lists(plain_filters, unique=True).map(lambda kinds: (*(kind() for kind in kinds), RouterPlan())),
    settings=connection_settings,
    idle_timeout=st.none() | durations,
)
tcp_proxies = st.builds(
    TcpProxyPlan,
    stat_prefix=names,
    clusters=st.lists(st.builds(WeightedTcpCluster, cluster=clusters, weight=st.integers(0, 100)), max_size=3).map(
        tuple
    ),
    idle_timeout=st.none() | durations,
    max_connection_duration=st.none() | durations,
    access_log=st.none() | access_logs,
)
chain_matches = st.builds(
    ChainMatchPlan,
    destination_port=st.integers(0, 3),
    server_names=st.sampled_from([(), ("*",), ("a.example.com", "*.example.org")]),
    transport_protocol=st.sampled_from(["", "tls", "raw_buffer"]),
    application_protocols=st.sampled_from([(), ("http/1.1", "h2c")]),
    prefix_ranges=st.sampled_from([(), ("10.0.0.0/8", "10.1.2.3"), ("fd00::/8",)]),
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
listener_plans = st.builds(
    TcpListenerPlan,
    name=names,
    address=st.ip_addresses().map(str),
    port=ports,
    chains=st.lists(chains, min_size=1, max_size=3).map(tuple),
    direction=st.sampled_from(Direction),
    default_chain=st.none() | chains,
    listener_filters=st.lists(st.sampled_from(ListenerFilter), max_size=3, unique=True).map(tuple),
    http_inspector_excluded_ports=port_lists,
    tls_inspector_excluded_ports=port_lists,
    bind_to_port=st.booleans(),
    use_original_dst=st.booleans(),
    transparent=st.booleans(),
    listener_filters_timeout=st.none() | st.just(timedelta(0)) | durations,
    continue_on_listener_filters_timeout=st.booleans(),
)

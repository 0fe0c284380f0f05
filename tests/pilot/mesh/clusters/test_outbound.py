from datetime import timedelta
from typing import Any

import pytest

from galley.kinds.kubernetes.service import ServiceType
from galley.kinds.mesh_config import MeshConfig, MeshH2UpgradePolicy
from galley.kinds.networking.destination_rule import (
    ConnectionKeepalive,
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HttpSettings,
    LoadBalancerSettings,
    OutlierDetection,
    SimpleLb,
    Subset,
    TcpSettings,
    TrafficPolicy,
)
from galley.kinds.networking.service_entry import Resolution, ServiceEntry, ServicePort
from galley.kinds.values import ClientTlsMode, ClientTlsSettings, TcpKeepalive
from galley.meta import Resource, ResourceKey
from pilot.ir.cluster import UNLIMITED, CircuitBreakerPlan, ClusterPlan, DiscoveryType, LbPolicy, UpstreamProtocol
from pilot.memo import Memo
from pilot.mesh.clusters.outbound import circuit_breakers, plan_outbound_clusters
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.naming import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER
from pilot.node.metadata import Interception
from tests.builders import (
    a_context,
    a_destination_rule,
    a_gateway_scope,
    a_manifest,
    a_registered_workload,
    a_route,
    a_scope,
    a_service_entry,
    a_sidecar,
    a_subset,
    a_virtual_service,
    attached,
)

REVIEWS = "reviews.default.svc.cluster.local"
WHOLE = f"outbound|9080||{REVIEWS}"


def plans(context: PushContext, scope: OutboundScope | None = None, memo: Memo | None = None) -> dict[str, ClusterPlan]:
    planned = plan_outbound_clusters(context, scope or a_scope(), memo or Memo())
    by_name = {plan.name: plan for plan in planned}
    assert len(by_name) == len(planned)
    return by_name


def reviews(
    *resources: Resource[Any], scope: OutboundScope | None = None, mesh: MeshConfig | None = None, **entry: Any
) -> ClusterPlan:
    """The cluster of the whole reviews service, with ``resources`` beside its ServiceEntry."""
    return plans(a_context(a_service_entry(REVIEWS, **entry), *resources, mesh=mesh), scope)[WHOLE]


def pooled(
    http: HttpSettings | None = None, tcp: TcpSettings | None = None, *, mesh: MeshConfig | None = None, **entry: Any
) -> ClusterPlan:
    policy = TrafficPolicy(connection_pool=ConnectionPoolSettings(http=http, tcp=tcp))
    return reviews(a_destination_rule(policy=policy), mesh=mesh, **entry)


def test_every_port_and_subset_of_a_service_is_a_cluster() -> None:
    ports = (ServicePort(number=80, name="http", protocol="HTTP"), ServicePort(number=90, name="tcp", protocol="TCP"))
    rule = a_destination_rule(subsets=(a_subset("v1"), a_subset("v2")))
    found = plans(a_context(a_service_entry(REVIEWS, ports=ports), rule))
    assert set(found) - {BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER} == {
        f"outbound|{port}|{subset}|{REVIEWS}" for port in (80, 90) for subset in ("", "v1", "v2")
    }
    subset = found[f"outbound|90|v2|{REVIEWS}"]
    assert (subset.service_host, subset.service_port, subset.subset) == (REVIEWS, 90, "v2")
    assert subset.destination_rule == rule.key


def test_without_rules_a_cluster_has_istios_defaults() -> None:
    cluster = reviews()
    assert cluster.discovery is DiscoveryType.EDS
    assert cluster.lb_policy is LbPolicy.LEAST_REQUEST
    assert cluster.protocol is UpstreamProtocol.HTTP1
    assert cluster.connect_timeout == timedelta(seconds=10)
    assert cluster.circuit_breakers == CircuitBreakerPlan(UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED)
    assert (cluster.load_assignment, cluster.outlier_detection, cluster.tls) == (None, None, None)


def test_origins_are_the_service_and_the_rule() -> None:
    entry, rule = a_service_entry(REVIEWS), a_destination_rule()
    assert plans(a_context(entry, rule))[WHOLE].origins == (entry.key, rule.key)


def test_sidecars_have_both_well_known_clusters_and_gateways_only_the_black_hole() -> None:
    sidecar, gateway = plans(a_context()), plans(a_context(), a_gateway_scope())
    assert set(sidecar) == {BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER}
    assert sidecar[BLACK_HOLE_CLUSTER].discovery is DiscoveryType.STATIC
    passthrough = sidecar[PASSTHROUGH_CLUSTER]
    assert (passthrough.discovery, passthrough.lb_policy) == (DiscoveryType.ORIGINAL_DST, LbPolicy.CLUSTER_PROVIDED)
    assert passthrough.protocol is UpstreamProtocol.DOWNSTREAM
    assert passthrough.idle_timeout == timedelta(minutes=5)
    assert set(gateway) == {BLACK_HOLE_CLUSTER}


def test_names_that_envoy_resolves_are_inline() -> None:
    cluster = reviews(resolution=Resolution.DNS, addresses=("b.example.com", "a.example.com"))
    assert cluster.discovery is DiscoveryType.STRICT_DNS
    assert cluster.dns_refresh_rate == timedelta(seconds=60)
    assert cluster.load_assignment is not None
    (group,) = cluster.load_assignment.localities
    assert [endpoint.address for endpoint in group.endpoints] == ["a.example.com", "b.example.com"]


def test_dns_round_robin_is_logical_dns_unless_there_are_several_endpoints() -> None:
    single = reviews(resolution=Resolution.DNS_ROUND_ROBIN, addresses=("a.example.com",))
    several = reviews(resolution=Resolution.DNS_ROUND_ROBIN, addresses=("a.example.com", "b.example.com"))
    assert single.discovery is DiscoveryType.LOGICAL_DNS
    assert several.discovery is DiscoveryType.STRICT_DNS
    subset = a_destination_rule(subsets=(a_subset("v1"),))
    nowhere = plans(a_context(a_service_entry(REVIEWS, resolution=Resolution.DNS_ROUND_ROBIN), subset))[
        f"outbound|9080|v1|{REVIEWS}"
    ]
    assert nowhere.discovery is DiscoveryType.STRICT_DNS
    assert nowhere.load_assignment is not None
    assert nowhere.load_assignment.size == 0


def test_a_service_without_resolution_goes_to_the_original_destination_where_there_is_one() -> None:
    redirected = reviews(resolution=Resolution.NONE, addresses=())
    assert (redirected.discovery, redirected.lb_policy) == (DiscoveryType.ORIGINAL_DST, LbPolicy.CLUSTER_PROVIDED)
    for scope in (a_scope(interception=Interception.NONE), a_gateway_scope()):
        elsewhere = reviews(resolution=Resolution.NONE, addresses=(), scope=scope)
        assert (elsewhere.discovery, elsewhere.lb_policy) == (DiscoveryType.EDS, LbPolicy.LEAST_REQUEST)


def test_the_original_destination_keeps_its_target_port() -> None:
    ports = (ServicePort(number=9080, name="http", protocol="HTTP", target_port=443),)
    assert reviews(resolution=Resolution.NONE, addresses=(), ports=ports).original_dst_port == 443
    assert reviews(resolution=Resolution.NONE, addresses=()).original_dst_port == 0
    assert reviews(ports=ports).original_dst_port == 0


def test_an_external_name_has_no_cluster_of_its_own() -> None:
    alias = a_manifest("old", type=ServiceType.EXTERNAL_NAME, external_name="a.com")
    assert set(plans(a_context(alias))) == {BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER}


def test_destinations_of_imported_rules_have_clusters() -> None:
    services = (a_service_entry(REVIEWS), a_service_entry("a.com"), a_sidecar("*/a.com"))
    scope = a_scope(attached=attached(ResourceKey("Sidecar", "default", "default")))
    assert WHOLE not in plans(a_context(*services), scope)
    rule = a_virtual_service("a.com", routes=(a_route("reviews"),))
    assert WHOLE in plans(a_context(*services, rule), scope)


@pytest.mark.parametrize(
    ("simple", "expected"),
    [
        (SimpleLb.UNSPECIFIED, LbPolicy.LEAST_REQUEST),
        (SimpleLb.LEAST_CONN, LbPolicy.LEAST_REQUEST),
        (SimpleLb.LEAST_REQUEST, LbPolicy.LEAST_REQUEST),
        (SimpleLb.ROUND_ROBIN, LbPolicy.ROUND_ROBIN),
        (SimpleLb.RANDOM, LbPolicy.RANDOM),
        (SimpleLb.PASSTHROUGH, LbPolicy.CLUSTER_PROVIDED),
    ],
)
def test_simple_load_balancing(simple: SimpleLb, expected: LbPolicy) -> None:
    policy = TrafficPolicy(load_balancer=LoadBalancerSettings(simple=simple))
    cluster = reviews(a_destination_rule(policy=policy))
    assert cluster.lb_policy is expected
    assert (cluster.discovery is DiscoveryType.ORIGINAL_DST) is (simple is SimpleLb.PASSTHROUGH)


def test_each_subset_has_its_own_load_balancer() -> None:
    def subset(name: str, simple: SimpleLb) -> Subset:
        return a_subset(name, TrafficPolicy(load_balancer=LoadBalancerSettings(simple=simple)))

    rule = a_destination_rule(subsets=(subset("v1", SimpleLb.RANDOM), subset("v2", SimpleLb.ROUND_ROBIN)))
    found = plans(a_context(a_service_entry(REVIEWS), rule))
    assert found[WHOLE].lb_policy is LbPolicy.LEAST_REQUEST
    assert found[f"outbound|9080|v1|{REVIEWS}"].lb_policy is LbPolicy.RANDOM
    assert found[f"outbound|9080|v2|{REVIEWS}"].lb_policy is LbPolicy.ROUND_ROBIN


@pytest.mark.parametrize(
    ("protocol", "on_sidecar", "on_gateway"),
    [
        ("HTTP", UpstreamProtocol.HTTP1, UpstreamProtocol.HTTP1),
        ("HTTP2", UpstreamProtocol.HTTP2, UpstreamProtocol.HTTP2),
        ("GRPC", UpstreamProtocol.HTTP2, UpstreamProtocol.HTTP2),
        ("GRPC-Web", UpstreamProtocol.HTTP2, UpstreamProtocol.HTTP2),
        ("TCP", UpstreamProtocol.HTTP1, UpstreamProtocol.HTTP1),
        ("", UpstreamProtocol.DOWNSTREAM, UpstreamProtocol.HTTP1),
    ],
)
def test_the_port_says_what_is_spoken(
    protocol: str, on_sidecar: UpstreamProtocol, on_gateway: UpstreamProtocol
) -> None:
    assert reviews(protocol=protocol).protocol is on_sidecar
    assert reviews(protocol=protocol, scope=a_gateway_scope()).protocol is on_gateway


def test_http2_upgrade() -> None:
    upgrade = HttpSettings(h2_upgrade_policy=H2UpgradePolicy.UPGRADE, use_client_protocol=True)
    assert pooled(upgrade, protocol="").protocol is UpstreamProtocol.HTTP2
    mesh = MeshConfig(h2_upgrade_policy=MeshH2UpgradePolicy.UPGRADE)
    assert reviews(mesh=mesh).protocol is UpstreamProtocol.HTTP2
    assert reviews(mesh=mesh, protocol="").protocol is UpstreamProtocol.DOWNSTREAM
    refused = HttpSettings(h2_upgrade_policy=H2UpgradePolicy.DO_NOT_UPGRADE)
    assert pooled(refused, mesh=mesh).protocol is UpstreamProtocol.HTTP1


def test_the_clients_protocol_is_used_when_asked_for() -> None:
    assert pooled(HttpSettings(use_client_protocol=True), protocol="GRPC").protocol is UpstreamProtocol.DOWNSTREAM


def test_a_connection_pool_sets_thresholds() -> None:
    cluster = pooled(
        HttpSettings(http1_max_pending_requests=1, http2_max_requests=2, max_retries=3, max_requests_per_connection=4),
        TcpSettings(max_connections=5, connect_timeout=timedelta(seconds=1)),
    )
    assert cluster.circuit_breakers == CircuitBreakerPlan(
        max_connections=5, max_pending_requests=1, max_requests=2, max_retries=3
    )
    assert cluster.max_requests_per_connection == 4
    assert cluster.connect_timeout == timedelta(seconds=1)
    assert circuit_breakers(None) == CircuitBreakerPlan()


def test_idle_timeouts_of_http_come_before_those_of_tcp() -> None:
    one, two = timedelta(seconds=1), timedelta(seconds=2)
    assert pooled(HttpSettings(idle_timeout=one), TcpSettings(idle_timeout=two)).idle_timeout == one
    assert pooled(None, TcpSettings(idle_timeout=two, max_connection_duration=one)).idle_timeout == two


def test_http2_options_need_http2() -> None:
    settings = HttpSettings(
        max_concurrent_streams=7, http2_keep_alive=ConnectionKeepalive(interval=timedelta(seconds=1))
    )
    grpc, http = pooled(settings, protocol="GRPC"), pooled(settings)
    assert (grpc.max_concurrent_streams, grpc.http2_keepalive) == (7, settings.http2_keep_alive)
    assert (http.max_concurrent_streams, http.http2_keepalive) == (0, None)


def test_keepalive_of_the_rule_lies_over_the_meshs() -> None:
    mesh = MeshConfig(tcp_keepalive=TcpKeepalive(probes=1, time=timedelta(seconds=1)))
    rule = TcpSettings(tcp_keepalive=TcpKeepalive(probes=9))
    assert reviews(mesh=mesh).tcp_keepalive == mesh.tcp_keepalive
    assert pooled(tcp=rule).tcp_keepalive == rule.tcp_keepalive
    assert pooled(tcp=rule, mesh=mesh).tcp_keepalive == TcpKeepalive(probes=9, time=timedelta(seconds=1))


def test_outlier_detection_is_passed_on() -> None:
    detection = OutlierDetection(consecutive_5xx_errors=1, max_ejection_percent=100)
    cluster = reviews(a_destination_rule(policy=TrafficPolicy(outlier_detection=detection)))
    assert cluster.outlier_detection == detection


def test_tls_is_originated_as_the_rule_says_with_the_services_names() -> None:
    policy = TrafficPolicy(tls=ClientTlsSettings(mode=ClientTlsMode.SIMPLE))
    cluster = reviews(a_destination_rule(policy=policy), protocol="GRPC", subject_alt_names=("spiffe://x",))
    assert cluster.tls is not None
    assert (cluster.tls.subject_alt_names, cluster.tls.alpn) == (("spiffe://x",), ("h2",))


def services(count: int) -> list[Resource[ServiceEntry]]:
    return [a_service_entry(f"s{n}.default.svc.cluster.local", name=f"s{n}") for n in range(count)]


def test_a_second_scope_of_equal_needs_plans_nothing() -> None:
    context, memo = a_context(*services(20)), Memo()
    plans(context, a_scope(), memo)
    first = memo.misses
    plans(context, a_scope(namespace="other"), memo)
    assert memo.misses == first


def test_one_changed_rule_plans_the_clusters_of_its_service_again_and_no_other() -> None:
    resources, memo = services(20), Memo()
    before = a_context(*resources)
    old = plans(before, memo=memo)
    memo = memo.successor()
    first = memo.misses
    after = a_context(*resources, a_destination_rule("s3", subsets=(a_subset(),)), previous=before)
    new = plans(after, memo=memo)
    assert memo.misses == first + 1
    assert {name for name in new if new[name] is not old.get(name)} == {
        "outbound|9080||s3.default.svc.cluster.local",
        "outbound|9080|v1|s3.default.svc.cluster.local",
    }


def test_a_new_endpoint_plans_no_cluster() -> None:
    memo = Memo()
    resources: list[Resource[Any]] = [a_manifest("reviews"), *services(3)]
    before = a_context(*resources)
    plans(before, memo=memo)
    memo = memo.successor()
    first = memo.misses
    plans(a_context(*resources, workloads=(a_registered_workload(),), previous=before), memo=memo)
    assert memo.misses == first

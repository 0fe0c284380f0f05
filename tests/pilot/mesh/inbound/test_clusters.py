from datetime import timedelta
from typing import Any

from galley.kinds.mesh_config import InboundTrafficPolicy, InboundTrafficPolicyMode, MeshConfig
from galley.kinds.networking.destination_rule import (
    ConnectionPoolSettings,
    HttpSettings,
    OutlierDetection,
    TcpSettings,
    TrafficPolicy,
)
from galley.kinds.networking.sidecar import IstioIngressListener, SidecarPort
from pilot.ir.cluster import CircuitBreakerPlan, ClusterPlan, DiscoveryType, LbPolicy, UpstreamProtocol
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import InboundPort, InboundScope
from pilot.mesh.inbound.clusters import plan_inbound_clusters
from pilot.node.metadata import Interception
from tests.builders import a_context, a_destination_rule, a_manifest, a_sidecar, attached

REVIEWS = "reviews.default.svc.cluster.local"
POOL = ConnectionPoolSettings(
    tcp=TcpSettings(max_connections=1, connect_timeout=timedelta(seconds=3)),
    http=HttpSettings(http1_max_pending_requests=1, max_requests_per_connection=1),
)
LIMITS = CircuitBreakerPlan(max_connections=1, max_pending_requests=1)


def a_port(protocol: str = "HTTP", port: int = 9080, **traits: Any) -> InboundPort:
    return InboundPort(
        **{"protocol": protocol, "service_host": REVIEWS, "service_port": 9080, "listen_port": port, **traits}
    )


def a_scope(*ports: InboundPort, interception: Interception = Interception.REDIRECT, **traits: Any) -> InboundScope:
    return InboundScope(namespace="default", interception=interception, ports=ports or (a_port(),), **traits)


def clusters(scope: InboundScope, context: PushContext | None = None) -> dict[str, ClusterPlan]:
    return {plan.name: plan for plan in plan_inbound_clusters(context or a_context(), scope, Memo())}


def test_redirected_clusters_go_to_the_original_destination() -> None:
    plans = clusters(a_scope(a_port(), a_port("GRPC", 81), a_port("AUTO", 82)))
    own = plans["inbound|9080||"]
    assert (own.discovery, own.lb_policy) == (DiscoveryType.ORIGINAL_DST, LbPolicy.CLUSTER_PROVIDED)
    assert (own.source_addresses, own.load_assignment) == (("127.0.0.6",), None)
    protocols = [plans[f"inbound|{port}||"].protocol for port in (9080, 81, 82)]
    assert protocols == [UpstreamProtocol.HTTP1, UpstreamProtocol.HTTP2, UpstreamProtocol.DOWNSTREAM]
    passthrough = plans["InboundPassthroughCluster"]
    assert (passthrough.discovery, passthrough.source_addresses) == (DiscoveryType.ORIGINAL_DST, ("127.0.0.6",))
    assert clusters(a_scope(ipv6=True))["InboundPassthroughCluster"].source_addresses == ("::6",)
    assert clusters(a_scope(dual_stack=True))["InboundPassthroughCluster"].source_addresses == ("127.0.0.6", "::6")


def addresses(plan: ClusterPlan) -> list[tuple[str, int]]:
    assert plan.load_assignment is not None
    return [(one.address, one.port) for group in plan.load_assignment.localities for one in group.endpoints]


def test_localhost_policy() -> None:
    mesh = MeshConfig(inbound_traffic_policy=InboundTrafficPolicy(mode=InboundTrafficPolicyMode.LOCALHOST))
    plan = clusters(a_scope(), a_context(mesh=mesh))["inbound|9080||"]
    assert (plan.discovery, addresses(plan), plan.source_addresses) == (DiscoveryType.STATIC, [("127.0.0.1", 9080)], ())


def test_a_known_application_address_is_static() -> None:
    port = a_port(bound=True, listen_address="127.0.0.2", app_address="127.0.0.2", app_port=19080)
    plans = clusters(a_scope(port, interception=Interception.NONE))
    assert list(plans) == ["inbound|9080||"]
    assert addresses(plans["inbound|9080||"]) == [("127.0.0.2", 19080)]
    unix = clusters(a_scope(a_port(app_address="unix:///run/app.sock")))["inbound|9080||"]
    assert addresses(unix) == [("unix:///run/app.sock", 0)]


def test_the_destination_rule_of_the_own_service_limits_its_server_too() -> None:
    policy = TrafficPolicy(connection_pool=POOL, outlier_detection=OutlierDetection(consecutive_5xx_errors=1))
    rule = a_destination_rule("reviews", policy=policy)
    plan = clusters(a_scope(), a_context(a_manifest(), rule))["inbound|9080||"]
    assert plan.circuit_breakers == LIMITS
    assert (plan.connect_timeout, plan.max_requests_per_connection) == (timedelta(seconds=3), 1)
    assert plan.outlier_detection is None
    assert rule.key in plan.origins


def test_a_sidecar_overrides_the_limits() -> None:
    ingress = IstioIngressListener(port=SidecarPort(number=81, protocol="HTTP"), connection_pool=POOL)
    wide = ConnectionPoolSettings(tcp=TcpSettings(max_connections=7))
    sidecar = a_sidecar(ingress=(ingress,), inbound_connection_pool=wide)
    rule = a_destination_rule("reviews", policy=TrafficPolicy(connection_pool=POOL))
    context = a_context(a_manifest(), rule, sidecar)
    plans = clusters(a_scope(a_port(), a_port(port=81), attached=attached(sidecar.key)), context)
    assert plans["inbound|9080||"].circuit_breakers == CircuitBreakerPlan(max_connections=7)
    assert plans["inbound|81||"].circuit_breakers == LIMITS

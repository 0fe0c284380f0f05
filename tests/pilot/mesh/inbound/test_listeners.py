from typing import Any

from galley.frozen import FrozenMap
from pilot.ir.cluster import ClusterPlan
from pilot.ir.listener import Direction, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, OriginalDstPlan, OriginalSrcPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import InboundPort, InboundScope
from pilot.mesh.context.scoping import inbound_scope
from pilot.mesh.inbound.clusters import plan_inbound_clusters
from pilot.mesh.inbound.listeners import plan_inbound_listeners
from pilot.node.metadata import Interception
from tests.builders import a_context, a_manifest, a_proxy, a_workload_entry

REVIEWS = "reviews.default.svc.cluster.local"


def a_port(protocol: str = "HTTP", port: int = 9080, **traits: Any) -> InboundPort:
    return InboundPort(
        **{"protocol": protocol, "service_host": REVIEWS, "service_port": 9080, "listen_port": port, **traits}
    )


def a_scope(*ports: InboundPort, interception: Interception = Interception.REDIRECT, **traits: Any) -> InboundScope:
    return InboundScope(namespace="default", interception=interception, ports=ports or (a_port(),), **traits)


def listeners(scope: InboundScope, context: PushContext | None = None) -> tuple[TcpListenerPlan, ...]:
    return plan_inbound_listeners(context or a_context(), scope, Memo())


def clusters(scope: InboundScope, context: PushContext | None = None) -> dict[str, ClusterPlan]:
    return {plan.name: plan for plan in plan_inbound_clusters(context or a_context(), scope, Memo())}


def addresses(plan: ClusterPlan) -> list[tuple[str, int]]:
    assert plan.load_assignment is not None
    return [(one.address, one.port) for group in plan.load_assignment.localities for one in group.endpoints]


def test_virtual_inbound() -> None:
    (listener,) = listeners(a_scope(a_port(), a_port("AUTO", 81), a_port("TCP", 82)))
    assert (listener.name, listener.address, listener.port) == ("virtualInbound", "0.0.0.0", 15006)
    assert listener.direction is Direction.INBOUND
    assert [chain.name for chain in listener.chains] == [
        "virtualInbound-blackhole",
        "virtualInbound-catchall-http",
        "virtualInbound",
        "0.0.0.0_9080",
        "0.0.0.0_81",
        "0.0.0.0_81",
        "0.0.0.0_82",
    ]
    assert listener.chains[0].match.destination_port == 15006
    assert listener.listener_filters == (OriginalDstPlan(), HttpInspectorPlan((82, 9080, 15006)))
    assert listener.continue_on_listener_filters_timeout
    assert not listener.transparent


def test_tproxy_keeps_the_address_of_the_client() -> None:
    (listener,) = listeners(a_scope(interception=Interception.TPROXY))
    assert listener.transparent
    assert OriginalSrcPlan() in listener.listener_filters


def test_a_dual_stack_workload_is_captured_in_both_families() -> None:
    (listener,) = listeners(a_scope(dual_stack=True))
    assert (listener.address, listener.dual_stack) == ("0.0.0.0", True)
    (single,) = listeners(a_scope())
    assert not single.dual_stack


def test_mode_none_has_bound_listeners_only() -> None:
    port = a_port(bound=True, listen_address="127.0.0.2", app_address="127.0.0.2", app_port=19080)
    (listener,) = listeners(a_scope(port, interception=Interception.NONE))
    assert (listener.name, listener.address, listener.port) == ("127.0.0.2_9080", "127.0.0.2", 9080)
    assert listener.bind_to_port
    assert len(listener.chains) == 1
    assert (listener.default_chain, listener.listener_filters) == (None, ())


def test_a_bound_port_of_unknown_protocol_is_sniffed() -> None:
    (listener,) = listeners(a_scope(a_port("AUTO", bound=True), interception=Interception.NONE))
    assert listener.listener_filters == (HttpInspectorPlan(),)
    assert listener.chains[0].match.application_protocols
    assert listener.default_chain is not None


def test_from_proxy_to_plans_with_app_ports() -> None:
    context = a_context(a_manifest(), a_workload_entry("reviews-1", "127.0.0.2"))
    proxy = a_proxy(
        address="127.0.0.2",
        interception=Interception.NONE,
        ports=FrozenMap({"http": 9080}),
        app_ports=FrozenMap({"http": 19080}),
    )
    scope = inbound_scope(context, proxy)
    (listener,) = listeners(scope, context)
    assert (listener.address, listener.port) == ("127.0.0.2", 9080)
    assert addresses(clusters(scope, context)["inbound|9080||"]) == [("127.0.0.2", 19080)]


def test_equal_workloads_share_their_plans() -> None:
    context, memo = a_context(), Memo()
    first = plan_inbound_listeners(context, a_scope(), memo)
    misses = memo.misses
    assert plan_inbound_listeners(context, a_scope(), memo)[0] is first[0]
    assert memo.misses == misses

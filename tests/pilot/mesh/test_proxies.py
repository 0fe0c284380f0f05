"""The plan of a whole proxy: who gets what, and what is shared by whom."""

from __future__ import annotations

from pilot.ir.listener import DnsListenerPlan
from pilot.ir.proxy import ProxyPart, ProxyPlan
from pilot.memo import Memo
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scoping import proxy_scope
from pilot.mesh.proxies import plan_proxy
from pilot.node.node_id import ProxyKind
from tests.builders import a_context, a_gateway, a_manifest, a_proxy, a_virtual_service, a_workload_entry, labels

REVIEWS = "outbound|9080||reviews.default.svc.cluster.local"


def a_world() -> PushContext:
    bound = a_virtual_service(name="edge", gateways=("bookinfo-gateway",))
    ratings = a_workload_entry("ratings-v1", "10.0.0.2", app="ratings")
    return a_context(a_manifest(), a_manifest("ratings"), a_workload_entry(), ratings, a_gateway(), bound)


def a_router(**traits: str) -> Proxy:
    selected = labels(istio="ingressgateway", **traits)
    return a_proxy(kind=ProxyKind.GATEWAY, namespace="istio-system", name="edge-1", address="10.9.0.1", labels=selected)


class Planned:
    """Plans of proxies in one world and with one memory."""

    def __init__(self) -> None:
        self.context, self.memo = a_world(), Memo()

    def of(self, proxy: Proxy) -> ProxyPlan:
        return plan_proxy(self.context, proxy_scope(self.context, proxy), self.memo)


def test_a_sidecar_has_both_sides() -> None:
    plan = Planned().of(a_proxy())
    assert {"virtualInbound", "virtualOutbound", "0.0.0.0_9080"} == {listener.name for listener in plan.listeners}
    assert {"inbound|9080||", REVIEWS} <= {cluster.name for cluster in plan.clusters}
    assert REVIEWS in {assignment.cluster_name for assignment in plan.load_assignments}
    assert [config.name for config in plan.routes] == ["9080"]


def test_a_gateway_has_its_servers_and_no_inbound_side() -> None:
    plan = Planned().of(a_router())
    assert [listener.name for listener in plan.listeners] == ["0.0.0.0_8080"]
    assert [config.name for config in plan.routes] == ["http.8080"]
    assert REVIEWS in {cluster.name for cluster in plan.clusters}
    assert not any(cluster.name.startswith("inbound") for cluster in plan.clusters)


def test_a_sidecar_answers_dns_when_it_is_asked_to() -> None:
    plan = Planned().of(a_proxy(dns_capture=True))
    assert isinstance(plan.listeners[-1], DnsListenerPlan)


def shared(one: ProxyPlan, other: ProxyPlan) -> list[str]:
    """The kinds of plans in the parts that are the same objects in both."""
    parts = [part for part in one.parts if any(part is each for each in other.parts)]
    kinds = ("listeners", "clusters", "load_assignments", "routes")
    return [kind for part in parts for kind in kinds if getattr(part, kind)]


def test_other_workloads_of_a_namespace_differ_in_their_inbound_side_alone() -> None:
    planned = Planned()
    reviews, ratings = planned.of(a_proxy()), planned.of(a_proxy(address="10.0.0.2", name="ratings-1"))
    assert reviews != ratings
    assert shared(reviews, ratings) == ["listeners", "clusters", "load_assignments", "routes"]


def test_where_listeners_bind_changes_nothing_of_what_is_behind_them() -> None:
    planned = Planned()
    plain, old = planned.of(a_proxy()), planned.of(a_proxy(accept_http_10=True))
    assert shared(plain, old) == ["clusters", "load_assignments", "routes"]


def test_gateways_with_the_same_servers_are_the_same_whatever_else_labels_them() -> None:
    planned = Planned()
    assert planned.of(a_router()) == planned.of(a_router(version="2"))


def test_equal_worlds_give_equal_plans() -> None:
    one, other = Planned().of(a_proxy()), Planned().of(a_proxy())
    assert one == other
    assert hash(one) == hash(other)


def test_lists_are_those_of_all_parts_in_order() -> None:
    clusters = Planned().of(a_proxy()).clusters[:2]
    plan = ProxyPlan(tuple(ProxyPart(clusters=(cluster,)) for cluster in clusters))
    assert plan.clusters == clusters
    assert (plan.listeners, plan.load_assignments, plan.routes) == ((), (), ())

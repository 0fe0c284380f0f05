from hypothesis import given
from hypothesis import strategies as st

from galley.kinds.mesh_config import MeshConfig, MeshOutboundTrafficPolicy
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode
from galley.meta import ResourceKey
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scoping import outbound_scope
from tests.builders import (
    a_context,
    a_destination_rule,
    a_gateway,
    a_gateway_scope,
    a_manifest,
    a_proxy,
    a_registered_workload,
    a_scope,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
    attached,
    labels,
    opening,
)


def sidecar_name(context: PushContext, **workload_labels: str) -> str | None:
    found = context.sidecar_of(outbound_scope(context, a_proxy(labels=labels(**workload_labels))).attached)
    return found.name if found else None


def test_the_oldest_sidecar_that_selects_a_workload_applies_then_the_namespaces_then_the_meshs() -> None:
    context = a_context(
        a_sidecar("*/*", name="young", selector={"app": "a"}, created="2021-01-01T00:00:00Z"),
        a_sidecar("*/*", name="old", selector={"app": "a"}, created="2020-01-01T00:00:00Z"),
        a_sidecar("*/*", name="general"),
        a_sidecar("*/*", name="mesh", namespace="istio-system"),
        a_sidecar("*/*", name="foreign", namespace="other", selector={"app": "a"}),
    )
    assert sidecar_name(context, app="a") == "old"
    assert sidecar_name(context, app="b") == "general"
    mesh_wide = a_context(
        a_sidecar("*/*", name="mesh", namespace="istio-system"),
        a_sidecar("*/*", name="gateways", namespace="istio-system", selector={"app": "a"}),
    )
    assert sidecar_name(mesh_wide, app="a") == "mesh"
    assert sidecar_name(a_context(), app="a") is None


def test_gateways_are_selected_by_labels_across_namespaces() -> None:
    context = a_context(
        a_gateway("young", created="2021-01-01T00:00:00Z"),
        a_gateway("old", namespace="other", created="2020-01-01T00:00:00Z"),
        a_gateway("egress", selector={"istio": "egressgateway"}),
    )
    found = context.attached_to(opening(context, a_gateway_scope()).attached, Gateway)
    assert [gateway.name for gateway in found] == ["old", "young"]
    assert opening(context, a_gateway_scope(labels=labels())).attached == attached()


def test_rules_of_a_gateway_are_those_bound_to_it() -> None:
    context = a_context(
        a_virtual_service("a.com", gateways=("edge",)),
        a_virtual_service("b.com"),
        a_virtual_service("c.com", gateways=("edge",), export_to=(".",)),
    )
    assert [rule.name for rule in context.rules_at(a_gateway_scope(), "default/edge")] == ["a.com"]
    assert [rule.name for rule in context.rules_at(a_scope(), "mesh")] == ["b.com"]


def test_rules_of_sidecars_are_limited_by_egress_hosts() -> None:
    context = a_context(a_virtual_service("a.com"), a_virtual_service("b.com"), a_sidecar("*/a.com"))
    scope = a_scope(attached=attached(ResourceKey("Sidecar", "default", "default")))
    assert [rule.name for rule in context.rules_at(scope, "mesh")] == ["a.com"]


def test_the_sidecars_traffic_policy_beats_the_meshs() -> None:
    registry_only = MeshConfig(
        outbound_traffic_policy=MeshOutboundTrafficPolicy(mode=OutboundTrafficPolicyMode.REGISTRY_ONLY)
    )
    assert a_context().outbound_traffic_policy(a_scope()) is OutboundTrafficPolicyMode.ALLOW_ANY
    assert a_context(mesh=registry_only).outbound_traffic_policy(a_scope()) is OutboundTrafficPolicyMode.REGISTRY_ONLY
    policy = OutboundTrafficPolicy(mode=OutboundTrafficPolicyMode.ALLOW_ANY)
    context = a_context(
        a_sidecar("*/*", outbound_traffic_policy=policy), a_sidecar("*/*", name="silent"), mesh=registry_only
    )
    scope = a_scope(attached=attached(ResourceKey("Sidecar", "default", "default")))
    assert context.outbound_traffic_policy(scope) is OutboundTrafficPolicyMode.ALLOW_ANY
    silent = a_scope(attached=attached(ResourceKey("Sidecar", "default", "silent")))
    assert context.outbound_traffic_policy(silent) is OutboundTrafficPolicyMode.REGISTRY_ONLY


def test_answers_for_a_scope_are_worked_out_once() -> None:
    context = a_context(a_service_entry(), a_destination_rule())
    assert context.visible_services(a_scope()) is context.visible_services(a_scope())
    (service,) = context.visible_services(a_scope()).services
    assert context.destination_rule(a_scope(), service) is context.destination_rule(a_scope(), service)


def test_an_endpoint_change_alone_keeps_every_index_and_answer() -> None:
    resources = (a_manifest("reviews"), a_virtual_service(), a_destination_rule(), a_sidecar("*/*"))
    before = a_context(*resources)
    visible = before.visible_services(a_scope())
    after = a_context(*resources, workloads=(a_registered_workload(),), previous=before)
    assert after.catalog is not before.catalog
    assert after.services is before.services
    assert after.rules is before.rules
    assert after.policies is before.policies
    assert after.visible_services(a_scope()) is visible


def test_an_index_is_rebuilt_when_its_kind_changed() -> None:
    service = a_service_entry()
    before = a_context(service, a_destination_rule())
    (seen,) = before.visible_services(a_scope()).services
    assert before.destination_rule(a_scope(), seen) is not None
    after = a_context(service, previous=before)
    assert after.destination_rule(a_scope(), seen) is None
    assert after.visible_services(a_scope()) is before.visible_services(a_scope())
    narrowed = a_context(service, a_sidecar("~/*"), previous=after)
    scope = a_scope(attached=attached(ResourceKey("Sidecar", "default", "default")))
    assert narrowed.visible_services(scope).services == ()


def asked(context: PushContext) -> int:
    """How much a context remembers when it was asked about every service."""
    for service in context.visible_services(a_scope()).services:
        context.destination_rule(a_scope(), service)
    return context.memo.size


def test_answers_about_services_that_are_gone_are_forgotten() -> None:
    rule = a_destination_rule()
    context = a_context(rule)
    before = asked(context)
    for number in range(200):
        context = a_context(rule, a_service_entry(f"came-and-went-{number}.example"), previous=context)
        asked(context)
    for _ in range(2):
        context = a_context(rule, previous=context)
        asked(context)
    assert context.memo.size <= before + 5


def test_asking_a_context_changes_nothing_of_the_one_before() -> None:
    first = a_context(a_service_entry("a.example"))
    seen, size = first.visible_services(a_scope()), asked(first)
    second = a_context(a_service_entry("a.example"), previous=first)
    assert second.visible_services(a_scope(namespace="other")).services == seen.services
    for service in second.services.ordered:
        assert second.destination_rule(a_scope(namespace="other"), service) is None
    assert first.memo.size == size
    assert first.visible_services(a_scope()) is seen
    assert second.visible_services(a_scope()).services == seen.services


@given(st.lists(st.sets(st.integers(0, 5)), min_size=2, max_size=5), st.data())
def test_a_context_answers_the_same_before_and_after_its_successors_are_asked(
    generations: list[set[int]], data: st.DataObject
) -> None:
    contexts: list[PushContext] = []
    for numbers in generations:
        rules = [a_destination_rule(f"s{number}.example") for number in numbers if number % 2]
        services = [a_service_entry(f"s{number}.example") for number in numbers]
        contexts.append(a_context(*services, *rules, previous=contexts[-1] if contexts else None))

    def answer(context: PushContext) -> dict[str, bool]:
        services = context.visible_services(a_scope()).services
        return {one.hostname: context.destination_rule(a_scope(), one) is not None for one in services}

    for place in data.draw(st.permutations([*range(len(contexts))] * 2)):
        expected = {f"s{number}.example": number % 2 == 1 for number in generations[place]}
        assert answer(contexts[place]) == expected


def test_a_changed_mesh_default_is_seen() -> None:
    resources = (a_service_entry(namespace="books"), a_virtual_service(namespace="books"))
    before = a_context(*resources)
    assert len(before.visible_services(a_scope()).services) == 1
    hidden = MeshConfig(default_service_export_to=(".",), default_virtual_service_export_to=(".",))
    after = a_context(*resources, mesh=hidden, previous=before)
    assert after.visible_services(a_scope()).services == ()
    assert after.rules_at(a_scope(), "mesh") == ()

from galley.kinds.mesh_config import MeshConfig, MeshOutboundTrafficPolicy
from galley.kinds.networking.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode
from galley.meta import ResourceKey
from pilot.mesh.context.push_context import PushContext
from tests.builders import (
    a_context,
    a_destination_rule,
    a_gateway,
    a_gateway_scope,
    a_manifest,
    a_registered_workload,
    a_scope,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
    labels,
)


def sidecar_name(context: PushContext, **workload_labels: str) -> str | None:
    found = context.sidecar_for("default", labels(**workload_labels))
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
    found = context.gateways_for("istio-system", labels(istio="ingressgateway", extra="x"))
    assert [gateway.name for gateway in found] == ["old", "young"]
    assert context.gateways_for("istio-system", labels()) == ()
    assert context.gateway_labels == {"istio"}


def test_virtual_services_of_a_gateway_are_those_bound_to_it() -> None:
    context = a_context(
        a_virtual_service("a.com", gateways=("edge",)),
        a_virtual_service("b.com"),
        a_virtual_service("c.com", gateways=("edge",), export_to=(".",)),
    )
    assert [rule.name for rule in context.virtual_services(a_gateway_scope(), "default/edge")] == ["a.com"]
    assert [rule.name for rule in context.virtual_services(a_scope(), "mesh")] == ["b.com"]


def test_virtual_services_of_sidecars_are_limited_by_egress_hosts() -> None:
    context = a_context(a_virtual_service("a.com"), a_virtual_service("b.com"), a_sidecar("*/a.com"))
    scope = a_scope(sidecar=ResourceKey("Sidecar", "default", "default"))
    assert [rule.name for rule in context.virtual_services(scope, "mesh")] == ["a.com"]


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
    scope = a_scope(sidecar=ResourceKey("Sidecar", "default", "default"))
    assert context.outbound_traffic_policy(scope) is OutboundTrafficPolicyMode.ALLOW_ANY
    silent = a_scope(sidecar=ResourceKey("Sidecar", "default", "silent"))
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
    scope = a_scope(sidecar=ResourceKey("Sidecar", "default", "default"))
    assert narrowed.visible_services(scope).services == ()


def test_a_changed_mesh_default_is_seen() -> None:
    resources = (a_service_entry(namespace="books"), a_virtual_service(namespace="books"))
    before = a_context(*resources)
    assert len(before.visible_services(a_scope()).services) == 1
    hidden = MeshConfig(default_service_export_to=(".",), default_virtual_service_export_to=(".",))
    after = a_context(*resources, mesh=hidden, previous=before)
    assert after.visible_services(a_scope()).services == ()
    assert after.virtual_services(a_scope(), "mesh") == ()

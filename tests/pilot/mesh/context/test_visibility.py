from galley.kinds.kubernetes.service import ServiceType
from galley.kinds.networking.sidecar import IstioEgressListener, OutboundTrafficPolicy, Sidecar, SidecarPort
from galley.meta import Resource, ResourceKey
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scoping import outbound_scope
from pilot.mesh.context.visibility import VisibleServices
from pilot.registry.catalog import Port, Protocol
from tests.builders import (
    a_context,
    a_gateway_scope,
    a_manifest,
    a_proxy,
    a_resource,
    a_route,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
)

SIDECAR = ResourceKey("Sidecar", "default", "default")
SUFFIX = "default.svc.cluster.local"


def seen(context: PushContext, namespace: str = "default") -> VisibleServices:
    """What a workload of ``namespace`` sees, with the Sidecar that applies to it."""
    return context.visible_services(outbound_scope(context, a_proxy(namespace=namespace)))


def names(visible: VisibleServices) -> set[str]:
    return {service.hostname for service in visible.services}


def test_services_are_gated_by_export_to() -> None:
    context = a_context(
        a_service_entry("public.com"),
        a_service_entry("private.com", namespace="other", export_to=(".",)),
        a_service_entry("hidden.com", export_to=("~",)),
    )
    assert names(seen(context)) == {"public.com"}
    assert names(seen(context, "other")) == {"public.com", "private.com"}


def test_of_one_name_in_several_namespaces_the_own_is_seen_then_kubernetes_then_the_oldest() -> None:
    old = a_service_entry("x.a.svc.cluster.local", namespace="old", created="2020-01-01T00:00:00Z")
    mine = a_service_entry("x.a.svc.cluster.local", namespace="mine", created="2024-01-01T00:00:00Z")
    kubernetes = a_manifest("x", namespace="a", created="2023-01-01T00:00:00Z")

    def owner(context: PushContext, namespace: str) -> str:
        (service,) = seen(context, namespace).services
        return service.namespace

    assert owner(a_context(old, mine, kubernetes), "mine") == "mine"
    assert owner(a_context(old, mine, kubernetes), "elsewhere") == "a"
    assert owner(a_context(old, mine), "elsewhere") == "old"


def test_services_are_found_by_name_and_by_port() -> None:
    visible = seen(a_context(a_service_entry("a.com", port=80), a_service_entry("b.com", port=90)))
    (a,) = visible.on_port(80)
    assert a.hostname == "a.com"
    assert visible.named("a.com") is a
    assert visible.named("c.com") is None
    assert visible.on_port(70) == ()
    assert visible.port_numbers == (80, 90)


def test_older_services_come_first() -> None:
    context = a_context(
        a_service_entry("a.com", created="2024-01-01T00:00:00Z"),
        a_service_entry("b.com", created="2023-01-01T00:00:00Z"),
        a_service_entry("c.com"),
    )
    assert [service.hostname for service in seen(context).services] == ["b.com", "a.com", "c.com"]


def test_egress_hosts_name_namespace_and_host() -> None:
    services = (
        a_service_entry("reviews.default.svc.cluster.local"),
        a_service_entry("ratings.other.svc.cluster.local", namespace="other"),
        a_service_entry("details.other.svc.cluster.local", namespace="other"),
        a_service_entry("www.example.com", namespace="third"),
    )

    def imported(*hosts: str) -> set[str]:
        return {name.split(".")[0] for name in names(seen(a_context(*services, a_sidecar(*hosts))))}

    assert imported("*/*") == {"reviews", "ratings", "details", "www"}
    assert imported("./*") == {"reviews"}
    assert imported("other/*") == {"ratings", "details"}
    assert imported("other/ratings.other.svc.cluster.local", "*/*.example.com") == {"ratings", "www"}
    assert imported("default/ratings.other.svc.cluster.local") == set()
    assert imported("~/*") == set()
    assert imported("*/*", "~other/*") == {"reviews", "www"}


def test_a_sidecar_without_egress_limits_nothing() -> None:
    sidecar = a_sidecar(outbound_traffic_policy=OutboundTrafficPolicy())
    assert names(seen(a_context(a_service_entry("a.com"), sidecar))) == {"a.com"}


def test_gateways_see_everything_that_is_exported_to_them() -> None:
    context = a_context(
        a_service_entry("a.com"),
        a_service_entry("b.com", export_to=(".",)),
        a_sidecar("~/*", namespace="istio-system"),
    )
    assert names(context.visible_services(a_gateway_scope())) == {"a.com"}


def with_listeners(*listeners: IstioEgressListener) -> Resource[Sidecar]:
    return a_resource(Sidecar(egress=listeners), "default")


def test_a_listener_with_a_port_imports_only_services_with_that_port_and_only_that_port() -> None:
    both = (Port(80, "http", Protocol.HTTP), Port(90, "grpc", Protocol.GRPC))
    ports = tuple(
        a_service_entry("x").spec.ports[0].__class__(number=p.number, name=p.name, protocol=p.protocol) for p in both
    )
    context = a_context(
        a_service_entry("both.com", ports=ports),
        a_service_entry("other.com", port=70),
        with_listeners(
            IstioEgressListener(port=SidecarPort(number=80, protocol="HTTP", name="http"), hosts=("*/*",)),
            IstioEgressListener(hosts=("*/other.com",)),
        ),
    )
    visible = seen(context)
    explicit, rest = visible.listeners
    assert [(service.hostname, len(service.ports)) for service in explicit.services] == [("both.com", 1)]
    assert [service.hostname for service in rest.services] == ["other.com"]
    assert explicit.on_port(80) == explicit.services
    assert explicit.on_port(90) == ()
    assert {service.hostname: [p.number for p in service.ports] for service in visible.services} == {
        "both.com": [80],
        "other.com": [70],
    }


def test_ports_that_several_listeners_import_are_united() -> None:
    entry = a_service_entry("both.com")
    ports = tuple(entry.spec.ports[0].__class__(number=n, name=f"http-{n}", protocol="HTTP") for n in (80, 90))
    context = a_context(
        a_service_entry("both.com", ports=ports),
        with_listeners(
            *(
                IstioEgressListener(port=SidecarPort(number=number, protocol="HTTP"), hosts=("*/*",))
                for number in (90, 80)
            )
        ),
    )
    (service,) = seen(context).services
    assert service is context.services.ordered[0]


def test_an_http_proxy_listener_imports_all_ports() -> None:
    context = a_context(
        a_service_entry("a.com", port=70),
        with_listeners(IstioEgressListener(port=SidecarPort(number=3128, protocol="HTTP_PROXY"), hosts=("*/*",))),
    )
    assert names(seen(context)) == {"a.com"}


def test_the_first_listener_keeps_a_host_name_unless_kubernetes_claims_it() -> None:
    entry = a_service_entry("x.a.svc.cluster.local", namespace="b")
    other = a_service_entry("x.a.svc.cluster.local", namespace="c")
    manifest = a_manifest("x", namespace="a")
    first, second = IstioEgressListener(hosts=("b/*",)), IstioEgressListener(hosts=("c/*", "a/*"))
    (kept,) = seen(a_context(entry, other, with_listeners(first, second))).services
    assert kept.namespace == "b"
    (displaced,) = seen(a_context(entry, other, manifest, with_listeners(first, second))).services
    assert displaced.namespace == "a"


def test_destinations_of_imported_rules_are_extra() -> None:
    context = a_context(
        a_service_entry(f"reviews.{SUFFIX}"),
        a_service_entry(f"backend.{SUFFIX}"),
        a_service_entry(f"unrelated.{SUFFIX}"),
        a_virtual_service("reviews", routes=(a_route("backend"),)),
        a_sidecar(f"./reviews.{SUFFIX}"),
    )
    visible = seen(context)
    assert names(visible) == {f"reviews.{SUFFIX}"}
    assert [service.hostname for service in visible.extra] == [f"backend.{SUFFIX}"]
    assert visible.named(f"backend.{SUFFIX}") is visible.extra[0]
    assert len(visible.on_port(9080)) == 1


def test_the_target_of_an_alias_that_a_rule_names_is_extra_as_well() -> None:
    context = a_context(
        a_service_entry(f"reviews.{SUFFIX}"),
        a_manifest("old", type=ServiceType.EXTERNAL_NAME, external_name=f"new.{SUFFIX}"),
        a_service_entry(f"new.{SUFFIX}"),
        a_virtual_service("reviews", routes=(a_route("old"),)),
        a_sidecar(f"./reviews.{SUFFIX}"),
    )
    assert {service.hostname for service in seen(context).extra} == {f"old.{SUFFIX}", f"new.{SUFFIX}"}


def test_rules_are_imported_when_a_host_matches_in_either_direction() -> None:
    rules = (
        a_virtual_service("reviews"),
        a_virtual_service("*.default.svc.cluster.local", name="wild"),
        a_virtual_service("ratings"),
        a_virtual_service("reviews.default.svc.cluster.local", name="foreign", namespace="other"),
    )
    context = a_context(*rules, a_sidecar(f"./reviews.{SUFFIX}"))
    assert {rule.name for rule in seen(context).rules} == {"reviews", "wild"}

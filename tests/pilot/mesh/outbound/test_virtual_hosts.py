import pytest

from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode
from pilot.ir.route import DirectResponsePlan, VirtualHostPlan
from pilot.mesh.outbound.virtual_hosts import (
    ALLOW_ANY,
    HostNaming,
    assemble_route_config,
    catch_all_host,
    plan_bare_host,
    plan_service_host,
    plan_sniffed_host,
    service_domains,
    short_names,
)
from pilot.mesh.rules.http_routes import plan_service_route
from pilot.registry.catalog import ServiceResolution
from tests.builders import a_service
from tests.builders_traffic import clusters_of

REVIEWS = "reviews.default.svc.cluster.local"
DEFAULT, PROD, VM = "default.svc.cluster.local", "prod.svc.cluster.local", "corp.example"


def test_domains_of_a_service_in_the_same_namespace() -> None:
    domains = service_domains(a_service(REVIEWS, addresses=("10.1.1.1",)), (), DEFAULT)
    expected = (REVIEWS, f"{REVIEWS}.", "reviews", "reviews.default.svc", "reviews.default", "10.1.1.1")
    assert domains == expected


def test_from_another_namespace_the_one_label_form_is_missing() -> None:
    assert service_domains(a_service(REVIEWS), (), PROD) == (
        REVIEWS,
        f"{REVIEWS}.",
        "reviews.default.svc",
        "reviews.default",
    )


def test_an_external_host_has_no_short_form() -> None:
    assert service_domains(a_service("www.example.com"), (), DEFAULT) == ("www.example.com", "www.example.com.")


@pytest.mark.parametrize(
    ("host", "domain", "expected"),
    [
        ("foo.corp.example", VM, ("foo",)),
        ("foo.bar.corp.example", VM, ("foo.bar", "foo.bar.corp")),
        ("foo.example", VM, ("foo",)),
        ("foo.other.org", VM, ()),
        ("*.corp.example", VM, ()),
        ("reviews.svc.cluster.local", DEFAULT, ()),
    ],
)
def test_short_names(host: str, domain: str, expected: tuple[str, ...]) -> None:
    assert short_names(host, domain) == expected


def test_wildcards_addresses_and_ranges() -> None:
    wildcard = a_service("*.wikipedia.org", addresses=("10.0.0.0/8", "2001:2::1"))
    assert service_domains(wildcard, (), DEFAULT) == ("*.wikipedia.org", "[2001:2::1]")


def test_aliases_bring_their_own_family() -> None:
    domains = service_domains(a_service("db.example.com"), ("db.default.svc.cluster.local",), DEFAULT)
    assert domains[0] == "db.example.com"
    assert {"db", "db.default", "db.default.svc.cluster.local"} <= set(domains)


def test_pods_of_headless_services_have_names_below_it() -> None:
    headless = a_service(REVIEWS, kubernetes=True, headless=True, resolution=ServiceResolution.PASSTHROUGH)
    assert {f"*.{REVIEWS}", "*.reviews", "*.reviews.default"} <= set(service_domains(headless, (), DEFAULT))


def test_ports_in_domains() -> None:
    naming = HostNaming(dns_domain=PROD, ports_in_domains=True)
    service = a_service("a.com")
    assert plan_service_host(service, (), 8080, naming, ()).domains == ("a.com:8080", "a.com.:8080")
    assert set(plan_service_host(service, (), 80, naming, ()).domains) == {"a.com", "a.com.", "a.com:80", "a.com.:80"}
    assert plan_bare_host("b.com", 80, naming, ()).domains == ("b.com", "b.com:80")


def test_a_host_of_its_own_listener_takes_any_authority() -> None:
    service = a_service(REVIEWS)
    host = plan_sniffed_host(service, 9080, (plan_service_route(REVIEWS, 9080, None),))
    assert (host.name, host.domains, host.origins) == (f"{REVIEWS}:9080", ("*",), service.origins)


def test_catch_alls() -> None:
    any_host = catch_all_host(OutboundTrafficPolicyMode.ALLOW_ANY)
    assert (any_host.name, clusters_of(any_host.routes[0])) == ("allow_any", {"PassthroughCluster": 1})
    none = catch_all_host(OutboundTrafficPolicyMode.REGISTRY_ONLY)
    assert (none.name, none.routes[0].action) == ("block_all", DirectResponsePlan(status=502))


def host(name: str, *domains: str) -> VirtualHostPlan:
    return VirtualHostPlan(name=name, domains=domains or (name,), routes=())


def test_virtual_hosts_are_sorted_and_the_catch_all_is_last() -> None:
    config = assemble_route_config("80", (host("b"), host("a")), ALLOW_ANY, True)
    assert [one.name for one in config.virtual_hosts] == ["a", "b", "allow_any"]


def test_the_first_claimant_keeps_a_domain() -> None:
    config = assemble_route_config("80", (host("b", "b", "10.0.0.1"), host("a", "a", "10.0.0.1")), None, True)
    assert {one.name: one.domains for one in config.virtual_hosts} == {"b": ("b", "10.0.0.1"), "a": ("a",)}


def test_a_short_form_never_displaces_a_real_name() -> None:
    service, external = host("s", "reviews.default", "reviews"), host("e", "reviews")
    config = assemble_route_config("80", (service, external), None, True)
    assert {one.name: one.domains for one in config.virtual_hosts} == {"s": ("reviews.default",), "e": ("reviews",)}


def test_a_host_without_domains_is_dropped() -> None:
    config = assemble_route_config("80", (host("a:80", "a"), host("b:80", "a")), None, True)
    assert [one.name for one in config.virtual_hosts] == ["a:80"]


def test_untouched_hosts_stay_the_same_objects() -> None:
    one = host("a")
    assert assemble_route_config("80", (one,), ALLOW_ANY, True).virtual_hosts == (one, ALLOW_ANY)
    assert assemble_route_config("80", (one,), ALLOW_ANY, True).virtual_hosts[0] is one

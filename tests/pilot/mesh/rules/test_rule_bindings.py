from typing import Any

from galley.kinds.networking.service_entry import ServicePort
from galley.meta import Resource
from pilot.mesh.rules.rule_bindings import PortBindings, bind_rules
from tests.builders import a_context, a_manifest, a_scope, a_service_entry, a_virtual_service


def bindings(*resources: Resource[Any]) -> PortBindings:
    (imported,) = a_context(*resources).visible_services(a_scope()).listeners
    return bind_rules(imported)


def claims(bound: PortBindings, port: int) -> list[tuple[str, list[str], tuple[str, ...]]]:
    return [
        (claim.rule.name, sorted(service.hostname for service in claim.services), claim.bare_hosts)
        for claim in bound.claims.get(port, ())
    ]


def test_a_rule_claims_its_service_on_each_http_port() -> None:
    ports = (
        ServicePort(number=80, name="http", protocol="HTTP"),
        ServicePort(number=81, name="auto"),
        ServicePort(number=82, name="tcp", protocol="TCP"),
    )
    bound = bindings(a_service_entry("a.com", ports=ports), a_virtual_service("a.com", name="vs"))
    assert [claims(bound, port) for port in (80, 81, 82)] == [[("vs", ["a.com"], ())], [("vs", ["a.com"], ())], []]
    assert sorted(bound.services) == [80, 81]


def test_a_host_without_service_is_claimed_on_port_80_only() -> None:
    bound = bindings(a_manifest("reviews"), a_virtual_service("reviews.prod", name="vs"))
    assert list(bound.claims) == [80]
    assert claims(bound, 80) == [("vs", [], ("reviews.prod",))]


def test_a_host_without_service_follows_the_services_of_its_rule() -> None:
    bound = bindings(a_manifest("reviews"), a_virtual_service("reviews", "beta.example.com", name="vs"))
    assert list(bound.claims) == [9080]
    assert claims(bound, 9080)[0][2] == ("beta.example.com",)


def test_a_wildcard_applies_to_what_nobody_names_more_closely() -> None:
    bound = bindings(
        a_manifest("a"),
        a_manifest("b"),
        a_manifest("c", namespace="prod"),
        a_virtual_service("*.default.svc.cluster.local", name="wide"),
        a_virtual_service("*.svc.cluster.local", name="wider"),
        a_virtual_service("b", name="narrow"),
    )
    assert sorted(claims(bound, 9080)) == [
        ("narrow", ["b.default.svc.cluster.local"], ()),
        ("wide", ["a.default.svc.cluster.local"], ()),
        ("wider", ["c.prod.svc.cluster.local"], ()),
    ]


def test_a_wildcard_that_matches_no_service_is_a_bare_host() -> None:
    bound = bindings(a_virtual_service("*.example.com", name="vs"))
    assert claims(bound, 80) == [("vs", [], ("*.example.com",))]

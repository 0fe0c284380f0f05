"""Hosts that several resources claim."""

from __future__ import annotations

from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")
ROUTE = "http: [{route: [{destination: {host: reviews.default.svc.cluster.local}}]}]"


def an_entry(name: str, host: str, protocol: str = "HTTP") -> str:
    ports = f"ports: [{{number: 80, name: p, protocol: {protocol}}}]"
    return a_resource("ServiceEntry", f"hosts: [{host}]\n{ports}\nresolution: DNS", name=name)


def test_resources_that_nobody_sees_are_not_seen_together() -> None:
    hidden = [an_entry(name, "a.com").rstrip() + "\n  exportTo: ['~']\n" for name in "ab"]
    assert short(*hidden) == []


def test_several_destination_rules_for_one_host_in_one_namespace() -> None:
    one = a_resource("DestinationRule", "host: reviews", name="a")
    two = a_resource("DestinationRule", "host: reviews.default.svc.cluster.local", name="b")
    assert short(REVIEWS, two, one) == ["1.yaml duplicate-host spec.host"]
    elsewhere = two.replace("namespace: default", "namespace: other")
    assert short(REVIEWS, elsewhere, one) == []


def test_a_service_that_is_defined_twice() -> None:
    assert short(an_entry("a", "a.com"), an_entry("b", "A.com")) == ["1.yaml duplicate-host spec.hosts[0]"]
    assert short(REVIEWS, an_entry("a", "reviews.default.svc.cluster.local")) == ["1.yaml duplicate-host spec.hosts[0]"]
    assert short(an_entry("a", "a.com"), an_entry("b", "a.com", "GRPC")) == [
        "1.yaml duplicate-host spec.hosts[0]",
        "1.yaml conflicting-protocol spec.ports[0].protocol",
    ]


def a_gateway(host: str, *, name: str = "gw", namespace: str = "default") -> str:
    servers = f"servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['{host}']}}]"
    return a_resource("Gateway", f"selector: {{istio: ingressgateway}}\n{servers}", name=name, namespace=namespace)


def a_rule(hosts: str, gateways: str = "", *, name: str = "x", namespace: str = "default", more: str = "") -> str:
    bound = f"gateways: {gateways}\n" if gateways else ""
    return a_resource("VirtualService", f"hosts: {hosts}\n{bound}{more}{ROUTE}", name=name, namespace=namespace)


def test_a_host_that_an_older_rule_has_in_the_mesh_is_shadowed() -> None:
    (diagnostic,) = diagnose(
        REVIEWS, a_rule("[reviews]", name="b"), a_rule("[reviews.default.svc.cluster.local]", name="a")
    )
    assert (diagnostic.code, diagnostic.origin.file) == ("duplicate-host", "1.yaml")
    assert "VirtualService default/a at 2.yaml:1:1" in diagnostic.message


def test_a_rule_that_lists_a_host_by_two_names_is_told_so() -> None:
    (diagnostic,) = diagnose(REVIEWS, a_rule("[reviews, reviews.default.svc.cluster.local]"))
    assert diagnostic.code == "duplicate-host"
    assert "which this rule lists already" in diagnostic.message


def test_rules_that_nobody_sees_together_do_not_shadow_each_other() -> None:
    hosts, private = "[reviews.default.svc.cluster.local]", "exportTo: ['.']\n"
    one = a_rule(hosts, namespace="one", more=private)
    assert short(REVIEWS, one, a_rule(hosts, namespace="two", more=private)) == []
    assert len(short(REVIEWS, one, a_rule(hosts, namespace="two"))) == 1


def test_rules_for_gateways_do_not_shadow_those_for_the_mesh() -> None:
    gateway = a_gateway("*")
    assert short(REVIEWS, gateway, a_rule("[reviews]", name="a"), a_rule("[reviews]", "[gw]", name="b")) == []


def test_a_host_with_half_a_name_is_a_trap() -> None:
    (diagnostic,) = diagnose(REVIEWS, a_rule("[reviews.default]"))
    assert diagnostic.hint == "write reviews.default.svc.cluster.local: only names without a dot are completed"

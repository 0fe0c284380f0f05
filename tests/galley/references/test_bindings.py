"""What VirtualServices are bound to."""

from __future__ import annotations

from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")
ROUTE = "http: [{route: [{destination: {host: reviews.default.svc.cluster.local}}]}]"


def a_gateway(host: str, *, name: str = "gw", namespace: str = "default") -> str:
    servers = f"servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['{host}']}}]"
    return a_resource("Gateway", f"selector: {{istio: ingressgateway}}\n{servers}", name=name, namespace=namespace)


def a_rule(hosts: str, gateways: str = "", *, name: str = "x", namespace: str = "default", more: str = "") -> str:
    bound = f"gateways: {gateways}\n" if gateways else ""
    return a_resource("VirtualService", f"hosts: {hosts}\n{bound}{more}{ROUTE}", name=name, namespace=namespace)


def test_a_gateway_that_exists_and_serves_the_host_is_not_mentioned() -> None:
    for host in ("*", "a.example.com", "*.example.com", "default/*", "./*.com", "*/a.example.com"):
        assert short(REVIEWS, a_gateway(host), a_rule("[a.example.com]", "[gw]")) == []


def test_a_gateway_that_does_not_exist_is() -> None:
    (diagnostic,) = diagnose(REVIEWS, a_gateway("*", namespace="infra"), a_rule("[a.example.com]", "[mesh, gw]"))
    assert (diagnostic.code, diagnostic.origin.field) == ("unknown-gateway", "spec.gateways[1]")
    assert diagnostic.hint == "there is infra/gw"


def test_a_gateway_that_serves_none_of_the_hosts_is() -> None:
    for host in ("b.example.com", "other/*", "*.org"):
        assert short(REVIEWS, a_gateway(host), a_rule("[a.example.com]", "[gw]")) == [
            "2.yaml host-not-in-gateway spec.gateways[0]"
        ]


def test_a_host_that_an_older_rule_has_in_the_mesh_is_shadowed() -> None:
    (diagnostic,) = diagnose(
        REVIEWS, a_rule("[reviews]", name="b"), a_rule("[reviews.default.svc.cluster.local]", name="a")
    )
    assert (diagnostic.code, diagnostic.origin.file) == ("duplicate-host", "1.yaml")
    assert "VirtualService default/a at 2.yaml:1:1" in diagnostic.message


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

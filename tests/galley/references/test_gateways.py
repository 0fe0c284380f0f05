"""Gateways that rules name, and gateways in each other's way."""

from __future__ import annotations

from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")
ROUTE = "http: [{route: [{destination: {host: reviews.default.svc.cluster.local}}]}]"


def a_gateway(
    host: str, *, name: str = "gw", namespace: str = "default", selector: str = "{istio: ingressgateway}"
) -> str:
    servers = f"servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['{host}']}}]"
    return a_resource("Gateway", f"selector: {selector}\n{servers}", name=name, namespace=namespace)


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


def test_gateways_that_serve_one_host_on_one_port_of_the_same_proxies() -> None:
    one = a_gateway("a.com", name="a")
    assert short(one, a_gateway("a.com", name="b")) == ["1.yaml conflicting-gateways spec.servers[0].hosts[0]"]
    assert len(short(one, a_gateway("a.com", name="b", selector="{istio: ingressgateway, app: x}"))) == 1
    assert short(one, a_gateway("b.com", name="b")) == []
    assert short(one, a_gateway("a.com", name="b", selector="{istio: other}")) == []

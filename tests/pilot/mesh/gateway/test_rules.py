from typing import Any

from galley.kinds.networking.virtual_service import HttpRoute, VirtualService
from galley.meta import Resource
from pilot.memo import Memo
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.gateway.rules import GatewayRules
from tests.builders import (
    a_context,
    a_gateway,
    a_gateway_scope,
    a_manifest,
    a_route,
    a_service_entry,
    a_virtual_service,
    labels,
    opening,
)
from tests.builders_traffic import a_match, clusters_of


def rules(*resources: Resource[Any], scope: OutboundScope | None = None) -> GatewayRules:
    context = a_context(*resources)
    return GatewayRules(context=context, scope=opening(context, scope or a_gateway_scope()), memo=Memo())


def clusters(
    resource: Resource[VirtualService], *services: Resource[Any], scope: OutboundScope | None = None
) -> list[str]:
    found = rules(a_gateway(), resource, *services, scope=scope)
    (port,) = found.ports()
    (rule,) = found.bound_to(port.servers[0])
    return [cluster for route in found.http_routes(rule, port.servers[0]) for cluster in clusters_of(route)]


def bound(*routes: HttpRoute, **traits: Any) -> Resource[VirtualService]:
    return a_virtual_service("a.com", routes=routes, gateways=("bookinfo-gateway",), **traits)


def test_gateways_of_other_labels_have_no_ports() -> None:
    assert rules(a_gateway(selector={"istio": "egressgateway"})).ports() == ()
    assert rules(a_gateway(), scope=a_gateway_scope(ipv6=True)).ports()[0].bind == "::"


def test_the_only_port_of_a_service_counts_at_a_gateway() -> None:
    assert clusters(bound(a_route("web")), a_manifest("web", port=9080)) == [
        "outbound|9080||web.default.svc.cluster.local"
    ]
    assert clusters(bound(a_route("unknown"))) == ["outbound|8080||unknown.default.svc.cluster.local"]


def test_of_equal_hosts_the_service_of_the_rules_namespace_is_meant() -> None:
    mine = a_service_entry("b.com", port=7000, namespace="default")
    other = a_service_entry("b.com", port=8000, namespace="istio-system")
    assert clusters(bound(a_route("b.com")), mine, other) == ["outbound|7000||b.com"]


def test_source_labels_are_those_of_the_gateway() -> None:
    rule = bound(a_route("v1", match=(a_match(source_labels=labels(zone="edge")),)))
    scope = a_gateway_scope(labels=labels(istio="ingressgateway", zone="edge"))
    assert len(clusters(rule, scope=scope)) == 1
    assert clusters(rule) == []


def test_rules_of_a_server_are_those_bound_to_its_gateway() -> None:
    found = rules(a_gateway(), bound(a_route("b")), a_virtual_service("c"))
    (port,) = found.ports()
    (rule,) = found.bound_to(port.servers[0])
    assert rule.name == "a.com"
    routing = found.tcp_routing(rule, port.servers[0])
    assert (routing.site.gateway, routing.site.port) == ("default/bookinfo-gateway", 8080)

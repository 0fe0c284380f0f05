from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource
from pilot.mesh.rules.opaque_rules import OpaqueRules, index_opaque_rules
from tests.builders import a_context, a_scope, a_virtual_service
from tests.builders_traffic import a_tcp_route, a_tls_route


def index(*rules: Resource[VirtualService]) -> OpaqueRules:
    (imported,) = a_context(*rules).visible_services(a_scope()).listeners
    return index_opaque_rules(imported)


def naming(indexed: OpaqueRules, host: str) -> list[str]:
    return [rule.name for rule in indexed.naming(host)]


def test_rules_are_found_by_host_and_wildcard_in_candidate_order() -> None:
    indexed = index(
        a_virtual_service("a.example.com", name="3-exact", tcp=(a_tcp_route("x"),)),
        a_virtual_service("*.example.com", name="1-wide", tls=(a_tls_route("x", "y"),)),
        a_virtual_service("b.example.com", name="2-other", tcp=(a_tcp_route("x"),)),
        a_virtual_service("a.example.com", name="0-http"),
    )
    assert naming(indexed, "a.example.com") == ["1-wide", "3-exact"]
    assert naming(indexed, "c.example.com") == ["1-wide"]
    assert naming(indexed, "a.other.com") == []
    assert naming(indexed, "*.example.com") == ["1-wide", "2-other", "3-exact"]


def test_without_opaque_rules_nothing_is_looked_up() -> None:
    assert index(a_virtual_service()).naming("reviews.default.svc.cluster.local") == ()

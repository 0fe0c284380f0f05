from galley.frozen import FrozenMap
from galley.kinds.values import Destination
from pilot.mesh.rules.destinations import (
    NO_DESTINATIONS,
    Destinations,
    KnownDestination,
    destination_cluster,
    known_destinations,
    named_destinations,
)
from pilot.registry.catalog import Port, Protocol, ServiceResolution
from tests.builders import a_route, a_service, a_virtual_service
from tests.builders_traffic import a_destination, a_tcp_route, a_tls_route

HTTP = Port(number=80, name="http", protocol=Protocol.HTTP)
ADMIN = Port(number=81, name="http-admin", protocol=Protocol.HTTP)


def cluster(destination: Destination, known: Destinations = NO_DESTINATIONS, listener_port: int = 9080) -> str:
    return destination_cluster(destination, namespace="default", known=known, listener_port=listener_port)


def test_a_short_name_belongs_to_the_namespace_of_the_rule() -> None:
    assert cluster(a_destination("reviews")) == "outbound|9080||reviews.default.svc.cluster.local"


def test_a_name_with_a_dot_is_taken_literally() -> None:
    assert cluster(a_destination("reviews.prod")) == "outbound|9080||reviews.prod"


def test_an_address_is_taken_literally() -> None:
    assert cluster(a_destination("10.0.0.1")) == "outbound|9080||10.0.0.1"
    assert cluster(a_destination("fd00::1")) == "outbound|9080||fd00::1"


def test_the_subset_is_the_third_part_even_when_nobody_defines_it() -> None:
    assert cluster(a_destination(subset="v9")) == "outbound|9080|v9|reviews.default.svc.cluster.local"


def test_a_given_port_beats_the_service_and_the_listener() -> None:
    known = FrozenMap({"a.com": KnownDestination(host="a.com", only_port=80)})
    assert cluster(a_destination("a.com", port=8443), known) == "outbound|8443||a.com"


def test_without_a_port_the_only_port_of_the_service_counts_then_the_listener() -> None:
    known = FrozenMap({"a.com": KnownDestination(host="a.com", only_port=80)})
    assert cluster(a_destination("a.com"), known) == "outbound|80||a.com"
    assert cluster(a_destination("b.com"), known) == "outbound|9080||b.com"


def test_an_external_name_is_replaced_by_its_target() -> None:
    alias = a_service("legacy.default.svc.cluster.local", resolution=ServiceResolution.ALIAS, alias_of="db.example.com")
    known = known_destinations((alias.hostname,), {alias.hostname: alias}.get, single_port=False)
    assert cluster(a_destination("legacy"), known) == "outbound|9080||db.example.com"


def test_only_what_a_service_adds_is_kept() -> None:
    one, two = a_service("one.com", ports=(HTTP,)), a_service("two.com", ports=(HTTP, ADMIN))
    services = {service.hostname: service for service in (one, two)}
    hosts = ("one.com", "two.com", "unknown.com")
    assert known_destinations(hosts, services.get, single_port=False) is NO_DESTINATIONS
    known = known_destinations(hosts, services.get, single_port=True)
    assert known == FrozenMap({"one.com": KnownDestination(host="one.com", only_port=80)})


def test_destinations_of_all_kinds_of_routes_and_mirrors_are_named_once() -> None:
    http = (a_route("a", weights={"v1": 1, "v2": 2}, mirror=a_destination("b")),)
    rule = a_virtual_service("x.com", routes=http, tls=(a_tls_route("c", "x.com"),), tcp=(a_tcp_route("d.com"),))
    suffix = "default.svc.cluster.local"
    assert set(named_destinations(rule)) == {f"a.{suffix}", f"b.{suffix}", f"c.{suffix}", "d.com"}
    assert len(named_destinations(rule)) == 4

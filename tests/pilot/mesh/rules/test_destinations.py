from typing import Any

from galley.frozen import FrozenMap
from pilot.mesh.rules.destinations import (
    NO_DESTINATIONS,
    Destinations,
    KnownDestination,
    destination_cluster,
    known_destinations,
)
from pilot.mesh.rules.model import RuleDestination
from pilot.registry.catalog import Port, Protocol, ServiceResolution
from tests.builders import a_service

HTTP = Port(number=80, name="http", protocol=Protocol.HTTP)
ADMIN = Port(number=81, name="http-admin", protocol=Protocol.HTTP)


def cluster(host: str, known: Destinations = NO_DESTINATIONS, listener_port: int = 9080, **traits: Any) -> str:
    return destination_cluster(RuleDestination(host, **traits), known, listener_port)


def test_the_name_is_made_even_when_nothing_has_it() -> None:
    assert cluster("reviews.prod") == "outbound|9080||reviews.prod"
    assert cluster("fd00::1") == "outbound|9080||fd00::1"


def test_the_subset_is_the_third_part_even_when_nobody_defines_it() -> None:
    assert cluster("a.com", subset="v9") == "outbound|9080|v9|a.com"


def test_a_given_port_beats_the_service_and_the_listener() -> None:
    known = FrozenMap({"a.com": KnownDestination(host="a.com", only_port=80)})
    assert cluster("a.com", known, port=8443) == "outbound|8443||a.com"


def test_without_a_port_the_only_port_of_the_service_counts_then_the_listener() -> None:
    known = FrozenMap({"a.com": KnownDestination(host="a.com", only_port=80)})
    assert cluster("a.com", known) == "outbound|80||a.com"
    assert cluster("b.com", known) == "outbound|9080||b.com"


def test_an_external_name_is_replaced_by_its_target() -> None:
    alias = a_service("legacy.default.svc.cluster.local", resolution=ServiceResolution.ALIAS, alias_of="db.example.com")
    known = known_destinations((alias.hostname,), {alias.hostname: alias}.get, single_port=False)
    assert cluster(alias.hostname, known) == "outbound|9080||db.example.com"


def test_only_what_a_service_adds_is_kept() -> None:
    one, two = a_service("one.com", ports=(HTTP,)), a_service("two.com", ports=(HTTP, ADMIN))
    services = {service.hostname: service for service in (one, two)}
    hosts = ("one.com", "two.com", "unknown.com")
    assert known_destinations(hosts, services.get, single_port=False) is NO_DESTINATIONS
    known = known_destinations(hosts, services.get, single_port=True)
    assert known == FrozenMap({"one.com": KnownDestination(host="one.com", only_port=80)})

"""Automatic addresses: who gets one, that it is its own, and that it stays."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.frozen import FrozenMap
from pilot.registry import auto_addresses
from pilot.registry.auto_addresses import AUTO_ALLOCATE_LABEL, IPV4_RANGE, IPV6_RANGE, allocate_addresses
from pilot.registry.catalog import Service, ServiceResolution
from tests.builders import a_service

names = st.sets(st.integers(0, 200_000), max_size=60)


def numbered(number: int, **traits: Any) -> Service:
    return a_service(f"s{number}.default.svc.cluster.local", **traits)


def dated(number: int, created: str) -> Service:
    return numbered(number, age=(not created, created, f"s{number}", "default"))


def test_addresses_come_from_istios_ranges() -> None:
    (given,) = allocate_addresses([a_service()]).values()
    assert ip_address(given.ipv4) in ip_network(IPV4_RANGE)
    assert ip_address(given.ipv6) in ip_network(IPV6_RANGE)


@pytest.mark.parametrize(
    ("service", "gets_one"),
    [
        (a_service(), True),
        (a_service(kubernetes=True), True),
        (a_service(resolution=ServiceResolution.DNS), True),
        (a_service(resolution=ServiceResolution.DNS_ROUND_ROBIN), True),
        (a_service(labels=FrozenMap({AUTO_ALLOCATE_LABEL: "true"})), True),
        (a_service(labels=FrozenMap({AUTO_ALLOCATE_LABEL: "false"})), False),
        (a_service(addresses=("10.0.0.1",)), False),
        (a_service(addresses=("10.0.0.0/24",)), False),
        (a_service("*.example.com"), False),
        (a_service(resolution=ServiceResolution.PASSTHROUGH), False),
        (a_service(resolution=ServiceResolution.PASSTHROUGH, kubernetes=True, headless=True), False),
        (a_service(resolution=ServiceResolution.ALIAS, alias_of="other.example"), False),
    ],
)
def test_who_gets_one(service: Service, gets_one: bool) -> None:
    assert bool(allocate_addresses([service])) == gets_one


def test_hosts_of_two_namespaces_have_two_addresses() -> None:
    given = allocate_addresses([a_service("api.example"), a_service("api.example", namespace="other")])
    assert len({one.ipv4 for one in given.values()}) == len({one.ipv6 for one in given.values()}) == 2


def test_this_very_address_for_ever() -> None:
    """Addresses outlive upgrades: a change of this test moves every service of every mesh."""
    (given,) = allocate_addresses([a_service()]).values()
    assert (given.ipv4, given.ipv6) == ("240.240.48.104", "2001:2:0:3a7d:a57b:16e3:6430:7327")


@given(names, st.randoms())
def test_the_order_of_services_means_nothing(numbers: set[int], random: Random) -> None:
    services = [numbered(number) for number in numbers]
    shuffled = list(services)
    random.shuffle(shuffled)
    assert allocate_addresses(shuffled) == allocate_addresses(services)


def small(pool: int) -> pytest.MonkeyPatch:
    """A pool in which services meet all the time. The caller takes it back."""
    patch = pytest.MonkeyPatch()
    patch.setattr(auto_addresses, "_IPV4_SLOTS", pool)
    return patch


@given(names)
def test_no_two_services_share_an_address(numbers: set[int]) -> None:
    patch = small(61)
    try:
        given = allocate_addresses(numbered(number) for number in numbers)
    finally:
        patch.undo()
    assert len({one.ipv4 for one in given.values()}) == len(numbers)


@given(names, st.integers(200_001, 300_000))
def test_a_younger_service_moves_nobody(numbers: set[int], newcomer: int) -> None:
    patch = small(61)
    try:
        services = [dated(number, f"2020-01-01T00:00:{place % 60:02}Z") for place, number in enumerate(sorted(numbers))]
        before = allocate_addresses(services)
        after = allocate_addresses([dated(newcomer, "2021-01-01T00:00:00Z"), *services])
    finally:
        patch.undo()
    assert {key: after[key] for key in before} == before


def test_without_timestamps_a_service_seldom_moves_another() -> None:
    services = [numbered(number) for number in range(1000)]
    before = allocate_addresses(services)
    moved = 0
    for newcomer in range(1000, 1100):
        after = allocate_addresses([*services, numbered(newcomer)])
        moved += sum(after[key] != before[key] for key in before)
        assert all(after[key].ipv6 == before[key].ipv6 for key in before)
    assert moved <= 3


def test_when_all_are_taken_the_youngest_has_none() -> None:
    patch = small(3)
    try:
        given = allocate_addresses(dated(number, f"2020-01-0{number}T00:00:00Z") for number in range(1, 5))
    finally:
        patch.undo()
    assert [bool(one.ipv4) for one in given.values()] == [True, True, True, False]
    assert all(one.ipv6 for one in given.values())

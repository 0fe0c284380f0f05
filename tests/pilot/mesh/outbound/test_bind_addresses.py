from typing import Any

import pytest

from pilot.mesh.outbound.bind_addresses import (
    BindAddress,
    has_own_address,
    has_shared_address,
    is_headless,
    opaque_bind_addresses,
)
from pilot.registry.catalog import ServiceResolution
from tests.builders import a_service

HEADLESS: dict[str, Any] = {"resolution": ServiceResolution.PASSTHROUGH, "kubernetes": True, "headless": True}
NONE: dict[str, Any] = {"resolution": ServiceResolution.PASSTHROUGH}
ANY = "0.0.0.0"


def bind_addresses(*, shared: str = "", endpoints: tuple[str, ...] = (), **traits: Any) -> tuple[BindAddress, ...]:
    return opaque_bind_addresses(a_service("a.com", **traits), 80, shared=shared, wildcard=ANY, endpoints=endpoints)


def test_every_address_of_a_service_is_its_own() -> None:
    found = bind_addresses(addresses=("10.0.0.1", "10.0.0.2"))
    assert found == (
        BindAddress(address="10.0.0.1", route_name="a.com:80"),
        BindAddress(address="10.0.0.2", route_name="a.com:80"),
    )


def test_without_address_the_wildcard_is_shared() -> None:
    assert bind_addresses() == (BindAddress(address=ANY, route_name="80", by_name=True),)


def test_address_ranges_share_the_wildcard_too() -> None:
    shared = BindAddress(address=ANY, route_name="80", prefix_ranges=("10.0.0.0/8",), by_name=True)
    assert bind_addresses(addresses=("10.0.0.0/8",)) == (shared,)
    assert bind_addresses(addresses=("10.0.0.0/8", "11.0.0.1")) == (
        BindAddress(address="11.0.0.1", route_name="a.com:80"),
        shared,
    )


def test_a_given_address_takes_everything() -> None:
    found = bind_addresses(shared="127.0.0.1", addresses=("10.0.0.1",))
    assert found == (BindAddress(address="127.0.0.1", route_name="80", by_name=True),)


def test_headless_services_have_the_addresses_of_their_endpoints() -> None:
    assert [bind.address for bind in bind_addresses(endpoints=("10.1.1.1", "10.1.1.2"), **HEADLESS)] == [
        "10.1.1.1",
        "10.1.1.2",
    ]
    assert bind_addresses(**HEADLESS) == ()
    assert [bind.address for bind in bind_addresses(**NONE)] == [ANY]


@pytest.mark.parametrize(
    ("traits", "own", "shared"),
    [
        ({}, False, True),
        ({"addresses": ("10.0.0.1",)}, True, False),
        ({"addresses": ("10.0.0.0/8",)}, False, True),
        (HEADLESS, True, False),
        (NONE, True, True),
        ({**NONE, "addresses": ("10.0.0.0/8",)}, False, True),
    ],
)
def test_own_and_shared_addresses(traits: dict[str, Any], own: bool, shared: bool) -> None:
    service = a_service("a.com", **traits)
    assert (has_own_address(service), has_shared_address(service)) == (own, shared)
    assert is_headless(service) is (service.resolution is ServiceResolution.PASSTHROUGH and not service.addresses)

import pytest

from pilot.registry.catalog import Endpoint, ServiceResolution, Workload
from pilot.registry.endpoints import endpoint_at, is_ip_or_socket, sorted_endpoints
from tests.builders import labels


def test_an_endpoint_is_its_workload_at_a_port() -> None:
    workload = Workload(namespace="default", address="10.0.0.1", labels=labels(app="a"), weight=2, network="vm")
    endpoint = endpoint_at(workload, 8080)
    assert endpoint == Endpoint(address="10.0.0.1", port=8080, labels=labels(app="a"), weight=2, network="vm")


def test_of_several_at_one_place_the_first_stays() -> None:
    heavy, light = Endpoint(address="10.0.0.1", port=80, weight=9), Endpoint(address="10.0.0.1", port=80)
    assert sorted_endpoints((heavy, light), ServiceResolution.CLIENT_SIDE) == (heavy,)


def test_equal_tuples_of_endpoints_are_equal_keys() -> None:
    endpoints = [Endpoint(address=f"10.0.0.{n}", port=80) for n in (2, 1)]
    one = sorted_endpoints(endpoints, ServiceResolution.CLIENT_SIDE)
    other = sorted_endpoints(reversed(endpoints), ServiceResolution.CLIENT_SIDE)
    assert {one: "found"}[other] == "found"
    assert hash(one) == hash(tuple(other))


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("10.0.0.1", True),
        ("::1", True),
        ("/run/x.sock", True),
        ("example.com", False),
        ("10.0.0", False),
        ("10.0.0.256", False),
        ("10.0.0.01", False),
        ("255.255.255.255", True),
    ],
)
def test_what_envoy_takes_without_resolving(address: str, usable: bool) -> None:
    assert is_ip_or_socket(address) is usable

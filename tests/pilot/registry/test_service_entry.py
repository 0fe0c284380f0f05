from collections.abc import Mapping

import pytest

from galley.frozen import FrozenMap
from galley.kinds.networking.service_entry import Location, Resolution, ServiceEntry, ServicePort, WorkloadEntry
from galley.kinds.values import NetworkingWorkloadSelector
from galley.meta import Resource
from pilot.registry.catalog import Endpoint, Port, Protocol, ServiceResolution, Workload
from pilot.registry.service_entry import endpoints_of_entry, selector_of_entry, services_of_entry
from tests.builders import a_resource, a_service_entry, labels


def endpoints(entry: Resource[ServiceEntry], selected: tuple[Workload, ...] = ()) -> Mapping[str, tuple[Endpoint, ...]]:
    (service,) = services_of_entry(entry)
    return endpoints_of_entry(entry, service, selected)


def places(found: tuple[Endpoint, ...]) -> list[tuple[str, int]]:
    return [(endpoint.address, endpoint.port) for endpoint in found]


def test_each_host_is_a_service_of_the_entrys_namespace_taken_literally() -> None:
    entry = a_service_entry("API.example.com", namespace="shop", export_to=("~",), subject_alt_names=("spiffe://x",))
    (service,) = services_of_entry(entry)
    assert (service.hostname, service.namespace) == ("api.example.com", "shop")
    assert (service.export_to, service.subject_alt_names) == (("~",), ("spiffe://x",))
    assert service.origins == (entry.key,)

    several = a_resource(entry.spec.__class__(hosts=("a.com", "b.com")), "several")
    assert [service.hostname for service in services_of_entry(several)] == ["a.com", "b.com"]


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        (Resolution.STATIC, ServiceResolution.CLIENT_SIDE),
        (Resolution.DNS, ServiceResolution.DNS),
        (Resolution.DNS_ROUND_ROBIN, ServiceResolution.DNS_ROUND_ROBIN),
        (Resolution.NONE, ServiceResolution.PASSTHROUGH),
    ],
)
def test_resolution(resolution: Resolution, expected: ServiceResolution) -> None:
    (service,) = services_of_entry(a_service_entry(addresses=(), resolution=resolution))
    assert service.resolution is expected


def test_location_says_whether_it_is_outside_the_mesh() -> None:
    (inside,) = services_of_entry(a_service_entry(location=Location.MESH_INTERNAL))
    (outside,) = services_of_entry(a_service_entry(location=Location.MESH_EXTERNAL))
    assert (inside.mesh_external, outside.mesh_external) == (False, True)


def test_udp_ports_are_left_out() -> None:
    ports = (ServicePort(number=53, name="dns", protocol="UDP"), ServicePort(number=80, name="http", protocol="HTTP"))
    entry = a_service_entry(ports=ports)
    (service,) = services_of_entry(entry)
    assert service.ports == (Port(number=80, name="http", protocol=Protocol.HTTP),)
    assert set(endpoints(entry)) == {"http"}


def test_an_endpoints_port_is_its_own_else_the_target_port_else_the_number() -> None:
    ports = (
        ServicePort(number=80, name="http", protocol="HTTP", target_port=8080),
        ServicePort(number=90, name="grpc", protocol="GRPC"),
    )
    own = WorkloadEntry(address="10.0.0.1", ports=FrozenMap({"http": 9999}))
    plain = WorkloadEntry(address="10.0.0.2")
    found = endpoints(a_service_entry(ports=ports, endpoints=(own, plain)))
    assert places(found["http"]) == [("10.0.0.1", 9999), ("10.0.0.2", 8080)]
    assert places(found["grpc"]) == [("10.0.0.1", 90), ("10.0.0.2", 90)]


def test_a_shifted_target_port_is_known_to_the_service() -> None:
    ports = (ServicePort(number=80, name="http", protocol="HTTP", target_port=443),)
    (service,) = services_of_entry(a_service_entry(ports=ports))
    assert (service.target_port(80), service.target_port(81)) == (443, 81)


def test_a_unix_socket_has_no_port() -> None:
    found = endpoints(a_service_entry(addresses=("unix:///run/app.sock",)))
    assert places(found["http"]) == [("/run/app.sock", 0)]


def test_host_names_stay_only_where_envoy_resolves_them() -> None:
    assert endpoints(a_service_entry(addresses=("backend.example.com",)))["http"] == ()
    dns = a_service_entry(addresses=("backend.example.com",), resolution=Resolution.DNS)
    assert places(endpoints(dns)["http"]) == [("backend.example.com", 9080)]


def test_a_dns_entry_without_endpoints_resolves_its_own_host() -> None:
    ports = (ServicePort(number=80, name="http", protocol="HTTP", target_port=443),)
    entry = a_service_entry("www.example.com", addresses=(), ports=ports, resolution=Resolution.DNS)
    assert places(endpoints(entry)["http"]) == [("www.example.com", 443)]


def test_a_wildcard_has_no_name_to_resolve() -> None:
    entry = a_service_entry("*.example.com", addresses=(), resolution=Resolution.DNS)
    assert endpoints(entry)["http"] == ()


def test_a_dns_entry_that_selects_workloads_does_not_resolve_its_own_host() -> None:
    selector = NetworkingWorkloadSelector(match_labels=labels(app="reviews"))
    entry = a_service_entry(addresses=(), resolution=Resolution.DNS, workload_selector=selector)
    assert selector_of_entry(entry) == labels(app="reviews")
    assert endpoints(entry)["http"] == ()


def test_endpoints_are_sorted_and_unique() -> None:
    found = endpoints(a_service_entry(addresses=("10.0.0.2", "10.0.0.1", "10.0.0.2")))
    assert places(found["http"]) == [("10.0.0.1", 9080), ("10.0.0.2", 9080)]

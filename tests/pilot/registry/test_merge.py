from pilot.registry.catalog import Endpoint, Endpoints, Port, Protocol
from pilot.registry.merge import merge
from tests.builders import a_service, labels

OLD, NEW = (False, "2024", "", ""), (False, "2025", "", "")
HTTP, GRPC = Port(80, "http", Protocol.HTTP), Port(90, "grpc", Protocol.GRPC)


def at(*addresses: str) -> Endpoints:
    return Endpoints(Endpoint(address=address, port=80) for address in addresses)


def test_a_kubernetes_service_beats_an_older_service_entry() -> None:
    entry, manifest = a_service(age=OLD), a_service(age=NEW, kubernetes=True)
    service, _ = merge([(entry, {}), (manifest, {})])
    assert service is manifest


def test_of_two_service_entries_the_older_wins() -> None:
    old, new = a_service(age=OLD, addresses=("1.1.1.1",)), a_service(age=NEW, addresses=("2.2.2.2",))
    service, _ = merge([(new, {}), (old, {})])
    assert service.addresses == ("1.1.1.1",)


def test_ports_of_like_services_are_united() -> None:
    old = a_service(age=OLD, ports=(HTTP,))
    new = a_service(age=NEW, ports=(Port(80, "other", Protocol.TCP), GRPC), target_ports=((90, 9090), (80, 1)))
    service, endpoints = merge([(old, {"http": at("10.0.0.1")}), (new, {"grpc": at("10.0.0.2")})])
    assert service.ports == (HTTP, GRPC)
    assert service.target_ports == ((90, 9090),)
    assert service.also_from == (new.origin,)
    assert endpoints == {"http": at("10.0.0.1"), "grpc": at("10.0.0.2")}


def test_ports_of_unlike_services_are_not() -> None:
    old = a_service(age=OLD, ports=(HTTP,))
    for other in (
        a_service(age=NEW, ports=(GRPC,), labels=labels(a="b")),
        a_service(age=NEW, ports=(GRPC,), export_to=(".",)),
    ):
        service, endpoints = merge([(old, {}), (other, {"grpc": at("10.0.0.1")})])
        assert service is old
        assert endpoints == {"http": ()}


def test_endpoints_are_joined_by_port_name() -> None:
    manifest = a_service(kubernetes=True, ports=(HTTP,))
    entry = a_service(ports=(HTTP,))
    _, endpoints = merge([(manifest, {"http": at("10.0.0.2")}), (entry, {"http": at("10.0.0.1", "10.0.0.2")})])
    assert endpoints == {"http": at("10.0.0.1", "10.0.0.2")}

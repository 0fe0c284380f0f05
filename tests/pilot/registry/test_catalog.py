import pytest

from pilot.node.locality import Locality
from pilot.registry.catalog import Endpoint, Endpoints, Protocol, ServiceCatalog
from tests.builders import a_service


def test_protocols_know_what_kind_they_are() -> None:
    assert Protocol.GRPC.is_http
    assert Protocol.GRPC.is_http2
    assert not Protocol.GRPC.is_tcp
    assert Protocol.HTTPS.is_tcp
    assert Protocol.HTTPS.is_tls
    assert not Protocol.HTTPS.is_http
    assert not Protocol.AUTO.is_http
    assert not Protocol.AUTO.is_tcp


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", ("", "", "")), ("eu", ("eu", "", "")), ("eu/west/a", ("eu", "west", "a")), ("eu.west", ("eu", "west", ""))],
)
def test_a_locality_is_read_with_slashes_or_dots(text: str, parts: tuple[str, str, str]) -> None:
    locality = Locality.parse(text)
    assert (locality.region, locality.zone, locality.sub_zone) == parts


def test_an_unknown_service_or_port_has_no_endpoints() -> None:
    service = a_service()
    endpoints = Endpoints((Endpoint(address="10.0.0.1", port=80),))
    catalog = ServiceCatalog(services={service.key: service}, endpoints={service.key: {"http": endpoints}})
    assert catalog.endpoints_of(service.key, "http") is endpoints
    assert catalog.endpoints_of(service.key, "grpc") == ()
    assert catalog.endpoints_of(a_service("other").key, "http") == ()


def test_a_service_finds_its_port_by_number() -> None:
    service = a_service(port=9080)
    port = service.port_numbered(9080)
    assert port is not None
    assert port.name == "http"
    assert service.port_numbered(80) is None

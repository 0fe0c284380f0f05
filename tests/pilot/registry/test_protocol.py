import pytest

from pilot.registry.catalog import Protocol
from pilot.registry.protocol import kubernetes_protocol, protocol_named


def by_name(name: str, *, app_protocol: str = "", transport: str = "TCP", number: int = 80) -> Protocol:
    return kubernetes_protocol(transport=transport, app_protocol=app_protocol, name=name, number=number)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("http", Protocol.HTTP),
        ("http-web", Protocol.HTTP),
        ("HTTP2-api", Protocol.HTTP2),
        ("grpc", Protocol.GRPC),
        ("grpc-web", Protocol.GRPC_WEB),
        ("grpc-web-ui", Protocol.GRPC_WEB),
        ("grpc-reviews", Protocol.GRPC),
        ("tcp-db", Protocol.TCP),
        ("https", Protocol.HTTPS),
        ("tls-sni", Protocol.TLS),
        ("mongo", Protocol.MONGO),
        ("metrics", Protocol.AUTO),
        ("httpx", Protocol.AUTO),
        ("", Protocol.AUTO),
    ],
)
def test_the_prefix_of_a_port_name_selects_the_protocol(name: str, protocol: Protocol) -> None:
    assert by_name(name) is protocol


def test_app_protocol_beats_the_name() -> None:
    assert by_name("tcp", app_protocol="http") is Protocol.HTTP
    assert by_name("http", app_protocol="kubernetes.io/h2c") is Protocol.HTTP2
    assert by_name("http", app_protocol="kubernetes.io/wss") is Protocol.HTTPS


def test_udp_stays_udp_whatever_the_port_is_called() -> None:
    assert by_name("http", transport="UDP") is Protocol.UDP


@pytest.mark.parametrize("number", [25, 53, 3306, 27017])
def test_ports_of_server_first_protocols_are_not_sniffed(number: int) -> None:
    assert by_name("db", number=number) is Protocol.TCP
    assert protocol_named("", number) is Protocol.TCP
    assert protocol_named("http", number) is Protocol.HTTP


def test_a_protocol_field_is_read_in_any_case() -> None:
    assert protocol_named("gRPC-Web") is Protocol.GRPC_WEB
    assert protocol_named("HTTP_PROXY") is Protocol.HTTP_PROXY
    assert protocol_named("unheard-of") is Protocol.AUTO

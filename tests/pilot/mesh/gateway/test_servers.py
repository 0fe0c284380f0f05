from typing import Any

import pytest

from citadel.ir import MeshTls
from galley.frozen import FrozenMap
from galley.kinds.networking.gateway import Server, ServerTlsMode, ServerTlsSettings
from galley.meta import ResourceKey
from pilot.mesh.gateway.servers import GatewayPort, GatewayServer, ServerKind, merge_servers, read_server
from tests.builders import a_gateway
from tests.builders_traffic import a_server

GATEWAY = ResourceKey(kind="Gateway", namespace="default", name="gw")
SIMPLE, PASSTHROUGH = ServerTlsMode.SIMPLE, ServerTlsMode.PASSTHROUGH
REDIRECT = ServerTlsSettings(https_redirect=True)


def plain(*hosts: str, port: int = 80, protocol: str = "HTTP", **traits: Any) -> Server:
    return a_server(*hosts, port=port, protocol=protocol, name=protocol.lower(), **traits)


def merged(
    *servers: Server | tuple[Server, ...], target_ports: dict[int, int] | None = None
) -> tuple[GatewayPort, ...]:
    gateways = tuple(
        a_gateway(f"gw{place}", servers=(server,) if not isinstance(server, tuple) else server)
        for place, server in enumerate(servers)
    )
    return merge_servers(gateways, FrozenMap(target_ports or {}), "0.0.0.0")


def opened(server: Server, mesh: MeshTls | None = None) -> GatewayServer:
    found = read_server(GATEWAY, server, mesh)
    assert found is not None
    return found


def kept(*servers: Server) -> list[str]:
    (port,) = merged(*servers)
    return [server.gateway.name for server in port.servers]


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (plain(), ServerKind.HTTP),
        (plain(protocol="GRPC"), ServerKind.HTTP),
        (plain(tls=REDIRECT), ServerKind.HTTP),
        (a_server(tls=SIMPLE), ServerKind.HTTPS),
        (a_server(tls=ServerTlsMode.MUTUAL), ServerKind.HTTPS),
        (a_server(tls=ServerTlsMode.OPTIONAL_MUTUAL), ServerKind.HTTPS),
        (a_server(tls=PASSTHROUGH), ServerKind.PASSTHROUGH),
        (a_server(tls=PASSTHROUGH, protocol="TLS"), ServerKind.PASSTHROUGH),
        (a_server(tls=SIMPLE, protocol="TLS"), ServerKind.TLS),
        (a_server(tls=SIMPLE, protocol="TCP"), ServerKind.TLS),
        (plain(protocol="TCP"), ServerKind.TCP),
        (plain(protocol="MONGO"), ServerKind.TCP),
    ],
)
def test_kinds(server: Server, kind: ServerKind) -> None:
    assert opened(server).kind is kind


@pytest.mark.parametrize(
    "server",
    [
        a_server(),
        a_server(protocol="TLS"),
        a_server(tls=ServerTlsMode.ISTIO_MUTUAL),
        a_server(tls=ServerTlsMode.AUTO_PASSTHROUGH),
        a_server(tls=ServerTlsSettings(mode=SIMPLE, credential_name="bookinfo")),
        a_server(tls=ServerTlsSettings(mode=SIMPLE)),
        plain(port=0),
    ],
)
def test_servers_that_cannot_be_opened(server: Server) -> None:
    assert read_server(GATEWAY, server) is None


def test_hosts_for_a_namespace() -> None:
    server = opened(plain("A.com", "prod/b.com", "./c.com", "*/d.com"))
    assert server.hosts_for("default") == ("a.com", "c.com", "d.com")
    assert server.hosts_for("prod") == ("a.com", "b.com", "d.com")
    assert server.names == ("a.com", "b.com", "c.com", "d.com")


def test_route_names() -> None:
    assert opened(plain()).route_name(8080) == "http.8080"
    assert opened(plain(bind="10.0.0.1")).route_name(8080) == "http.8080.10.0.0.1"
    assert opened(a_server(tls=SIMPLE, name="web")).route_name(8443) == "https.443.web.gw.default"


def test_ports_are_translated_by_the_own_service() -> None:
    (port,) = merged(plain(), target_ports={80: 8080})
    assert (port.name, port.servers[0].number) == ("0.0.0.0_8080", 80)


def test_a_bind_is_a_listener_of_its_own() -> None:
    assert [port.name for port in merged(plain(), plain(bind="10.0.0.1"))] == ["0.0.0.0_80", "10.0.0.1_80"]


def test_plain_http_servers_live_together() -> None:
    assert kept(plain("a.com"), plain("a.com")) == ["gw0", "gw1"]


def test_other_plain_servers_exclude_one_another() -> None:
    assert kept(plain(), plain(protocol="TCP")) == ["gw0"]
    assert kept(plain(protocol="TCP"), plain()) == ["gw0"]
    assert kept(plain(protocol="TCP"), plain(protocol="TCP")) == ["gw0"]


def test_tls_never_joins_a_plain_port() -> None:
    assert kept(plain(port=443), a_server("a.com", tls=SIMPLE)) == ["gw0"]
    assert kept(a_server("a.com", tls=SIMPLE), plain(port=443)) == ["gw0", "gw1"]


def test_tls_servers_must_not_repeat_a_host() -> None:
    assert kept(a_server("a.com", tls=SIMPLE), a_server("b.com", tls=SIMPLE)) == ["gw0", "gw1"]
    assert kept(a_server("a.com", tls=SIMPLE), a_server("b.com", "a.com", tls=SIMPLE)) == ["gw0"]
    assert kept(a_server(tls=SIMPLE), a_server(tls=SIMPLE)) == ["gw0"]
    assert kept(a_server("ns/a.com", tls=SIMPLE), a_server("a.com", tls=SIMPLE)) == ["gw0", "gw1"]
    assert kept(plain("a.com", tls=REDIRECT), plain("a.com", tls=REDIRECT)) == ["gw0"]


def test_a_server_that_is_not_opened_excludes_nobody() -> None:
    closed = a_server("a.com", tls=ServerTlsSettings(mode=SIMPLE, credential_name="bookinfo"))
    assert kept(closed, a_server("a.com", tls=SIMPLE)) == ["gw1"]


def test_a_server_with_an_identity_of_the_mesh() -> None:
    mesh = MeshTls(trust_domains=("cluster.local",))
    for protocol, kind in (("HTTPS", ServerKind.HTTPS), ("TLS", ServerKind.TLS)):
        declared = a_server(protocol=protocol, tls=ServerTlsSettings(mode=ServerTlsMode.ISTIO_MUTUAL))
        server = opened(declared, mesh)
        assert (server.kind, server.mesh) == (kind, mesh)
    assert opened(a_server(tls=SIMPLE), mesh).mesh is None

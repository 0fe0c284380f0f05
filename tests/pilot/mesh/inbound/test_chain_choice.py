"""Every connection that a policy admits gets the chain that was meant for it, whatever it may look like."""

from __future__ import annotations

import itertools

import pytest

from citadel.ir import MtlsMode
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.node.metadata import Interception
from tests.pilot.mesh.chain_matcher import Connection, chain_for
from tests.pilot.mesh.inbound.test_mutual_tls import a_port, bound, virtual_inbound

DISABLE, PERMISSIVE, STRICT = MtlsMode.DISABLE, MtlsMode.PERMISSIVE, MtlsMode.STRICT
MODES = (DISABLE, PERMISSIVE, STRICT)
UNDECLARED = 7777
PORTS = {9080: "HTTP", 9081: "TCP", 9082: "AUTO", 9083: "GRPC", UNDECLARED: "AUTO"}

PLAIN = [Connection(0), Connection(0, http="http/1.1"), Connection(0, http="h2c")]
FOREIGN = [Connection(0, is_tls=True, alpn=alpn) for alpn in [(), ("h2", "http/1.1"), ("http/1.1",), ("mqtt",)]]
MESH_HTTP = [Connection(0, is_tls=True, alpn=(alpn,)) for alpn in ("istio-http/1.0", "istio-http/1.1", "istio-h2")]
MESH_OPAQUE = [Connection(0, is_tls=True, alpn=("istio",))]


def at(port: int, connection: Connection) -> Connection:
    return Connection(port, is_tls=connection.is_tls, alpn=connection.alpn, http=connection.http)


def is_http(chain: FilterChainPlan) -> bool:
    return isinstance(chain.filters[-1], HttpConnectionPlan)


def check(listener: TcpListenerPlan, port: int, protocol: str, mode: MtlsMode) -> None:
    """Try all connections to one port, and compare with what its mode and protocol mean."""
    reads_http = protocol in ("HTTP", "GRPC")
    for connection in PLAIN:
        chain = chain_for(listener, at(port, connection))
        if mode is STRICT:
            assert chain is None or chain.tls is not None, f"{connection} is let in"
            continue
        assert chain is not None, f"{connection} is reset"
        assert chain.tls is None
        assert is_http(chain) is (reads_http or (protocol == "AUTO" and bool(connection.http))), connection
    for connection in (*MESH_HTTP, *MESH_OPAQUE):
        chain = chain_for(listener, at(port, connection))
        if mode is DISABLE:
            assert chain is None or chain.tls is None
            continue
        assert chain is not None, f"{connection} is reset"
        assert chain.tls is not None
        assert is_http(chain) is (reads_http or (protocol == "AUTO" and connection in MESH_HTTP)), connection
    for connection in FOREIGN:
        chain = chain_for(listener, at(port, connection))
        if mode is STRICT or (mode is PERMISSIVE and reads_http):
            assert chain is None or chain.tls is not None, f"{connection} is let in"
            continue
        assert chain is not None, f"{connection} is reset"
        assert chain.tls is None
        assert is_http(chain) is reads_http, connection


@pytest.mark.parametrize(("whole", "one"), [*itertools.product(MODES, (None, *MODES))], ids=str)
def test_captured(whole: MtlsMode, one: MtlsMode | None) -> None:
    ports = [a_port(protocol, port) for port, protocol in PORTS.items() if port != UNDECLARED]
    for special in PORTS:
        exceptions = {special: one.value} if one is not None else None
        listener = virtual_inbound(*ports, mode=whole, at=exceptions)
        for port, protocol in PORTS.items():
            check(listener, port, protocol, one if one is not None and port == special else whole)


@pytest.mark.parametrize("whole", MODES, ids=str)
def test_transparently_captured(whole: MtlsMode) -> None:
    listener = virtual_inbound(a_port("AUTO", 9082), mode=whole, interception=Interception.TPROXY)
    for port in (9082, UNDECLARED):
        check(listener, port, "AUTO", whole)


@pytest.mark.parametrize(("mode", "protocol"), [*itertools.product(MODES, ("HTTP", "TCP", "AUTO", "GRPC"))], ids=str)
def test_at_a_socket_of_its_own(mode: MtlsMode, protocol: str) -> None:
    check(bound(protocol, mode=mode), 9080, protocol, mode)

"""The whole matrix: three modes, three kinds of port."""

import pytest

from citadel.ir import MtlsMode
from pilot.mesh.inbound.matches import inbound_matches
from pilot.registry.catalog import Protocol

PLAIN_HTTP = ("http/1.1", "h2c")
H = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
T = ("istio-peer-exchange", "istio")
A = T + H

MTLS_HTTP, MTLS_TCP, HTTP, TCP = (True, True), (False, True), (True, False), (False, False)
"""Whether HTTP is read, and whether TLS ends here."""


@pytest.mark.parametrize(
    ("mode", "protocol", "rows"),
    [
        ("STRICT", Protocol.HTTP, [("tls", (), MTLS_HTTP)]),
        ("STRICT", Protocol.GRPC, [("tls", (), MTLS_HTTP)]),
        ("STRICT", Protocol.TCP, [("tls", (), MTLS_TCP)]),
        ("STRICT", Protocol.HTTPS, [("tls", (), MTLS_TCP)]),
        ("STRICT", Protocol.AUTO, [("tls", H, MTLS_HTTP), ("tls", (), MTLS_TCP)]),
        ("PERMISSIVE", Protocol.HTTP, [("tls", A, MTLS_HTTP), ("raw_buffer", (), HTTP)]),
        ("PERMISSIVE", Protocol.TCP, [("tls", A, MTLS_TCP), ("tls", (), TCP), ("raw_buffer", (), TCP)]),
        (
            "PERMISSIVE",
            Protocol.AUTO,
            [
                ("tls", H, MTLS_HTTP),
                ("raw_buffer", PLAIN_HTTP, HTTP),
                ("tls", T, MTLS_TCP),
                ("raw_buffer", (), TCP),
                ("tls", (), TCP),
            ],
        ),
        ("DISABLE", Protocol.HTTP, [("raw_buffer", (), HTTP)]),
        ("DISABLE", Protocol.MYSQL, [("raw_buffer", (), TCP)]),
        ("DISABLE", Protocol.AUTO, [("raw_buffer", PLAIN_HTTP, HTTP), ("raw_buffer", (), TCP)]),
    ],
)
def test_matrix(mode: str, protocol: Protocol, rows: list[tuple[str, tuple[str, ...], tuple[bool, bool]]]) -> None:
    found = inbound_matches(MtlsMode(mode), protocol, PLAIN_HTTP)
    assert [(row.transport, row.alpn, (row.http, row.terminates)) for row in found] == rows


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.TCP, Protocol.AUTO])
def test_strict_lets_nothing_pass_that_does_not_end_here(protocol: Protocol) -> None:
    assert all(row.terminates for row in inbound_matches(MtlsMode.STRICT, protocol, PLAIN_HTTP))

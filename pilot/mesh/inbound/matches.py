"""Which connections reach which end of a port: plain text or mutual TLS, HTTP or opaque, for each mode.

Clients of the mesh say in their ALPN what they carry and that the TLS is the mesh's; any other TLS is the application's
own affair (Istio's matrix of inbound filter chains).
"""

from __future__ import annotations

from citadel.ir import MtlsMode
from galley.frozen import frozen
from pilot.registry.catalog import Protocol

PLAIN_TEXT = "raw_buffer"
TLS = "tls"

MESH_HTTP = ("istio-http/1.0", "istio-http/1.1", "istio-h2")
MESH_OPAQUE = ("istio-peer-exchange", "istio")
MESH_ANY = (*MESH_OPAQUE, *MESH_HTTP)


@frozen
class InboundMatch:
    """One row of the matrix: what a connection is, whether its TLS ends here, and whether HTTP is read from it."""

    http: bool
    transport: str
    alpn: tuple[str, ...] = ()
    terminates: bool = False


_OPAQUE_TLS = InboundMatch(http=False, transport=TLS)
OPAQUE_ANYTHING = InboundMatch(http=False, transport="")
"""Whatever no other row of the transport takes."""
_OPAQUE_PLAIN = InboundMatch(http=False, transport=PLAIN_TEXT)


def inbound_matches(mode: MtlsMode, protocol: Protocol, plain_http: tuple[str, ...]) -> tuple[InboundMatch, ...]:
    """The rows for a port. ``plain_http`` are the names by which the HTTP inspector calls HTTP in plain text."""
    if mode is MtlsMode.DISABLE:
        return _disabled(protocol, plain_http)
    return _strict(protocol) if mode is MtlsMode.STRICT else _permissive(protocol, plain_http)


def _disabled(protocol: Protocol, plain_http: tuple[str, ...]) -> tuple[InboundMatch, ...]:
    if protocol is Protocol.AUTO:
        return (InboundMatch(http=True, transport=PLAIN_TEXT, alpn=plain_http), _OPAQUE_PLAIN)
    return (InboundMatch(http=protocol.is_http, transport=PLAIN_TEXT),)


def _strict(protocol: Protocol) -> tuple[InboundMatch, ...]:
    if protocol is Protocol.AUTO:
        return (_mutual(http=True, alpn=MESH_HTTP), _mutual(http=False))
    return (_mutual(http=protocol.is_http),)


def _permissive(protocol: Protocol, plain_http: tuple[str, ...]) -> tuple[InboundMatch, ...]:
    if protocol is Protocol.AUTO:
        return (
            _mutual(http=True, alpn=MESH_HTTP),
            InboundMatch(http=True, transport=PLAIN_TEXT, alpn=plain_http),
            _mutual(http=False, alpn=MESH_OPAQUE),
            _OPAQUE_PLAIN,
            _OPAQUE_TLS,
        )
    if protocol.is_http:
        return (_mutual(http=True, alpn=MESH_ANY), InboundMatch(http=True, transport=PLAIN_TEXT))
    return (_mutual(http=False, alpn=MESH_ANY), _OPAQUE_TLS, _OPAQUE_PLAIN)


def _mutual(*, http: bool, alpn: tuple[str, ...] = ()) -> InboundMatch:
    return InboundMatch(http=http, transport=TLS, alpn=alpn, terminates=True)

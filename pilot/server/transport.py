"""The ports that a control plane listens on: how each is protected, and what gRPC lets a client do there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import grpc
import grpc.aio

from citadel.service import Citadel

MAX_REQUEST = 4 * 1024 * 1024
"""Bytes; an Envoy's request lists all names that it wants, some 60 bytes each."""
MAX_STREAMS_OF_A_CONNECTION = 100
"""An Envoy has one or two. Further ones wait, in the client, until one of these ends."""
_UNSERVED_CALLS = 1_000
"""Calls beyond the streams that are admitted: signing requests, and streams about to be refused with a reason."""

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_REQUEST),
    ("grpc.max_send_message_length", -1),
    # A token is some 500 bytes. Further headers end the call before it reaches us.
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    # Whoever connects must finish TLS and open a stream, and keep one.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
    ("grpc.max_concurrent_streams", MAX_STREAMS_OF_A_CONNECTION),
    # Ping a silent client after 30 s and give it 10 s; allow its own pings every 15 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 15_000),
    # Two control planes on one port would each get some of the proxies.
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class ServingPort:
    """An address (``host:port`` or ``unix:path``) to listen on, in plaintext without ``credentials``."""

    address: str
    credentials: grpc.ServerCredentials | None = None


def new_server(most_streams: int) -> grpc.aio.Server:
    """A server that does not listen yet, for so many streams at once and the calls beside them."""
    most = most_streams + _UNSERVED_CALLS
    # Connections without a call, half of a handshake say, count as well.
    options = (*_OPTIONS, ("grpc.max_allowed_incoming_connections", most))
    return grpc.aio.server(options=options, maximum_concurrent_rpcs=most)


def bind(server: grpc.aio.Server, port: ServingPort) -> int:
    """Have ``server`` listen; the number of the port, also where 0 was asked for. OSError when that cannot be."""
    _check_free(port.address)
    try:
        if port.credentials is None:
            return server.add_insecure_port(port.address)
        return server.add_secure_port(port.address, port.credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {port.address}: {error}") from error


def _check_free(address: str) -> None:
    """OSError, in words, when nobody can listen on ``host:port``: gRPC would write pages to standard error."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal() or port == "0" or address.startswith("unix:"):
        return
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, int(port)))
        except OSError as error:
            raise OSError(f"cannot listen on {address} for xDS: {error.strerror or error}") from None


def server_credentials(citadel: Citadel, *, client_certificates: bool) -> grpc.ServerCredentials:
    """TLS with Citadel's current certificate for the control plane, whichever that is when a client connects.

    gRPC in Python either demands a certificate of every client or asks for none: hence a port for each kind.
    """
    return grpc.dynamic_ssl_server_credentials(
        _configuration(citadel), cast(Any, _newest(citadel)), require_client_authentication=client_certificates
    )


def _newest(citadel: Citadel) -> Callable[[], grpc.ServerCertificateConfiguration | None]:
    """Called for each new connection, on gRPC's threads; None leaves things as they are."""
    shown = (citadel.server_certificate, citadel.bundle)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal shown
        current = (citadel.server_certificate, citadel.bundle)
        if current == shown:
            return None
        shown = current
        return _configuration(citadel)

    return fetch


def _configuration(citadel: Citadel) -> grpc.ServerCertificateConfiguration:
    own = citadel.server_certificate
    return grpc.ssl_server_certificate_configuration(
        [(own.private_key.reveal(), own.chain_pem)], root_certificates=citadel.bundle.pem
    )

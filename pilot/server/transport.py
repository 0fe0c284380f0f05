"""The ports that a control plane listens on, and how each is protected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import grpc

from citadel.service import Citadel


@dataclass(frozen=True, slots=True)
class ServingPort:
    """An address (``host:port`` or ``unix:path``) to listen on, in plaintext without ``credentials``."""

    address: str
    credentials: grpc.ServerCredentials | None = None


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

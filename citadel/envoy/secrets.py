"""Secrets that Envoy fetches by name: a workload's certificate with its key, and the roots of the mesh."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    Secret,
    TlsCertificate,
)

from citadel.identity import Svid, TrustBundle
from envoycodec.construct import maker
from envoycodec.upb import decode_upb

WORKLOAD_SECRET = "default"
"""Istio's name for a workload's own certificate and key."""
ROOTS_SECRET = "ROOTCA"
"""Istio's name for the roots by which peers are verified."""

_secret = maker(Secret)
_tls_certificate = maker(TlsCertificate)
_validation_context = maker(CertificateValidationContext)
_data_source = maker(DataSource)


def render_workload_secret(svid: Svid) -> Secret:
    """The secret that only the owner of ``svid`` may receive: it holds the private key."""
    certificate = _tls_certificate(
        certificate_chain=_inline(svid.chain_pem), private_key=_inline(svid.private_key.reveal())
    )
    return _secret(name=WORKLOAD_SECRET, tls_certificate=certificate)


def render_roots_secret(bundle: TrustBundle) -> Secret:
    """The roots that a proxy trusts. They are no secret to those who are in the mesh."""
    return _secret(name=ROOTS_SECRET, validation_context=_validation_context(trusted_ca=_inline(bundle.pem)))


def read_roots_secret(content: bytes) -> bytes:
    """The roots (PEM) in an encoded secret, as one who is served it reads them. ValueError when there are none."""
    secret = decode_upb(Secret, content)
    source = secret.validation_context.trusted_ca
    pem = source.inline_bytes or source.inline_string.encode()
    if secret.name != ROOTS_SECRET or not pem:
        raise ValueError(f"a secret {secret.name!r} in place of the roots")
    return bytes(pem)


def _inline(pem: bytes) -> DataSource:
    return _data_source(inline_string=pem.decode("ascii"))

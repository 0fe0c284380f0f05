"""Decisions about security, as values: what a connection must prove and what a proxy presents."""

from __future__ import annotations

from galley.kinds.gateway import TlsProtocol
from galley.meta import frozen


@frozen
class KeyPairFiles:
    """A certificate chain and its key, as paths on the proxy's own file system."""

    certificate: str
    private_key: str


@frozen
class UpstreamTls:
    """TLS that a proxy originates towards an upstream.

    ``ca_file`` None means the system's roots. ``sni`` "" leaves it to the request's authority (``auto_sni``).
    ``subject_alt_names`` are compared exactly; with none and no ``sni``, the authority is verified instead
    (``auto_san_validation``).
    """

    sni: str = ""
    ca_file: str | None = None
    crl_file: str = ""
    client_certificate: KeyPairFiles | None = None
    subject_alt_names: tuple[str, ...] = ()
    insecure_skip_verify: bool = False
    alpn: tuple[str, ...] = ()

    @property
    def auto_sni(self) -> bool:
        return not self.sni

    @property
    def auto_san_validation(self) -> bool:
        return not self.sni and not self.subject_alt_names and not self.insecure_skip_verify


@frozen
class ServerTls:
    """TLS that a gateway's server terminates; all files are on the gateway's own file system."""

    certificates: tuple[KeyPairFiles, ...]
    require_client_certificate: bool = False
    ca_file: str = ""
    crl_file: str = ""
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    insecure_skip_verify: bool = False
    min_version: TlsProtocol = TlsProtocol.TLS_AUTO
    max_version: TlsProtocol = TlsProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ("h2", "http/1.1")

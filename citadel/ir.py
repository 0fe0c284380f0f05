"""Decisions about security, as values: what a connection must prove and what a proxy presents."""

from __future__ import annotations

from enum import StrEnum

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.gateway import TlsProtocol
from galley.meta import ResourceKey

SPIFFE = "spiffe://"


class MtlsMode(StrEnum):
    """What a port of a workload accepts: plain text only, both, or mutual TLS only."""

    DISABLE = "DISABLE"
    PERMISSIVE = "PERMISSIVE"
    STRICT = "STRICT"


@frozen
class PeerModes:
    """What one workload accepts, everywhere and at the ports that are named. ``origins`` are the policies behind it."""

    mode: MtlsMode = MtlsMode.PERMISSIVE
    ports: FrozenMap[int, MtlsMode] = FrozenMap()
    origins: tuple[ResourceKey, ...] = ()

    def at(self, port: int) -> MtlsMode:
        """The mode of a port of the workload."""
        return self.ports.get(port, self.mode)

    def without_certificate(self) -> PeerModes:
        """What remains for a workload that cannot end mutual TLS: STRICT still admits no plain text."""
        ports = FrozenMap({port: _without_certificate(mode) for port, mode in self.ports.items()})
        return PeerModes(mode=_without_certificate(self.mode), ports=ports, origins=self.origins)


def _without_certificate(mode: MtlsMode) -> MtlsMode:
    return MtlsMode.DISABLE if mode is MtlsMode.PERMISSIVE else mode


@frozen
class MeshTls:
    """The identities of a mesh: the trust domains whose workloads belong to it, its own first, then its aliases.

    ``from_agent``: the proxy has its certificate and the roots from an agent on its host, not from its control plane.
    """

    trust_domains: tuple[str, ...]
    from_agent: bool = False

    def __post_init__(self) -> None:
        if not self.trust_domains:
            raise ValueError("a mesh with identities has a trust domain")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """How the SPIFFE ids of its workloads begin. The slash at the end keeps ``td-evil`` out of ``td``."""
        return tuple(f"{SPIFFE}{domain}/" for domain in dict.fromkeys(self.trust_domains))

    def names_of(self, namespace: str, service_account: str) -> tuple[str, ...]:
        """The SPIFFE ids of a service account, one in each trust domain."""
        return tuple(f"{prefix}ns/{namespace}/sa/{service_account}" for prefix in self.prefixes)


@frozen
class MeshServerTls:
    """TLS that a proxy terminates with its workload's own identity; clients must show an identity of ``mesh``."""

    mesh: MeshTls
    alpn: tuple[str, ...] = ("h2", "http/1.1")


@frozen
class MeshClientTls:
    """TLS that a proxy originates with its workload's own identity.

    The server must be one of ``subject_alt_names``; when nobody knows its names, any workload of ``mesh``.
    """

    mesh: MeshTls
    sni: str
    subject_alt_names: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()


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
        """Whether the SNI is the authority of the request."""
        return not self.sni

    @property
    def auto_san_validation(self) -> bool:
        """Whether the server must be the authority of the request, for nobody says who else."""
        return not self.sni and not self.subject_alt_names and not self.insecure_skip_verify


CIPHER_SUITES = frozenset(
    {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "AES256-SHA",
    }
)
"""The names of cipher suites that Envoy knows; it refuses any other."""


@frozen
class ServerTls:
    """TLS that a gateway's server terminates; all files are on the gateway's own file system.

    Names of cipher suites that Envoy does not know are left out, as in Istio.
    """

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

    def __post_init__(self) -> None:
        known = (suite for suite in dict.fromkeys(self.cipher_suites) if suite in CIPHER_SUITES)
        object.__setattr__(self, "cipher_suites", tuple(known))

"""The settings of a control plane, as one frozen value."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from citadel.jwks.key_sets import KeyFetcher
from galley.frozen import frozen
from galley.hosts.names import DEFAULT_DOMAIN
from pilot.node.ports import CONTROL_PLANE_ADMIN_PORT, XDS_PORT


class AddressError(ValueError):
    """An address that cannot be listened on; the text says what is right."""


@frozen
class ListenAddress:
    """``host:port`` to listen on; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can connect; false for names other than localhost, of which nobody knows."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def is_wildcard(self) -> bool:
        """Whether it means all addresses of this host, and so names none."""
        return self.host in ("0.0.0.0", "::")


def parse_address(text: str) -> ListenAddress:
    """Parse ``HOST:PORT``, ``[IPv6]:PORT`` or ``:PORT`` (all addresses). Raises ``AddressError``."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise AddressError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:{XDS_PORT}")
    return ListenAddress(host=host.strip("[]") or "0.0.0.0", port=int(port))


@frozen
class StreamLimits:
    """How many xDS streams may be open: in all, from one address, of one node there, and of one proven identity.

    ``names_per_address`` are names of resources that do not exist, which are remembered for whoever asks for them.
    ``first_request`` is how many seconds a stream has to say who it is. An Envoy has one stream, and a second while
    it restarts; the replicas of a service account share theirs.
    """

    total: int = 10_000
    per_address: int = 2_000
    per_node: int = 64
    per_identity: int = 2_000
    names_per_address: int = 250_000
    first_request: float = 10.0


@frozen
class IdentitySettings:
    """How proxies prove who they are. ``citadel`` is the directory of ``citadel init``.

    ``mtls_address`` serves proxies that show a certificate of the mesh, ``plaintext_address`` those that prove
    nothing and get no secrets. ``server_names`` are what proxies call the control plane; empty stands for the hosts
    of the addresses. ``certificate_ttl`` is in seconds, 0 for the default. ``oidc_issuers`` are pairs of an issuer's
    name and the file of its JWKS document. ``published_roots`` is a directory for them, None for
    its place in the state.
    """

    citadel: Path
    mtls_address: ListenAddress | None = None
    plaintext_address: ListenAddress | None = None
    server_names: tuple[str, ...] = ()
    cacerts: Path | None = None
    trust_domain: str = ""
    certificate_ttl: float = 0.0
    oidc_issuers: tuple[tuple[str, Path], ...] = ()
    published_roots: Path | None = None

    @property
    def public_directory(self) -> Path:
        """Where the roots are published, for those who may read nothing else of the state."""
        return self.published_roots or self.citadel / "public"


@frozen
class DockerSettings:
    """Which Docker Engine to follow ("" for the usual one), and which of its containers and networks count."""

    url: str = ""
    projects: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


@frozen
class Settings:
    """All settings of ``pilot serve``. Durations are in seconds."""

    config: tuple[Path, ...]
    state: Path | None = None
    xds_address: ListenAddress = ListenAddress(host="127.0.0.1", port=XDS_PORT)
    admin_address: ListenAddress = ListenAddress(host="127.0.0.1", port=CONTROL_PLANE_ADMIN_PORT)
    admin_hosts: tuple[str, ...] = ()
    """Names and addresses, beside loopback ones and that of ``admin_address``, by which the admin port may be asked."""
    report_denials: bool = True
    """Whether proxies with policies report here what these refuse."""
    insecure: bool = False
    accept_partial: bool = False
    require_complete: bool = False
    accept_unenforced: bool = False
    follow_links: bool = False
    allow_empty: bool = False
    domain: str = DEFAULT_DOMAIN
    """The DNS domain of the mesh: services are ``name.namespace.svc.domain``."""
    deregister_after: float = 3.0
    """How long a self-registered workload stays an endpoint after its Envoy disconnected."""
    identity: IdentitySettings | None = None
    limits: StreamLimits = StreamLimits()
    docker: DockerSettings | None = None
    jwks_targets: tuple[str, ...] = ()
    """Networks beyond the public ones from which key sets may be fetched."""
    key_fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE

    def check(self) -> str:
        """Why these settings cannot be served, or ""."""
        if self.identity is not None:
            if problem := self._check_identity(self.identity):
                return problem
        elif not self.insecure and not self.xds_address.is_loopback:
            return (
                f"--xds-address {self.xds_address} is reachable from other hosts, and the xDS port has no transport "
                "security; give it an authority with --citadel, listen on 127.0.0.1, or say --insecure to accept that "
                "anyone who reaches the port reads the configuration and can register workloads"
            )
        if not self.insecure and not self.admin_address.is_loopback:
            return (
                f"--admin-address {self.admin_address} is reachable from other hosts and the admin port has no "
                "authentication; listen on 127.0.0.1, or say --insecure"
            )
        return ""

    @property
    def server_names(self) -> tuple[str, ...]:
        """The names in the control plane's own certificate."""
        if self.identity is None:
            return ()
        addresses = (self.xds_address, self.identity.mtls_address)
        hosts = (address.host for address in addresses if address is not None and not address.is_wildcard)
        return self.identity.server_names or tuple(dict.fromkeys(hosts))

    def _check_identity(self, identity: IdentitySettings) -> str:
        if not self.server_names:
            return (
                f"--xds-address {self.xds_address} names no host: say with --xds-san by which names and addresses "
                "proxies reach the control plane"
            )
        plaintext = identity.plaintext_address
        if plaintext is not None and not plaintext.is_loopback and not self.insecure:
            return (
                f"--plaintext-address {plaintext} is reachable from other hosts, and nothing there is encrypted or "
                "authenticated; listen on 127.0.0.1, or say --insecure"
            )
        return ""

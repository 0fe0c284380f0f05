"""A mesh with identities: `citadel` beside `pilot serve`, tokens for workloads, and Envoys that show their secrets."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pilot.dataplane.bootstrap import BootstrapOptions, SocketAddress, XdsTls
from pilot.dataplane.xds_tls import PUBLISHED_ROOTS
from pilot.node.node_id import ProxyKind
from pilot.node.ports import ENVOY_ADMIN_PORT
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.envoys import Envoy
from tests.e2e.harness.mesh import Mesh

TLS_PORT = 15443


class Identity:
    """The authority of ``mesh``, in the state directory of its control plane."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.state = mesh.control_plane.state
        self.citadel("init")

    def citadel(self, *arguments: str) -> str:
        """Run a command of citadel on this authority; what it prints."""
        words = [part for word in arguments for part in (word.split(" ") if word == arguments[0] else [word])]
        command = [sys.executable, "-m", "citadel", *words, "--state", str(self.state)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        with (self.mesh.home / "citadel.log").open("a") as console:
            # The one thing that prints a secret, and nothing else.
            console.write(done.stderr if words[:2] == ["token", "create"] else done.stdout + done.stderr)
        return done.stdout

    def serve(self, *arguments: str) -> None:
        """Start the control plane with TLS and identities."""
        self.mesh.serve("--citadel", str(self.state), *arguments)

    def refusal(self, *arguments: str) -> str:
        """Run a command of citadel that refuses; what it says to that."""
        command = [sys.executable, "-m", "citadel", *arguments, "--state", str(self.state)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def activate_root(self) -> None:
        """Activate the prepared root as soon as that is not refused any more."""
        command = [sys.executable, "-m", "citadel", "root", "activate", "--state", str(self.state)]

        def activates() -> bool:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stderr
            return True

        eventually(activates, 20, what="everybody's acknowledgement of the new root")

    @property
    def roots(self) -> str:
        return (self.state / "citadel" / "root-cert.pem").read_text()

    def token(self, service_account: str, namespace: str = "default", *flags: str, ttl: str = "1h") -> str:
        """A join token."""
        names = ("--namespace", namespace, "--service-account", service_account, "--ttl", ttl)
        return self.citadel("token create", *names, *flags).strip()

    def tls(self, token: str, *, follows_roots: bool = False) -> XdsTls:
        """What a bootstrap needs to reach this control plane and to prove something by ``token``.

        With ``follows_roots`` Envoy reads the roots from the file that the control plane publishes.
        """
        names = (self.mesh.control_plane.xds[0],)
        if follows_roots:
            return XdsTls(roots="", names=names, token=token, roots_file=str(self.state / "public" / PUBLISHED_ROOTS))
        return XdsTls(roots=self.roots, names=names, token=token)

    def envoy(
        self, service_account: str, token: str, *, name: str = "", secret: str = "default", **options: Any
    ) -> Envoy:
        """Start an Envoy that serves ``/`` on TLS_PORT with the secret ``secret`` and asks clients for certificates."""
        host = self.mesh.addresses.host()
        described = BootstrapOptions(
            kind=ProxyKind.SIDECAR,
            name=name or service_account,
            service_account=service_account,
            ip=host,
            xds=SocketAddress(*self.mesh.control_plane.xds),
            xds_tls=self.tls(token),
            delta=self.mesh.delta,
            admin=SocketAddress(host, ENVOY_ADMIN_PORT),
            **options,
        )
        envoy = Envoy(self.mesh.envoy, described, self.mesh.home / "envoys")
        bootstrap = yaml.safe_load(envoy.command.config.read_text())
        bootstrap["static_resources"]["listeners"] = [_listener(host, secret)]
        envoy.command.config.write_text(yaml.safe_dump(bootstrap))
        self.mesh.start(envoy)
        return envoy

    def client_context(self, service_account: str, directory: Path) -> ssl.SSLContext:
        """TLS of a client that is ``service_account`` and trusts the mesh; it compares no host names."""
        self.citadel("issue", "--namespace", "default", "--service-account", service_account, "--out", str(directory))
        context = ssl.create_default_context(cadata=self.roots)
        context.check_hostname = False
        context.load_cert_chain(directory / "cert-chain.pem", directory / "key.pem")
        return context


def certificates(envoy: Envoy) -> list[dict[str, Any]]:
    """The leaf certificates that ``envoy`` holds, as its admin interface tells them."""
    found = json.loads(envoy.admin("/certs")).get("certificates", [])
    return [one["cert_chain"][0] for one in found if one.get("cert_chain")]


def serial_number(envoy: Envoy) -> str:
    """The serial number of the certificate that ``envoy`` serves; "" while it has none."""
    return next((str(one["serial_number"]) for one in certificates(envoy)), "")


def is_expired(certificate: dict[str, Any]) -> bool:
    """Whether a certificate of ``certificates`` is past its time."""
    return datetime.fromisoformat(certificate["expiration_time"]) < datetime.now(UTC)


def _listener(host: str, secret: str) -> dict[str, Any]:
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    types = "type.googleapis.com/envoy.extensions."
    manager = {
        "@type": f"{types}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "probe",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "probe",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{types}filters.http.router.v3.Router"}},
        ],
    }
    tls = {
        "@type": f"{types}transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [{"name": secret, "sds_config": source}],
            "validation_context_sds_secret_config": {"name": "ROOTCA", "sds_config": source},
        },
    }
    return {
        "name": "probe",
        "address": {"socket_address": {"address": host, "port_value": TLS_PORT}},
        "filter_chains": [
            {
                "filters": [{"name": "http", "typed_config": manager}],
                "transport_socket": {"name": "tls", "typed_config": tls},
            }
        ],
    }

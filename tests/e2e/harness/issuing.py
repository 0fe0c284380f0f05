"""A control plane inside the test: it gives every node a certificate for the service account that the node claims.

Who may have which identity is tested elsewhere; here it is about what proxies do with the identities that they have.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    Secret,
    TlsCertificate,
)

from citadel.ca.issuance import Issuer, Profile, issue_svid
from citadel.ca.roots import build_issuer, create_authority
from citadel.identity import SpiffeId, Svid, TrustDomain
from citadel.refusal import Refusal
from envoycodec.encode import encode_any
from galley.publishing.validate import validate
from galley.snapshot import build_snapshot
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.server.ads import start_ads
from pilot.server.fleet import Fleet
from pilot.serving import PilotMesh, Registrar
from pilot.xds.resources import SECRET, EncodedResource, ResourceSet, ResourceSnapshot
from tests.e2e.harness.conditions import eventually

DOMAIN = TrustDomain("cluster.local")


class IssuingControlPlane:
    """Serves what is written, as ``ControlPlane`` does, over plain text on ``host``. ``impostors`` get the certificate
    of another service account than the one that they claim, by node name."""

    def __init__(self, home: Path, *, host: str, port: int = 15010) -> None:
        self.log_file = home / "issuing"
        self.xds = (host, port)
        self.impostors: dict[str, str] = {}
        self._files: dict[str, bytes] = {}
        self.state = MeshState(deregister_after=0.5, trust_domain=DOMAIN)
        self._issuer = build_issuer(create_authority(DOMAIN, datetime.now(UTC)))
        self._secrets: dict[str, ResourceSet] = {}
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def write(self, name: str, text: str) -> Path:
        """Take up a file; once started, push what follows from it."""
        self._files[name] = text.encode()
        validation = validate(self._files, identities=True)
        assert [one for one in validation.diagnostics if one.is_error] == []
        config, _ = build_snapshot(validation.resources)
        self._call(lambda: self.state.configure(config))
        return Path(name)

    def start(self, _arguments: object = ()) -> None:
        """Begin to serve."""
        self._thread.start()
        eventually(self._ready.is_set, 10, what="the control plane")

    def stop(self) -> None:
        """Cut all streams and end."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def log_tail(self) -> str:
        """It writes no log of its own."""
        return ""

    def svid(self, service_account: str, *, namespace: str = "default", issuer: Issuer | None = None) -> Svid:
        """A certificate and key for a service account."""
        identity = SpiffeId(DOMAIN, namespace, service_account)
        made = issue_svid(issuer or self._issuer, Profile(DOMAIN), identity, datetime.now(UTC))
        assert not isinstance(made, Refusal)
        return made

    @property
    def roots(self) -> str:
        """What the mesh trusts, as PEM."""
        return self._issuer.bundle.pem.decode()

    def _call(self, change: Callable[[], object]) -> None:
        if not self._thread.is_alive():
            change()
            return

        def change_and_push() -> None:
            change()
            self._push()

        self._loop.call_soon_threadsafe(change_and_push)

    async def _serve(self) -> None:
        self._fleet: Fleet[Proxy] = Fleet(
            _IssuingMesh(self), Registrar(self.state, lambda: self._loop.call_soon(self._push))
        )
        self._push()
        host, port = self.xds
        server = await start_ads(f"{host}:{port}", self._fleet)
        self._ready.set()
        await self._stopping.wait()
        await server.stop(0)

    def _push(self) -> None:
        if self.state.rebuild():
            self._fleet.publish()

    def secrets_beside(self, proxy: Proxy) -> ResourceSet:
        """The certificate of ``proxy``, made when it is asked for first."""
        if proxy.id not in self._secrets:
            account = self.impostors.get(proxy.name, proxy.service_account)
            self._secrets[proxy.id] = self._secrets_of(self.svid(account, namespace=proxy.namespace))
        return self._secrets[proxy.id]

    def _secrets_of(self, svid: Svid) -> ResourceSet:
        chain, key = svid.chain_pem.decode(), svid.private_key.reveal().decode()
        own = Secret(
            name="default",
            tls_certificate=TlsCertificate(
                certificate_chain=DataSource(inline_string=chain), private_key=DataSource(inline_string=key)
            ),
        )
        trusted = CertificateValidationContext(trusted_ca=DataSource(inline_string=self.roots))
        roots = Secret(name="ROOTCA", validation_context=trusted)
        return ResourceSet(SECRET, [EncodedResource(one.name, "1", encode_any(one)) for one in (own, roots)])


class _IssuingMesh(PilotMesh):
    """Believes everybody, and puts their secrets beside what they are served."""

    def __init__(self, issuing: IssuingControlPlane) -> None:
        super().__init__(issuing.state, None)
        self._issuing = issuing

    def snapshot_of(self, proxy: Proxy) -> ResourceSnapshot | None:
        generated = super().snapshot_of(proxy)
        return generated and generated.with_set(self._issuing.secrets_beside(proxy))

"""A control plane with identities on free ports of loopback, and its clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret

from citadel.certificate_service import SERVICE as CSR_SERVICE
from citadel.certificate_service import CertificateRequest, CertificateResponse
from citadel.identity import SpiffeId, TrustDomain
from citadel.tokens.join_token import JoinToken, sign_join_token
from citadel.tokens.keystore import open_token_keys
from citadel.x509 import build_signing_request
from envoycodec.construct import maker
from envoycodec.discovery import Node
from envoycodec.encode import encode_any
from envoycodec.upb import decode_upb
from pilot.identity.identities import Identities, bind_proxy
from pilot.mesh.context.proxy import Proxy
from pilot.reports.access_log_service import AccessLogService
from pilot.reports.denial import Denials
from pilot.server.ads import AdsServer, start_ads
from pilot.server.fleet import Fleet
from pilot.serving import proxy_of_node
from pilot.settings import IdentitySettings, ListenAddress, Settings, StreamLimits
from pilot.xds.resources import CLUSTER, SECRET, EncodedResource, ResourceSet, ResourceSnapshot
from tests.pilot.server.ads_client import AdsClient
from tests.pilot.server.served import Notes, SimpleMesh

DOMAIN = TrustDomain("cluster.local")
ALICE = SpiffeId(DOMAIN, "shop", "alice")
BOB = SpiffeId(DOMAIN, "shop", "bob")
SNAPSHOT = ResourceSnapshot([ResourceSet(CLUSTER, [EncodedResource("a", "1", encode_any(maker(Cluster)(name="a")))])])
ROOMY = StreamLimits()
ANY_PORT = ListenAddress(host="127.0.0.1", port=0)


def node(identity: SpiffeId, name: str = "app", **metadata: str) -> dict[str, Any]:
    fields = {"NAMESPACE": identity.namespace, "SERVICE_ACCOUNT": identity.service_account, **metadata}
    namespace = identity.namespace
    return {"id": f"sidecar~127.0.0.1~{name}.{namespace}~{namespace}.svc.cluster.local", "metadata": fields}


@dataclass
class World:
    """A control plane with the ports for tokens, certificates and plaintext."""

    state: Path
    identities: Identities
    fleet: Fleet[Proxy]
    notes: Notes[Proxy]
    server: AdsServer
    denials: Denials

    def token(
        self, identity: SpiffeId = ALICE, *, once: bool = False, ttl: float = 60.0, age: float = 0.0, name: str = "t"
    ) -> str:
        issued = datetime.now(UTC) - timedelta(seconds=age)
        token = JoinToken(identity, name, issued, issued + timedelta(seconds=ttl), once)
        return "Bearer " + sign_join_token(token, open_token_keys(self.state).private_key).reveal()

    @property
    def roots(self) -> bytes:
        return (self.state / "citadel" / "root-cert.pem").read_bytes()

    def stream(self, token: str | None, *, delta: bool = False) -> AdsClient:
        credentials = grpc.ssl_channel_credentials(self.roots)
        return AdsClient(self.server.ports[0], credentials=credentials, token=token, delta=delta)

    def stream_with_certificate(self, key: bytes, chain: bytes) -> AdsClient:
        return AdsClient(self.server.ports[1], credentials=grpc.ssl_channel_credentials(self.roots, key, chain))

    def plaintext(self) -> AdsClient:
        return AdsClient(self.server.ports[2])


class ProvingMesh(SimpleMesh[Proxy]):
    """Serves one cluster, and to each the secrets of its proven identity."""

    proves_identities = True

    def __init__(self, identities: Identities) -> None:
        super().__init__(proxy_of_node, SNAPSHOT)
        self._identities = identities

    def admit(self, node: Node, identity: SpiffeId | None) -> Proxy:
        return bind_proxy(self.read(node), identity)

    def secrets_of(self, proxy: Proxy, identity: SpiffeId) -> ResourceSet | None:
        return self._identities.secrets_of(proxy, identity)


@asynccontextmanager
async def started(state: Path, *, certificate_ttl: float = 0.0, limits: StreamLimits = ROOMY) -> AsyncIterator[World]:
    identity = IdentitySettings(
        citadel=state, mtls_address=ANY_PORT, plaintext_address=ANY_PORT, certificate_ttl=certificate_ttl
    )
    settings = Settings(config=(), xds_address=ANY_PORT, identity=identity)
    identities = Identities(settings, identity)
    notes: Notes[Proxy] = Notes()
    fleet = Fleet(ProvingMesh(identities), notes)
    fleet.publish()
    denials = Denials()
    reports = AccessLogService(fleet, denials, identities.authenticator).handler()
    server = await start_ads(
        identities.ports(),
        fleet,
        authenticator=identities.authenticator,
        handlers=(*identities.handlers(), reports),
        limits=limits,
    )
    renewing = asyncio.create_task(identities.keep_current(fleet))
    try:
        yield World(state, identities, fleet, notes, server, denials)
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await server.stop(0)


async def first_secrets(client: AdsClient, identity: SpiffeId, *names: str, name: str = "app") -> Any:
    await client.send(SECRET, node=node(identity, name), resourceNames=list(names))
    return await client.receive()


def chain_of(response: Any) -> bytes:
    """The certificate chain in a response with the one secret ``default``."""
    (secret,) = map(decoded, response.resources)
    return bytes(secret.tls_certificate.certificate_chain.inline_string, "ascii")


def decoded(resource: Any) -> Any:
    return decode_upb(Secret, resource.value)


async def refused(client: AdsClient, **first: Any) -> tuple[grpc.StatusCode, str]:
    async with client:
        if first:
            await client.send(CLUSTER, **first)
        return await client.status()


def key_request(key: Any) -> bytes:
    return build_signing_request(key, ALICE)


async def create_certificate(
    world: World,
    csr: bytes,
    token: str | None,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    port: int = 0,
    **fields: Any,
) -> list[str]:
    """Have ``csr`` signed, at the ``port``-th port of ``world``; the chain in the answer."""
    credentials = credentials or grpc.ssl_channel_credentials(world.roots)
    metadata = () if token is None else (("authorization", token),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{world.server.ports[port]}", credentials) as channel:
        call = channel.unary_unary(f"/{CSR_SERVICE}/CreateCertificate", bytes, bytes)
        answer = await call(
            CertificateRequest(csr=csr.decode(), **fields).SerializeToString(), metadata=metadata, timeout=10
        )
    return list(CertificateResponse.FromString(answer).cert_chain)

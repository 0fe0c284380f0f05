"""Identity: signing over mutual TLS, a first configuration with secrets, and what a refusal costs.

Each beside what it is to be compared with, in one run: signing alone, calls alone over the same TLS, plaintext.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import grpc.aio

from bench.configuration import Mesh, write_files
from bench.control_plane import HOST, ControlPlane, free_port
from bench.fleet import Worker
from bench.raw_tls import run_raw_tls_server
from citadel.attestation import Attestor, BearerToken, ClientCertificate
from citadel.attestation.policy import AttestationPolicy
from citadel.ca.issuance import (
    IssuanceRequest,
    Issuer,
    Profile,
    ServerCertificate,
    issue,
    issue_server_certificate,
    issue_svid,
)
from citadel.ca.keystore import Keystore
from citadel.ca.roots import build_issuer, create_authority
from citadel.certificate_service import SERVICE as CSR
from citadel.certificate_service import CertificateRequest
from citadel.identity import SpiffeId, Svid, TrustDomain
from citadel.refusal import Refusal
from citadel.tokens.join_token import JoinToken, sign_join_token
from citadel.tokens.keystore import open_token_keys
from citadel.tokens.ledger import RedemptionLedger
from citadel.x509 import build_signing_request, generate_private_key
from envoycodec.upb import parse_json
from pilot.server.ads import SERVICE as ADS
from pilot.xds.resources import CLUSTER, SECRET

_DOMAIN = TrustDomain("cluster.local")
_SIGN = f"/{CSR}/CreateCertificate"
_STREAM = f"/{ADS}/StreamAggregatedResources"
_IDENTITIES = 20
"""Callers, each within its own limit of 50 a second and 500 at once."""
_AT_ONCE = 16


@dataclass(frozen=True)
class Signing:
    """Requests a second: signed alone on one core, called alone over mutual TLS, and both by the control plane."""

    requests: int
    signing: float
    calls: float
    served: float


@dataclass(frozen=True)
class FirstConfiguration:
    """Seconds until the last of ``clients``, which all connect at once, has its clusters; with TLS also its secrets."""

    clients: int
    plaintext: float
    secured: float


@dataclass(frozen=True)
class RefusalCost:
    """Processor milliseconds of one refusal: the median and the worst of all ``cases``."""

    what: str
    cases: int
    median: float
    worst: float


@dataclass(frozen=True)
class IdentityResult:
    signing: Signing
    first: FirstConfiguration
    refusals: tuple[RefusalCost, ...]


def measure_identity(*, requests: int, clients: int) -> IdentityResult:
    """All of it, on authorities and control planes of its own."""
    with TemporaryDirectory(prefix="pilothouse-bench-") as directory:
        home = Path(directory)
        now = datetime.now(UTC)
        issuer = build_issuer(Keystore(home / "state").open(_DOMAIN, now))
        write_files(home / "config", Mesh(10).files())
        signing, secured = _with_citadel(home, issuer, requests, clients)
        plaintext = _with_plane(ControlPlane(home), lambda port: _first(port, clients, None, ()))
        return IdentityResult(signing, FirstConfiguration(clients, plaintext, secured), _refusals(home))


def _with_plane(plane: ControlPlane, measure: Callable[[int], Any]) -> Any:
    try:
        plane.wait_listening()
        return asyncio.run(measure(plane.port))
    finally:
        plane.stop()


def _with_citadel(home: Path, issuer: Issuer, requests: int, clients: int) -> tuple[Signing, float]:
    mtls = free_port()
    plane = ControlPlane(
        home, "--citadel", str(home / "state"), "--xds-mtls-address", f"{HOST}:{mtls}", "--xds-san", HOST
    )
    messages = [_request_message() for _ in range(requests)]
    raw = Worker(run_raw_tls_server, _server(issuer), issuer.bundle.pem)
    try:
        raw_port = raw.ask("start")
        plane.wait_listening()
        svids = [_svid(issuer, f"bench-{number}") for number in range(_IDENTITIES)]
        calls = asyncio.run(_rate(raw_port, svids, issuer, messages))
        served = asyncio.run(_rate(mtls, svids, issuer, messages))
        tokens = [_token(home, f"client-{number}") for number in range(clients)]
        secured = asyncio.run(_first(plane.port, clients, issuer.bundle.pem, tokens))
    finally:
        raw.stop()
        plane.stop()
    return Signing(requests, _signing_alone(issuer, messages), calls, served), secured


def _server(issuer: Issuer) -> tuple[bytes, bytes]:
    """Key and chain of the raw server, as a control plane's own."""
    made = issue_server_certificate(issuer, Profile(_DOMAIN), (HOST,), datetime.now(UTC))
    assert isinstance(made, ServerCertificate)
    return made.private_key.reveal(), made.chain_pem


def _svid(issuer: Issuer, account: str) -> Svid:
    made = issue_svid(issuer, Profile(_DOMAIN), SpiffeId(_DOMAIN, "default", account), datetime.now(UTC))
    assert isinstance(made, Svid)
    return made


def _token(home: Path, account: str, *, age: float = 0.0, once: bool = False) -> str:
    now = datetime.now(UTC) - timedelta(seconds=age)
    token = JoinToken(SpiffeId(_DOMAIN, "default", account), account, now, now + timedelta(minutes=10), once)
    return sign_join_token(token, open_token_keys(home / "state").private_key).reveal()


def _request_message() -> bytes:
    csr = build_signing_request(generate_private_key()).decode()
    message: bytes = CertificateRequest(csr=csr).SerializeToString()
    return message


def _signing_alone(issuer: Issuer, messages: Sequence[bytes]) -> float:
    now, caller = datetime.now(UTC), SpiffeId(_DOMAIN, "default", "bench")
    requests = [
        IssuanceRequest(caller, CertificateRequest.FromString(one).csr.encode(), timedelta(0)) for one in messages
    ]
    started = time.perf_counter()
    for request in requests:
        assert not isinstance(issue(issuer, Profile(_DOMAIN), request, now), Refusal)
    return len(requests) / (time.perf_counter() - started)


async def _rate(port: int, svids: Sequence[Svid], issuer: Issuer, messages: Sequence[bytes]) -> float:
    """Calls a second of ``_AT_ONCE`` callers at a time, over connections that are open already."""
    async with _channels(port, svids, issuer.bundle.pem) as channels:
        calls = [channel.unary_unary(_SIGN) for channel in channels]
        await asyncio.gather(*(call(messages[0], timeout=60) for call in calls))
        waiting = iter(enumerate(messages))
        started = time.perf_counter()

        async def work() -> None:
            for number, message in waiting:
                await calls[number % len(calls)](message, timeout=60)

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        return len(messages) / (time.perf_counter() - started)


@asynccontextmanager
async def _channels(port: int, svids: Iterable[Svid], roots: bytes) -> AsyncIterator[list[Any]]:
    made: list[Any] = [
        grpc.aio.secure_channel(
            f"{HOST}:{port}",
            grpc.ssl_channel_credentials(roots, svid.private_key.reveal(), svid.chain_pem),
        )
        for svid in svids
    ]
    try:
        yield made
    finally:
        for channel in made:
            await channel.close()


async def _first(port: int, clients: int, roots: bytes | None, tokens: Sequence[str]) -> float:
    """Seconds until all clients have their clusters, and with ``tokens`` their secrets."""
    started = time.perf_counter()
    await asyncio.gather(
        *(_one_first(port, number, roots, tokens[number] if tokens else "") for number in range(clients))
    )
    return time.perf_counter() - started


async def _one_first(port: int, number: int, roots: bytes | None, token: str) -> None:
    from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest  # noqa: PLC0415 - slow to import

    target, account = f"{HOST}:{port}", f"client-{number}"
    own = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))
    channel: Any = (
        grpc.aio.insecure_channel(target, options=own)
        if roots is None
        else grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(roots), options=own)
    )
    node = {
        "id": f"sidecar~10.9.{number // 250}.{number % 250 + 1}~{account}.default~default.svc.cluster.local",
        "metadata": {"NAMESPACE": "default", "SERVICE_ACCOUNT": account},
    }
    async with channel:
        call = channel.stream_stream(_STREAM)(metadata=(("authorization", f"Bearer {token}"),) if token else ())
        await call.write(parse_json(DiscoveryRequest, {"node": node, "typeUrl": CLUSTER}))
        if token:
            names = ["default", "ROOTCA"]
            await call.write(parse_json(DiscoveryRequest, {"typeUrl": SECRET, "resourceNames": names}))
        for _ in range(2 if token else 1):
            assert isinstance(await call.read(), bytes)
        call.cancel()


def _refusals(home: Path) -> tuple[RefusalCost, ...]:
    from tests.citadel.attestation.hostile_certificates import hostile_certificates  # noqa: PLC0415 - made on import
    from tests.citadel.ca.hostile_requests import hostile_requests  # noqa: PLC0415
    from tests.citadel.pki import NOW, PROFILE, REVIEWS, bundle, issuer  # noqa: PLC0415

    of_tests = Attestor(AttestationPolicy(_DOMAIN, bundle()), RedemptionLedger(home / "none"))
    certificates = list(hostile_certificates().values())
    requests = list(hostile_requests().values())
    return (
        _cost("client certificates", certificates, lambda pem: of_tests.attest(ClientCertificate(pem), NOW, peer="")),
        _cost("signing requests", requests, lambda csr: issue(issuer(), PROFILE, IssuanceRequest(REVIEWS, csr), NOW)),
        _token_cost(home),
    )


def _token_cost(home: Path) -> RefusalCost:
    now = datetime.now(UTC)
    policy = AttestationPolicy(
        _DOMAIN,
        create_authority(_DOMAIN, now).bundle,
        token_public_key=open_token_keys(home / "state").public_key,
    )
    attestor = Attestor(policy, RedemptionLedger(home / "state" / "citadel" / "redeemed"))
    used = _token(home, "used", once=True)
    assert not isinstance(attestor.attest(BearerToken(used), now, peer=""), Refusal)
    good = _token(home, "good")
    hostile = [used, _token(home, "late", age=3600.0), good[:-8] + "AAAAAAAA", "a.b.c", "", "x" * 16_000, good[:100]]
    return _cost(
        "tokens (used, expired, forged, cut off)", hostile, lambda one: attestor.attest(BearerToken(one), now, peer="")
    )


def _cost(what: str, cases: Sequence[Any], refuse: Callable[[Any], object]) -> RefusalCost:
    """Each case by its best of three: other programs run beside."""
    best = []
    for case in cases:
        times = []
        for _ in range(3):
            started = time.thread_time()
            outcome = refuse(case)
            times.append(time.thread_time() - started)
            assert isinstance(outcome, Refusal), what
        best.append(1000 * min(times))
    return RefusalCost(what, len(cases), statistics.median(best), max(best))

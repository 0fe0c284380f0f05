"""Streams over TLS: who is let in, whose secrets are served, what is renewed; nobody gets what is another's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from citadel.ca.acknowledgements import AcknowledgementFiles, find_obstacles
from citadel.ca.keystore import Keystore
from citadel.ca.roots import activate_root, prepare_root
from citadel.identity import SpiffeId
from citadel.x509 import decode_certificates, generate_private_key, split_certificates
from pilot.admin.http import as_json
from pilot.envoy.resource_json import snapshot_as_json
from pilot.identity.identities import bind_proxy
from pilot.mesh.context.proxy import read_proxy
from pilot.server.served_mesh import IdentityError
from pilot.settings import StreamLimits
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET
from tests.pilot.identity_world import (
    ALICE,
    BOB,
    DOMAIN,
    SNAPSHOT,
    World,
    chain_of,
    create_certificate,
    decoded,
    first_secrets,
    key_request,
    node,
    refused,
    started,
)
from tests.pilot.server.ads_client import AdsClient
from tests.pilot.server.conditions import until


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with started(tmp_path) as running:
        yield running


async def test_a_token_proves_an_identity_and_gets_its_certificate(world: World) -> None:
    async with world.stream(world.token()) as client:
        response = await first_secrets(client, ALICE, "default", "ROOTCA")
        secrets = {secret.name: secret for secret in map(decoded, response.resources)}
        leaf, *_ = decode_certificates(secrets["default"].tls_certificate.certificate_chain.inline_string.encode())
        assert leaf.spiffe_ids == (str(ALICE),)
        assert secrets["default"].tls_certificate.private_key.inline_string.startswith("-----BEGIN PRIVATE KEY")
        assert secrets["ROOTCA"].validation_context.trusted_ca.inline_string.encode() == world.roots


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: None,
        lambda world: "",
        lambda world: "Bearer",
        lambda world: "Basic YWxpY2U6",
        lambda world: "Bearer a.b.c",
        lambda world: world.token()[:-4] + "AAAA",
        lambda world: world.token(ttl=5, age=600),
        lambda world: world.token() + "x" * 20_000,
    ],
)
async def test_without_a_good_token_nothing_is_said(world: World, spoil: Callable[[World], str | None]) -> None:
    status, text = await refused(world.stream(spoil(world)))
    if status is not grpc.StatusCode.RESOURCE_EXHAUSTED:  # gRPC itself refuses 20 kB of headers
        assert (status, text) == (grpc.StatusCode.UNAUTHENTICATED, "not authenticated")
    assert world.fleet.connections == ()


async def test_a_one_time_token_has_one_user(world: World) -> None:
    token = world.token(once=True)
    async with world.stream(token) as client:
        await first_secrets(client, ALICE, "ROOTCA")
        assert await refused(world.stream(token)) == (
            grpc.StatusCode.UNAUTHENTICATED,
            "not authenticated",
        )


async def test_of_many_with_one_token_one_wins(world: World) -> None:
    token = world.token(once=True)
    clients = [world.stream(token) for _ in range(100)]

    async def attempt(client: AdsClient) -> bool:
        async with client:
            with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                await client.send(CLUSTER, node=node(ALICE))
                return isinstance(await client.call.read(), bytes)
            return False

    assert sum(await asyncio.gather(*map(attempt, clients))) == 1


@pytest.mark.parametrize(
    "claimed",
    [
        node(BOB),
        node(SpiffeId(DOMAIN, "bank", "alice")),
        node(ALICE, NAMESPACE="bank"),
        {**node(ALICE), "id": "sidecar~127.0.0.1~app.bank~shop.svc.cluster.local"},
        {**node(ALICE), "id": "sidecar~127.0.0.1~app.shop~bank.svc.cluster.local"},
    ],
)
async def test_a_node_of_another_is_refused(
    world: World, claimed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    token = world.token()
    with caplog.at_level(logging.INFO):
        status = await refused(world.stream(token), node=claimed)
    assert status == (grpc.StatusCode.PERMISSION_DENIED, "not permitted")
    assert "PERMISSION_DENIED" in caplog.text
    assert token.removeprefix("Bearer ") not in caplog.text


async def test_the_node_of_who_is_connected_is_not_for_others(world: World) -> None:
    unnamed = node(ALICE)
    del unnamed["metadata"]["SERVICE_ACCOUNT"]
    async with world.stream(world.token()) as client:
        await first_secrets(client, ALICE, "ROOTCA")
        for other in (world.stream(world.token(BOB)), world.plaintext()):
            assert (await refused(other, node=unnamed))[0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("metadata", [{}, {"AGENT": "true"}])
async def test_who_claims_a_node_first_loses_it_to_who_proves_to_be_it(world: World, metadata: dict[str, str]) -> None:
    async with world.plaintext() as stranger, world.stream(world.token()) as owner:
        await stranger.send(CLUSTER, node=node(ALICE, **metadata))
        await stranger.receive()
        await first_secrets(owner, ALICE, "ROOTCA")
        assert await stranger.status() == (grpc.StatusCode.PERMISSION_DENIED, "not permitted")
        assert [connection.identity for connection in world.fleet.connections] == [ALICE]


async def test_plaintext_gets_no_secret(world: World) -> None:
    async with world.plaintext() as client:
        await client.send(SECRET, node=node(ALICE), resourceNames=["default", "ROOTCA"])
        await client.send(CLUSTER)
        while (response := await client.receive()).type_url == SECRET:
            assert not response.resources
        assert response.type_url == CLUSTER


@pytest.mark.parametrize("delta", [False, True])
async def test_anothers_secret_does_not_exist(world: World, delta: bool) -> None:
    names = [str(ALICE), "shop/alice", "kubernetes://alice", "*"]
    ask = {"resourceNamesSubscribe": names} if delta else {"resourceNames": names}
    async with world.stream(world.token()) as owner, world.stream(world.token(BOB), delta=delta) as client:
        theirs = chain_of(await first_secrets(owner, ALICE, "default"))
        await client.send(SECRET, node=node(BOB, "bob"), **ask)
        await client.send(CLUSTER)
        served = []
        while (response := await client.receive()).type_url != CLUSTER:
            served += [one.resource if delta else one for one in response.resources]
        own = [decoded(one) for one in served]
        assert all(secret.name in ("default", "ROOTCA") for secret in own)
        assert all(theirs.decode() != secret.tls_certificate.certificate_chain.inline_string for secret in own)


async def test_the_first_request_binds_the_stream(world: World) -> None:
    """A node that comes later on the same stream changes nothing: neither whose secrets it gets, nor who it is."""
    async with world.stream(world.token(BOB)) as owner, world.stream(world.token()) as client:
        theirs = chain_of(await first_secrets(owner, BOB, "default", name="b"))
        own = await first_secrets(client, ALICE, "default", name="a")
        await client.acknowledge(own, resourceNames=["default", "ROOTCA"], node=node(BOB, "b"))
        again = await client.receive()
        leaves = {s.tls_certificate.certificate_chain.inline_string for s in map(decoded, again.resources)} - {""}
        assert leaves <= {chain_of(own).decode()}
        assert theirs.decode() not in leaves
        assert {str(connection.identity) for connection in world.fleet.connections} == {str(ALICE), str(BOB)}
        assert [c.proxy.name for c in world.fleet.connections if c.identity == ALICE] == ["a"]


@pytest.mark.parametrize("delta", [False, True])
async def test_everything_that_a_stream_is_served_is_of_its_own_identity(world: World, delta: bool) -> None:
    """Whatever the name that is guessed, and of whatever type, no message holds the other's certificate or key."""
    async with world.stream(world.token()) as owner, world.stream(world.token(BOB), delta=delta) as thief:
        secret = await first_secrets(owner, ALICE, "default")
        certificate = decoded(secret.resources[0]).tls_certificate
        key = certificate.private_key.inline_string.splitlines()[1]
        names = ["default", "default/alice", "spiffe://cluster.local/ns/shop/sa/alice", "alice", "../alice/default", ""]
        field = "resourceNamesSubscribe" if delta else "resourceNames"
        heard = b""
        for number, type_url in enumerate((SECRET, CLUSTER, ENDPOINT, LISTENER, ROUTE)):
            await thief.send(type_url, **({"node": node(BOB, "b")} if number == 0 else {}), **{field: names})
        await thief.send(CLUSTER, **{field: ["*"]})
        with contextlib.suppress(TimeoutError):
            while isinstance(message := await asyncio.wait_for(thief.call.read(), 1.0), bytes):
                heard += message
        assert heard
        assert key.encode() not in heard
        leaf, *_ = certificate.certificate_chain.inline_string.split("-----END")
        assert leaf.splitlines()[-3].encode() not in heard  # of its signature


async def test_identities_share_no_certificate_and_replicas_share_theirs(world: World) -> None:
    async with (
        world.stream(world.token()) as one,
        world.stream(world.token()) as two,
        world.stream(world.token(BOB)) as other,
    ):
        chains = [
            chain_of(await first_secrets(one, ALICE, "default", name="a-1")),
            chain_of(await first_secrets(two, ALICE, "default", name="a-2")),
            chain_of(await first_secrets(other, BOB, "default", name="b-1")),
        ]
    assert chains[0] == chains[1] != chains[2]


async def test_a_certificate_is_renewed_and_nothing_else_is_sent(tmp_path: Path) -> None:
    async with started(tmp_path, certificate_ttl=2.0) as world, world.stream(world.token()) as client:
        response = await first_secrets(client, ALICE, "default", "ROOTCA")
        await client.acknowledge(response, resourceNames=["default", "ROOTCA"])
        await client.send(CLUSTER)
        clusters = await client.receive()
        assert clusters.type_url == CLUSTER
        await client.acknowledge(clusters)
        again = await client.receive()
        assert again.type_url == SECRET
        before, after = (
            {s.name: s.tls_certificate.certificate_chain.inline_string for s in map(decoded, r.resources)}
            for r in (response, again)
        )
        assert after["default"] != before["default"]


async def test_an_incremental_stream_is_sent_the_renewed_secret_alone(tmp_path: Path) -> None:
    async with started(tmp_path, certificate_ttl=2.0) as world, world.stream(world.token(), delta=True) as client:
        await client.send(SECRET, node=node(ALICE), resourceNamesSubscribe=["default", "ROOTCA"])
        first = await client.receive()
        assert {one.name for one in first.resources} == {"default", "ROOTCA"}
        await client.acknowledge(first)
        assert [one.name for one in (await client.receive()).resources] == ["default"]


async def test_a_stream_ends_with_the_token_that_opened_it(world: World) -> None:
    async with world.stream(world.token(ttl=1.5)) as client:
        await first_secrets(client, ALICE, "ROOTCA")
        assert (await client.status())[0] is grpc.StatusCode.UNAUTHENTICATED


async def test_a_certificate_of_the_mesh_opens_its_own_port(world: World) -> None:
    key = generate_private_key()
    signed = await create_certificate(world, key_request(key), world.token())
    async with world.stream_with_certificate(key.reveal(), "".join(signed[:-1]).encode()) as client:
        response = await first_secrets(client, ALICE, "ROOTCA")
        assert [decoded(one).name for one in response.resources] == ["ROOTCA"]


async def test_a_certificate_of_another_authority_does_not(world: World, tmp_path: Path) -> None:
    async with started(tmp_path / "other") as other:
        key = generate_private_key()
        signed = await create_certificate(other, key_request(key), other.token())
    status, _ = await refused(world.stream_with_certificate(key.reveal(), "".join(signed[:-1]).encode()))
    assert status is grpc.StatusCode.UNAVAILABLE


async def test_a_new_root_reaches_proxies_and_the_port_itself(world: World) -> None:
    old = world.roots
    async with world.stream(world.token(), delta=True) as client:
        await client.send(SECRET, node=node(ALICE), resourceNamesSubscribe=["default", "ROOTCA"])
        await client.acknowledge(await client.receive())
        Keystore(world.state).update(lambda state: prepare_root(state, datetime.now(UTC)))
        both = await client.receive()
        assert [one.name for one in both.resources] == ["ROOTCA"]
        await client.acknowledge(both)
        Keystore(world.state).update(lambda state: activate_root(state, datetime.now(UTC)))
        assert [one.name for one in (await client.receive()).resources] == ["default"]
    new = b"".join(one for one in split_certificates(world.roots) if one not in split_certificates(old))
    new_only = AdsClient(
        world.server.ports[0], credentials=grpc.ssl_channel_credentials(new), token=world.token(name="u")
    )
    async with new_only as client:
        await first_secrets(client, ALICE, "ROOTCA")


async def test_a_new_root_is_not_ready_to_sign_before_it_is_published(world: World) -> None:
    """Nor is that given up: who finds the control plane by the published roots would be shut out."""

    def obstacles() -> tuple[str, ...]:
        now = datetime.now(UTC)
        return find_obstacles(Keystore(world.state).load().bundle, AcknowledgementFiles(world.state).read(now), now)

    public = world.state / "public"
    shutil.rmtree(public)
    public.write_text("in the way")
    Keystore(world.state).update(lambda state: prepare_root(state, datetime.now(UTC)))
    await until(lambda: len(obstacles()) == 1 and obstacles()[0].startswith("(published roots): "))
    public.unlink()
    await until(lambda: obstacles() == ())
    assert (public / "root-cert.pem").read_bytes() == world.roots


async def test_a_flood_of_one_identity_takes_nothing_from_another(tmp_path: Path) -> None:
    async with started(tmp_path, limits=StreamLimits(per_identity=3)) as world, contextlib.AsyncExitStack() as stack:
        for number in range(3):
            client = await stack.enter_async_context(world.stream(world.token()))
            await first_secrets(client, ALICE, "ROOTCA", name=f"a-{number}")
        for number in range(3, 6):
            status, text = await refused(world.stream(world.token()), node=node(ALICE, f"a-{number}"))
            assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "of this identity" in text
        async with world.stream(world.token(BOB)) as other:
            await first_secrets(other, BOB, "ROOTCA", name="b")
        assert world.fleet.counters.refused == {"identity": 3}


async def test_whoever_proves_nothing_holds_no_stream(tmp_path: Path) -> None:
    async with started(tmp_path, limits=StreamLimits(per_address=3)) as world:
        for _ in range(10):
            assert (await refused(world.stream("Bearer a.b.c")))[0] in (
                grpc.StatusCode.UNAUTHENTICATED,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
            )
        await until(lambda: world.server.admission.open == 0)


async def test_no_key_is_made_for_a_proxy_beside_an_agent(world: World) -> None:
    async with world.stream(world.token()) as client:
        await client.send(SECRET, node=node(ALICE, AGENT_SECRETS="true"), resourceNames=["default", "ROOTCA"])
        await client.send(CLUSTER)
        assert (await client.receive()).type_url == CLUSTER
        (connection,) = world.fleet.connections
        assert world.fleet.secrets(connection) is None


async def test_no_key_shows(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with world.stream(world.token()) as client:
            response = await first_secrets(client, ALICE, "default")
            key = decoded(response.resources[0]).tls_certificate.private_key.inline_string
            await client.acknowledge(response, resourceNames=["default"], errorDetail={"message": f"bad {key}"})
            (connection,) = world.fleet.connections
            await until(lambda: world.fleet.counters.nacks)
            secrets = world.fleet.secrets(connection)
            assert secrets is not None
            dump = as_json(snapshot_as_json(SNAPSHOT.with_set(secrets))).body
            shown = (caplog.text, dump, repr(secrets), repr(list(secrets)), repr(connection.status()))
    for line in key.splitlines()[1:3]:  # the third holds the public half alone
        assert [text for text in shown if line in text] == []
    assert "redacted" in dump
    assert "BEGIN CERTIFICATE" in dump


def test_a_proxy_takes_the_account_that_was_proven() -> None:
    proxy = read_proxy(node_id=node(ALICE)["id"], metadata={})
    assert bind_proxy(proxy, ALICE).service_account == "alice"
    with pytest.raises(IdentityError, match="alice"):
        bind_proxy(bind_proxy(proxy, ALICE), BOB)
    assert bind_proxy(proxy, ALICE).identified
    assert not bind_proxy(proxy, None).identified

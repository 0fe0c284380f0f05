"""Who is known to have the roots, from what their streams have acknowledged."""

from __future__ import annotations

from pathlib import Path

from envoycodec.discovery import Node
from pilot.mesh.proxy import Proxy
from pilot.root_holders import NOT_YET, WITHOUT_STREAM, account_roots
from pilot.server.fleet import Connection, Protocol
from pilot.xds.events import Requested
from pilot.xds.resources import SECRET
from tests.pilot.identity_world import ALICE, World, node, started


def connect(world: World, name: str, **metadata: str) -> Connection[Proxy]:
    described = node(ALICE, name, **metadata)
    return world.fleet.open(Node(id=described["id"], metadata=described["metadata"]), Protocol.SOTW, "peer", ALICE)


def ask(connection: Connection[Proxy], nonce: str = "") -> None:
    connection.handle(Requested(SECRET, ("ROOTCA",), nonce=nonce))


def waiting(world: World) -> dict[str, str]:
    bundle = world.identities.bundle
    return {node_id.split("~")[2]: why for node_id, why in account_roots(world.fleet, bundle).waiting}


async def test_an_envoy_is_waited_for_until_it_acknowledges(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        connection = connect(world, "stock")
        assert waiting(world) == {}, "it asks for no roots"
        ask(connection)
        assert waiting(world) == {"stock.shop": NOT_YET}
        ask(connection, nonce="1")
        assert waiting(world) == {}
        connection.handle(Requested(SECRET, ("ROOTCA",), nonce="1", error="bad"))
        assert account_roots(world.fleet, world.identities.bundle).holders == 1


async def test_an_agent_answers_for_its_envoy(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        connect(world, "vm", AGENT_SECRETS="true")
        assert waiting(world) == {"vm.shop": WITHOUT_STREAM}
        agent = connect(world, "vm", AGENT_SECRETS="true", AGENT="true")
        assert waiting(world) == {"vm.shop": NOT_YET}
        ask(agent)
        assert waiting(world) == {"vm.shop": NOT_YET}
        ask(agent, nonce="1")
        assert waiting(world) == {}
        assert account_roots(world.fleet, world.identities.bundle).holders == 1

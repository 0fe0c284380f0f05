"""A mesh as a real server serves it: whom its proxies are known as, and what becomes of what they say."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from envoycodec.discovery import Node
from galley.decoding.documents import decode
from galley.snapshot import ConfigSnapshot, build_snapshot
from galley.text.compose import compose
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.server.ads import AdsServer, start_ads
from pilot.server.fleet import Fleet
from pilot.server.status import Rejection
from pilot.serving import PilotMesh, Registrar
from pilot.xds.resources import ENDPOINT, LISTENER, ROUTE
from tests.builders import a_config, a_service_entry
from tests.pilot.server.ads_client import NODE, AdsClient
from tests.pilot.server.conditions import until

RULES = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews}
spec:
  hosts: [reviews.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP}]
  endpoints: [{address: 10.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews.example.com]
  http:
  - match:
    - uri: {regex: "/a+b"}
    route:
    - destination: {host: reviews.example.com}
"""
WORDS = "route: invalid regex '/a+b': too clever"


def config(text: str) -> ConfigSnapshot:
    documents, _ = compose(text.encode(), "rules.yaml")
    return build_snapshot(resource for document in documents for resource in decode(document)[0])[0]


@dataclass
class Plane:
    """A control plane without identities that serves ``RULES``."""

    state: MeshState
    fleet: Fleet[Proxy]
    server: AdsServer
    changes: list[str]

    def configure(self, text: str) -> None:
        self.state.configure(config(text))
        if self.state.rebuild():
            self.fleet.publish()

    def described(self) -> str:
        """Where the status of the only stream says that a rejected route was written."""
        (proxy,) = self.fleet.describe(self.fleet.connections)
        return str(proxy["types"]["RDS"]["error"]["origins"][0])


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Plane]:
    state, changes = MeshState(deregister_after=1.0), list[str]()
    fleet = Fleet(PilotMesh(state, None), Registrar(state, lambda: changes.append("changed")))
    server = await start_ads("127.0.0.1:0", fleet)
    plane = Plane(state, fleet, server, changes)
    plane.configure(RULES)
    try:
        yield plane
    finally:
        await server.stop(0)


@pytest.mark.parametrize("delta", [False, True])
async def test_the_log_of_a_rejection_names_the_file_and_line_as_the_status_does(
    caplog: pytest.LogCaptureFixture, delta: bool
) -> None:
    named = {"resourceNamesSubscribe" if delta else "resourceNames": ["9080"]}
    async with serving() as plane, AdsClient(plane.server.port, delta=delta) as client:
        await client.send(ROUTE, node=NODE, **named)
        with caplog.at_level(logging.WARNING, logger="pilot.server"):
            response = await client.receive()
            kept = {} if delta else named
            await client.acknowledge(response, errorDetail={"code": 13, "message": WORDS}, **kept)
            await until(lambda: plane.fleet.counters.nacks == 1)
        assert plane.described() == "rules.yaml:18:20 spec.http[0].match[0].uri.regex"
        (line,) = (message for message in caplog.messages if "rejected RDS 9080" in message)
        assert f"{WORDS} ({plane.described()}" in line


async def test_the_line_is_looked_up_in_the_configuration_in_force() -> None:
    async with serving() as plane, AdsClient(plane.server.port) as client:
        await client.send(ROUTE, node=NODE, resourceNames=["9080"])
        response = await client.receive()
        await client.acknowledge(response, errorDetail={"code": 13, "message": WORDS}, resourceNames=["9080"])
        await until(lambda: plane.fleet.counters.nacks == 1)
        assert plane.described().startswith("rules.yaml:18:")
        plane.configure(f"# a line more\n{RULES}")
        assert plane.described().startswith("rules.yaml:19:")


def test_what_nobody_wrote_has_no_place() -> None:
    state = MeshState(deregister_after=1.0)
    mesh = PilotMesh(state, None)
    rejection = Rejection("BlackHoleCluster", "1", "no", ("not a resource",), 0.0)
    assert mesh.origins_of(rejection) == ()
    state.configure(a_config(a_service_entry("reviews.example.com")))
    assert mesh.origins_of(rejection) == ()


def test_a_name_that_nobody_plans_is_answered_with_nothing_in_it_where_envoy_would_wait() -> None:
    mesh = PilotMesh(MeshState(deregister_after=1.0), None)
    made = [mesh.empty_resource(type_url, "gone") for type_url in (ROUTE, ENDPOINT, LISTENER)]
    assert [one and one.name for one in made] == ["gone", "gone", None]


def test_without_identities_a_proxy_is_who_it_says_it_is() -> None:
    mesh = PilotMesh(MeshState(deregister_after=1.0), None)
    assert not mesh.proves_identities
    proxy = mesh.admit(Node(id=NODE["id"], metadata={"SERVICE_ACCOUNT": "reviews"}), None)
    assert (proxy.service_account, proxy.identified) == ("reviews", True)

"""What the admin pages show of configuration, registry and proxies."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from galley.decoding.documents import decode
from galley.meta import Resource
from galley.publishing.latest import Latest
from galley.publishing.publisher import ConfigReport
from galley.snapshot import build_snapshot
from galley.supervision import Supervisor
from galley.text.compose import compose
from pilot.admin.pages import admin_pages
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.registry.discovery import NOTHING_DISCOVERED, Discovery, Sighting
from pilot.registry.docker.discover import DOCKER
from pilot.server.fleet import Fleet
from pilot.serving import PilotMesh
from pilot.xds.events import Requested
from pilot.xds.resources import ROUTE
from pilot.xds.variant import XdsVariant
from tests.builders import a_proxy
from tests.pilot.admin.nodes import a_node
from tests.pilot.server.served import Notes

RULES = b"""\
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


def resources() -> tuple[Resource[Any], ...]:
    documents, _ = compose(RULES, "rules.yaml")
    return tuple(resource for document in documents for resource in decode(document)[0])


class Plane:
    """A mesh with one proxy, and the pages that show it."""

    def __init__(self) -> None:
        self.state = MeshState(deregister_after=1.0, registries=(DOCKER,))
        self.proxy = a_proxy()
        self.fleet: Fleet[Proxy] = Fleet(PilotMesh(self.state, None), Notes())
        self.supervisor = Supervisor(clock=lambda: 1000.0)
        self.pages = admin_pages(self.state, self.fleet, Latest[ConfigReport](), self.supervisor)

    def configured(self) -> Plane:
        self.state.configure(build_snapshot(resources())[0])
        self.state.discover(DOCKER, NOTHING_DISCOVERED)
        self.state.rebuild()
        return self

    def ask(self, path: str, **query: str) -> Any:
        return json.loads(self.pages[path](query).body)


async def test_readiness_follows_the_first_configuration() -> None:
    plane = Plane()
    assert plane.pages["/readyz"]({}).status is HTTPStatus.SERVICE_UNAVAILABLE
    assert plane.configured().pages["/readyz"]({}).status is HTTPStatus.OK


async def test_a_stage_that_fails_is_told_and_does_not_make_unready() -> None:
    plane = Plane().configured()
    plane.supervisor.failed("journal", OSError("no space left"))
    ready = plane.pages["/readyz"]({})
    assert (ready.status, ready.body) == (HTTPStatus.OK, "ready\ndegraded: journal: OSError: no space left\n")
    trouble = {"stage": "journal", "cause": "OSError: no space left", "since": 1000.0, "failures": 1}
    assert plane.ask("/debug/stagez") == {"degraded": [trouble], "failures": {"journal": 1}}
    plane.supervisor.went_well("journal")
    assert plane.ask("/debug/stagez") == {"degraded": [], "failures": {"journal": 1}}


async def test_the_registry_and_the_configuration_are_shown_with_their_lines() -> None:
    plane = Plane().configured()
    (service,) = plane.ask("/debug/registryz")
    assert (service["hostname"], service["endpoints"]) == ("reviews.example.com", {"http": ["10.0.0.1:9080"]})
    assert {one["origin"] for one in plane.ask("/debug/configz")} == {"rules.yaml:1:1", "rules.yaml:11:1"}


async def test_a_rejection_is_shown_with_the_line_that_caused_it() -> None:
    plane = Plane().configured()
    stream = plane.fleet.open(a_node(plane.proxy), XdsVariant.SOTW, "")
    stream.handle(Requested(ROUTE, names=("9080",)))
    sent = plane.ask("/debug/syncz")[0]["types"]["RDS"]
    assert sent["status"] == "STALE"
    words = "route: invalid regex '/a+b': too clever"
    stream.handle(Requested(ROUTE, names=("9080",), nonce=sent["nonce"], error=words))
    (proxy,) = plane.ask("/debug/syncz")
    assert proxy["types"]["RDS"]["status"] == "NACK"
    assert proxy["types"]["RDS"]["error"]["message"] == words
    assert proxy["types"]["RDS"]["error"]["origins"][0] == "rules.yaml:18:20 spec.http[0].match[0].uri.regex"


async def test_a_dump_needs_a_proxy_that_is_connected() -> None:
    plane = Plane().configured()
    assert plane.pages["/debug/config_dump"]({"proxyID": "nobody"}).status is HTTPStatus.NOT_FOUND
    plane.fleet.open(a_node(plane.proxy), XdsVariant.DELTA, "")
    dump = plane.ask("/debug/config_dump", proxyID=plane.proxy.id)
    assert "outbound|9080||reviews.example.com" in {cluster["name"] for cluster in dump["clusters"]}


async def test_what_became_of_each_container_is_shown() -> None:
    plane = Plane().configured()
    sighting = Sighting(name="shop_web_1", service="web", namespace="default", address="1.2.3.4", verdict="ready")
    plane.state.discover(DOCKER, Discovery(sightings=(sighting,), withdrawn=frozenset({"1.2.3.5"})))
    page = plane.ask("/debug/dockerz")
    assert (page["containers"][0]["service"], page["containers"][0]["verdict"]) == ("web.default", "ready")
    assert page["withdrawn"] == ["1.2.3.5"]
    assert page["engine"] == {}


POLICY = b"""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody}
spec: {}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens}
spec: {selector: {matchLabels: {app: other}}}
"""


async def test_policies_about_access_are_shown_with_whom_they_reach() -> None:
    plane = Plane()
    documents, _ = compose(POLICY, "policy.yaml")
    policies = tuple(resource for document in documents for resource in decode(document)[0])
    plane.state.configure(build_snapshot((*resources(), *policies))[0])
    plane.state.discover(DOCKER, NOTHING_DISCOVERED)
    assert plane.ask("/debug/authzz") == []
    plane.state.rebuild()
    plane.fleet.open(a_node(plane.proxy), XdsVariant.SOTW, "")
    nobody, tokens = plane.ask("/debug/authzz")
    assert (nobody["name"], nobody["action"], nobody["origin"]) == ("nobody", "ALLOW", "policy.yaml:1:1")
    assert [(one["id"], one["listeners"]) for one in nobody["proxies"]] == [(plane.proxy.id, "NOT SENT")]
    assert (tokens["kind"], tokens["proxies"]) == ("RequestAuthentication", [])

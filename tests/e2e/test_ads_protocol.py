"""ADS with a real Envoy and hand-made resources: sync, updates, rejections and restarts, in both variants of xDS."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from envoycodec.upb import parse_json
from pilot.dataplane.bootstrap import BootstrapOptions, SocketAddress
from pilot.node.node_id import ProxyKind
from pilot.server.ads import AdsServer, start_ads
from pilot.server.fleet import Fleet
from pilot.server.status import SyncState
from pilot.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    EncodedResource,
    ResourceSet,
    ResourceSnapshot,
    TypeUrl,
)
from tests.e2e.harness.addresses import Addresses
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.envoys import Envoy
from tests.e2e.harness.traffic import Traffic
from tests.e2e.harness.upstreams import HttpEcho
from tests.e2e.harness.variants import both_variants, every_envoy
from tests.pilot.server.served import Notes, named_mesh

Json = Mapping[str, Any]
T = TypeVar("T")
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
FROM_ADS = {"ads": {}, "resourceApiVersion": "V3", "initialFetchTimeout": "0s"}
RECEIVED = r"(cds|lds|rds|eds|cluster\.[ab]|http\.ingress\.rds\.main).*update_(success|rejected)$"


def encoded(type_url: TypeUrl, name: str, content: Json) -> EncodedResource:
    message = parse_json("google.protobuf.Any", {"@type": type_url, **content})
    return EncodedResource(name, hashlib.blake2b(message, digest_size=8).hexdigest(), message, (f"{name}.yaml",))


def cluster(name: str, connect_timeout: str = "1s") -> EncodedResource:
    # Without a limit in time, a cluster that is not given its endpoints never gets ready.
    content = {
        "name": name,
        "type": "EDS",
        "connectTimeout": connect_timeout,
        "edsClusterConfig": {"edsConfig": FROM_ADS},
    }
    return encoded(CLUSTER, name, content)


def assignment(name: str, upstream: HttpEcho) -> EncodedResource:
    address = {"socketAddress": {"address": upstream.host, "portValue": upstream.port}}
    endpoint = {"endpoint": {"address": address}}
    return encoded(ENDPOINT, name, {"clusterName": name, "endpoints": [{"lbEndpoints": [endpoint]}]})


def listener(port: int, prefix: str = "ingress", filters: tuple[Json, ...] = ()) -> EncodedResource:
    manager = {
        "@type": HCM,
        "statPrefix": prefix,
        "rds": {"routeConfigName": "main", "configSource": FROM_ADS},
        "httpFilters": [*filters, {"name": "router", "typedConfig": {"@type": ROUTER}}],
    }
    address = {"socketAddress": {"address": "127.0.0.1", "portValue": port}}
    chain = {"filters": [{"name": "http", "typedConfig": manager}]}
    return encoded(LISTENER, "ingress", {"name": "ingress", "address": address, "filterChains": [chain]})


def route(to: str) -> EncodedResource:
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": to}}]}
    return encoded(ROUTE, "main", {"name": "main", "virtualHosts": [host]})


def snapshot(*resources: tuple[TypeUrl, EncodedResource]) -> ResourceSnapshot:
    types = (CLUSTER, ENDPOINT, LISTENER, ROUTE)
    return ResourceSnapshot(ResourceSet(t, [r for type_url, r in resources if type_url == t]) for t in types)


class Control:
    """A control plane of one snapshot, in a thread with an event loop of its own. It can be stopped and started."""

    def __init__(self) -> None:
        self.mesh = named_mesh()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: AdsServer | None = None
        self.fleet: Fleet[str]

    def start(self, served: ResourceSnapshot) -> None:
        self.mesh.snapshot = served

        async def start() -> AdsServer:
            self.fleet = Fleet(self.mesh, Notes())
            self.fleet.publish()
            return await start_ads(f"127.0.0.1:{self.port}", self.fleet)

        self._server = self._run(start)
        self.port = self._server.port

    def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            self._run(lambda: server.stop(grace=2))

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def publish(self, served: ResourceSnapshot) -> None:
        async def publish() -> None:
            self.mesh.snapshot = served
            self.fleet.publish()

        self._run(publish)

    def states(self) -> dict[TypeUrl, SyncState]:
        """The state of each type on the one stream; empty without a stream."""

        async def states() -> dict[TypeUrl, SyncState]:
            return {t: status.state for proxy in self.fleet.status() for t, status in proxy.types.items()}

        return self._run(states)

    def wait_synced(self) -> None:
        everything = dict.fromkeys((CLUSTER, ENDPOINT, LISTENER, ROUTE), SyncState.SYNCED)
        eventually(lambda: self.states() == everything, 15, what="all types in sync")

    def _run(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(call(), self._loop)
        return future.result(20)


class World:
    """An Envoy, two upstreams ``a`` and ``b``, and a control plane."""

    def __init__(self, home: Path, addresses: Addresses, binary: Path, *, delta: bool) -> None:
        self.control = Control()
        self.a = HttpEcho("a", addresses.host(), addresses.port())
        self.b = HttpEcho("b", addresses.host(), addresses.port())
        self.port = addresses.port()
        self.control.start(self.towards("a"))
        options = BootstrapOptions(
            kind=ProxyKind.GATEWAY,
            name="ingress",
            ip="127.0.0.1",
            delta=delta,
            xds=SocketAddress("127.0.0.1", self.control.port),
            admin=SocketAddress(addresses.host(), addresses.port()),
        )
        self.envoy = Envoy(binary, options, home)
        self.envoy.start()
        self.envoy.wait_ready()

    def towards(self, name: str, *, connect_timeout: str = "1s", filters: tuple[Json, ...] = ()) -> ResourceSnapshot:
        """One cluster, and everything goes there."""
        return snapshot(
            (CLUSTER, cluster(name, connect_timeout)),
            (ENDPOINT, assignment(name, self.a if name == "a" else self.b)),
            (LISTENER, listener(self.port, filters=filters)),
            (ROUTE, route(name)),
        )

    def answered_by(self) -> str:
        return self.envoy.get(self.port).name

    def close(self) -> None:
        self.envoy.stop()
        self.control.close()
        self.a.stop()
        self.b.stop()


@pytest.fixture
def world(tmp_path: Path, addresses: Addresses, envoy: Path, delta: bool) -> Iterator[World]:
    made = World(tmp_path, addresses, envoy, delta=delta)
    try:
        made.control.wait_synced()
        yield made
    finally:
        made.close()


@both_variants
def test_an_envoy_is_brought_in_sync_and_follows_an_update(world: World) -> None:
    assert world.answered_by() == "a"
    world.control.publish(world.towards("b"))
    eventually(lambda: world.answered_by() == "b", what="an answer by b")
    world.control.wait_synced()
    eventually(lambda: world.envoy.clusters().keys() == {"b"}, what="cluster a removed")


@every_envoy
@both_variants
def test_no_request_fails_while_traffic_is_moved_from_cluster_to_cluster(world: World) -> None:
    def is_answered_by(target: str) -> bool:
        return traffic.outcomes[-1].name == target

    with Traffic(("127.0.0.1", world.port)) as traffic:
        for target in ("b", "a") * 10:
            world.control.publish(world.towards(target))
            eventually(partial(is_answered_by, target), what=f"answers by {target}")
            world.control.wait_synced()
    assert traffic.failures == []


@both_variants
def test_a_changed_cluster_gets_its_unchanged_endpoints_again(world: World) -> None:
    world.control.publish(world.towards("a", connect_timeout="2s"))
    eventually(lambda: world.envoy.clusters()["a"]["connect_timeout"] == "2s", what="the new cluster, warmed")
    assert world.envoy.stat("cluster_manager.warming_clusters") == 0
    assert world.answered_by() == "a"


@both_variants
def test_a_rejection_is_recorded_with_envoys_text_and_healed(world: World) -> None:
    bad = {"name": "nobody", "typedConfig": {"@type": HCM, "statPrefix": "this is no HTTP filter"}}
    world.control.publish(world.towards("a", filters=(bad,)))
    eventually(lambda: world.control.states()[LISTENER] is SyncState.NACK, what="the rejection")
    (proxy,) = world.control.fleet.status()
    (rejection,) = proxy.types[LISTENER].rejections
    assert rejection.name == "ingress"
    assert rejection.origins == ("ingress.yaml",)
    assert "nobody" in rejection.message
    assert world.answered_by() == "a"
    world.control.publish(world.towards("a"))
    world.control.wait_synced()


@every_envoy
@both_variants
def test_a_restarted_control_plane_sends_nothing_that_the_envoy_holds(world: World) -> None:
    world.control.publish(world.towards("b"))
    world.control.wait_synced()
    eventually(lambda: world.envoy.clusters().keys() == {"b"}, what="cluster a removed")
    before, versions = world.envoy.stats(RECEIVED), world.envoy.versions()
    world.control.stop()
    with Traffic(("127.0.0.1", world.port)) as traffic:
        world.control.start(world.towards("b"))
        world.control.wait_synced()
    assert traffic.failures == []
    assert world.control.fleet.counters.responses == 0
    assert world.envoy.stats(RECEIVED) == before
    assert world.envoy.versions() == versions


@both_variants
def test_an_envoy_that_comes_back_gets_what_changed_while_it_was_away(world: World) -> None:
    world.control.stop()
    world.control.start(world.towards("b"))
    eventually(lambda: world.answered_by() == "b", 15, what="an answer by b")
    eventually(lambda: world.envoy.clusters().keys() == {"b"}, what="cluster a removed")

"""Configuration and registrations become one context, and nobody is told that it serves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from galley.frozen import FrozenMap
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.registry.catalog import ServiceKey
from pilot.registry.discovery import NOTHING_DISCOVERED, DiscoveredInstance, Discovery, DiscoveryRegistry
from pilot.registry.docker.discover import DOCKER
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER
from tests.builders import a_config, a_manifest, a_proxy, a_workload_entry, labels

CLUSTER_NAME = "outbound|9080||reviews.default.svc.cluster.local"


def instance(address: str = "10.0.0.1", **traits: Any) -> Proxy:
    """A sidecar of reviews that registers itself."""
    return a_proxy(
        address=address,
        name=f"reviews-{address}",
        self_register=True,
        labels=labels(app="reviews"),
        ports=FrozenMap({"http": 9080}),
        **traits,
    )


def state_with_reviews() -> MeshState:
    state = MeshState(deregister_after=5.0, registries=(DOCKER,))
    state.configure(a_config(a_manifest("reviews")))
    state.discover(DOCKER, NOTHING_DISCOVERED)
    assert state.rebuild()
    return state


def endpoints(state: MeshState) -> int:
    """How many endpoints a client of reviews knows."""
    generator = state.generator
    assert generator is not None
    key = next(iter(generator.context.catalog.services))
    found = generator.context.catalog.endpoints_of(key, "http")
    assert generator.snapshot_of(a_proxy(address="10.9.9.9", name="client")).of(ENDPOINT).get(CLUSTER_NAME)
    return sum(endpoint.serving for endpoint in found)


def test_before_the_first_configuration_there_is_nothing_to_say() -> None:
    state = MeshState(deregister_after=5.0)
    assert state.snapshot_of(a_proxy()) is None
    assert not state.rebuild()


def test_a_proxy_that_registers_waits_until_it_is_known() -> None:
    state = state_with_reviews()
    proxy = instance()
    assert state.connect(proxy)
    assert state.snapshot_of(proxy) is None
    assert state.rebuild()
    snapshot = state.snapshot_of(proxy)
    assert snapshot is not None
    assert "inbound|9080||" in snapshot.of(CLUSTER)
    assert "virtualInbound" in snapshot.of(LISTENER)


def test_it_is_an_endpoint_once_its_envoy_has_listeners_and_until_its_grace_is_over() -> None:
    state = state_with_reviews()
    proxy = instance()
    state.connect(proxy)
    state.rebuild()
    assert endpoints(state) == 0
    assert state.listening(proxy)
    assert state.rebuild()
    assert endpoints(state) == 1
    state.disconnect(proxy, now=10.0)
    assert not state.rebuild()
    assert endpoints(state) == 1
    state.registrations.expire(15.0)
    assert state.rebuild()
    assert endpoints(state) == 0


def test_only_who_has_proven_the_same_speaks_for_a_node() -> None:
    state = state_with_reviews()
    proxy = instance(service_account="reviews")
    agent = replace(proxy, is_agent=True, self_register=False)
    others = [replace(proxy, identified=False), replace(proxy, service_account="other")]
    state.connect(proxy)
    for other in others:
        assert not state.listening(other)
    assert state.listening(proxy)
    for other in others:
        assert not state.report(replace(other, is_agent=True, self_register=False), healthy=False)
    assert state.report(agent, healthy=False)


def test_an_agent_that_is_seen_at_another_address_speaks_for_its_envoy_and_no_other() -> None:
    state = state_with_reviews()
    one, two = (instance(f"fd00::{number}", service_account="reviews", agent_id=str(number)) for number in (1, 2))
    for proxy in (one, two):
        state.connect(proxy)
        state.listening(proxy)
    agent = replace(one, id="sidecar~10.0.0.1~r.default~d", is_agent=True, self_register=False)
    assert not state.report(replace(agent, service_account="other"), healthy=False)
    assert not state.report(replace(agent, namespace="other"), healthy=False)
    assert state.rebuild()
    assert state.report(agent, healthy=False)
    assert {workload.id: workload.serving for workload in state.registrations.workloads} == {
        one.id: False,
        two.id: True,
    }


def test_a_proxy_that_does_not_register_changes_nothing() -> None:
    state = state_with_reviews()
    client = a_proxy()
    assert not state.connect(client)
    assert not state.listening(client)
    assert not state.disconnect(client, now=1.0)
    assert not state.rebuild()
    assert state.snapshot_of(client) is not None


def test_the_same_configuration_again_is_no_news() -> None:
    state = MeshState(deregister_after=5.0)
    config = a_config(a_manifest("reviews"))
    state.configure(config)
    assert state.rebuild()
    state.configure(config)
    assert not state.rebuild()


def test_before_the_first_discovery_nobody_is_told_anything() -> None:
    state = MeshState(deregister_after=5.0, registries=(DOCKER,))
    state.configure(a_config(a_manifest("reviews")))
    assert not state.rebuild()
    state.discover(DOCKER, Discovery())
    assert state.rebuild()
    assert not state.rebuild()


def test_a_withdrawn_address_serves_nobody_until_it_is_back() -> None:
    state = state_with_reviews()
    state.connect(instance())
    state.listening(instance())
    assert state.rebuild()
    assert endpoints(state) == 1
    state.discover(DOCKER, Discovery(withdrawn=frozenset({"10.0.0.1"})))
    assert state.rebuild()
    assert endpoints(state) == 0
    snapshot = state.snapshot_of(instance())
    assert snapshot is not None
    assert "inbound|9080||" in snapshot.of(CLUSTER), "what it has accepted it may finish"
    state.discover(DOCKER, Discovery())
    assert state.rebuild()
    assert endpoints(state) == 1


OTHER = DiscoveryRegistry(name="Consul", instance="Node")


def discovered(*addresses: str, service: str = "reviews", **ports: int) -> Discovery:
    """Instances of one service, at ``addresses``."""
    return Discovery(
        tuple(
            DiscoveredInstance(
                id=f"{service}-{address}",
                service=service,
                namespace="default",
                address=address,
                ports=FrozenMap(ports or {"http": 9080}),
                labels=labels(app=service),
            )
            for address in addresses
        )
    )


def served(state: MeshState, service: str = "reviews", port: str = "http") -> list[str]:
    """Address and port of each endpoint."""
    assert state.generator is not None
    key = ServiceKey(f"{service}.default.svc.cluster.local", "default")
    found = state.generator.context.catalog.endpoints_of(key, port)
    return [f"{endpoint.address}:{endpoint.port}" for endpoint in found]


def state_with_two_registries() -> MeshState:
    state = MeshState(deregister_after=5.0, registries=(DOCKER, OTHER))
    state.configure(a_config())
    state.discover(DOCKER, discovered("10.0.0.1"))
    state.discover(OTHER, discovered("10.0.0.2", http=9081, grpc=9090))
    assert state.rebuild()
    return state


def test_all_registries_are_waited_for() -> None:
    state = MeshState(deregister_after=5.0, registries=(DOCKER, OTHER))
    state.configure(a_config())
    state.discover(OTHER, NOTHING_DISCOVERED)
    assert not state.rebuild()
    state.discover(DOCKER, NOTHING_DISCOVERED)
    assert state.rebuild()


def test_a_service_that_two_registries_know_is_one() -> None:
    state = state_with_two_registries()
    assert served(state) == ["10.0.0.1:9080", "10.0.0.2:9081"]
    assert served(state, port="grpc") == ["10.0.0.2:9090"], "its ports are united"
    assert state.generator is not None
    (service,) = state.generator.context.catalog.services.values()
    assert [port.number for port in service.ports] == [9080, 9090], "the registry named first counts first"
    assert list(map(str, service.origins)) == ["Container default/reviews", "Node default/reviews"]


def test_when_one_registry_loses_an_instance_those_of_the_other_stay() -> None:
    state = state_with_two_registries()
    state.discover(OTHER, NOTHING_DISCOVERED)
    assert state.rebuild()
    assert served(state) == ["10.0.0.1:9080"]
    assert served(state, port="grpc") == []
    state.discover(OTHER, discovered("10.0.0.3", service="ratings"))
    assert state.rebuild()
    assert (served(state), served(state, "ratings")) == (["10.0.0.1:9080"], ["10.0.0.3:9080"])
    state.discover(DOCKER, NOTHING_DISCOVERED)
    assert state.rebuild()
    assert (served(state), served(state, "ratings")) == ([], ["10.0.0.3:9080"])


def test_an_address_that_one_registry_withdraws_serves_nobody() -> None:
    state = state_with_two_registries()
    config = a_config(a_manifest("reviews"), a_workload_entry("one", "10.0.0.5"))
    state.configure(config)
    assert state.rebuild()
    assert served(state) == ["10.0.0.1:9080", "10.0.0.2:9081", "10.0.0.5:9080"]
    state.discover(OTHER, Discovery(withdrawn=frozenset({"10.0.0.5"})))
    assert state.rebuild()
    assert endpoints(state) == 1


def test_a_registry_that_nobody_waits_for_cannot_tell_anything() -> None:
    with pytest.raises(KeyError, match="Consul"):
        MeshState(deregister_after=5.0, registries=(DOCKER,)).discover(OTHER, NOTHING_DISCOVERED)

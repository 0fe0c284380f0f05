from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envoycodec.encode import encode_any
from pilot.envoy.cluster import render_cluster
from pilot.envoy.encoded import RenderCache, empty_load_assignment, empty_route_config
from pilot.envoy.endpoint import render_load_assignment
from pilot.envoy.listener import render_listener
from pilot.envoy.route import render_route_config
from pilot.ir.cluster import ClusterPlan, DiscoveryType, EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.ir.route import DirectResponsePlan, RouteConfigPlan, RouteMatchPlan, RoutePlan, VirtualHostPlan
from pilot.node.locality import Locality
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE
from tests.envoy_validate import to_json
from tests.pilot.envoy import strategies

any_plan = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def a_cluster(name: str = "a") -> ClusterPlan:
    return ClusterPlan(name=name, discovery=DiscoveryType.EDS)


def some_endpoints(*hosts: int) -> LoadAssignmentPlan:
    endpoints = tuple(EndpointPlan(f"10.0.0.{host}", 80) for host in hosts)
    return LoadAssignmentPlan("a", (LocalityPlan(Locality(), endpoints),))


def some_routes(*names: str, status: int = 200) -> RouteConfigPlan:
    routes = (RoutePlan(match=RouteMatchPlan(), action=DirectResponsePlan(status)),)
    return RouteConfigPlan("80", tuple(VirtualHostPlan(name, (name,), routes) for name in names))


def counted(cache: RenderCache) -> tuple[int, int]:
    return cache.encodings, cache.parts


@any_plan
@given(strategies.cluster_plans)
def test_a_cluster_is_encoded_as_rendered(plan: ClusterPlan) -> None:
    assert RenderCache().cluster(plan).any == encode_any(render_cluster(plan))


@any_plan
@given(strategies.listener_plans)
def test_a_listener_is_encoded_as_rendered(plan: TcpListenerPlan) -> None:
    assert RenderCache().listener(plan).any == encode_any(render_listener(plan))


@any_plan
@given(strategies.load_assignments)
def test_a_load_assignment_is_joined_to_what_is_rendered(plan: LoadAssignmentPlan) -> None:
    assert RenderCache().load_assignment(plan).any == encode_any(render_load_assignment(plan))


@any_plan
@given(strategies.route_config_plans)
def test_a_route_configuration_is_joined_to_what_is_rendered(plan: RouteConfigPlan) -> None:
    assert RenderCache().route_config(plan).any == encode_any(render_route_config(plan))


@any_plan
@given(st.one_of(strategies.cluster_plans, strategies.listener_plans))
def test_equal_plans_give_equal_bytes_and_one_object(plan: ClusterPlan | TcpListenerPlan) -> None:
    def encoded(cache: RenderCache, value: Any) -> Any:
        return cache.cluster(value) if isinstance(value, ClusterPlan) else cache.listener(value)

    twin = copy.deepcopy(plan)
    cache = RenderCache()
    assert encoded(cache, plan) is encoded(cache, twin)
    assert encoded(RenderCache(), twin).any == encoded(cache, plan).any


def test_names_types_versions_and_origins() -> None:
    cache = RenderCache()
    cluster = cache.cluster(a_cluster())
    assert cluster.name == "a"
    assert to_json(cluster)["@type"] == CLUSTER
    assert len(cluster.version) == 16
    assert cluster.version != cache.cluster(a_cluster("b")).version
    assert to_json(cache.load_assignment(some_endpoints(1)))["@type"] == ENDPOINT
    assert to_json(cache.route_config(some_routes("a")))["@type"] == ROUTE
    chain = FilterChainPlan((HttpConnectionPlan("l", route_name="80"),))
    listener = TcpListenerPlan(name="l", address="::", port=80, chains=(chain,), origins=())
    assert to_json(cache.listener(listener))["@type"] == LISTENER


@settings(any_plan, max_examples=10)
@given(strategies.route_config_plans)
def test_origins_are_those_of_the_plan(plan: RouteConfigPlan) -> None:
    assert RenderCache().route_config(plan).origins == plan.origins


def test_one_changed_virtual_host_encodes_one_virtual_host() -> None:
    cache = RenderCache()
    before = some_routes(*(f"host-{number}" for number in range(100)))
    cache.route_config(before)
    assert counted(cache) == (1, 100)
    after = replace(
        before, virtual_hosts=(*before.virtual_hosts[:-1], *some_routes("host-99", status=503).virtual_hosts)
    )
    assert cache.route_config(after).version != cache.route_config(before).version
    assert counted(cache) == (2, 101)


def test_one_new_endpoint_encodes_one_endpoint() -> None:
    cache = RenderCache()
    cache.load_assignment(some_endpoints(1, 2, 3))
    cache.load_assignment(some_endpoints(1, 2, 3, 4))
    assert counted(cache) == (2, 4)


def test_equal_plans_cost_nothing() -> None:
    cache = RenderCache()
    first = cache.cluster(a_cluster())
    cache.end_generation()
    assert cache.cluster(a_cluster()) is first
    assert counted(cache) == (1, 0)


def test_what_is_not_asked_for_in_a_whole_generation_is_forgotten() -> None:
    cache = RenderCache()
    first = cache.cluster(a_cluster())
    cache.end_generation()
    cache.end_generation()
    again = cache.cluster(a_cluster())
    assert again is not first
    assert again.any == first.any
    assert cache.encodings == 2


@pytest.mark.parametrize("generations", [1, 2, 5])
def test_parts_live_as_long_as_what_they_are_part_of(generations: int) -> None:
    cache = RenderCache()
    for _ in range(generations):
        cache.route_config(some_routes("a", "b"))
        cache.load_assignment(some_endpoints(1, 2))
        cache.end_generation()
    cache.route_config(some_routes("a", "b", "c"))
    cache.load_assignment(some_endpoints(1, 2, 3))
    assert counted(cache) == (4, 6)


def test_empty_resources_answer_for_unknown_names() -> None:
    routes, endpoints = empty_route_config("80"), empty_load_assignment("outbound|80||a")
    assert (routes.name, endpoints.name) == ("80", "outbound|80||a")
    assert "virtualHosts" not in to_json(routes)
    assert to_json(endpoints) == {"@type": ENDPOINT, "clusterName": "outbound|80||a"}

"""What patches change, and what keeps its encoding beside it; how lists are changed, in all operations."""

from __future__ import annotations

from typing import Any

import pytest

from envoycodec.upb import parse_json
from galley.kinds.networking.envoy_filter import (
    PATCHED_MESSAGES,
    ApplyTo,
    ClusterMatch,
    EnvoyConfigObjectMatch,
    ListenerMatch,
    PatchContext,
    PatchOperation,
    RouteConfigurationMatch,
    RouteMatch,
    VirtualHostMatch,
)
from galley.kinds.values import StringMatch
from galley.meta import ResourceKey
from pilot.envoy.encoded import RenderCache
from pilot.envoy.patches.patch import Patch, PatchSet
from pilot.ir.cluster import ClusterPlan, DiscoveryType
from pilot.ir.listener import Direction, FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.ir.proxy import ProxyPart, ProxyPlan
from pilot.ir.route import DirectResponsePlan, RouteConfigPlan, RouteMatchPlan, RoutePlan, VirtualHostPlan
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, ResourceSnapshot
from tests.envoy_validate import to_json

ORIGIN = ResourceKey("EnvoyFilter", "istio-system", "patches")


def patch(apply_to: ApplyTo, operation: PatchOperation, value: Any = None, **match: Any) -> Patch:
    written = parse_json(PATCHED_MESSAGES[apply_to], value) if value is not None else b""
    rule = match.get("route_configuration")
    ports = (rule.port_number,) if rule is not None and rule.port_number else ()
    return Patch(ORIGIN, apply_to, operation, EnvoyConfigObjectMatch(**match), written, ports)


def routes(config: str, *hosts: str) -> RouteConfigPlan:
    planned = (
        RoutePlan(match=RouteMatchPlan(uri=StringMatch(exact="/a")), action=DirectResponsePlan(200), name="a"),
        RoutePlan(match=RouteMatchPlan(), action=DirectResponsePlan(200), name="b"),
    )
    return RouteConfigPlan(config, tuple(VirtualHostPlan(name, (name,), planned) for name in hosts))


CHAIN = FilterChainPlan((HttpConnectionPlan("l", route_name="80"),))
CLUSTERS = tuple(ClusterPlan(name=f"outbound|80||{name}", discovery=DiscoveryType.EDS) for name in ("a", "b"))
LISTENERS = (
    TcpListenerPlan(name="out", address="::", port=80, chains=(CHAIN,)),
    TcpListenerPlan(name="in", address="::", port=81, chains=(CHAIN,), direction=Direction.INBOUND),
)
PLAN = ProxyPlan((ProxyPart(clusters=CLUSTERS, listeners=LISTENERS, routes=(routes("80", "x", "y"),)),))


def served(*patches: Patch, cache: RenderCache | None = None, withheld: Any = frozenset()) -> ResourceSnapshot:
    return (cache or RenderCache()).proxy(PLAN, PatchSet(patches, withheld))


def test_a_patch_changes_what_it_matches_and_nothing_else() -> None:
    cache = RenderCache()
    plain = served(cache=cache)
    before = cache.encodings
    changed = served(
        patch(ApplyTo.CLUSTER, PatchOperation.MERGE, {"altStatName": "p"}, cluster=ClusterMatch(service="a")),
        cache=cache,
    )
    assert cache.encodings == before + 1
    a, b = changed.of(CLUSTER)
    assert (to_json(a)["altStatName"], a.origins) == ("p", (ORIGIN,))
    assert b is plain.of(CLUSTER).get("outbound|80||b")
    assert all(changed.of(kind) is plain.of(kind) for kind in (ENDPOINT, LISTENER, ROUTE))


def test_a_patch_that_makes_no_difference_is_no_origin() -> None:
    found = served(
        patch(ApplyTo.HTTP_FILTER, PatchOperation.REMOVE), patch(ApplyTo.FILTER_CHAIN, PatchOperation.MERGE, {})
    )
    assert all(resource.origins == () for resource in found.of(LISTENER))


@pytest.mark.parametrize(
    ("context", "changed"),
    [(PatchContext.ANY, "in out"), (PatchContext.SIDECAR_INBOUND, "in"), (PatchContext.SIDECAR_OUTBOUND, "out")],
)
def test_the_context_is_a_side_of_the_proxy(context: PatchContext, changed: str) -> None:
    found = served(patch(ApplyTo.LISTENER, PatchOperation.MERGE, {"statPrefix": "s"}, context=context))
    assert [each.name for each in found.of(LISTENER) if to_json(each).get("statPrefix")] == changed.split()


def test_resources_are_added_and_removed() -> None:
    found = served(
        patch(ApplyTo.CLUSTER, PatchOperation.ADD, {"name": "mine"}),
        patch(ApplyTo.CLUSTER, PatchOperation.ADD, {"name": "outbound|80||b", "altStatName": "not mine"}),
        patch(ApplyTo.CLUSTER, PatchOperation.REMOVE, cluster=ClusterMatch(name="outbound|80||a")),
        patch(ApplyTo.LISTENER, PatchOperation.REMOVE, listener=ListenerMatch(port_number=80)),
    )
    assert list(found.of(CLUSTER).names()) == ["mine", "outbound|80||b"]
    assert "altStatName" not in to_json(next(c for c in found.of(CLUSTER) if c.name == "outbound|80||b"))
    assert list(found.of(LISTENER).names()) == ["in"]


@pytest.mark.parametrize(
    ("operation", "anchor", "expected"),
    [
        (PatchOperation.ADD, "", "a b new"),
        (PatchOperation.INSERT_FIRST, "b", "new a b"),
        (PatchOperation.INSERT_BEFORE, "b", "a new b"),
        (PatchOperation.INSERT_AFTER, "a", "a new b"),
        (PatchOperation.INSERT_AFTER, "nobody", "a b"),
        (PatchOperation.REPLACE, "a", "new b"),
        (PatchOperation.REMOVE, "a", "b"),
    ],
)
def test_lists_are_changed_where_the_match_says(operation: PatchOperation, anchor: str, expected: str) -> None:
    value = {"name": "new", "match": {"path": "/"}} if operation is not PatchOperation.REMOVE else None
    host = VirtualHostMatch(name="x", route=RouteMatch(name=anchor) if anchor else None)
    wanted = RouteConfigurationMatch(port_number=80, vhost=host)
    (config,) = served(patch(ApplyTo.HTTP_ROUTE, operation, value, route_configuration=wanted)).of(ROUTE)
    x, y = to_json(config)["virtualHosts"]
    assert [route["name"] for route in x["routes"]] == expected.split()
    assert [route["name"] for route in y["routes"]] == ["a", "b"]


def test_without_an_anchor_before_is_first_and_after_is_last() -> None:
    new = {"match": {"path": "/"}}
    (config,) = served(
        patch(ApplyTo.HTTP_ROUTE, PatchOperation.INSERT_BEFORE, {**new, "name": "first"}),
        patch(ApplyTo.HTTP_ROUTE, PatchOperation.INSERT_AFTER, {**new, "name": "last"}),
    ).of(ROUTE)
    for host in to_json(config)["virtualHosts"]:
        assert [route["name"] for route in host["routes"]] == ["first", "a", "b", "last"]


def test_a_patched_virtual_host_leaves_the_others_encoded() -> None:
    cache = RenderCache()
    served(cache=cache)
    assert cache.parts == 2
    wanted = RouteConfigurationMatch(vhost=VirtualHostMatch(name="x"))
    served(patch(ApplyTo.VIRTUAL_HOST, PatchOperation.REMOVE, route_configuration=wanted), cache=cache)
    assert cache.parts == 3


def test_what_a_proxy_refused_goes_without_the_patch_and_the_rest_with_it() -> None:
    everywhere = patch(ApplyTo.CLUSTER, PatchOperation.MERGE, {"altStatName": "p"})
    found = served(everywhere, withheld=frozenset({(CLUSTER, "outbound|80||a", ORIGIN)}))
    assert [to_json(cluster).get("altStatName") for cluster in found.of(CLUSTER)] == [None, "p"]


def test_patches_are_applied_one_after_another() -> None:
    first, second = (patch(ApplyTo.CLUSTER, PatchOperation.MERGE, {"altStatName": name}) for name in "12")
    assert to_json(next(iter(served(first, second).of(CLUSTER))))["altStatName"] == "2"
    assert to_json(next(iter(served(second, first).of(CLUSTER))))["altStatName"] == "1"

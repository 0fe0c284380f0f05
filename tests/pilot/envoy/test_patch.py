"""What a patch changes, and what keeps its encoding beside it."""

from __future__ import annotations

import betterproto2

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.envoy.encoded import RenderCache
from pilot.envoy.patch import M, Part
from pilot.ir.cluster import ClusterPlan, DiscoveryType
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.ir.proxy import ProxyPart, ProxyPlan
from pilot.ir.route import DirectResponsePlan, RouteConfigPlan, RouteMatchPlan, RoutePlan, VirtualHostPlan
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE
from tests.envoy_validate import to_json

ORIGIN = ResourceKey("EnvoyFilter", "istio-system", "patches")


@frozen
class SetField:
    """Sets a field of what is rendered from the parts of one name."""

    part: str
    field: str
    value: str | int

    @property
    def origin(self) -> ResourceKey:
        return ORIGIN

    def matches(self, part: Part) -> bool:
        return part.name == self.part

    def apply(self, message: M) -> M:
        assert isinstance(message, betterproto2.Message)
        setattr(message, self.field, self.value)
        return message


def some_routes(*names: str) -> RouteConfigPlan:
    routes = (RoutePlan(match=RouteMatchPlan(), action=DirectResponsePlan(200)),)
    return RouteConfigPlan("80", tuple(VirtualHostPlan(name, (name,), routes) for name in names))


CLUSTERS = tuple(ClusterPlan(name=name, discovery=DiscoveryType.EDS) for name in ("a", "b"))
CHAIN = FilterChainPlan((HttpConnectionPlan("l", route_name="80"),))
LISTENERS = tuple(TcpListenerPlan(name=name, address="::", port=80, chains=(CHAIN,)) for name in ("l", "m"))
ROUTES = some_routes("x", "y")
PLAN = ProxyPlan((ProxyPart(clusters=CLUSTERS, listeners=LISTENERS, routes=(ROUTES,)),))


def test_a_patch_changes_what_it_matches_and_nothing_else() -> None:
    cache, patch = RenderCache(), SetField("a", "alt_stat_name", "patched")
    plain = cache.proxy(PLAN)
    before = cache.encodings
    changed = cache.proxy(PLAN, (patch,))
    assert cache.encodings == before + 1
    a, b = changed.of(CLUSTER)
    assert (to_json(a)["altStatName"], a.origins) == ("patched", (ORIGIN,))
    assert b is plain.of(CLUSTER).get("b")
    assert all(changed.of(kind) is plain.of(kind) for kind in (ENDPOINT, LISTENER, ROUTE))


def test_a_patch_that_matches_nothing_costs_nothing() -> None:
    cache = RenderCache()
    plain = cache.proxy(PLAN)
    counted = cache.encodings, cache.parts, cache.sets
    assert cache.proxy(PLAN, (SetField("nobody", "name", "x"),)) is plain
    assert (cache.encodings, cache.parts, cache.sets) == counted


def test_listeners_and_route_configurations_can_be_patched_too() -> None:
    cache = RenderCache()
    listener = cache.listener(LISTENERS[0], (SetField("l", "stat_prefix", "s"),))
    routes = cache.route_config(ROUTES, (SetField("80", "max_direct_response_body_size_bytes", 5),))
    assert to_json(listener)["statPrefix"] == "s"
    assert to_json(routes)["maxDirectResponseBodySizeBytes"] == 5
    assert [host["name"] for host in to_json(routes)["virtualHosts"]] == ["x", "y"]


def test_a_patched_virtual_host_leaves_the_others_encoded() -> None:
    cache = RenderCache()
    cache.route_config(ROUTES)
    assert cache.parts == 2
    patched = cache.route_config(ROUTES, (SetField("x", "include_attempt_count_in_response", value=True),))
    assert cache.parts == 3
    hosts = {host["name"]: host for host in to_json(patched)["virtualHosts"]}
    assert [name for name, host in hosts.items() if host.get("includeAttemptCountInResponse")] == ["x"]
    assert patched.origins == (ORIGIN,)


def test_patches_are_applied_one_after_another() -> None:
    first, second = SetField("a", "alt_stat_name", "1"), SetField("a", "alt_stat_name", "2")
    assert to_json(RenderCache().cluster(CLUSTERS[0], (first, second)))["altStatName"] == "2"
    assert to_json(RenderCache().cluster(CLUSTERS[0], (second, first)))["altStatName"] == "1"

"""Encoded resources: each plan rendered and encoded once, large ones put together from parts encoded earlier.

A plan is a complete key, for a renderer reaches nothing else. So there is nothing to invalidate, only to forget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, assert_never

import betterproto2
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, LocalityLbEndpoints
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration

from envoycodec.construct import maker
from envoycodec.encode import encode, length_delimited, type_url
from galley.meta import ResourceKey
from pilot.envoy.cluster import render_cluster
from pilot.envoy.dns import render_dns_listener, render_dns_name
from pilot.envoy.endpoint import render_endpoint, render_locality, render_locality_options
from pilot.envoy.listener import render_listener
from pilot.envoy.patch import NO_PATCHES, Patches, matching, patched
from pilot.envoy.route import render_route_config_options, render_virtual_host
from pilot.ir.cluster import ClusterPlan, EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.listener import DnsListenerPlan, DnsNamePlan, ListenerPlan, TcpListenerPlan
from pilot.ir.proxy import ProxyPart, ProxyPlan
from pilot.ir.route import RouteConfigPlan, VirtualHostPlan
from pilot.memo import Memo
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

_route_configuration = maker(RouteConfiguration)
_load_assignment = maker(ClusterLoadAssignment)
_locality_endpoints = maker(LocalityLbEndpoints)

# Field numbers of what is joined from parts.
_ANY_TYPE_URL, _ANY_VALUE = 1, 2
_VIRTUAL_HOSTS = 2  # of a RouteConfiguration
_ENDPOINTS = 2  # localities of a ClusterLoadAssignment
_LB_ENDPOINTS = 2  # endpoints of a locality


class RenderCache:
    """Encoded resources and parts by plan and by the patches that match it; what is equal gives the same object.

    ``encodings`` counts the resources encoded or put together so far, ``parts`` the virtual hosts, endpoints and DNS
    names encoded for them, ``sets`` the sets and snapshots of resources. Not for use by several threads at once.
    """

    def __init__(self) -> None:
        self._memo = Memo()

    def proxy(self, plan: ProxyPlan, patches: Patches = NO_PATCHES) -> ResourceSnapshot:
        """All that a proxy may receive. Plans with parts in common have the sets that are made of them in common."""
        sets = [self._memo.now(self._set, served, served.parts_of(plan), patches) for served in _SERVED]
        return self._memo(_snapshot, *sets)

    def cluster(self, plan: ClusterPlan, patches: Patches = NO_PATCHES) -> EncodedResource:
        """The encoded cluster."""
        return self._memo(_encode_cluster, plan, matching(patches, plan))

    def load_assignment(self, plan: LoadAssignmentPlan) -> EncodedResource:
        """The encoded load assignment, put together from encoded endpoints. Endpoints cannot be patched."""
        return self._memo(self._join_load_assignment, plan)

    def listener(self, plan: ListenerPlan, patches: Patches = NO_PATCHES) -> EncodedResource:
        """The encoded listener; one that answers DNS queries is put together from encoded names."""
        return self._memo(self._encode_listener, plan, matching(patches, plan))

    def route_config(self, plan: RouteConfigPlan, patches: Patches = NO_PATCHES) -> EncodedResource:
        """The encoded route configuration, put together from encoded virtual hosts."""
        return self._memo(self._join_route_config, plan, matching(patches, plan, *plan.virtual_hosts))

    @property
    def encodings(self) -> int:
        """How many resources were encoded or put together so far."""
        return self._memo.misses - self.parts - self.sets

    @property
    def parts(self) -> int:
        """How many parts were encoded for them."""
        return sum(self._memo.made[encode_part] for encode_part in _PARTS)

    @property
    def sets(self) -> int:
        """How many sets and snapshots of them were made."""
        return self._memo.made[ResourceSet] + self._memo.made[_snapshot]

    def end_generation(self) -> None:
        """Forget what was not asked for since the generation before ended: call it once per published snapshot."""
        self._memo = self._memo.successor()

    def _set(self, served: _ServedType, parts: tuple[ProxyPart, ...], patches: Patches) -> ResourceSet:
        encoded = (self._memo.now(self._encoded, served, part, patches) for part in parts)
        return self._memo(ResourceSet, served.type_url, tuple(resource for found in encoded for resource in found))

    def _encoded(self, served: _ServedType, part: ProxyPart, patches: Patches) -> tuple[EncodedResource, ...]:
        return tuple(served.encode(self, plan, patches) for plan in served.plans_in(part))

    def _join_load_assignment(self, plan: LoadAssignmentPlan) -> EncodedResource:
        return join_load_assignment(plan, encode_endpoint=lambda endpoint: self._memo(_encode_endpoint, endpoint))

    def _encode_listener(self, plan: ListenerPlan, patches: Patches) -> EncodedResource:
        return encode_listener(plan, patches, encode_dns_name=lambda name: self._memo(_encode_dns_name, name))

    def _join_route_config(self, plan: RouteConfigPlan, patches: Patches) -> EncodedResource:
        def encode_virtual_host(host: VirtualHostPlan) -> bytes:
            return self._memo(_encode_virtual_host, host, matching(patches, host))

        return join_route_config(plan, patches, encode_virtual_host=encode_virtual_host)


@dataclass(frozen=True, slots=True)
class _ServedType:
    """One type of resources: where its plans are, and how one is encoded."""

    type_url: TypeUrl
    plans_in: Callable[[ProxyPart], tuple[Any, ...]]
    encode: Callable[[RenderCache, Any, Patches], EncodedResource]

    def parts_of(self, plan: ProxyPlan) -> tuple[ProxyPart, ...]:
        """The parts that have something of this type."""
        return tuple(part for part in plan.parts if self.plans_in(part))


_SERVED = (
    _ServedType(CLUSTER, attrgetter("clusters"), RenderCache.cluster),
    _ServedType(ENDPOINT, attrgetter("load_assignments"), lambda cache, plan, _: cache.load_assignment(plan)),
    _ServedType(LISTENER, attrgetter("listeners"), RenderCache.listener),
    _ServedType(ROUTE, attrgetter("routes"), RenderCache.route_config),
)


def _snapshot(*sets: ResourceSet) -> ResourceSnapshot:
    return ResourceSnapshot(sets)


def empty_route_config(name: str) -> EncodedResource:
    """What answers for a route configuration that nobody plans: it matches nothing, so a request gets 404. Silence
    would keep the listener that waits for it from opening."""
    return join_route_config(RouteConfigPlan(name=name, virtual_hosts=()), encode_virtual_host=_encode_virtual_host)


def empty_load_assignment(name: str) -> EncodedResource:
    """What answers for the endpoints of a cluster that nobody plans, for the same reason: requests get 503."""
    return join_load_assignment(LoadAssignmentPlan(cluster_name=name), encode_endpoint=_encode_endpoint)


def join_route_config(
    plan: RouteConfigPlan, patches: Patches = NO_PATCHES, *, encode_virtual_host: Callable[[VirtualHostPlan], bytes]
) -> EncodedResource:
    """The encoding of ``render_route_config(plan)`` from encoded virtual hosts, byte for byte.

    Of ``patches`` those that match the route configuration itself are applied to its other fields.
    """
    payload = b"".join(
        [
            encode(_route_configuration(name=plan.name)),
            *[length_delimited(_VIRTUAL_HOSTS, encode_virtual_host(host)) for host in plan.virtual_hosts],
            encode(patched(render_route_config_options(plan), matching(patches, plan))),
        ]
    )
    return _resource(plan.name, RouteConfiguration, payload, _origins(plan.origins, patches))


def join_load_assignment(
    plan: LoadAssignmentPlan, *, encode_endpoint: Callable[[EndpointPlan], bytes]
) -> EncodedResource:
    """The encoding of ``render_load_assignment(plan)`` from encoded endpoints, byte for byte."""
    groups = [_join_locality(locality, encode_endpoint) for locality in plan.localities]
    payload = b"".join(
        [
            encode(_load_assignment(cluster_name=plan.cluster_name)),
            *[length_delimited(_ENDPOINTS, group) for group in groups],
        ]
    )
    return _resource(plan.cluster_name, ClusterLoadAssignment, payload, plan.origins)


def encode_listener(
    plan: ListenerPlan, patches: Patches = NO_PATCHES, *, encode_dns_name: Callable[[DnsNamePlan], bytes]
) -> EncodedResource:
    """The encoding of a listener; one that answers DNS queries is put together from encoded names."""
    match plan:
        case TcpListenerPlan():
            listener = render_listener(plan)
        case DnsListenerPlan():
            listener = render_dns_listener(plan, encode_dns_name)
        case _:
            assert_never(plan)
    return _resource(plan.name, Listener, encode(patched(listener, patches)), _origins(plan.origins, patches))


def _join_locality(plan: LocalityPlan, encode_endpoint: Callable[[EndpointPlan], bytes]) -> bytes:
    return b"".join(
        [
            encode(_locality_endpoints(locality=render_locality(plan))),
            *[length_delimited(_LB_ENDPOINTS, encode_endpoint(endpoint)) for endpoint in plan.endpoints],
            encode(render_locality_options(plan)),
        ]
    )


def _encode_cluster(plan: ClusterPlan, patches: Patches) -> EncodedResource:
    cluster = patched(render_cluster(plan), patches)
    return _resource(plan.name, Cluster, encode(cluster), _origins(plan.origins, patches))


def _encode_virtual_host(plan: VirtualHostPlan, patches: Patches = NO_PATCHES) -> bytes:
    return encode(patched(render_virtual_host(plan), patches))


def _encode_dns_name(plan: DnsNamePlan) -> bytes:
    return encode(render_dns_name(plan))


def _encode_endpoint(plan: EndpointPlan) -> bytes:
    return encode(render_endpoint(plan))


def _origins(origins: tuple[ResourceKey, ...], patches: Patches) -> tuple[ResourceKey, ...]:
    return (*origins, *(patch.origin for patch in patches))


def _resource(
    name: str, cls: type[betterproto2.Message], payload: bytes, origins: Iterable[Hashable]
) -> EncodedResource:
    version = hashlib.blake2b(payload, digest_size=8).hexdigest()
    content = _any_head(cls) + length_delimited(_ANY_VALUE, payload)
    return EncodedResource(name=name, version=version, any=content, origins=tuple(origins))


_PARTS = (_encode_virtual_host, _encode_dns_name, _encode_endpoint)


@cache
def _any_head(cls: type[betterproto2.Message]) -> bytes:
    return length_delimited(_ANY_TYPE_URL, type_url(cls).encode())

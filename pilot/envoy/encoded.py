"""Encoded resources: each plan rendered and encoded once, large ones put together from parts encoded earlier.

A plan is a complete key, for a renderer reaches nothing else. So there is nothing to invalidate, only to forget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

import betterproto2
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, LocalityLbEndpoints
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration

from envoycodec.construct import maker
from envoycodec.encode import encode, length_delimited, type_url
from galley.kinds.networking.envoy_filter import PatchOperation
from galley.meta import ResourceKey
from pilot.envoy.cluster import render_cluster
from pilot.envoy.dns import render_dns_listener, render_dns_name
from pilot.envoy.endpoint import render_endpoint, render_locality, render_locality_options
from pilot.envoy.listener import render_listener
from pilot.envoy.patches.cluster import added_clusters, patched_cluster, patches_of_cluster
from pilot.envoy.patches.listener import added_listeners, patched_listener, patches_of_listener
from pilot.envoy.patches.patch import NO_PATCHES, Patches, PatchSet
from pilot.envoy.patches.route import (
    added_virtual_hosts,
    patched_options,
    patched_virtual_host,
    patches_of_routes,
    patches_of_virtual_host,
)
from pilot.envoy.route import render_route_config_options, render_virtual_host
from pilot.ir.cluster import ClusterPlan, EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.listener import Direction, DnsListenerPlan, DnsNamePlan, ListenerPlan, TcpListenerPlan
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

    def proxy(self, plan: ProxyPlan, patches: PatchSet = NO_PATCHES) -> ResourceSnapshot:
        """All that a proxy may receive. Plans with parts in common have the sets that are made of them in common."""
        sets = [self._memo.now(self._set, served, served.parts_of(plan), patches) for served in _SERVED]
        return self._memo(_snapshot, *sets)

    def cluster(self, plan: ClusterPlan) -> EncodedResource:
        """The encoded cluster, without patches."""
        return _there(self._cluster(plan, NO_PATCHES))

    def load_assignment(self, plan: LoadAssignmentPlan) -> EncodedResource:
        """The encoded load assignment, put together from encoded endpoints. Endpoints cannot be patched."""
        return self._memo(self._join_load_assignment, plan)

    def listener(self, plan: ListenerPlan) -> EncodedResource:
        """The encoded listener, without patches; one that answers DNS queries is put together from encoded names."""
        return _there(self._listener(plan, NO_PATCHES))

    def route_config(self, plan: RouteConfigPlan, patches: PatchSet = NO_PATCHES) -> EncodedResource:
        """The encoded route configuration, put together from encoded virtual hosts."""
        found = patches_of_routes(plan.name, patches.routes)
        return self._memo(self._join_route_config, plan, patches.sent(ROUTE, plan.name, found))

    @property
    def encodings(self) -> int:
        """How many resources were encoded or put together so far."""
        return self._memo.misses - self.parts - self.sets - self._memo.made[_added]

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

    def _set(self, served: _ServedType, parts: tuple[ProxyPart, ...], patches: PatchSet) -> ResourceSet:
        encoded = [self._memo.now(self._encoded, served, part, patches) for part in parts]
        added = self._memo(_added, served.type_url, patches) if patches.patches else ()
        return self._memo(ResourceSet, served.type_url, (*added, *(one for found in encoded for one in found)))

    def _encoded(self, served: _ServedType, part: ProxyPart, patches: PatchSet) -> tuple[EncodedResource, ...]:
        encoded = (served.encode(self, plan, patches) for plan in served.plans_in(part))
        return tuple(resource for resource in encoded if resource is not None)

    def _cluster(self, plan: ClusterPlan, patches: PatchSet) -> EncodedResource | None:
        """None where a patch removes the cluster."""
        found = patches_of_cluster(plan.name, (plan.service_host,), patches.clusters)
        return self._memo(_encode_cluster, plan, patches.sent(CLUSTER, plan.name, found))

    def _endpoints(self, plan: LoadAssignmentPlan, patches: PatchSet) -> EncodedResource | None:
        if patches.clusters and is_removed(plan.cluster_name, patches):
            return None
        return self.load_assignment(plan)

    def _listener(self, plan: ListenerPlan, patches: PatchSet) -> EncodedResource | None:
        """None where a patch removes the listener. One that answers DNS queries is not Istio's, and not patched."""
        if isinstance(plan, DnsListenerPlan):
            return self._memo(self._encode_dns_listener, plan)
        inbound = plan.direction is Direction.INBOUND
        found = patches_of_listener(plan.name, plan.port, patches.listeners, inbound=inbound)
        return self._memo(_encode_listener, plan, patches.sent(LISTENER, plan.name, found))

    def _join_load_assignment(self, plan: LoadAssignmentPlan) -> EncodedResource:
        return join_load_assignment(plan, encode_endpoint=lambda endpoint: self._memo(_encode_endpoint, endpoint))

    def _encode_dns_listener(self, plan: DnsListenerPlan) -> EncodedResource:
        return encode_dns_listener(plan, encode_dns_name=lambda name: self._memo(_encode_dns_name, name))

    def _join_route_config(self, plan: RouteConfigPlan, patches: Patches) -> EncodedResource:
        def encode_virtual_host(host: VirtualHostPlan) -> bytes | None:
            found = patches_of_virtual_host(host.name, host.domains, patches) if patches else ()
            return self._memo(_encode_virtual_host, host, found)

        return join_route_config(plan, patches, encode_virtual_host=encode_virtual_host)


@dataclass(frozen=True, slots=True)
class _ServedType:
    """One type of resources: where its plans are, and how one is encoded."""

    type_url: TypeUrl
    plans_in: Callable[[ProxyPart], tuple[Any, ...]]
    encode: Callable[[RenderCache, Any, PatchSet], EncodedResource | None]

    def parts_of(self, plan: ProxyPlan) -> tuple[ProxyPart, ...]:
        """The parts that have something of this type."""
        return tuple(part for part in plan.parts if self.plans_in(part))


_SERVED = (
    _ServedType(CLUSTER, attrgetter("clusters"), RenderCache._cluster),
    _ServedType(ENDPOINT, attrgetter("load_assignments"), RenderCache._endpoints),
    _ServedType(LISTENER, attrgetter("listeners"), RenderCache._listener),
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
    plan: RouteConfigPlan, patches: Patches = (), *, encode_virtual_host: Callable[[VirtualHostPlan], bytes | None]
) -> EncodedResource:
    """The encoding of ``render_route_config(plan)`` from encoded virtual hosts, byte for byte.

    Virtual hosts come patched, or as None where a patch removes them. Of ``patches``, all of which match the route
    configuration, those are applied here that change its other fields or add a virtual host.
    """
    encoded = [encode_virtual_host(host) for host in plan.virtual_hosts]
    hosts = [host for host in encoded if host is not None] + (added_virtual_hosts(patches) if patches else [])
    payload = b"".join(
        [
            encode(_route_configuration(name=plan.name)),
            *[length_delimited(_VIRTUAL_HOSTS, host) for host in hosts],
            patched_options(encode(render_route_config_options(plan)), patches),
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


def encode_dns_listener(plan: DnsListenerPlan, *, encode_dns_name: Callable[[DnsNamePlan], bytes]) -> EncodedResource:
    """The encoding of a listener that answers DNS queries, put together from encoded names."""
    return _resource(plan.name, Listener, encode(render_dns_listener(plan, encode_dns_name)), plan.origins)


def is_removed(cluster: str, patches: PatchSet) -> bool:
    """Whether a patch removes the outbound cluster of this name."""
    found = patches.sent(CLUSTER, cluster, patches_of_cluster(cluster, (), patches.clusters))
    return any(patch.operation is PatchOperation.REMOVE for patch in found)


def _added(type_url: TypeUrl, patches: PatchSet) -> tuple[EncodedResource, ...]:
    """The resources of a type that patches add. One of a name that there is anyway does not count."""
    found, cls = _ADDING[type_url](patches) if type_url in _ADDING else ((), Cluster)
    named = [(patch.message().name, patch) for patch in found]
    return tuple(
        _resource(name, cls, patch.value, (patch.origin,))
        for name, patch in named
        if patches.sent(type_url, name, (patch,))
    )


_ADDING: dict[TypeUrl, Callable[[PatchSet], tuple[Patches, type[betterproto2.Message]]]] = {
    CLUSTER: lambda patches: (added_clusters(patches.clusters), Cluster),
    LISTENER: lambda patches: (added_listeners(patches.listeners), Listener),
}


def _join_locality(plan: LocalityPlan, encode_endpoint: Callable[[EndpointPlan], bytes]) -> bytes:
    return b"".join(
        [
            encode(_locality_endpoints(locality=render_locality(plan))),
            *[length_delimited(_LB_ENDPOINTS, encode_endpoint(endpoint)) for endpoint in plan.endpoints],
            encode(render_locality_options(plan)),
        ]
    )


def _encode_cluster(plan: ClusterPlan, patches: Patches) -> EncodedResource | None:
    return _patched(plan, render_cluster(plan), patches, patched_cluster)


def _encode_listener(plan: TcpListenerPlan, patches: Patches) -> EncodedResource | None:
    return _patched(plan, render_listener(plan), patches, patched_listener)


def _there(resource: EncodedResource | None) -> EncodedResource:
    assert resource is not None, "only patches remove what is planned"
    return resource


def _patched(
    plan: ClusterPlan | TcpListenerPlan,
    message: betterproto2.Message,
    patches: Patches,
    patch: Callable[[bytes, Patches], bytes | None],
) -> EncodedResource | None:
    """A resource with ``patches``, of which it is made only if they make a difference; None when they remove it."""
    cls, payload = type(message), encode(message)
    changed = patch(payload, patches) if patches else payload
    if changed is None:
        return None
    if changed == payload or (bool(patches) and changed == patch(payload, ())):
        return _resource(plan.name, cls, payload, plan.origins)
    return _resource(plan.name, cls, changed, _origins(plan.origins, patches))


def _encode_virtual_host(plan: VirtualHostPlan, patches: Patches = ()) -> bytes | None:
    payload = encode(render_virtual_host(plan))
    return patched_virtual_host(payload, patches) if patches else payload


def _encode_dns_name(plan: DnsNamePlan) -> bytes:
    return encode(render_dns_name(plan))


def _encode_endpoint(plan: EndpointPlan) -> bytes:
    return encode(render_endpoint(plan))


def _origins(origins: tuple[ResourceKey, ...], patches: Patches) -> tuple[ResourceKey, ...]:
    return tuple(dict.fromkeys((*origins, *(patch.origin for patch in patches))))


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

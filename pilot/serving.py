"""What the fleet serves and whom its proxies are told to: the newest mesh, and its registrations."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from ipaddress import ip_address

from citadel.identity import SpiffeId
from envoycodec.discovery import Node
from galley.snapshot import ConfigSnapshot
from pilot.controlplane.mesh_state import MeshState
from pilot.envoy.encoded import empty_load_assignment, empty_route_config
from pilot.identity.identities import Identities, bind_proxy
from pilot.mesh.context.proxy import Proxy, read_proxy
from pilot.node.locality import Locality
from pilot.node.node_id import NodeError
from pilot.server.connection import Connection
from pilot.server.status import Rejection, origins_of
from pilot.xds.resources import (
    ENDPOINT,
    LISTENER,
    ROUTE,
    SHORT_NAMES,
    EncodedResource,
    ResourceSet,
    ResourceSnapshot,
    TypeUrl,
)

log = logging.getLogger("pilot")

_MOST_ORIGINS = 1_000
"""Rejections whose origins are remembered. Proxies of one scope reject the same resource with the same words."""


class PilotMesh:
    """`ServedMesh` of a running control plane: snapshots of ``state``, secrets and proofs of ``identities`` if any."""

    def __init__(self, state: MeshState, identities: Identities | None) -> None:
        self._state, self._identities = state, identities
        self._origins: dict[Hashable, tuple[str, ...]] = {}
        self._origins_in: ConfigSnapshot | None = None

    @property
    def proves_identities(self) -> bool:
        """Whether there is a Citadel."""
        return self._identities is not None

    def admit(self, node: Node, identity: SpiffeId | None) -> Proxy:
        """See `ServedMesh`. Where nobody can prove anything, a proxy is who it says it is."""
        proxy = proxy_of_node(node)
        return bind_proxy(proxy, identity) if self.proves_identities else proxy

    def snapshot_of(self, proxy: Proxy) -> ResourceSnapshot | None:
        """See `MeshState.snapshot_of`."""
        return self._state.snapshot_of(proxy)

    def secrets_of(self, proxy: Proxy, identity: SpiffeId) -> ResourceSet | None:
        """See `Identities.secrets_of`; None without."""
        return self._identities.secrets_of(proxy, identity) if self._identities is not None else None

    def empty_resource(self, type_url: TypeUrl, name: str) -> EncodedResource | None:
        """What answers for a name that nobody plans any more: an Envoy that drains may still ask for it."""
        if type_url == ROUTE:
            return empty_route_config(name)
        return empty_load_assignment(name) if type_url == ENDPOINT else None

    def origins_of(self, rejection: Rejection) -> tuple[str, ...]:
        """See `origins_of`, in the configuration in force."""
        config = self._state.config
        if config is not self._origins_in or len(self._origins) >= _MOST_ORIGINS:
            self._origins, self._origins_in = {}, config
        key = rejection.name, rejection.origins, rejection.message
        if key not in self._origins:
            self._origins[key] = origins_of(rejection, config)
        return self._origins[key]


class Registrar:
    """`FleetObserver` of a running control plane: tells ``state`` of proxies, for those that are workloads.

    ``changed`` is called when that changes who is there or who serves.
    """

    def __init__(self, state: MeshState, changed: Callable[[], object]) -> None:
        self._state, self._changed = state, changed

    def connected(self, connection: Connection[Proxy]) -> None:
        """Register its workload, if it is one that registers itself."""
        if connection.proxy.dns_capture and not connection.proxy.captures_dns:
            log.warning("%s has DNS_CAPTURE, but no traffic is redirected to it: it answers no DNS queries", connection)
        if self._state.connect(connection.proxy):
            self._changed()

    def disconnected(self, connection: Connection[Proxy]) -> None:
        """Its workload has some time to come back."""
        self._state.disconnect(connection.proxy, time.monotonic())
        self._changed()

    def acked(self, connection: Connection[Proxy], type_url: TypeUrl) -> None:
        """A workload whose Envoy has its listeners may be sent requests."""
        self._answered(connection, type_url)

    def nacked(self, connection: Connection[Proxy], type_url: TypeUrl, rejections: tuple[Rejection, ...]) -> None:
        """Of listeners an Envoy takes those that are good. What EnvoyFilters have changed comes again without that."""
        self._answered(connection, type_url)
        refused = ((one.name, one.origins) for one in rejections if not one.doubtful)
        withheld = self._state.refuse(connection.proxy, type_url, refused)
        for name, resource in withheld:
            kind = SHORT_NAMES.get(type_url, type_url)
            log.error(
                "%s: %s %s goes WITHOUT the patches of %s (%s) from now on, because the Envoy refused it with them; "
                "they are tried again when that file changes",
                connection,
                kind,
                name,
                resource.key,
                resource.origin,
            )
        if withheld:
            self._changed()

    def health_reported(self, connection: Connection[Proxy], *, healthy: bool) -> None:
        """Requests are sent to healthy workloads alone."""
        if self._state.report(connection.proxy, healthy=healthy):
            self._changed()

    def _answered(self, connection: Connection[Proxy], type_url: TypeUrl) -> None:
        if type_url == LISTENER and self._state.listening(connection.proxy):
            self._changed()


def proxy_of_node(node: Node) -> Proxy:
    """The proxy that a decoded xDS node describes. Raises ``NodeError``, also for an address that is left open:
    nobody could reach it by that."""
    proxy = read_proxy(
        node_id=node.id,
        metadata=node.metadata,
        locality=Locality(region=node.region, zone=node.zone, sub_zone=node.sub_zone),
        envoy_version=node.user_agent_version,
        node_cluster=node.cluster,
    )
    for address in proxy.addresses:
        if ip_address(address).is_unspecified:
            raise NodeError(f"node {proxy.id!r}: {address} is not the address of a host")
    return proxy

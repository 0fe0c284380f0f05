"""The plan of one proxy: everything that it is to receive, before any of it is rendered."""

from __future__ import annotations

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.cluster import ClusterPlan, LoadAssignmentPlan
from pilot.ir.listener import ListenerPlan
from pilot.ir.route import RouteConfigPlan

WithheldPatches = frozenset[tuple[str, str, ResourceKey]]
"""Resources, as type URL and name, that a proxy has refused with the patches of an EnvoyFilter."""


@frozen
class ProxyPart:
    """Plans that belong together because they depend on the same: proxies that are alike in it share the part."""

    listeners: tuple[ListenerPlan, ...] = ()
    clusters: tuple[ClusterPlan, ...] = ()
    load_assignments: tuple[LoadAssignmentPlan, ...] = ()
    routes: tuple[RouteConfigPlan, ...] = ()


@frozen
class ProxyPlan:
    """All that one proxy is to receive. Of two plans of one kind and name the later one counts."""

    parts: tuple[ProxyPart, ...]

    @property
    def listeners(self) -> tuple[ListenerPlan, ...]:
        """The listeners of all parts."""
        return tuple(listener for part in self.parts for listener in part.listeners)

    @property
    def clusters(self) -> tuple[ClusterPlan, ...]:
        """The clusters of all parts."""
        return tuple(cluster for part in self.parts for cluster in part.clusters)

    @property
    def load_assignments(self) -> tuple[LoadAssignmentPlan, ...]:
        """The endpoints of the clusters that learn them by EDS."""
        return tuple(assignment for part in self.parts for assignment in part.load_assignments)

    @property
    def routes(self) -> tuple[RouteConfigPlan, ...]:
        """The route configurations that the listeners may ask for."""
        return tuple(config for part in self.parts for config in part.routes)

"""Plans of load assignments."""

from __future__ import annotations

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.node.locality import Locality


@frozen
class EndpointPlan:
    """One address. ``port`` is 0 and ``address`` a path for a Unix socket; ``weight`` is at least 1.

    ``mutual_tls`` marks one that takes mutual TLS, for clusters that leave it to the endpoint.
    """

    address: str
    port: int
    weight: int = 1
    mutual_tls: bool = False


@frozen
class LocalityPlan:
    """Endpoints of one locality, in a stable order."""

    locality: Locality
    endpoints: tuple[EndpointPlan, ...]
    priority: int = 0


@frozen
class LoadAssignmentPlan:
    """The endpoints of one cluster. Served by EDS, or inline in a DNS or STATIC cluster."""

    cluster_name: str
    localities: tuple[LocalityPlan, ...] = ()
    origins: tuple[ResourceKey, ...] = ()

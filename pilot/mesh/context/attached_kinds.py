"""ATTACHED_KINDS, the one table of the kinds that are attached to workloads: whose proxies they shape, and where."""

from __future__ import annotations

from enum import Enum, auto

from galley.frozen import frozen
from galley.kinds.attachment import AttachedKind
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.security.request_authentication import RequestAuthentication
from pilot.node.node_id import ProxyKind


class Side(Enum):
    """The two sides of a proxy, which have scopes of their own; a gateway's listeners are on the outbound one."""

    OUTBOUND = auto()
    INBOUND = auto()


class LabelsOf(Enum):
    """By which labels a workload is selected, where its node and the registry know different ones."""

    NODE = "those that the node claims; the registry's where it claims none (Istio's rule for traffic)"
    ENDPOINTS = "all of both, as its clients see them: no policy is lost with a label that the node does not know"


@frozen
class AttachedRow:
    """How one kind shapes proxies. ``needs_identities``: it counts only where workloads have identities."""

    kind: type[AttachedKind]
    proxies: frozenset[ProxyKind]
    sides: frozenset[Side]
    labels_of: LabelsOf = LabelsOf.NODE
    needs_identities: bool = False

    @property
    def name(self) -> str:
        """The kind's name in documents."""
        return self.kind.__name__


_SIDECARS, _GATEWAYS = frozenset({ProxyKind.SIDECAR}), frozenset({ProxyKind.GATEWAY})
_OUTBOUND, _INBOUND = frozenset({Side.OUTBOUND}), frozenset({Side.INBOUND})

ATTACHED_KINDS = (
    AttachedRow(Gateway, _GATEWAYS, _OUTBOUND),
    AttachedRow(Sidecar, _SIDECARS, _OUTBOUND | _INBOUND),
    AttachedRow(RequestAuthentication, _SIDECARS, _INBOUND, LabelsOf.ENDPOINTS),
    AttachedRow(RequestAuthentication, _GATEWAYS, _OUTBOUND, LabelsOf.ENDPOINTS),
    AttachedRow(AuthorizationPolicy, _SIDECARS, _INBOUND, LabelsOf.ENDPOINTS),
    AttachedRow(AuthorizationPolicy, _GATEWAYS, _OUTBOUND, LabelsOf.ENDPOINTS),
    AttachedRow(PeerAuthentication, _SIDECARS, _INBOUND, LabelsOf.ENDPOINTS, needs_identities=True),
)

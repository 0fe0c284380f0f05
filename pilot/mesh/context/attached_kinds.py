"""ATTACHED_KINDS, the one table of the kinds that are attached to workloads: whose proxies they shape, and where."""

from __future__ import annotations

from enum import Enum, auto
from typing import cast

from galley.frozen import frozen
from galley.kinds import KINDS
from galley.kinds.attachment import AttachedKind
from galley.kinds.networking.envoy_filter import EnvoyFilter
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.telemetry import Telemetry
from galley.kinds.values import AttachedPolicy
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

# The patches of an EnvoyFilter change what is rendered, not what is planned: see `pilot.mesh.context.patching`. What a
# Telemetry resource says is in the scopes of listeners, so that clusters and routes do not depend on it.
_ROWS = (
    AttachedRow(Gateway, _GATEWAYS, _OUTBOUND),
    AttachedRow(Sidecar, _SIDECARS, _OUTBOUND | _INBOUND),
    AttachedRow(EnvoyFilter, frozenset(), frozenset()),
    AttachedRow(Telemetry, frozenset(), frozenset()),
    AttachedRow(PeerAuthentication, _SIDECARS, _INBOUND, LabelsOf.ENDPOINTS, needs_identities=True),
)


def _policy_rows(kind: type[AttachedKind]) -> tuple[AttachedRow, ...]:
    """Before a workload it is the inbound side that a policy shapes; a gateway has no other than the outbound one.

    A gateway may share its address with a workload that the registry knows, and does not become it by that: its own
    labels count.
    """
    return (
        AttachedRow(kind, _SIDECARS, _INBOUND, LabelsOf.ENDPOINTS),
        AttachedRow(kind, _GATEWAYS, _OUTBOUND, LabelsOf.NODE),
    )


def _is_policy(kind: type | None) -> bool:
    return kind is not None and issubclass(kind, AttachedPolicy) and kind.__name__ not in {row.name for row in _ROWS}


ATTACHED_KINDS = (
    *_ROWS,
    *(
        row
        for spec in KINDS.values()
        if _is_policy(spec.type)
        for row in _policy_rows(cast("type[AttachedKind]", spec.type))
    ),
)
"""Every kind that says by ``AttachedPolicy`` whom it is for is here by itself, unless it is among those above."""

"""Which kinds shape which proxies."""

from __future__ import annotations

from galley.kinds import KINDS
from galley.kinds.telemetry import Telemetry
from galley.kinds.values import AttachedPolicy
from pilot.mesh.context.attached_kinds import ATTACHED_KINDS, LabelsOf, Side
from pilot.node.node_id import ProxyKind


def test_every_kind_that_says_whom_it_is_for_shapes_the_inbound_side_and_gateways() -> None:
    policies: set[type] = {
        spec.type for spec in KINDS.values() if spec.type is not None and issubclass(spec.type, AttachedPolicy)
    } - {Telemetry}  # which changes no filter: see `pilot.mesh.context.telemetry`
    assert len(policies) >= 2
    for kind in policies:
        rows = {
            (proxy, side) for row in ATTACHED_KINDS if row.kind is kind for proxy in row.proxies for side in row.sides
        }
        assert rows == {(ProxyKind.SIDECAR, Side.INBOUND), (ProxyKind.GATEWAY, Side.OUTBOUND)}
        labels_of = {side: row.labels_of for row in ATTACHED_KINDS if row.kind is kind for side in row.sides}
        assert labels_of == {Side.INBOUND: LabelsOf.ENDPOINTS, Side.OUTBOUND: LabelsOf.NODE}


def test_every_attached_kind_is_read_and_shapes_a_proxy_at_a_side_once() -> None:
    assert {row.kind for row in ATTACHED_KINDS} <= {spec.type for spec in KINDS.values()}
    shaped = [(row.kind, proxy, side) for row in ATTACHED_KINDS for proxy in row.proxies for side in row.sides]
    assert len(set(shaped)) == len(shaped)

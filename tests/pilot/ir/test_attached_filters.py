"""What several kinds of policies add, together."""

from __future__ import annotations

from citadel.access.rbac import RbacPlan
from galley.meta import ResourceKey
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters, join_attached_filters
from pilot.ir.http_filters import CorsPlan, RouteCorsPlan

FIRST, SECOND = ResourceKey("Telemetry", "default", "a"), ResourceKey("Telemetry", "default", "b")


def test_nothing_and_one_stay_what_they_are() -> None:
    one = AttachedFilters(http=(CorsPlan(),), origins=(FIRST,))
    assert join_attached_filters([]) is NO_ATTACHED_FILTERS
    assert join_attached_filters([NO_ATTACHED_FILTERS, one, NO_ATTACHED_FILTERS]) is one


def test_several_stand_in_the_order_given_with_each_origin_once() -> None:
    one = AttachedFilters(http=(RbacPlan(),), network=(RbacPlan(),), origins=(FIRST, SECOND))
    other = AttachedFilters(http=(CorsPlan(),), routes=(RouteCorsPlan(),), origins=(SECOND,))
    assert join_attached_filters([one, other]) == AttachedFilters(
        http=(RbacPlan(), CorsPlan()), network=(RbacPlan(),), routes=(RouteCorsPlan(),), origins=(FIRST, SECOND)
    )

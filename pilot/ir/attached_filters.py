"""What the policies that are attached to a workload, or to a gateway, add to its filters."""

from __future__ import annotations

from collections.abc import Iterable

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.http_filters import HttpFilterPlan, RouteFilterPlan
from pilot.ir.network_filters import NetworkFilterPlan


@frozen
class AttachedFilters:
    """Filters for requests and for opaque connections, each in their order.

    ``routes`` are what all routes of the workload say to HTTP filters, ``origins`` the policies behind all of them.
    With ``reports_denials`` the proxy tells the control plane what these filters refuse.
    """

    http: tuple[HttpFilterPlan, ...] = ()
    network: tuple[NetworkFilterPlan, ...] = ()
    routes: tuple[RouteFilterPlan, ...] = ()
    origins: tuple[ResourceKey, ...] = ()
    reports_denials: bool = False


NO_ATTACHED_FILTERS = AttachedFilters()
"""Of a proxy that no policy is for."""


def join_attached_filters(planned: Iterable[AttachedFilters]) -> AttachedFilters:
    """Those of several kinds of policies as one, in the order given."""
    some = [one for one in planned if one != NO_ATTACHED_FILTERS]
    if len(some) < 2:
        return some[0] if some else NO_ATTACHED_FILTERS
    return AttachedFilters(
        http=tuple(plan for one in some for plan in one.http),
        network=tuple(plan for one in some for plan in one.network),
        routes=tuple(plan for one in some for plan in one.routes),
        origins=tuple(dict.fromkeys(key for one in some for key in one.origins)),
        reports_denials=any(one.reports_denials for one in some),
    )

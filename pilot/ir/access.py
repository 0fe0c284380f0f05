"""What a proxy checks before it lets anything through to its workload, or in at a gateway."""

from __future__ import annotations

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import JwtPlan
from citadel.access.rbac import RbacPlan
from galley.frozen import frozen
from galley.meta import ResourceKey


@frozen
class AccessFilters:
    """The filters that decide about access, in their order: for requests, and for opaque connections. ``origins`` are
    the policies behind them."""

    http: tuple[ExtAuthzPlan | JwtPlan | RbacPlan, ...] = ()
    network: tuple[ExtAuthzPlan | RbacPlan, ...] = ()
    origins: tuple[ResourceKey, ...] = ()


NO_ACCESS_FILTERS = AccessFilters()
"""Of a proxy that no policy is for."""

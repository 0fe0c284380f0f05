"""Plans of HTTP filters, and of what a route says to them.

A filter stands in a connection manager's list, and a route may have settings of its own for it. Both are values of a
union; a new filter is a member of the first, and its route's settings, if there are any, a member of the second.
"""

from __future__ import annotations

from datetime import timedelta

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import JwtPlan
from citadel.access.rbac import RbacPlan
from galley.frozen import frozen
from galley.kinds.values import StringMatch


@frozen
class GrpcWebPlan:
    """Translates gRPC-Web into gRPC."""


@frozen
class GrpcStatsPlan:
    """Counts gRPC messages, for access logs."""


@frozen
class FaultPlan:
    """Injects the faults of a route, and nothing where a route has none."""


@frozen
class CorsPlan:
    """Applies the CORS policy of a route, and nothing where a route has none."""


@frozen
class RouterPlan:
    """Forwards, and so is the last filter of every connection manager."""


HttpFilterPlan = ExtAuthzPlan | JwtPlan | RbacPlan | GrpcWebPlan | GrpcStatsPlan | FaultPlan | CorsPlan | RouterPlan


@frozen
class RouteFaultPlan:
    """Faults of a route; percentages are 0 to 100, fractions allowed; what is None does not happen.

    ValueError for another percentage, for a delay of no time, and for two statuses.
    """

    delay: timedelta | None = None
    delay_percent: float = 0.0
    abort_http_status: int | None = None
    abort_grpc_status: int | None = None
    abort_percent: float = 0.0

    def __post_init__(self) -> None:
        check_percent(self.delay_percent)
        check_percent(self.abort_percent)
        if self.delay is not None and self.delay <= timedelta(0):
            raise ValueError("a delay takes time")
        if self.abort_http_status is not None and self.abort_grpc_status is not None:
            raise ValueError("a request is aborted with one status")


@frozen
class RouteCorsPlan:
    """The CORS policy of a route: which origins may do what; ``max_age`` None leaves it to the browser.

    Preflights from other origins are answered by the application, or refused here unless ``forward_unmatched``.
    """

    allow_origins: tuple[StringMatch, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: timedelta | None = None
    allow_credentials: bool | None = None
    forward_unmatched: bool = True


RouteFilterPlan = RouteFaultPlan | RouteCorsPlan


def check_percent(percent: float) -> None:
    """ValueError for what is no share of a hundred: Galley refuses it, so that none is ever planned."""
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is not from 0 to 100")

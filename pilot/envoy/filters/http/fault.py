"""The fault filter: empty where it stands, and what a route has it do."""

from __future__ import annotations

from envoy_data_plane.envoy.extensions.filters.common.fault.v3 import FaultDelay
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault

from envoycodec.construct import maker
from pilot.envoy.fraction import render_fraction
from pilot.ir.http_filters import RouteFaultPlan

_http_fault = maker(HttpFault)
_fault_delay = maker(FaultDelay)
_fault_abort = maker(FaultAbort)

FAULT = "envoy.filters.http.fault"


def render_fault() -> HttpFault:
    """Without faults of its own: a route brings them."""
    return _http_fault()


def render_route_fault(plan: RouteFaultPlan) -> HttpFault:
    """The faults of a route; of two statuses the gRPC one counts."""
    fault = _http_fault()
    if plan.delay:
        fault.delay = _fault_delay(fixed_delay=plan.delay, percentage=render_fraction(plan.delay_percent))
    if plan.abort_grpc_status is not None:
        fault.abort = _fault_abort(grpc_status=plan.abort_grpc_status, percentage=render_fraction(plan.abort_percent))
    elif plan.abort_http_status is not None:
        fault.abort = _fault_abort(http_status=plan.abort_http_status, percentage=render_fraction(plan.abort_percent))
    return fault

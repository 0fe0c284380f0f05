"""Load assignments: the endpoints of a cluster."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import Locality as LocalityMessage
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints

from envoycodec.construct import maker
from pilot.envoy.core import render_address
from pilot.envoy.metadata import render_metadata
from pilot.ir.cluster import EndpointPlan, LoadAssignmentPlan, LocalityPlan

_load_assignment = maker(ClusterLoadAssignment)
_locality_endpoints = maker(LocalityLbEndpoints)
_locality = maker(LocalityMessage)
_lb_endpoint = maker(LbEndpoint)
_endpoint = maker(Endpoint)

SOCKET_MATCH = "envoy.transport_socket_match"
"""Where Envoy looks for what an endpoint says about its transport socket."""

MUTUAL_TLS = {"tlsMode": "istio"}
"""What endpoints with mutual TLS say there (Istio's words)."""


def render_load_assignment(plan: LoadAssignmentPlan) -> ClusterLoadAssignment:
    """The whole load assignment. ``RenderCache`` puts the same together from endpoints encoded earlier."""
    assignment = _load_assignment(cluster_name=plan.cluster_name)
    for locality in plan.localities:
        group = render_locality_options(locality)
        group.locality = render_locality(locality)
        group.lb_endpoints = [render_endpoint(endpoint) for endpoint in locality.endpoints]
        assignment.endpoints.append(group)
    return assignment


def render_locality(plan: LocalityPlan) -> LocalityMessage:
    """Where the endpoints of a group are."""
    where = plan.locality
    return _locality(region=where.region, zone=where.zone, sub_zone=where.sub_zone)


def render_locality_options(plan: LocalityPlan) -> LocalityLbEndpoints:
    """All but the locality itself and its endpoints."""
    return _locality_endpoints(load_balancing_weight=plan.total_weight, priority=plan.priority)


def render_endpoint(plan: EndpointPlan) -> LbEndpoint:
    """One endpoint, marked if it takes mutual TLS."""
    address = render_address(plan.address, plan.port)
    return _lb_endpoint(
        endpoint=_endpoint(address=address),
        load_balancing_weight=plan.weight,
        metadata=render_metadata(SOCKET_MATCH, MUTUAL_TLS) if plan.mutual_tls else None,
    )

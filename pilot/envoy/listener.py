"""Listeners and filter chains."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import TrafficDirection
from envoy_data_plane.envoy.config.listener.v3 import (
    AdditionalAddress,
    FilterChain,
    FilterChainMatch,
    Listener,
)

from citadel.envoy.tls import downstream_tls_socket
from envoycodec.construct import maker
from pilot.envoy.core import render_address, render_cidr
from pilot.envoy.filters.listener import render_listener_filter
from pilot.envoy.filters.network import render_network_filter
from pilot.ir.listener import (
    ChainMatchPlan,
    Direction,
    FilterChainPlan,
    TcpListenerPlan,
)

_listener = maker(Listener)
_additional_address = maker(AdditionalAddress)
_filter_chain = maker(FilterChain)
_filter_chain_match = maker(FilterChainMatch)

_DIRECTIONS = {direction: TrafficDirection[direction.value] for direction in Direction}


def render_listener(plan: TcpListenerPlan) -> Listener:
    """A listener for connections, with all of its chains."""
    default = plan.default_chain
    return _listener(
        name=plan.name,
        address=render_address(plan.address, plan.port),
        additional_addresses=[_additional_address(address=render_address("::", plan.port))] if plan.dual_stack else [],
        filter_chains=[render_filter_chain(chain) for chain in plan.chains],
        default_filter_chain=render_filter_chain(default) if default is not None else None,
        listener_filters=[render_listener_filter(each) for each in plan.listener_filters],
        listener_filters_timeout=plan.listener_filters_timeout,
        continue_on_listener_filters_timeout=plan.continue_on_listener_filters_timeout,
        bind_to_port=None if plan.bind_to_port else False,
        use_original_dst=True if plan.use_original_dst else None,
        transparent=True if plan.transparent else None,
        traffic_direction=_DIRECTIONS[plan.direction],
    )


def render_filter_chain(plan: FilterChainPlan) -> FilterChain:
    """A chain: its filters in their order, and the TLS that ends before them."""
    return _filter_chain(
        name=plan.name,
        filter_chain_match=_render_match(plan.match),
        filters=[render_network_filter(each) for each in plan.filters],
        transport_socket=downstream_tls_socket(plan.tls) if plan.tls is not None else None,
        transport_socket_connect_timeout=plan.transport_connect_timeout,
    )


def _render_match(plan: ChainMatchPlan) -> FilterChainMatch | None:
    if plan.is_match_all:
        return None
    return _filter_chain_match(
        destination_port=plan.destination_port or None,
        server_names=list(plan.server_names),
        transport_protocol=plan.transport_protocol,
        application_protocols=list(plan.application_protocols),
        prefix_ranges=[render_cidr(text) for text in plan.prefix_ranges],
    )

"""Listeners and filter chains."""

from __future__ import annotations

from collections.abc import Mapping

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import TrafficDirection
from envoy_data_plane.envoy.config.listener.v3 import (
    AdditionalAddress,
    FilterChain,
    FilterChainMatch,
    Listener,
    ListenerFilterChainMatchPredicate,
    ListenerFilterChainMatchPredicateMatchSet,
)
from envoy_data_plane.envoy.config.listener.v3 import ListenerFilter as ListenerFilterMessage
from envoy_data_plane.envoy.extensions.filters.listener.http_inspector.v3 import HttpInspector
from envoy_data_plane.envoy.extensions.filters.listener.original_dst.v3 import OriginalDst
from envoy_data_plane.envoy.extensions.filters.listener.original_src.v3 import OriginalSrc
from envoy_data_plane.envoy.extensions.filters.listener.proxy_protocol.v3 import ProxyProtocol
from envoy_data_plane.envoy.extensions.filters.listener.tls_inspector.v3 import TlsInspector
from envoy_data_plane.envoy.type.v3 import Int32Range

from citadel.envoy.tls import downstream_tls_socket
from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.envoy.core import render_address, render_cidr
from pilot.envoy.filters.network import render_network_filter
from pilot.ir.listener import (
    ChainMatchPlan,
    Direction,
    FilterChainPlan,
    ListenerFilter,
    TcpListenerPlan,
)
from pilot.node.ports import INBOUND_MARK

_listener = maker(Listener)
_additional_address = maker(AdditionalAddress)
_filter_chain = maker(FilterChain)
_filter_chain_match = maker(FilterChainMatch)
_listener_filter = maker(ListenerFilterMessage)
_predicate = maker(ListenerFilterChainMatchPredicate)
_predicates = maker(ListenerFilterChainMatchPredicateMatchSet)
_range = maker(Int32Range)

"""Packets of the proxy itself carry this mark, by which TPROXY rules let them pass (Istio's)."""

_DIRECTIONS = {direction: TrafficDirection[direction.value] for direction in Direction}
_LISTENER_FILTERS: Mapping[ListenerFilter, betterproto2.Message] = {
    ListenerFilter.ORIGINAL_DST: maker(OriginalDst)(),
    ListenerFilter.ORIGINAL_SRC: maker(OriginalSrc)(mark=INBOUND_MARK),
    ListenerFilter.TLS_INSPECTOR: maker(TlsInspector)(),
    ListenerFilter.HTTP_INSPECTOR: maker(HttpInspector)(),
    ListenerFilter.PROXY_PROTOCOL: maker(ProxyProtocol)(),
}


def render_listener(plan: TcpListenerPlan) -> Listener:
    """A listener for connections, with all of its chains."""
    default = plan.default_chain
    return _listener(
        name=plan.name,
        address=render_address(plan.address, plan.port),
        additional_addresses=[_additional_address(address=render_address("::", plan.port))] if plan.dual_stack else [],
        filter_chains=[render_filter_chain(chain) for chain in plan.chains],
        default_filter_chain=render_filter_chain(default) if default is not None else None,
        listener_filters=[_render_listener_filter(kind, plan) for kind in plan.listener_filters],
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


def _render_listener_filter(kind: ListenerFilter, plan: TcpListenerPlan) -> ListenerFilterMessage:
    excluded = {
        ListenerFilter.HTTP_INSPECTOR: plan.http_inspector_excluded_ports,
        ListenerFilter.TLS_INSPECTOR: plan.tls_inspector_excluded_ports,
    }.get(kind, ())
    return _listener_filter(
        name=f"envoy.filters.listener.{kind.value}",
        typed_config=pack(_LISTENER_FILTERS[kind]),
        filter_disabled=_render_ports(excluded),
    )


def _render_ports(ports: tuple[int, ...]) -> ListenerFilterChainMatchPredicate | None:
    """Any of ``ports``; Envoy refuses an "or" of fewer than two."""
    rules = [_predicate(destination_port_range=_range(start=port, end=port + 1)) for port in ports]
    if len(rules) > 1:
        return _predicate(or_match=_predicates(rules=rules))
    return rules[0] if rules else None

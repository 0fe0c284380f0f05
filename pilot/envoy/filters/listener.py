"""Listener filters: one renderer each, found by the type of its plan."""

from __future__ import annotations

from typing import assert_never

import betterproto2
from envoy_data_plane.envoy.config.listener.v3 import (
    ListenerFilter,
    ListenerFilterChainMatchPredicate,
    ListenerFilterChainMatchPredicateMatchSet,
)
from envoy_data_plane.envoy.extensions.filters.listener.http_inspector.v3 import HttpInspector
from envoy_data_plane.envoy.extensions.filters.listener.original_dst.v3 import OriginalDst
from envoy_data_plane.envoy.extensions.filters.listener.original_src.v3 import OriginalSrc
from envoy_data_plane.envoy.extensions.filters.listener.proxy_protocol.v3 import ProxyProtocol
from envoy_data_plane.envoy.extensions.filters.listener.tls_inspector.v3 import TlsInspector
from envoy_data_plane.envoy.type.v3 import Int32Range

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.ir.listener_filters import (
    HttpInspectorPlan,
    ListenerFilterPlan,
    OriginalDstPlan,
    OriginalSrcPlan,
    ProxyProtocolPlan,
    TlsInspectorPlan,
)
from pilot.node.ports import INBOUND_MARK

_listener_filter = maker(ListenerFilter)
_predicate = maker(ListenerFilterChainMatchPredicate)
_predicates = maker(ListenerFilterChainMatchPredicateMatchSet)
_range = maker(Int32Range)
_original_dst = maker(OriginalDst)
_original_src = maker(OriginalSrc)
_tls_inspector = maker(TlsInspector)
_http_inspector = maker(HttpInspector)
_proxy_protocol = maker(ProxyProtocol)


def render_listener_filter(plan: ListenerFilterPlan) -> ListenerFilter:
    """The filter as it stands in a listener."""
    match plan:
        case OriginalDstPlan():
            return _named("original_dst", _original_dst())
        case OriginalSrcPlan():
            # By this mark TPROXY rules let packets of the proxy itself pass (Istio's).
            return _named("original_src", _original_src(mark=INBOUND_MARK))
        case TlsInspectorPlan():
            return _named("tls_inspector", _tls_inspector(), plan.excluded_ports)
        case HttpInspectorPlan():
            return _named("http_inspector", _http_inspector(), plan.excluded_ports)
        case ProxyProtocolPlan():
            return _named("proxy_protocol", _proxy_protocol())
        case _:
            assert_never(plan)


def _named(name: str, config: betterproto2.Message, excluded_ports: tuple[int, ...] = ()) -> ListenerFilter:
    return _listener_filter(
        name=f"envoy.filters.listener.{name}", typed_config=pack(config), filter_disabled=_render_ports(excluded_ports)
    )


def _render_ports(ports: tuple[int, ...]) -> ListenerFilterChainMatchPredicate | None:
    """Any of ``ports``; Envoy refuses an "or" of fewer than two."""
    rules = [_predicate(destination_port_range=_range(start=port, end=port + 1)) for port in ports]
    if len(rules) > 1:
        return _predicate(or_match=_predicates(rules=rules))
    return rules[0] if rules else None

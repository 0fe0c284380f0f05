"""Builders and look-ups for routes, listeners and gateways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from galley.frozen import FrozenMap
from galley.kinds.networking.gateway import Server, ServerPort, ServerTlsMode, ServerTlsSettings
from galley.kinds.networking.sidecar import IstioEgressListener, SidecarPort
from galley.kinds.networking.virtual_service import (
    HttpMatchRequest,
    L4MatchAttributes,
    RouteDestination,
    TcpRoute,
    TlsMatchAttributes,
    TlsRoute,
)
from galley.kinds.values import Destination, PortSelector, StringMatch
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan, TcpProxyPlan
from pilot.ir.route import ForwardPlan, RouteConfigPlan, RoutePlan, VirtualHostPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ListenerScope, OutboundScope
from pilot.mesh.gateway.listeners import plan_gateway_listeners
from pilot.mesh.gateway.routes import plan_gateway_routes
from pilot.mesh.outbound.listeners import plan_outbound_listeners
from pilot.mesh.outbound.routes import plan_routes
from pilot.node.node_id import ProxyKind
from tests.builders import a_scope, opening


def exact(value: str) -> StringMatch:
    return StringMatch(exact=value)


def prefix(value: str) -> StringMatch:
    return StringMatch(prefix=value)


def regex(value: str) -> StringMatch:
    return StringMatch(regex=value)


def a_match(**traits: Any) -> HttpMatchRequest:
    """An HTTP match; mappings may be plain dicts."""
    frozen: dict[str, Any] = {
        name: FrozenMap(value) if isinstance(value, dict) else value for name, value in traits.items()
    }
    return HttpMatchRequest(**frozen)


def a_destination(host: str = "reviews", *, subset: str = "", port: int = 0) -> Destination:
    return Destination(host=host, subset=subset, port=PortSelector(number=port) if port else None)


def a_tcp_route(host: str, *, port: int = 0, weights: dict[str, int] | None = None, **match: Any) -> TcpRoute:
    """A TCP route to ``host`` (or its subsets by weight), with one match when any trait of it is given."""
    shares = tuple(
        RouteDestination(destination=a_destination(host, subset=subset, port=port), weight=weight)
        for subset, weight in (weights or {"": 0}).items()
    )
    return TcpRoute(match=(L4MatchAttributes(**match),) if match else (), route=shares)


def a_tls_route(host: str, *sni: str, port: int = 0, **match: Any) -> TlsRoute:
    """A TLS route to ``host`` for some SNI names."""
    share = RouteDestination(destination=a_destination(host, port=port))
    return TlsRoute(match=(TlsMatchAttributes(sni_hosts=sni, **match),), route=(share,))


def a_server(
    *hosts: str, port: int = 443, protocol: str = "HTTPS", name: str = "https", tls: Any = None, **traits: Any
) -> Server:
    """A Gateway server; ``tls`` may be a mode, for which certificate files are filled in."""
    if isinstance(tls, ServerTlsMode):
        files: dict[str, Any] = {
            "server_certificate": "/etc/cert.pem",
            "private_key": "/etc/key.pem",
            "ca_certificates": "/etc/ca.pem",
        }
        tls = ServerTlsSettings(mode=tls, **({} if tls is ServerTlsMode.PASSTHROUGH else files))
    declared = ServerPort(number=port, protocol=protocol, name=name)
    return Server(port=declared, hosts=hosts or ("*",), tls=tls, **traits)


def an_egress(*hosts: str, port: int = 0, protocol: str = "HTTP", **traits: Any) -> IstioEgressListener:
    """An egress listener of a Sidecar, with a port of its own when ``port`` is given."""
    declared = SidecarPort(number=port, protocol=protocol, name="egress") if port or traits.get("bind") else None
    return IstioEgressListener(hosts=hosts or ("*/*",), port=declared, **traits)


def route_configs(
    context: PushContext, scope: OutboundScope | None = None, memo: Memo | None = None
) -> dict[str, RouteConfigPlan]:
    """All route configurations of a scope (a sidecar's in ``default``, if not given) by name."""
    scope, memo = scope or a_scope(), memo or Memo()
    gateway = scope.kind is ProxyKind.GATEWAY
    plans = (
        plan_gateway_routes(context, opening(context, scope), memo) if gateway else plan_routes(context, scope, memo)
    )
    return {config.name: config for config in plans}


def virtual_hosts(config: RouteConfigPlan) -> dict[str, VirtualHostPlan]:
    return {host.name: host for host in config.virtual_hosts}


def virtual_host(
    context: PushContext, name: str, *, config: str = "9080", scope: OutboundScope | None = None
) -> VirtualHostPlan:
    return virtual_hosts(route_configs(context, scope)[config])[name]


def forward_of(route: RoutePlan) -> ForwardPlan:
    """What a route that forwards does."""
    assert isinstance(route.action, ForwardPlan)
    return route.action


def clusters_of(route: RoutePlan) -> dict[str, int]:
    """The clusters that a route forwards to, by weight."""
    return {share.cluster: share.weight for share in forward_of(route).clusters}


def http_of(chain: FilterChainPlan) -> HttpConnectionPlan:
    """The connection manager at the end of a chain that has one."""
    assert isinstance(chain.terminal, HttpConnectionPlan)
    return chain.terminal


def tcp_of(chain: FilterChainPlan) -> TcpProxyPlan:
    """The TCP proxy at the end of a chain that has one."""
    assert isinstance(chain.terminal, TcpProxyPlan)
    return chain.terminal


def a_listener_scope(outbound: OutboundScope | None = None, **traits: Any) -> ListenerScope:
    return ListenerScope(outbound=outbound or a_scope(), **traits)


def listeners(
    context: PushContext, scope: ListenerScope | None = None, memo: Memo | None = None
) -> dict[str, TcpListenerPlan]:
    """All outbound or gateway listeners of a scope by name."""
    scope = scope or a_listener_scope()
    gateway = scope.outbound.kind is ProxyKind.GATEWAY
    scope = replace(scope, outbound=opening(context, scope.outbound)) if gateway else scope
    plan = plan_gateway_listeners if gateway else plan_outbound_listeners
    return {listener.name: listener for listener in plan(context, scope, memo or Memo())}


def all_chains(listener: TcpListenerPlan) -> tuple[FilterChainPlan, ...]:
    return (*listener.chains, *([listener.default_chain] if listener.default_chain else []))


def ends_of(listener: TcpListenerPlan) -> list[str]:
    """Where each chain ends, the default one last: ``route NAME`` or the TCP clusters."""
    return [end_of(chain) for chain in all_chains(listener)]


def end_of(chain: FilterChainPlan) -> str:
    terminal = chain.terminal
    if isinstance(terminal, HttpConnectionPlan):
        return f"route {terminal.route_name}"
    assert isinstance(terminal, TcpProxyPlan)
    return " ".join(share.cluster for share in terminal.clusters)

"""Listeners of gateways: one per address and port, with a filter chain for each server that needs its own."""

from __future__ import annotations

from collections.abc import Iterator

from citadel.ir import MeshServerTls, ServerTls
from galley.frozen import frozen
from galley.hosts.wildcards import hosts_match
from galley.kinds.mesh_config import ForwardClientCertDetails, MeshConfig, Topology
from galley.kinds.networking.gateway import ServerTlsSettings
from galley.meta import ResourceKey
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import TlsInspectorPlan
from pilot.ir.network_filters import HttpConnectionPlan, TerminalFilterPlan
from pilot.ir.telemetry import NO_TELEMETRY, TelemetryPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ListenerScope
from pilot.mesh.filters import plan_filter_chain, plan_http_filters
from pilot.mesh.gateway.rules import GatewayRules
from pilot.mesh.gateway.servers import GatewayPort, GatewayServer, ServerKind
from pilot.mesh.gateway.tls import plan_server_tls
from pilot.mesh.listener_settings import ListenerSettings, listener_settings
from pilot.mesh.naming import SERVER_NAME
from pilot.mesh.rules.model import ConnectionCondition, TrafficRule
from pilot.mesh.rules.tcp_routes import TcpRouting, plan_tcp_proxy


@frozen
class GatewaySettings:
    """What all HTTP servers of a gateway share."""

    trusted_hops: int
    forward_client_cert: ForwardClientCertDetails
    shared: ListenerSettings = ListenerSettings()


def plan_gateway_listeners(context: PushContext, scope: ListenerScope, memo: Memo) -> tuple[TcpListenerPlan, ...]:
    """The listeners of a gateway. A port on which no server has a filter chain is not opened."""
    rules = GatewayRules(context=context, scope=scope.outbound, memo=memo)
    attached = rules.attached_filters
    settings = gateway_settings(
        context.mesh, accept_http_10=scope.accept_http_10, attached=attached, telemetry=scope.telemetry
    )
    planned = []
    for port in rules.ports():
        chains = tuple(_chains(rules, port, settings))
        if chains:
            gateways = (server.gateway for server in port.servers)
            origins = tuple(dict.fromkeys((*gateways, *attached.origins, *settings.shared.origins)))
            planned.append(memo(plan_gateway_listener, port.bind, port.port, chains, origins))
    return tuple(sorted(planned, key=lambda listener: listener.name))


def gateway_settings(
    mesh: MeshConfig,
    *,
    accept_http_10: bool,
    attached: AttachedFilters = NO_ATTACHED_FILTERS,
    telemetry: TelemetryPlan = NO_TELEMETRY,
) -> GatewaySettings:
    """What MeshConfig says for gateways, ``defaultConfig.gatewayTopology`` included."""
    topology = mesh.default_config.gateway_topology or Topology()
    details = topology.forward_client_cert_details
    unset = details is ForwardClientCertDetails.UNDEFINED
    return GatewaySettings(
        trusted_hops=topology.num_trusted_proxies,
        forward_client_cert=ForwardClientCertDetails.SANITIZE_SET if unset else details,
        shared=listener_settings(mesh, accept_http_10=accept_http_10, attached=attached, telemetry=telemetry),
    )


def plan_gateway_listener(
    bind: str, port: int, chains: tuple[FilterChainPlan, ...], origins: tuple[ResourceKey, ...]
) -> TcpListenerPlan:
    """A listener with its own socket; TLS is inspected where the SNI decides."""
    by_name = any(chain.match.server_names for chain in chains)
    return TcpListenerPlan(
        name=f"{bind}_{port}",
        address=bind,
        port=port,
        chains=chains,
        listener_filters=(TlsInspectorPlan(),) if by_name else (),
        origins=origins,
    )


def _chains(rules: GatewayRules, port: GatewayPort, settings: GatewaySettings) -> Iterator[FilterChainPlan]:
    """The chains of all servers; plain HTTP servers share the first one's."""
    plain_http, attached = False, settings.shared.attached
    for server in port.servers:
        match server.kind:
            case ServerKind.HTTP:
                if not plain_http:
                    grpc_web = any(one.grpc_web for one in port.servers if one.kind is ServerKind.HTTP)
                    yield rules.memo(plan_http_chain, server, port.name, port.port, settings, grpc_web)
                plain_http = True
            case ServerKind.HTTPS:
                yield rules.memo(plan_http_chain, server, port.name, port.port, settings, server.grpc_web)
            case ServerKind.PASSTHROUGH:
                for rule in rules.bound_to(server):
                    if rule.tls:
                        routing = rules.tcp_routing(rule, server)
                        yield from rules.memo(plan_passthrough_chains, server, rule, routing, attached)
            case ServerKind.TCP | ServerKind.TLS:
                yield from _tcp_chain(rules, server, attached)


def plan_http_chain(
    server: GatewayServer, listener: str, listen_port: int, settings: GatewaySettings, grpc_web: bool
) -> FilterChainPlan:
    """HTTP, over TLS chosen by SNI when the server terminates it."""
    secure = server.kind is ServerKind.HTTPS
    connection = HttpConnectionPlan(
        stat_prefix=server.name if secure and server.name else f"outbound_{listener}",
        route_name=server.route_name(listen_port),
        filters=plan_http_filters(grpc_web=grpc_web, attached=settings.shared.attached),
        reports_denials=settings.shared.attached.reports_denials,
        settings=settings.shared.http,
        use_remote_address=True,
        xff_num_trusted_hops=settings.trusted_hops,
        server_name=SERVER_NAME,
        forward_client_cert=settings.forward_client_cert,
    )
    return _server_chain(server, connection, server.tls if secure else None, settings.shared.attached)


def _server_chain(
    server: GatewayServer, terminal: TerminalFilterPlan, tls: ServerTlsSettings | None, attached: AttachedFilters
) -> FilterChainPlan:
    return plan_filter_chain(
        terminal,
        ChainMatchPlan(server_names=server.names if tls else ()),
        tls=_plan_tls(server, tls) if tls else None,
        attached=attached,
    )


def _plan_tls(server: GatewayServer, tls: ServerTlsSettings) -> ServerTls | MeshServerTls:
    return MeshServerTls(mesh=server.mesh) if server.mesh is not None else plan_server_tls(tls)


def plan_passthrough_chains(
    server: GatewayServer, rule: TrafficRule, routing: TcpRouting, attached: AttachedFilters
) -> tuple[FilterChainPlan, ...]:
    """TLS passed on as it is: a chain for each ``tls`` condition of a rule with a host in common."""
    if not has_common_host(server, rule):
        return ()
    chains = []
    for tls in rule.tls:
        proxy = plan_tcp_proxy(tls.shares, rule, routing)
        for condition in tls.conditions if proxy is not None else ():
            if _is_at(server, condition) and proxy is not None:
                by_name = ChainMatchPlan(server_names=condition.sni_hosts)
                chains.append(plan_filter_chain(proxy, by_name, attached=attached))
    return tuple(chains)


def _tcp_chain(rules: GatewayRules, server: GatewayServer, attached: AttachedFilters) -> Iterator[FilterChainPlan]:
    """The first rule with a host in common and a route that applies; there can be only one."""
    for rule in rules.bound_to(server):
        if rule.tcp:
            chain = rules.memo(plan_server_tcp_chain, server, rule, rules.tcp_routing(rule, server), attached)
            if chain is not None:
                yield chain
                return


def plan_server_tcp_chain(
    server: GatewayServer, rule: TrafficRule, routing: TcpRouting, attached: AttachedFilters
) -> FilterChainPlan | None:
    """Opaque connections to where the rule's first ``tcp`` route that applies sends them."""
    if not has_common_host(server, rule):
        return None
    for tcp in rule.tcp:
        if not any(_is_at(server, condition) for condition in tcp.conditions):
            continue
        proxy = plan_tcp_proxy(tcp.shares, rule, routing)
        if proxy is not None:
            return _server_chain(server, proxy, server.tls if server.kind is ServerKind.TLS else None, attached)
    return None


def has_common_host(server: GatewayServer, rule: TrafficRule) -> bool:
    """Whether a host of the rule is within one of the server's, or around it."""
    allowed = server.hosts_for(rule.namespace)
    return any(hosts_match(own, host) for own in rule.hosts for host in allowed)


def _is_at(server: GatewayServer, condition: ConnectionCondition) -> bool:
    """At a gateway only the port (the declared one) and the gateways of a condition count."""
    return condition.site.is_at(server.gateway_name, server.number)

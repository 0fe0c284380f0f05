"""Outbound listeners of sidecars: virtualOutbound, one per service port or address, and the forward proxy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from galley.hosts.names import MESH_GATEWAY
from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode
from pilot.ir.listener import TcpListenerPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ListenerScope, OutboundScope
from pilot.mesh.context.visibility import VisibleServices
from pilot.mesh.listener_settings import listener_settings
from pilot.mesh.naming import BLACK_HOLE_CLUSTER, HTTP_PROXY_ROUTE, PASSTHROUGH_CLUSTER
from pilot.mesh.outbound.bind_addresses import is_headless
from pilot.mesh.outbound.conflicts import ListenerRequest, ListenerTable
from pilot.mesh.outbound.egress import Egress, egress_listeners
from pilot.mesh.outbound.listener import (
    OutboundListener,
    OutboundSettings,
    plan_outbound_listener,
    plan_virtual_outbound,
)
from pilot.mesh.outbound.service_listeners import EgressBinding, OpaqueRouting, plan_listener_requests
from pilot.mesh.rules.destinations import known_destinations
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.opaque_rules import OpaqueRules, index_opaque_rules
from pilot.mesh.rules.tcp_routes import NO_POLICY, TcpRouting, tcp_policies, tcp_policy
from pilot.node.metadata import Interception
from pilot.node.ports import OWN_PORTS
from pilot.registry.catalog import Port, Protocol, Service, ServiceResolution

NOWHERE = RouteSite(gateway=MESH_GATEWAY, port=0)
"""The site of services that no rule names: nothing is compared with it."""

_PLAIN_HTTP = frozenset({Protocol.HTTP, Protocol.HTTP2, Protocol.GRPC})

"""Ports of a sidecar's own status listeners, which its bootstrap opens."""


def plan_outbound_listeners(context: PushContext, scope: ListenerScope, memo: Memo) -> tuple[TcpListenerPlan, ...]:
    """All outbound listeners of a sidecar. In interception mode NONE they are bound, and there is no virtualOutbound.

    In mode NONE they bind to ``scope.bind_address``: several workloads of one host each have a loopback address.
    """
    settings = outbound_settings(context, scope)
    no_rules = OpaqueRouting(routing=TcpRouting(site=NOWHERE, access_log=settings.shared.access_log))
    planner = _Planner(context=context, scope=scope, memo=memo, settings=settings, _no_rules=no_rules)
    return tuple(planner.plan())


def outbound_settings(context: PushContext, scope: ListenerScope) -> OutboundSettings:
    """What MeshConfig and the scope say for every outbound listener."""
    blocked = context.outbound_traffic_policy(scope.outbound) is OutboundTrafficPolicyMode.REGISTRY_ONLY
    return OutboundSettings(
        unknown_cluster=BLACK_HOLE_CLUSTER if blocked else PASSTHROUGH_CLUSTER,
        shared=listener_settings(context.mesh, accept_http_10=scope.accept_http_10, telemetry=scope.telemetry),
        # Where nothing is redirected, a workload is one loopback address.
        dual_stack=scope.outbound.dual_stack and scope.outbound.interception is not Interception.NONE,
        mutual_tls=context.mtls_for(scope.outbound.certificates) is not None,
    )


@dataclass(frozen=True)
class _Planner:
    context: PushContext
    scope: ListenerScope
    memo: Memo
    settings: OutboundSettings
    _no_rules: OpaqueRouting

    @property
    def outbound(self) -> OutboundScope:
        return self.scope.outbound

    @property
    def wildcard(self) -> str:
        return "::" if self.outbound.ipv6 else "0.0.0.0"

    @property
    def loopback(self) -> str:
        return self.scope.bind_address or ("::1" if self.outbound.ipv6 else "127.0.0.1")

    @cached_property
    def visible(self) -> VisibleServices:
        """The services that the scope sees, looked up once: they are asked for every rule."""
        return self.context.visible_services(self.outbound)

    def plan(self) -> Iterator[TcpListenerPlan]:
        mesh = self.context.mesh
        if self.outbound.interception is not Interception.NONE:
            transparent = self.outbound.interception is Interception.TPROXY
            yield self.memo(plan_virtual_outbound, self.wildcard, mesh.proxy_listen_port, transparent, self.settings)
        table = ListenerTable()
        for egress_index, egress in enumerate(egress_listeners(self.context, self.outbound)):
            self._collect(egress, egress_index, table)
        for listener in table.listeners():
            if not self._is_reserved(listener):
                yield self.memo(plan_outbound_listener, listener, self.settings)
        if self.scope.http_proxy_port:
            yield self.memo(plan_outbound_listener, self._forward_proxy(), self.settings)

    def _forward_proxy(self) -> OutboundListener:
        return OutboundListener(
            address=self.loopback,
            port=self.scope.http_proxy_port,
            bound=True,
            route_name=HTTP_PROXY_ROUTE,
            absolute_urls=True,
        )

    def _is_reserved(self, listener: OutboundListener) -> bool:
        """Whether somebody else listens there: a sidecar's own listeners, or in mode NONE the inbound ones."""
        if (listener.address, listener.port) in self.scope.inbound_ports:
            return True
        if listener.address == self.wildcard:
            mesh = self.context.mesh
            return listener.port in (mesh.proxy_listen_port, mesh.proxy_inbound_listen_port, *OWN_PORTS)
        return listener.bound and (listener.address, listener.port) == (self.loopback, self.scope.http_proxy_port)

    def _collect(self, egress: Egress, egress_index: int, table: ListenerTable) -> None:
        """What one egress listener asks for: for declared HTTP one listener, else whatever each service port needs."""
        if egress.port is not None and egress.port.protocol.is_http:
            assert egress.sidecar is not None
            request = ListenerRequest(egress.port.protocol, egress.sidecar, egress_index, route_name=egress.route_name)
            address = egress.bind or (self.loopback if egress.bind_to_port else self.wildcard)
            self._add(table, egress, address, egress.port.number, request)
            return
        binding = self._binding(egress, egress_index)
        http_address = binding.shared or binding.wildcard
        rules = self.memo(index_opaque_rules, egress.imported)
        for service in egress.imported.services:
            if service.resolution is ServiceResolution.ALIAS:
                continue
            for port in service.ports:
                plain_http = egress.port is None and port.protocol in _PLAIN_HTTP
                if plain_http and table.serves_http(http_address, port.number):
                    continue
                opaque = self._no_rules if plain_http else self._opaque_routing(service, port, rules)
                pods = () if plain_http or binding.shared else self._endpoint_addresses(service, port)
                for address, request in self.memo(plan_listener_requests, service, port, binding, pods, opaque):
                    self._add(table, egress, address, port.number, request)

    def _binding(self, egress: Egress, egress_index: int) -> EgressBinding:
        return EgressBinding(
            egress_index=egress_index,
            wildcard=self.wildcard,
            shared=egress.bind or (self.loopback if egress.bind_to_port else ""),
            protocol=egress.port.protocol if egress.port else None,
            route_name=egress.route_name if egress.port else "",
        )

    def _add(self, table: ListenerTable, egress: Egress, address: str, port: int, request: ListenerRequest) -> None:
        table.add(
            address,
            0 if egress.is_unix else port,
            request,
            bound=egress.bind_to_port,
            locked=egress.port is not None,
            absolute_urls=egress.is_http_proxy,
        )

    def _endpoint_addresses(self, service: Service, port: Port) -> tuple[str, ...]:
        if not is_headless(service):
            return ()
        endpoints = self.context.catalog.endpoints_of(service.key, port.name)
        return tuple(dict.fromkeys(endpoint.address for endpoint in endpoints if endpoint.port))

    def _opaque_routing(self, service: Service, port: Port, rules: OpaqueRules) -> OpaqueRouting:
        context, outbound = self.context, self.outbound
        policy = tcp_policy(context.destination_rule(outbound, service))
        naming = rules.naming(service.hostname)
        if not naming:
            return self._no_rules if policy is NO_POLICY else replace(self._no_rules, policy=policy)
        hosts = tuple(dict.fromkeys(host for rule in naming for host in rule.destinations))
        lookup = self.visible.named
        routing = TcpRouting(
            site=RouteSite(MESH_GATEWAY, port.number, outbound.labels, outbound.namespace),
            destinations=known_destinations(hosts, lookup, single_port=True),
            policies=tcp_policies(hosts, lookup, lambda found: context.destination_rule(outbound, found)),
            access_log=self.settings.shared.access_log,
        )
        return OpaqueRouting(routing=routing, rules=naming, policy=policy)

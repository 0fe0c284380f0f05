"""What rules need to know to be planned at a gateway: where they are, and whom they name."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from galley.kinds.networking.gateway import Gateway
from pilot.ir.attached_filters import AttachedFilters
from pilot.ir.route import RoutePlan
from pilot.memo import Memo
from pilot.mesh.context.access_servers import access_servers
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.context.visibility import VisibleServices
from pilot.mesh.filters import plan_attached_filters
from pilot.mesh.gateway.servers import GatewayPort, GatewayServer, merge_servers
from pilot.mesh.listener_settings import plan_access_log
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.destinations import Destinations, known_destinations
from pilot.mesh.rules.hashing import HashingByHost, hashing_by_host
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.http_routes import HttpRouting, plan_http_routes
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.tcp_routes import TcpRouting, tcp_policies
from pilot.registry.catalog import Service


@dataclass(frozen=True)
class GatewayRules:
    """The questions that planners of one gateway ask about rules and services."""

    context: PushContext
    scope: OutboundScope
    memo: Memo
    _routings: dict[tuple[str, int, bool, Destinations, HashingByHost], HttpRouting] = field(default_factory=dict)

    @property
    def wildcard(self) -> str:
        """The address that stands for any."""
        return "::" if self.scope.ipv6 else "0.0.0.0"

    @cached_property
    def visible(self) -> VisibleServices:
        """The services that the scope sees, looked up once: they are asked for every rule."""
        return self.context.visible_services(self.scope)

    @cached_property
    def attached_filters(self) -> AttachedFilters:
        """What the policies for this gateway add to its filters."""
        attached = self.scope.attached
        servers = access_servers(self.context, lambda: self.scope, attached)
        return plan_attached_filters(self.context, attached, servers, self.memo, gateway=True)

    def ports(self) -> tuple[GatewayPort, ...]:
        """All servers by address and port."""
        gateways = self.context.attached_to(self.scope.attached, Gateway)
        mtls = self.context.mtls_for(self.scope.certificates)
        return self.memo(merge_servers, gateways, self.scope.own_target_ports, self.wildcard, mtls)

    def bound_to(self, server: GatewayServer) -> tuple[TrafficRule, ...]:
        """The rules that name the server's Gateway, in the order in which they compete."""
        return self.context.rules_at(self.scope, server.gateway_name)

    def http_routes(self, rule: TrafficRule, server: GatewayServer) -> tuple[RoutePlan, ...]:
        """The HTTP routes of a rule at a server."""
        asks = rule.asks_about_source
        destinations = self._known(rule)
        hashing = hashing_by_host(
            rule.destinations, lambda host: self._service(host, rule.namespace), self._destination_rule
        )
        key = (server.gateway_name, server.number, asks, destinations, hashing)
        routing = self._routings.get(key)
        if routing is None:
            site = self._site(server) if asks else RouteSite(gateway=server.gateway_name, port=server.number)
            default_retry = self.context.mesh.default_http_retry_policy
            routing = HttpRouting(site, default_retry, destinations, hashing)
            self._routings[key] = routing
        return self.memo(plan_http_routes, rule, routing)

    def tcp_routing(self, rule: TrafficRule, server: GatewayServer) -> TcpRouting:
        """What the opaque routes of a rule depend on at a server: neither labels nor namespace count there."""
        return TcpRouting(
            site=RouteSite(gateway=server.gateway_name, port=server.number),
            destinations=self._known(rule),
            policies=tcp_policies(
                rule.destinations,
                lambda host: self._service(host, rule.namespace),
                self._destination_rule,
            ),
            access_log=plan_access_log(self.context.mesh),
        )

    def _destination_rule(self, service: Service) -> DestinationRuleInEffect | None:
        return self.context.destination_rule(self.scope, service)

    def _site(self, server: GatewayServer) -> RouteSite:
        return RouteSite(server.gateway_name, server.number, self.scope.labels, self.scope.namespace)

    def _known(self, rule: TrafficRule) -> Destinations:
        return known_destinations(rule.destinations, lambda host: self._service(host, rule.namespace), single_port=True)

    def _service(self, host: str, namespace: str) -> Service | None:
        """A service by name: of several namespaces the rule's own, else the one that the gateway sees."""
        candidates = self.context.services.by_hostname.get(host, ())
        own = next((service for service in candidates if service.namespace == namespace), None)
        return own or self.visible.named(host)

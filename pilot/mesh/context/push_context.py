"""PushContext: configuration and services at one moment, indexed for the questions that planners ask.

A frozen value with lookups only. The answers for a scope are worked out when first asked and kept with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from citadel.identity import TrustDomain
from citadel.ir import MeshTls
from citadel.policy.peer import PeerPolicyIndex, index_peer_policies
from galley.attached import Attached, attach
from galley.hosts.names import MESH_GATEWAY
from galley.kinds.attachment import AttachedKind
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode, Sidecar
from galley.kinds.networking.virtual_service import VirtualService
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.meta import Resource, ResourceKey
from galley.snapshot import ConfigSnapshot
from pilot.mesh.context.auto_addressing import AddressFamilies, give_addresses
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.context.visibility import ServiceIndex, VisibleServices, index_services, select_visible
from pilot.mesh.rules.destination_rules import DestinationRuleIndex, DestinationRuleInEffect, index_destination_rules
from pilot.mesh.rules.virtual_services import VirtualServiceIndex, index_virtual_services
from pilot.node.node_id import ProxyKind
from pilot.registry.catalog import Service, ServiceCatalog, ServiceKey

ATTACHED_KINDS: tuple[type[AttachedKind], ...] = (Gateway, PeerAuthentication, Sidecar)
"""The kinds whose policies are found by what they are attached to."""

K = TypeVar("K", bound=AttachedKind)

_Viewpoint = tuple[str, ResourceKey | None, bool, AddressFamilies | None]
"""What visibility depends on: the namespace, the Sidecar, whether it is a gateway that asks, and in which families
services without address have automatic ones."""


@dataclass(frozen=True, slots=True, eq=False)
class PushContext:
    """Everything that plans are made from. Build it with ``build_push_context``."""

    config: ConfigSnapshot
    catalog: ServiceCatalog
    services: ServiceIndex
    rules: VirtualServiceIndex
    policies: DestinationRuleIndex
    policies_by_kind: Mapping[type[AttachedKind], Attached[Any]]
    """The kinds that are attached to workloads."""
    gateway_labels: frozenset[str]
    """The label names that some Gateway's selector asks about."""
    peers: PeerPolicyIndex
    mtls: MeshTls | None = None
    """The identities of the mesh; None where nobody issues any, and all is plain text."""
    _visible: dict[_Viewpoint, VisibleServices] = field(default_factory=dict, repr=False)
    _addressed: dict[AddressFamilies, ServiceIndex] = field(default_factory=dict, repr=False)
    _in_effect: dict[tuple[str, ServiceKey], DestinationRuleInEffect | None] = field(default_factory=dict, repr=False)

    def mtls_for(self, *, identified: bool) -> MeshTls | None:
        """The identities with which a proxy takes part in mutual TLS; None for one that has proven none."""
        return self.mtls if identified else None

    @property
    def mesh(self) -> MeshConfig:
        """The settings of the whole mesh."""
        return self.config.mesh

    def visible_services(self, scope: OutboundScope) -> VisibleServices:
        """The services that proxies of ``scope`` see: by exportTo and the scope's Sidecar, one per host name."""
        families = scope.families if scope.auto_addresses else None
        viewpoint = (scope.namespace, scope.sidecar, scope.kind is ProxyKind.GATEWAY, families)
        known = self._visible.get(viewpoint)
        if known is None:
            bound_to_mesh = () if scope.kind is ProxyKind.GATEWAY else self.rules.candidates("mesh", scope.namespace)
            known = self._visible[viewpoint] = select_visible(
                self._services_in(families),
                namespace=scope.namespace,
                export_default=self.mesh.default_service_export_to,
                sidecar=self.sidecar_of(scope),
                virtual_services=bound_to_mesh,
            )
        return known

    def _services_in(self, families: AddressFamilies | None) -> ServiceIndex:
        if families is None:
            return self.services
        if families not in self._addressed:
            self._addressed[families] = give_addresses(self.services, families)
        return self._addressed[families]

    def virtual_services(self, scope: OutboundScope, gateway: str) -> tuple[Resource[VirtualService], ...]:
        """VirtualServices bound to ``gateway`` (``mesh`` or ``namespace/name``) that the scope sees, in the order in
        which they compete for a host. Short names are as the user wrote them."""
        if gateway == MESH_GATEWAY and scope.kind is ProxyKind.SIDECAR:
            return self.visible_services(scope).virtual_services
        return self.rules.candidates(gateway, scope.namespace)

    def destination_rule(self, scope: OutboundScope, service: Service) -> DestinationRuleInEffect | None:
        """The DestinationRule that proxies of ``scope`` obey for ``service``, if any."""
        question = (scope.namespace, service.key)
        if question not in self._in_effect:
            self._in_effect[question] = self.policies.in_effect(scope.namespace, service.hostname, service.namespace)
        return self._in_effect[question]

    def attached(self, kind: type[K]) -> Attached[Resource[K]]:
        """The policies of ``kind``, by the workloads that they reach."""
        return self.policies_by_kind[kind]

    def sidecar_for(self, namespace: str, labels: Mapping[str, str]) -> Resource[Sidecar] | None:
        """The Sidecar of a workload: the oldest that selects it, else the namespace's, else the mesh's."""
        reaching = self.attached(Sidecar).in_namespace(namespace).reaching(labels)
        return reaching[-1] if reaching else None

    def sidecar_of(self, scope: OutboundScope) -> Sidecar | None:
        """The spec of the Sidecar that ``scope`` names."""
        resource = self.config.get(scope.sidecar) if scope.sidecar else None
        return resource.spec if resource else None

    def gateways_for(self, namespace: str, labels: Mapping[str, str]) -> tuple[Resource[Gateway], ...]:
        """The Gateways, of whichever namespace, that a gateway proxy opens, oldest first."""
        return self.attached(Gateway).in_namespace(namespace).reaching(labels)

    def outbound_traffic_policy(self, scope: OutboundScope) -> OutboundTrafficPolicyMode:
        """What happens to traffic for unknown destinations: as the Sidecar says, else as the mesh does."""
        sidecar = self.sidecar_of(scope)
        if sidecar and sidecar.outbound_traffic_policy:
            return sidecar.outbound_traffic_policy.mode
        return self.mesh.outbound_traffic_policy.mode


def build_push_context(
    config: ConfigSnapshot,
    catalog: ServiceCatalog,
    previous: PushContext | None = None,
    *,
    trust_domain: TrustDomain | None = None,
) -> PushContext:
    """Index ``config`` and ``catalog``; indexes of ``previous`` that are still true are taken over.

    ``trust_domain`` is that of the identities which workloads are given; None when they are given none.
    """
    services, rules, policies = _services(catalog, previous), _rules(config, previous), _policies(config, previous)
    attached: dict[type[AttachedKind], Attached[Any]] = {
        kind: _attached(kind, config, previous) for kind in ATTACHED_KINDS
    }
    same_peers = previous is not None and attached[PeerAuthentication] is previous.attached(PeerAuthentication)
    same_view = (
        previous is not None
        and services is previous.services
        and rules is previous.rules
        and attached[Sidecar] is previous.attached(Sidecar)
        and config.mesh == previous.mesh
    )
    return PushContext(
        config=config,
        catalog=catalog,
        services=services,
        rules=rules,
        policies=policies,
        policies_by_kind=attached,
        gateway_labels=frozenset(name for gateway in config.of(Gateway) for name in gateway.spec.selector),
        peers=previous.peers if previous and same_peers else index_peer_policies(attached[PeerAuthentication]),
        mtls=mesh_tls(config.mesh, trust_domain) if trust_domain is not None else None,
        _visible=previous._visible if previous and same_view else {},
        _addressed=previous._addressed if previous and services is previous.services else {},
        _in_effect=previous._in_effect if previous and policies is previous.policies else {},
    )


def mesh_tls(mesh: MeshConfig, trust_domain: TrustDomain) -> MeshTls:
    """The trust domains of the mesh: its own and the aliases that MeshConfig gives it."""
    return MeshTls(trust_domains=tuple(dict.fromkeys((str(trust_domain), *mesh.trust_domain_aliases))))


def _attached(kind: type[K], config: ConfigSnapshot, previous: PushContext | None) -> Attached[Resource[K]]:
    policies, root = config.of(kind), config.mesh.root_namespace
    if previous is not None and (previous.config.of(kind), previous.mesh.root_namespace) == (policies, root):
        return previous.attached(kind)
    return attach(policies, kind.attachment, root)


def _services(catalog: ServiceCatalog, previous: PushContext | None) -> ServiceIndex:
    if previous is not None and catalog.services is previous.catalog.services:
        return previous.services
    return index_services(catalog.services.values())


def _rules(config: ConfigSnapshot, previous: PushContext | None) -> VirtualServiceIndex:
    rules, default = config.of(VirtualService), config.mesh.default_virtual_service_export_to
    if previous is not None and (previous.rules.rules, previous.rules.export_default) == (rules, default):
        return previous.rules
    return index_virtual_services(rules, default)


def _policies(config: ConfigSnapshot, previous: PushContext | None) -> DestinationRuleIndex:
    rules, mesh = config.of(DestinationRule), config.mesh
    known = previous.policies if previous is not None else None
    settings = (rules, mesh.default_destination_rule_export_to, mesh.root_namespace)
    if known is not None and (known.rules, known.export_default, known.root_namespace) == settings:
        return known
    return index_destination_rules(*settings)

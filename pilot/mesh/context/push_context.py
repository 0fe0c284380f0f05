"""PushContext: configuration and services at one moment, indexed for the questions that planners ask.

A frozen value with lookups only. The answers for a scope are worked out when first asked and kept with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from citadel.identity import TrustDomain
from citadel.ir import MeshTls
from citadel.jwks.key_sets import KeyFetcher, KeySource
from citadel.policy.peer import PeerPolicyIndex, index_peer_policies
from galley.attached import Attached, attach
from galley.hosts.names import MESH_GATEWAY
from galley.kinds.attachment import AttachedKind
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode, Sidecar
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.meta import Resource
from galley.snapshot import ConfigSnapshot
from pilot.memo import Memo
from pilot.mesh.context.attached_kinds import ATTACHED_KINDS
from pilot.mesh.context.auto_addressing import give_addresses
from pilot.mesh.context.scope import AttachedKeys, Certificates, OutboundScope
from pilot.mesh.context.visibility import ServiceIndex, VisibleServices, index_services, select_visible
from pilot.mesh.rules.destination_rules import DestinationRuleIndex, DestinationRuleInEffect, index_destination_rules
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.rule_index import RuleIndex, index_rules
from pilot.node.node_id import ProxyKind
from pilot.registry.catalog import Service, ServiceCatalog

K = TypeVar("K", bound=AttachedKind)


@dataclass(frozen=True, slots=True, eq=False)
class PushContext:
    """Everything that plans are made from. Build it with ``build_push_context``.

    ``attached`` has the policies of each kind that is attached to workloads; ``memo`` remembers indexes and answers by
    what they were made from. ``mtls`` are the identities of the mesh; None where nobody issues any, and all is plain
    text. ``key_sets`` are those that were fetched, ``key_fetcher`` says by whom they are. ``reports_denials``: proxies
    tell the control plane what policies refuse.
    """

    config: ConfigSnapshot
    catalog: ServiceCatalog
    services: ServiceIndex
    rules: RuleIndex
    policies: DestinationRuleIndex
    attached: Mapping[type[AttachedKind], Attached[Any]]
    peers: PeerPolicyIndex
    mtls: MeshTls | None = None
    key_sets: Mapping[KeySource, str] = field(default_factory=dict, repr=False)
    key_fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE
    reports_denials: bool = False
    memo: Memo = field(default_factory=Memo, repr=False)

    def mtls_for(self, certificates: Certificates) -> MeshTls | None:
        """The identities with which a proxy takes part in mutual TLS; None for one without certificate."""
        if self.mtls is None or certificates is Certificates.NONE:
            return None
        return self.memo(_from_agent, self.mtls) if certificates is Certificates.AGENT else self.mtls

    @property
    def mesh(self) -> MeshConfig:
        """The settings of the whole mesh."""
        return self.config.mesh

    def visible_services(self, scope: OutboundScope) -> VisibleServices:
        """The services that proxies of ``scope`` see: by exportTo and the scope's Sidecar, one per host name."""
        services = self.services
        if scope.auto_addresses:
            services = self.memo(give_addresses, services, scope.families)
        rules = self.rules if scope.kind is ProxyKind.SIDECAR else None
        default, sidecar = self.mesh.default_service_export_to, self.sidecar_of(scope.attached)
        spec = sidecar.spec if sidecar is not None else None
        return self.memo(select_visible, services, rules, scope.namespace, default, spec)

    def rules_at(self, scope: OutboundScope, gateway: str) -> tuple[TrafficRule, ...]:
        """The rules for ``gateway`` (``mesh`` or ``namespace/name``) that the scope sees, in the order in which they
        compete for a host."""
        if gateway == MESH_GATEWAY and scope.kind is ProxyKind.SIDECAR:
            return self.visible_services(scope).rules
        return self.rules.candidates(gateway, scope.namespace)

    def destination_rule(self, scope: OutboundScope, service: Service) -> DestinationRuleInEffect | None:
        """The DestinationRule that proxies of ``scope`` obey for ``service``, if any."""
        asked = scope.namespace, service.hostname, service.namespace
        return self.memo(DestinationRuleIndex.in_effect, self.policies, *asked)

    def attached_to(self, workload: AttachedKeys, kind: type[K]) -> tuple[Resource[K], ...]:
        """The policies of ``kind`` among those that count for a workload, in the order in which they count."""
        found = map(self.config.get, workload.get(kind.__name__, ()))
        return tuple(resource for resource in found if resource is not None)

    def sidecar_of(self, workload: AttachedKeys) -> Resource[Sidecar] | None:
        """The Sidecar among what counts for a workload: the narrowest."""
        reaching = self.attached_to(workload, Sidecar)
        return reaching[-1] if reaching else None

    def outbound_traffic_policy(self, scope: OutboundScope) -> OutboundTrafficPolicyMode:
        """What happens to traffic for unknown destinations: as the Sidecar says, else as the mesh does."""
        sidecar = self.sidecar_of(scope.attached)
        if sidecar is not None and sidecar.spec.outbound_traffic_policy:
            return sidecar.spec.outbound_traffic_policy.mode
        return self.mesh.outbound_traffic_policy.mode


def build_push_context(
    config: ConfigSnapshot,
    catalog: ServiceCatalog,
    previous: PushContext | None = None,
    *,
    trust_domain: TrustDomain | None = None,
    key_sets: Mapping[KeySource, str] | None = None,
    key_fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE,
    reports_denials: bool = False,
) -> PushContext:
    """Index ``config`` and ``catalog``; indexes of ``previous`` that are still true are taken over.

    ``trust_domain`` is that of the identities which workloads are given; None when they are given none.
    """
    memo, mesh = previous.memo.successor() if previous is not None else Memo(), config.mesh
    attached: dict[type[AttachedKind], Attached[Any]] = {
        row.kind: memo(attach, config.of(row.kind), row.kind.attachment, mesh.root_namespace) for row in ATTACHED_KINDS
    }
    return PushContext(
        config=config,
        catalog=catalog,
        services=memo(index_services, tuple(catalog.services.values())),
        rules=index_rules(config, previous.rules if previous is not None else None),
        policies=memo(
            index_destination_rules,
            config.of(DestinationRule),
            mesh.default_destination_rule_export_to,
            mesh.root_namespace,
            config.domain,
        ),
        attached=attached,
        peers=memo(index_peer_policies, attached[PeerAuthentication]),
        mtls=mesh_tls(mesh, trust_domain) if trust_domain is not None else None,
        key_sets=key_sets or {},
        key_fetcher=key_fetcher,
        reports_denials=reports_denials,
        memo=memo,
    )


def mesh_tls(mesh: MeshConfig, trust_domain: TrustDomain) -> MeshTls:
    """The trust domains of the mesh: its own and the aliases that MeshConfig gives it."""
    return MeshTls(trust_domains=tuple(dict.fromkeys((str(trust_domain), *mesh.trust_domain_aliases))))


def _from_agent(mtls: MeshTls) -> MeshTls:
    return replace(mtls, from_agent=True)

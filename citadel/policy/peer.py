"""PeerAuthentication: the mode of each workload and port, from policies of mesh, namespace and workload.

The oldest policy of a scope counts, the others of that scope do not. UNSET takes the mode of the next wider scope, and
the mesh's own default is PERMISSIVE (Istio, "PeerAuthentication").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from citadel.ir import MtlsMode, PeerModes
from galley.frozen import FrozenMap, frozen
from galley.kinds.security.peer_authentication import MutualTls, MutualTlsMode, PeerAuthentication
from galley.meta import Labels, Resource, ResourceKey


@frozen
class WorkloadPolicy:
    """What one policy says about the workloads that carry ``labels``: everywhere, and by port."""

    origin: ResourceKey
    labels: Labels
    mode: MtlsMode
    ports: FrozenMap[int, MtlsMode] = FrozenMap()


@frozen
class PeerPolicies:
    """The policies of one namespace: ``mode`` where no workload's own policy says otherwise; those are oldest first."""

    mode: MtlsMode = MtlsMode.PERMISSIVE
    workloads: tuple[WorkloadPolicy, ...] = ()
    origins: tuple[ResourceKey, ...] = ()

    def modes_of(self, labels: Mapping[str, str]) -> PeerModes:
        """What the workload with these labels accepts."""
        for policy in self.workloads:
            if policy.labels.selects(labels):
                return PeerModes(mode=policy.mode, ports=policy.ports, origins=(*self.origins, policy.origin))
        return PeerModes(mode=self.mode, origins=self.origins)


@dataclass(frozen=True, slots=True, eq=False)
class PeerPolicyIndex:
    """The policies by namespace; namespaces without any have those of the mesh. ``policies`` is what it was made of."""

    policies: tuple[Resource[PeerAuthentication], ...]
    root_namespace: str
    mesh: PeerPolicies
    _by_namespace: Mapping[str, PeerPolicies] = field(repr=False)

    def of(self, namespace: str) -> PeerPolicies:
        """What applies to the workloads of a namespace."""
        return self._by_namespace.get(namespace, self.mesh)


def index_peer_policies(policies: tuple[Resource[PeerAuthentication], ...], root_namespace: str) -> PeerPolicyIndex:
    """Index ``policies``, which are given oldest first. One with a selector in the root namespace is ignored."""
    by_namespace: dict[str, list[Resource[PeerAuthentication]]] = {}
    for policy in policies:
        by_namespace.setdefault(policy.namespace, []).append(policy)
    general = (one for one in by_namespace.pop(root_namespace, ()) if not one.spec.selects_workloads)
    mesh = _narrow(PeerPolicies(), general)
    return PeerPolicyIndex(
        policies=policies,
        root_namespace=root_namespace,
        mesh=mesh,
        _by_namespace={namespace: _narrow(mesh, members) for namespace, members in by_namespace.items()},
    )


def _narrow(wider: PeerPolicies, policies: Iterable[Resource[PeerAuthentication]]) -> PeerPolicies:
    """What is left of ``wider`` where these policies of one namespace, oldest first, apply."""
    policies = tuple(policies)
    general = next((one for one in policies if not one.spec.selects_workloads), None)
    mode = _mode(general.spec.mtls, wider.mode) if general is not None else wider.mode
    return PeerPolicies(
        mode=mode,
        workloads=tuple(_workload_policy(one, mode) for one in policies if one.spec.selects_workloads),
        origins=(*wider.origins, general.key) if general is not None else wider.origins,
    )


def _workload_policy(policy: Resource[PeerAuthentication], inherited: MtlsMode) -> WorkloadPolicy:
    spec = policy.spec
    mode = _mode(spec.mtls, inherited)
    assert spec.selector is not None
    return WorkloadPolicy(
        origin=policy.key,
        labels=spec.selector.match_labels,
        mode=mode,
        ports=FrozenMap({int(port): _mode(mtls, mode) for port, mtls in spec.port_level_mtls.items()}),
    )


def _mode(mtls: MutualTls | None, inherited: MtlsMode) -> MtlsMode:
    if mtls is None or mtls.mode is MutualTlsMode.UNSET:
        return inherited
    return MtlsMode(mtls.mode.value)

"""PeerAuthentication: the mode of each workload and port, from policies of mesh, namespace and workload.

UNSET takes the mode of the next wider level, and the mesh's own default is PERMISSIVE (Istio, "PeerAuthentication").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from citadel.ir import MtlsMode, PeerModes
from galley.attached import Attached, NamespacePolicies
from galley.frozen import FrozenMap, frozen
from galley.kinds.security.peer_authentication import MutualTls, MutualTlsMode, PeerAuthentication
from galley.meta import NO_LABELS, Resource, ResourceKey


@frozen
class PeerPolicy:
    """What one policy says: everywhere, and by port of the workloads that it selects. UNSET leaves it to wider ones."""

    origin: ResourceKey
    mode: MutualTlsMode
    ports: FrozenMap[int, MutualTlsMode] = FrozenMap()


@frozen
class PeerPolicies:
    """What policies say about the workloads of one namespace. A plan that depends on it is made again when they change,
    and not when a comment beside them does."""

    policies: NamespacePolicies[PeerPolicy] = NamespacePolicies()

    @property
    def mode(self) -> MtlsMode:
        """The mode where no workload's own policy says otherwise."""
        return self.modes_of(NO_LABELS).mode

    def modes_of(self, labels: Mapping[str, str]) -> PeerModes:
        """What the workload with these labels accepts."""
        return effective_modes(self.policies.reaching(labels))


@dataclass(frozen=True, slots=True, eq=False)
class PeerPolicyIndex:
    """The policies by the namespace of the workloads."""

    _policies: Attached[PeerPolicy]

    def of(self, namespace: str) -> PeerPolicies:
        """What applies to the workloads of a namespace."""
        return PeerPolicies(self._policies.in_namespace(namespace))


def index_peer_policies(attached: Attached[Resource[PeerAuthentication]]) -> PeerPolicyIndex:
    """Read each policy once."""
    return PeerPolicyIndex(attached.map(read_peer_policy))


def read_peer_policy(policy: Resource[PeerAuthentication]) -> PeerPolicy:
    """What ``policy`` says. Only for workloads that it selects may it speak of ports."""
    spec = policy.spec
    ports = spec.port_level_mtls if spec.selects_workloads else FrozenMap[str, MutualTls]()
    return PeerPolicy(
        origin=policy.key,
        mode=_mode(spec.mtls),
        ports=FrozenMap({int(port): _mode(mtls) for port, mtls in ports.items()}),
    )


def effective_modes(policies: Iterable[PeerPolicy]) -> PeerModes:
    """What a workload accepts by the policies that count for it, wider ones first."""
    mode, ports, origins = MtlsMode.PERMISSIVE, FrozenMap[int, MtlsMode](), []
    for policy in policies:
        mode = _narrowed(mode, policy.mode)
        ports = FrozenMap({port: _narrowed(mode, at_port) for port, at_port in policy.ports.items()})
        origins.append(policy.origin)
    return PeerModes(mode=mode, ports=ports, origins=tuple(origins))


def _narrowed(wider: MtlsMode, mode: MutualTlsMode) -> MtlsMode:
    return wider if mode is MutualTlsMode.UNSET else MtlsMode(mode.value)


def _mode(mtls: MutualTls | None) -> MutualTlsMode:
    return mtls.mode if mtls is not None else MutualTlsMode.UNSET

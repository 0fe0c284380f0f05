"""Attached policies: which resources of a kind reach a workload, and in what order they count.

They reach it from the mesh's root namespace or from its own, by its labels, or by naming a resource that its proxy
stands for (``targetRefs``). What differs between kinds is said beside each (``galley.kinds.attachment``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Generic, TypeVar

from galley.frozen import frozen
from galley.kinds.attachment import Attachment, Precedence, RootSelector
from galley.kinds.values import PolicyTargetReference
from galley.meta import NO_LABELS, Labels, Resource

T = TypeVar("T")
V = TypeVar("V")
W = TypeVar("W")

GATEWAY_API = "gateway.networking.k8s.io"


class Level(IntEnum):
    """How narrowly a policy is attached, wider ones first."""

    MESH = 0
    NAMESPACE = 1
    WORKLOAD = 2
    TARGET = 3


@frozen
class Target:
    """A resource that policies may name and a proxy may stand for; its namespace is that of the policy."""

    group: str
    kind: str
    name: str

    @property
    def is_class(self) -> bool:
        """Whether it is a GatewayClass, which no namespace owns: only the root namespace's policies may name it."""
        return (self.group, self.kind) == (GATEWAY_API, "GatewayClass")


def _target_of(reference: PolicyTargetReference) -> Target:
    """Kubernetes writes the group of its core kinds as "" or, in Istio's policies, as ``core``."""
    return Target("" if reference.group == "core" else reference.group, reference.kind, reference.name)


NO_TARGETS: frozenset[Target] = frozenset()


@frozen
class RankedPolicy(Generic[V]):
    """One policy as the workloads of a namespace have it: what it says (``value``), and whom it reaches.

    Of those that share a ``rivalry`` only the first that reaches a workload counts; None competes with no other.
    """

    value: V
    level: Level
    labels: Labels = NO_LABELS
    targets: frozenset[Target] = NO_TARGETS
    rivalry: tuple[Level, bool] | None = None

    def reaches(self, labels: Mapping[str, str], targets: frozenset[Target]) -> bool:
        """Whether it is for a workload with these labels whose proxy stands for ``targets``."""
        if self.level is Level.TARGET:
            return not self.targets.isdisjoint(targets)
        return self.labels.selects(labels)


@frozen
class NamespacePolicies(Generic[V]):
    """The policies of one kind that may reach workloads of one namespace, in the order in which they count."""

    policies: tuple[RankedPolicy[V], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is none, whatever labels a workload has."""
        return not self.policies

    def reaching(self, labels: Mapping[str, str], targets: frozenset[Target] = NO_TARGETS) -> tuple[V, ...]:
        """Those that count for a workload with these labels whose proxy stands for ``targets``, in order."""
        decided: set[tuple[Level, bool]] = set()
        found = []
        for policy in self.policies:
            if policy.rivalry in decided or not policy.reaches(labels, targets):
                continue
            if policy.rivalry is not None:
                decided.add(policy.rivalry)
            found.append(policy.value)
        return tuple(found)

    def map(self, read: Callable[[V], W]) -> NamespacePolicies[W]:
        """The same with what ``read`` makes of each value."""
        return NamespacePolicies(tuple(_with_value(policy, read(policy.value)) for policy in self.policies))


def _with_value(policy: RankedPolicy[Any], value: W) -> RankedPolicy[W]:
    return replace(policy, value=value)


@dataclass(frozen=True, slots=True, eq=False)
class Attached(Generic[V]):
    """All policies of one kind, by the namespace of the workloads that they reach. Build it with ``attach``."""

    _by_namespace: Mapping[str, NamespacePolicies[V]] = field(repr=False)
    _elsewhere: NamespacePolicies[V] = field(repr=False)

    def in_namespace(self, namespace: str) -> NamespacePolicies[V]:
        """What may reach workloads of ``namespace``."""
        return self._by_namespace.get(namespace, self._elsewhere)

    def map(self, read: Callable[[V], W]) -> Attached[W]:
        """The same with what ``read`` makes of each policy."""
        by_namespace = {namespace: here.map(read) for namespace, here in self._by_namespace.items()}
        return Attached(by_namespace, self._elsewhere.map(read))


def attach(policies: Iterable[Resource[T]], attachment: Attachment[T], root_namespace: str) -> Attached[Resource[T]]:
    """Index ``policies``, in whatever order they are given, by the rules of their kind."""
    rules, ordered = _Rules(attachment, root_namespace), sorted(policies, key=lambda policy: policy.age)
    if attachment.any_namespace:
        return Attached({}, rules.seen_from(None, ordered))
    from_root = [policy for policy in ordered if policy.namespace == root_namespace]
    by_namespace: dict[str, list[Resource[T]]] = {}
    for policy in ordered:
        by_namespace.setdefault(policy.namespace, []).append(policy)
    return Attached(
        {
            namespace: rules.seen_from(namespace, own if namespace == root_namespace else (*from_root, *own))
            for namespace, own in by_namespace.items()
        },
        rules.seen_from(None, from_root),
    )


@dataclass(frozen=True, slots=True)
class _Rules(Generic[T]):
    """How one kind is attached, in a mesh whose root namespace is ``root``."""

    kind: Attachment[T]
    root: str

    def seen_from(self, namespace: str | None, policies: Iterable[Resource[T]]) -> NamespacePolicies[Resource[T]]:
        """Those of ``policies``, the oldest first, that may reach workloads of ``namespace`` (None: any without
        policies of its own), in the order in which they count."""
        found = [made for policy in policies if (made := self._attached(namespace, policy)) is not None]
        return NamespacePolicies(tuple(sorted(found, key=self._order)))

    def _attached(self, namespace: str | None, policy: Resource[T]) -> RankedPolicy[Resource[T]] | None:
        wide, own = self._is_wide(policy), policy.namespace == namespace
        references, selector = self.kind.targets(policy.spec), self.kind.selector(policy.spec)
        labels = selector.match_labels if selector is not None else NO_LABELS
        level, targets = Level.WORKLOAD, NO_TARGETS
        if references:
            named = map(_target_of, references)
            level, targets = Level.TARGET, frozenset(one for one in named if (wide if one.is_class else own))
            reaches = bool(targets)
        elif labels:
            reaches = not wide or self._selects_from_root(own=own)
        else:
            level, reaches = Level.MESH if wide else Level.NAMESPACE, True
        rivalry = (level, wide) if self._is_decided_at(level) else None
        return RankedPolicy(policy, level, labels, targets, rivalry) if reaches else None

    def _is_wide(self, policy: Resource[T]) -> bool:
        """Whether it stands where policies are for the whole mesh."""
        return policy.namespace == self.root and not self.kind.any_namespace

    def _selects_from_root(self, *, own: bool) -> bool:
        match self.kind.root_selector:
            case RootSelector.IGNORED:
                return False
            case RootSelector.OWN_NAMESPACE:
                return own
            case RootSelector.WHOLE_MESH:
                return True

    def _is_decided_at(self, level: Level) -> bool:
        """Whether of several policies that reach a workload at this level only the oldest counts."""
        precedence = self.kind.precedence
        return precedence is Precedence.NARROWEST or (precedence is Precedence.MERGED and level <= Level.NAMESPACE)

    def _order(self, policy: RankedPolicy[Resource[T]]) -> tuple[int, ...]:
        """Where a policy counts among others; those that are equal in it count from the oldest."""
        narrow = int(not self._is_wide(policy.value))
        match self.kind.precedence:
            case Precedence.NARROWEST | Precedence.MERGED:
                return (policy.level, narrow)
            case Precedence.TOGETHER:
                return (narrow,)
            case Precedence.PRIORITY:
                return (self.kind.priority(policy.value.spec), narrow)

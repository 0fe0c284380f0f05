"""How the policies of a kind reach workloads, said beside each kind: by what they select, and which of several counts.

``galley.attached`` works by these declarations alone, so that the next kind needs none of its code changed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from galley.frozen import frozen
from galley.kinds.values import PolicyTargetReference, WorkloadSelector

T = TypeVar("T")


class Precedence(Enum):
    """What becomes of several policies of one kind that reach the same workload."""

    NARROWEST = "of each level the oldest, wider levels first: the last one wins, or inherits from those before it"
    TOGETHER = "all of them, the root namespace's first, then older ones first"
    MERGED = "of mesh and namespace the oldest, then all that select the workload: later ones override"
    PRIORITY = "all of them, by the number that they carry, then as when all count together"


class RootSelector(Enum):
    """What a selector means in the root namespace, whose policies are for the whole mesh when they have none."""

    IGNORED = "the policy has no effect"
    OWN_NAMESPACE = "it selects workloads of the root namespace"
    WHOLE_MESH = "it selects workloads of all namespaces"


def _no_targets(_: Any) -> tuple[PolicyTargetReference, ...]:
    return ()


def _no_priority(_: Any) -> int:
    return 0


@frozen
class Attachment(Generic[T]):
    """The attachment of one kind with specs of type ``T``; a kind has it as its class attribute ``attachment``.

    ``selector`` finds the selector of a policy; an empty one is none. ``targets`` finds what a policy names instead:
    one with targets selects nothing by labels. Smaller numbers of ``priority`` come first. With ``any_namespace`` a
    policy reaches workloads of all namespaces, wherever it is itself, as Gateways do; such kinds have no targets.
    """

    precedence: Precedence
    selector: Callable[[T], WorkloadSelector | None]
    targets: Callable[[T], tuple[PolicyTargetReference, ...]] = _no_targets
    root_selector: RootSelector = RootSelector.OWN_NAMESPACE
    any_namespace: bool = False
    priority: Callable[[T], int] = _no_priority


class AttachedKind(Protocol):
    """A kind whose policies are attached to workloads."""

    attachment: ClassVar[Attachment[Any]]

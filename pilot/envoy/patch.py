"""Patches: changes to what is rendered, beyond what plans can say (Istio, "EnvoyFilter").

A patch is asked about each part that has an encoding of its own, and only those that match belong to the part's key:
what no patch matches keeps its encoding, whatever patches come and go.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import betterproto2

from galley.meta import ResourceKey
from pilot.ir.cluster import ClusterPlan
from pilot.ir.listener import ListenerPlan
from pilot.ir.route import RouteConfigPlan, VirtualHostPlan

Part = ClusterPlan | ListenerPlan | RouteConfigPlan | VirtualHostPlan
M = TypeVar("M", bound=betterproto2.Message)


class Patch(Protocol):
    """One change: a value, for it is part of the key of what it changes."""

    @property
    def origin(self) -> ResourceKey:
        """The resource that asks for it."""

    def matches(self, part: Part) -> bool:
        """Whether what is rendered from ``part`` is changed; a filter is changed with its listener."""

    def apply(self, message: M) -> M:
        """``message``, rendered from a part that matches, with the change."""

    def __hash__(self) -> int:
        """Equal patches have equal hashes."""


Patches = tuple[Patch, ...]
NO_PATCHES: Patches = ()


def matching(patches: Patches, *parts: Part) -> Patches:
    """Those of ``patches`` that change one of ``parts``."""
    return tuple(patch for patch in patches if any(map(patch.matches, parts))) if patches else NO_PATCHES


def patched(message: M, patches: Patches) -> M:
    """``message`` with all of ``patches``, one after another."""
    for patch in patches:
        message = patch.apply(message)
    return message

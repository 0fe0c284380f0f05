"""Context and proxy in, encoded resources out: the whole translation as one pure function with a memory.

A proxy has a scope, a scope has a plan, a plan is encoded. Work follows what changed: plans are remembered by their
inputs and encodings by their plans; the thousandth replica of a workload costs a few dictionary look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilot.envoy.encoded import RenderCache
from pilot.envoy.patches.patch import NO_PATCHES, Patch, PatchSet, read_patches
from pilot.ir.proxy import WithheldPatches
from pilot.memo import Memo
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ProxyScope
from pilot.mesh.context.scoping import proxy_scope
from pilot.mesh.proxies import plan_proxy
from pilot.xds.resources import ResourceSnapshot


@dataclass(frozen=True, slots=True)
class GenerationCounters:
    """How often work was really done since the start; tests assert these numbers, ``/metrics`` shows them."""

    plans: int
    encodings: int
    sets: int


class Generator:
    """Generates for one context at a time; ``advance`` moves on to the next and keeps what is still true."""

    def __init__(self, context: PushContext) -> None:
        self._context = context
        self._memo, self._cache = Memo(), RenderCache()

    @property
    def context(self) -> PushContext:
        """The context that is generated for."""
        return self._context

    @property
    def counters(self) -> GenerationCounters:
        """The work done so far."""
        return GenerationCounters(plans=self._memo.misses, encodings=self._cache.encodings, sets=self._cache.sets)

    def advance(self, context: PushContext) -> None:
        """Generate for ``context`` from now on."""
        self._context = context
        self._memo = self._memo.successor()
        self._cache.end_generation()

    def snapshot_of(self, proxy: Proxy, withheld: WithheldPatches = frozenset()) -> ResourceSnapshot:
        """All that ``proxy`` may receive: the same object for every proxy of an equal scope. ``withheld`` are patches
        that it has refused."""
        return self._memo.now(self._generate, self._memo.now(proxy_scope, self._context, proxy, withheld))

    def _generate(self, scope: ProxyScope) -> ResourceSnapshot:
        return self._cache.proxy(plan_proxy(self._context, scope, self._memo), self._patches(scope))

    def _patches(self, scope: ProxyScope) -> PatchSet:
        if not scope.patches:
            return NO_PATCHES
        found: list[Patch] = []
        for key, indexes in scope.patches:
            resource = self._context.config.get(key)
            if resource is not None:
                found += self._memo(read_patches, resource, indexes, scope.outbound.own_target_ports)
        return PatchSet(tuple(found), scope.withheld)

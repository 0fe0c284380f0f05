"""Patches that proxies have refused: each goes without them, in the resource concerned, until their file changes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from galley.kinds.networking.envoy_filter import EnvoyFilter
from galley.meta import Resource, ResourceKey
from galley.snapshot import ConfigSnapshot
from pilot.ir.proxy import WithheldPatches

_Refused = dict[tuple[str, str, ResourceKey], Resource[Any]]


@dataclass(slots=True)
class RefusedPatches:
    """What each proxy, by its node id, has refused while it was connected.

    Of a resource that is made with several EnvoyFilters nobody can tell which one is to blame, so it goes without all
    of them.
    """

    _by_proxy: dict[str, _Refused] = field(default_factory=dict)

    def refuse(
        self, proxy: str, type_url: str, refused: Iterable[tuple[str, Iterable[Hashable]]], config: ConfigSnapshot
    ) -> tuple[tuple[str, Resource[Any]], ...]:
        """``proxy`` has refused resources, each given by its name and what it was made from. What is withheld of it
        from now on: names of resources, each with an EnvoyFilter."""
        known, new = self._by_proxy.setdefault(proxy, {}), []
        for name, origins in refused:
            for origin in origins:
                if not isinstance(origin, ResourceKey) or origin.kind != EnvoyFilter.__name__:
                    continue
                resource = config.get(origin)
                if resource is not None and known.get((type_url, name, origin)) is not resource:
                    known[type_url, name, origin] = resource
                    new.append((name, resource))
        if not known:
            del self._by_proxy[proxy]
        return tuple(new)

    def forget(self, proxy: str) -> None:
        """``proxy`` is gone; one that comes under its name may be another Envoy."""
        self._by_proxy.pop(proxy, None)

    def withheld(self, proxy: str, config: ConfigSnapshot) -> WithheldPatches:
        """What of ``config`` is not sent to ``proxy``: an EnvoyFilter that is written anew is tried again."""
        known = self._by_proxy.get(proxy)
        if not known:
            return frozenset()
        return frozenset(where for where, resource in known.items() if config.get(where[2]) is resource)

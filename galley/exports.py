"""``exportTo``: the namespaces that may see a resource."""

from __future__ import annotations

from functools import lru_cache

from galley.frozen import frozen

EVERYWHERE, OWN_NAMESPACE, NOWHERE = "*", ".", "~"


@frozen
class Exports:
    """The namespaces that may see something: all of them, or those named, which may be none."""

    everywhere: bool = False
    namespaces: tuple[str, ...] = ()
    """Sorted; empty when it is ``everywhere``."""

    def includes(self, namespace: str) -> bool:
        """Whether ``namespace`` may see it."""
        return self.everywhere or namespace in self.namespaces

    def overlap(self, other: Exports) -> bool:
        """Whether some namespace may see this and what ``other`` is about."""
        if self.everywhere or other.everywhere:
            return bool(self.everywhere or self.namespaces) and bool(other.everywhere or other.namespaces)
        return not set(self.namespaces).isdisjoint(other.namespaces)


@lru_cache(maxsize=4096)
def resolve_exports(export_to: tuple[str, ...], default: tuple[str, ...], owner: str) -> Exports:
    """Who may see a resource of namespace ``owner`` with this ``exportTo``; where that is empty, ``default`` counts.

    As in Istio ``*`` counts for all, else ``~`` beside others hides the resource, and ``.`` is its own namespace.
    """
    targets = export_to or default
    if EVERYWHERE in targets:
        return Exports(everywhere=True)
    if NOWHERE in targets:
        return Exports()
    return Exports(namespaces=tuple(sorted({owner if target == OWN_NAMESPACE else target for target in targets})))

"""Which patches of EnvoyFilters are for a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import re2  # type: ignore[import-untyped]

from galley.kinds.networking.envoy_filter import EnvoyFilter, PatchContext, ProxyMatch
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import PatchesInForce
from pilot.node.node_id import ProxyKind


def patches_in_force(context: PushContext, proxy: Proxy, labels: Mapping[str, str]) -> PatchesInForce:
    """The EnvoyFilters that reach a proxy with these labels, with those of their patches that are for it."""
    policies = context.attached[EnvoyFilter].in_namespace(proxy.namespace)
    if policies.is_empty:
        return ()
    found = ((one.key, _patches_for(one.spec, proxy)) for one in policies.reaching(labels))
    return tuple((key, indexes) for key, indexes in found if indexes)


def _patches_for(spec: EnvoyFilter, proxy: Proxy) -> tuple[int, ...]:
    return tuple(
        index
        for index, one in enumerate(spec.config_patches)
        if _is_of_kind(one.match.context, proxy.kind) and (one.match.proxy is None or _matches(one.match.proxy, proxy))
    )


def _is_of_kind(context: PatchContext, kind: ProxyKind) -> bool:
    return context is PatchContext.ANY or (context is PatchContext.GATEWAY) is (kind is ProxyKind.GATEWAY)


def _matches(wanted: ProxyMatch, proxy: Proxy) -> bool:
    """As in istiod, a proxy without version is of none that a pattern could find."""
    if wanted.proxy_version:
        version = proxy.texts.get("ISTIO_VERSION", "")
        if not version or not _is_found(wanted.proxy_version, version):
            return False
    return all(proxy.texts.get(key) == value for key, value in wanted.metadata.items())


@lru_cache(maxsize=256)
def _is_found(pattern: str, text: str) -> bool:
    return re2.search(pattern, text) is not None

"""What a proxy would be served, worked out from files alone, without a server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from citadel.identity import TrustDomain
from citadel.jwks.key_sets import KeyFetcher
from galley.publishing.validate import Validation
from galley.snapshot import build_snapshot
from pilot.generate import Generator
from pilot.ir.proxy import ProxyPlan
from pilot.memo import Memo
from pilot.mesh.context.proxy import Proxy, read_proxy
from pilot.mesh.context.push_context import PushContext, build_push_context
from pilot.mesh.context.scoping import proxy_scope, registered_workload
from pilot.mesh.proxies import plan_proxy
from pilot.node.locality import read_locality
from pilot.node.node_id import NodeError
from pilot.registry.build import build_catalog
from pilot.xds.resources import ResourceSnapshot


def read_node_file(path: str) -> Proxy:
    """The proxy that a node in JSON or YAML describes. Raises OSError, ValueError or yaml.YAMLError."""
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    return read_node(yaml.safe_load(text))


def read_node(node: Any) -> Proxy:
    """The proxy of a node, or of a bootstrap that holds one. Raises ValueError."""
    if isinstance(node, Mapping) and isinstance(node.get("node"), Mapping):
        node = node["node"]
    if not isinstance(node, Mapping) or not isinstance(node.get("id"), str):
        raise NodeError("this is not an xDS node: it has no id")
    return read_proxy(
        node_id=node["id"],
        metadata=node.get("metadata") or {},
        locality=read_locality(node.get("locality") or {}),
        node_cluster=str(node.get("cluster") or ""),
    )


def snapshot_for(
    validation: Validation,
    proxy: Proxy,
    *,
    mtls: bool = False,
    key_fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE,
    reports_denials: bool = False,
) -> ResourceSnapshot:
    """What ``proxy`` would be served; a node that registers itself counts as connected. ``mtls`` gives workloads
    identities in the trust domain that MeshConfig names. Keys of tokens are fetched from nowhere.
    With ``reports_denials`` proxies report what policies refuse, as they do by default to `pilot serve`."""
    return Generator(_context_for(validation, proxy, mtls, key_fetcher, reports_denials)).snapshot_of(proxy)


def plan_for(
    validation: Validation,
    proxy: Proxy,
    *,
    mtls: bool = False,
    key_fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE,
    reports_denials: bool = False,
) -> ProxyPlan:
    """The plan behind what ``snapshot_for`` gives, not yet in Envoy's words."""
    context = _context_for(validation, proxy, mtls, key_fetcher, reports_denials)
    return plan_proxy(context, proxy_scope(context, proxy), Memo())


def _context_for(
    validation: Validation, proxy: Proxy, mtls: bool, key_fetcher: KeyFetcher, reports_denials: bool
) -> PushContext:
    registered = registered_workload(proxy)
    config, _ = build_snapshot(validation.resources, domain=validation.domain)
    catalog = build_catalog(config, (registered,) if registered else ())
    trust_domain = TrustDomain.parse(config.mesh.trust_domain.lower()) if mtls else None
    return build_push_context(
        config, catalog, trust_domain=trust_domain, key_fetcher=key_fetcher, reports_denials=reports_denials
    )

"""What only shows across resources: what points to nothing, what hides another.

Warnings only, for other files may follow. The codes in parentheses are those of Istio's analysis messages, where it has
one for the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.mesh_config import MeshConfig
from galley.meta import recorder_of
from galley.references.access import (
    find_idle_access_policies,
    find_lost_providers,
    find_rival_providers,
    find_rules_without_tokens,
)
from galley.references.attachment import find_idle_peer_authentications, find_rival_sidecars
from galley.references.claims import find_duplicate_policies, find_duplicate_rules, find_duplicate_services
from galley.references.delegates import find_lost_delegates
from galley.references.destinations import find_idle_rules, find_lost_imports, find_lost_routes
from galley.references.gateways import find_conflicting_gateways, find_lost_gateways
from galley.references.known_hosts import KnownHosts
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic


def check_references(config: ConfigSnapshot) -> tuple[Diagnostic, ...]:
    """All diagnostics of one snapshot, by file and line."""
    return tuple(sorted(_find(config), key=_position))


def _position(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
    origin = diagnostic.origin
    return (origin.file, origin.line, origin.column, diagnostic.code)


def _find(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    hosts = KnownHosts(config)
    yield from find_lost_routes(config, hosts)
    yield from find_lost_gateways(config, hosts)
    yield from find_lost_delegates(config)
    yield from find_duplicate_rules(config, hosts)
    yield from find_idle_rules(config, hosts)
    yield from find_duplicate_policies(config, hosts)
    yield from find_conflicting_gateways(config)
    yield from find_duplicate_services(config)
    yield from find_lost_imports(config, hosts)
    yield from find_rival_sidecars(config)
    yield from find_idle_peer_authentications(config)
    yield from find_idle_access_policies(config)
    yield from find_lost_providers(config)
    yield from find_rival_providers(config)
    yield from find_rules_without_tokens(config)
    yield from _find_other_meshes(config)


def _find_other_meshes(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    meshes = config.of(MeshConfig)
    for mesh in meshes[1:]:
        recorder = recorder_of(mesh)
        recorder.warn("kind", "several-meshes", f"has no effect: MeshConfig stands at {meshes[0].origin} already")
        yield from recorder.diagnostics

"""Recorder across resources: what points to nothing, what hides another. Warnings only, for other files may follow.

The codes in parentheses are those of Istio's analysis messages, where it has one for the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import recorder_of
from galley.references.bindings import find_duplicate_hosts, find_lost_gateways
from galley.references.destination_rules import check_rule, find_shared_hosts
from galley.references.gateways import find_conflicts
from galley.references.known_hosts import KnownHosts
from galley.references.peer_authentications import check_peer_authentications
from galley.references.routes import RouteReferences
from galley.references.services import find_duplicate_services
from galley.references.sidecars import check_sidecars
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
    routes = RouteReferences(config, hosts)
    for rule in config.of(VirtualService):
        yield from routes.check(rule)
    yield from find_lost_gateways(config, hosts)
    yield from find_duplicate_hosts(config, hosts)
    for destination_rule in config.of(DestinationRule):
        yield from check_rule(destination_rule, hosts)
    yield from find_shared_hosts(config, hosts)
    yield from find_conflicts(config)
    yield from find_duplicate_services(config)
    yield from check_sidecars(config, hosts)
    yield from check_peer_authentications(config)
    yield from _find_other_meshes(config)


def _find_other_meshes(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    meshes = config.of(MeshConfig)
    for mesh in meshes[1:]:
        recorder = recorder_of(mesh)
        recorder.warn("kind", "several-meshes", f"has no effect: MeshConfig stands at {meshes[0].origin} already")
        yield from recorder.diagnostics

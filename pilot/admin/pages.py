"""What the admin port shows: health, counters, and the state of configuration, registry and proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from citadel.jwks.key_sets import KeySetStatus
from galley.commands.report import render_line
from galley.publishing.latest import Latest
from galley.publishing.publisher import ConfigReport
from galley.snapshot import ConfigSnapshot
from galley.supervision import Supervisor
from galley.text.diagnostics import Diagnostic
from pilot.admin.access import describe_access_policies
from pilot.admin.http import Answer, Page, as_json
from pilot.admin.metrics import render_metrics
from pilot.controlplane.mesh_state import MeshState
from pilot.envoy.resource_json import snapshot_as_json
from pilot.mesh.context.proxy import Proxy
from pilot.registry.catalog import Endpoint
from pilot.registry.docker.discover import DOCKER
from pilot.server.fleet import Fleet

_MOST_TOLD = 20
"""Lines beside the first that the readiness page has at most: health checks keep what it says."""


def _no_denials(query: Mapping[str, str]) -> dict[str, Any]:
    return {"count": 0, "denials": []}


def admin_pages(
    state: MeshState,
    fleet: Fleet[Proxy],
    reports: Latest[ConfigReport],
    supervisor: Supervisor,
    *,
    engine: Callable[[], Mapping[str, Any]] = dict,
    key_sets: Callable[[], tuple[KeySetStatus, ...]] = tuple,
    denials: Callable[[Mapping[str, str]], dict[str, Any]] = _no_denials,
) -> Mapping[str, Page]:
    """All pages by path. ``supervisor`` knows which stages fail, ``engine`` how the connection to the Docker Engine
    stands; nothing without one. ``key_sets`` are those that policies name; ``denials`` answers a query about what
    policies refused."""
    return {
        "/healthz": lambda _: Answer("ok\n"),
        "/readyz": lambda _: _readiness(state, supervisor, reports.value),
        "/metrics": lambda _: Answer(render_metrics(state, fleet, reports, supervisor, key_sets())),
        "/debug/stagez": lambda _: as_json(_stages(supervisor)),
        "/debug/syncz": lambda _: as_json(_sync(fleet)),
        "/debug/configz": lambda _: as_json(list(_resources(state.config))),
        "/debug/reportz": lambda _: as_json(_report(reports.value)),
        "/debug/registryz": lambda _: as_json(list(_services(state))),
        "/debug/authzz": lambda _: as_json(list(describe_access_policies(state, fleet))),
        "/debug/denialz": lambda query: as_json(denials(query)),
        "/debug/jwksz": lambda _: as_json([_key_set(one) for one in key_sets()]),
        "/debug/dockerz": lambda _: as_json(_discovery(state, engine())),
        "/debug/config_dump": lambda query: _config_dump(query, state, fleet),
    }


def _readiness(state: MeshState, supervisor: Supervisor, report: ConfigReport | None) -> Answer:
    """Whether proxies are served. A stage that fails, or a file whose newest content is not in force, is told, and no
    reason to be restarted: that mends nothing."""
    also = [f"degraded: {one.stage}: {one.cause}" for one in supervisor.troubles]
    if report is not None:
        also += [f"held: {one.unit}: {one.why}" for one in report.held]
        also += [render_line(one) for one in report.diagnostics if one.is_error]
    told = "".join(f"{line}\n" for line in also[:_MOST_TOLD])
    if state.generator is None:
        return Answer(f"no configuration yet\n{told}", status=HTTPStatus.SERVICE_UNAVAILABLE)
    return Answer(f"ready\n{told}")


def _stages(supervisor: Supervisor) -> dict[str, Any]:
    return {
        "degraded": [
            {"stage": one.stage, "cause": one.cause, "since": one.since, "failures": one.failures}
            for one in supervisor.troubles
        ],
        "failures": dict(supervisor.failures),
    }


def _sync(fleet: Fleet[Proxy]) -> list[dict[str, Any]]:
    return fleet.describe(connection for connection in fleet.connections if not connection.proxy.is_agent)


def _resources(config: ConfigSnapshot | None) -> Iterator[dict[str, Any]]:
    for resource in config or ():
        key = resource.key
        yield {"kind": key.kind, "namespace": key.namespace, "name": key.name, "origin": str(resource.origin)}


def _report(report: ConfigReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    return {
        "version": report.version,
        "files": report.units,
        "resources": report.resources,
        "held": [{"path": one.unit, "reason": one.reason} for one in report.held],
        "diagnostics": [_diagnostic(one) for one in report.diagnostics],
    }


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    origin = diagnostic.origin
    return {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "text": render_line(diagnostic),
        "file": origin.file,
        "line": origin.line,
        "field": origin.field,
    }


def _services(state: MeshState) -> Iterator[dict[str, Any]]:
    if state.generator is None:
        return
    catalog = state.generator.context.catalog
    for key, service in sorted(catalog.services.items(), key=lambda entry: (entry[0].namespace, entry[0].hostname)):
        yield {
            "hostname": key.hostname,
            "namespace": key.namespace,
            "resolution": service.resolution.value,
            "origins": [str(origin) for origin in service.origins],
            "ports": [{"number": p.number, "name": p.name, "protocol": p.protocol.value} for p in service.ports],
            "endpoints": {
                name: [_address(endpoint) for endpoint in endpoints]
                for name, endpoints in catalog.endpoints.get(key, {}).items()
            },
        }


def _key_set(status: KeySetStatus) -> dict[str, Any]:
    return {
        "uri": status.source.uri,
        "isIssuer": status.source.is_issuer,
        "known": status.has_keys,
        "error": status.error,
    }


def _address(endpoint: Endpoint) -> str:
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{host}:{endpoint.port}" if endpoint.serving else f"{host}:{endpoint.port} (not serving)"


def _discovery(state: MeshState, engine: Mapping[str, Any]) -> dict[str, Any]:
    """What was seen of each container, and why it is (no) endpoint."""
    discovery = state.discovered(DOCKER)
    return {
        "engine": dict(engine),
        "containers": [
            {
                "container": one.name,
                "project": one.project,
                "service": f"{one.service}.{one.namespace}" if one.service else "",
                "address": one.address,
                "network": one.network,
                "verdict": one.verdict,
            }
            for one in discovery.sightings
        ],
        "withdrawn": sorted(discovery.withdrawn),
        "findings": [finding.text for finding in discovery.findings],
    }


def _config_dump(query: Mapping[str, str], state: MeshState, fleet: Fleet[Proxy]) -> Answer:
    wanted = query.get("proxyID", "")
    for connection in fleet.connections:
        if connection.proxy.is_agent:
            continue
        if wanted and wanted in connection.proxy.id and (snapshot := state.snapshot_of(connection.proxy)):
            secrets = fleet.secrets(connection)
            return as_json(snapshot_as_json(snapshot.with_set(secrets) if secrets is not None else snapshot))
    known = "\n".join(sorted({connection.proxy.id for connection in fleet.connections}))
    return Answer(f"say which proxy: ?proxyID= one of\n{known}\n", status=HTTPStatus.NOT_FOUND)

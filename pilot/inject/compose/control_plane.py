"""The control plane in a compose file: made when there is none, kept up to date when inject made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilot.inject.compose.file import SERVICES, mark_of, service_path
from pilot.inject.compose.layout import (
    BOOTSTRAPS,
    CONTROL,
    CONTROL_PLANE,
    MESH_NETWORK,
    PILOT,
    ROOTS_VOLUME,
    STATE_VOLUME,
    ComposeWorkload,
    bootstraps_service,
    pilot_service,
)
from pilot.inject.compose.network import networks_of
from pilot.inject.compose.write import remove_made, write_made, write_service
from pilot.inject.options import InjectOptions
from pilot.inject.yaml.editor import YamlEditor


def add_control_plane(
    editor: YamlEditor, workloads: tuple[ComposeWorkload, ...], options: InjectOptions, *, meshed: bool
) -> None:
    """Write the services ``pilot`` and ``bootstraps``, and what they stand on."""
    networks = _networks(editor, workloads, meshed=meshed)
    for name, service in (
        (PILOT, pilot_service(options)),
        (BOOTSTRAPS, bootstraps_service(workloads, options)),
    ):
        _write(editor, name, {**service, **(networks if name == PILOT else {})})
    for volume in (STATE_VOLUME, ROOTS_VOLUME):
        write_made(editor, ("volumes", volume))
    if meshed:
        write_made(editor, ("networks", MESH_NETWORK), {"internal": True})
    else:
        remove_made(editor, ("networks", MESH_NETWORK))


def remove_control_plane(editor: YamlEditor) -> None:
    """Remove what inject made when no service is left that has a sidecar."""
    services: Mapping[str, Any] = editor.value(SERVICES)
    if not any(mark_of(services.get(name)) == CONTROL for name in CONTROL_PLANE):
        return
    for name in CONTROL_PLANE:
        if mark_of(services.get(name)) == CONTROL:
            editor.remove(service_path(name))
    for volume in (STATE_VOLUME, ROOTS_VOLUME):
        remove_made(editor, ("volumes", volume))
    remove_made(editor, ("networks", MESH_NETWORK))


def _write(editor: YamlEditor, name: str, wanted: dict[str, Any]) -> None:
    now = editor.value(service_path(name))
    if now is None or mark_of(now) == CONTROL:
        write_service(editor, name, wanted)
        if now is not None and "networks" in now and "networks" not in wanted:
            editor.remove((*service_path(name), "networks"))


def _networks(editor: YamlEditor, workloads: tuple[ComposeWorkload, ...], *, meshed: bool) -> dict[str, Any]:
    """The control plane is where all pods are."""
    if meshed:
        return {"networks": [MESH_NETWORK]}
    networks = networks_of(editor, workloads[0].pod)
    return {} if networks == {"default"} else {"networks": sorted(networks)}

"""Taking a sidecar away again, when its service is gone or labelled out."""

from __future__ import annotations

from typing import Any

from pilot.inject.compose.file import SERVICES, labels_of, mark_of, owner_of_network, service_path
from pilot.inject.compose.layout import POD, REPLICAS_LABEL, SIDECAR
from pilot.inject.compose.network import leave_networks, move_back
from pilot.inject.compose.write import remove_made
from pilot.inject.yaml.editor import YamlEditor


def remove_sidecar(editor: YamlEditor, owner: str) -> None:
    """Remove pod, sidecar and volume of ``owner``; its network settings are its own again."""
    services: dict[str, Any] = editor.value(SERVICES)
    pod, sidecar = f"{owner}-pod", f"{owner}-sidecar"
    if owner in services:
        path = service_path(owner)
        if services[owner].get("network_mode") == f"service:{pod}":
            editor.remove((*path, "network_mode"))
        editor.remove((*path, "depends_on", sidecar))
        if (replicas := labels_of(services[pod]).get(REPLICAS_LABEL)) is not None:
            editor.set((*path, "scale"), int(replicas))
        move_back(editor, owner, pod)
        leave_networks(editor, owner)
        _lead_links_back(editor, owner)
    for name, service in services.items():
        if name not in (owner, sidecar) and isinstance(service, dict) and owner_of_network(service) == pod:
            editor.set((*service_path(name), "network_mode"), f"service:{owner}")
            editor.remove((*service_path(name), "depends_on", sidecar))
    for name, mark in ((pod, POD), (sidecar, SIDECAR)):
        if mark_of(services.get(name)) == mark:
            editor.remove(service_path(name))
    remove_made(editor, ("volumes", f"{owner}-bootstrap"))


def _lead_links_back(editor: YamlEditor, owner: str) -> None:
    path = (*service_path(owner), "links")
    links = editor.value(path)
    if isinstance(links, list):
        editor.set(path, [_without_pod(str(link)) for link in links])


def _without_pod(link: str) -> str:
    target, _, alias = link.partition(":")
    service = target.removesuffix("-pod")
    return service if alias == service else f"{service}:{alias}" if alias else link

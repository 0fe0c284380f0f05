"""Writing what inject makes, so that what a person added to it stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilot.inject.compose.file import service_path
from pilot.inject.compose.layout import MARK
from pilot.inject.yaml.editor import YamlEditor

MADE_KEYS = (
    "image", "entrypoint", "command", "user", "cap_drop", "cap_add", "group_add", "network_mode", "networks", "volumes",
    "depends_on", "restart", "stop_grace_period", "healthcheck", "profiles",
)  # fmt: skip
"""Keys of services that inject decides alone. Others, such as ``logging`` or ``mem_limit``, are the user's."""


def write_service(editor: YamlEditor, name: str, wanted: Mapping[str, Any], *, after: str | None = None) -> None:
    """Make the service, or bring the one of an earlier run up to date: inject's own keys and its labels."""
    path = service_path(name)
    now = editor.value(path)
    if now is None:
        editor.set(path, dict(wanted), after=after)
        return
    for key in MADE_KEYS:
        if key in now and key not in wanted and not (key == "networks" and "network_mode" not in wanted):
            editor.remove((*path, key))
    for key, value in wanted.items():
        if key == "labels":
            _write_labels(editor, name, value)
        else:
            editor.set((*path, key), value)


def _write_labels(editor: YamlEditor, name: str, wanted: Mapping[str, str]) -> None:
    path = (*service_path(name), "labels")
    for label in editor.own_keys(path):
        if label.startswith(MARK.partition("/")[0] + "/") and label not in wanted:
            editor.remove((*path, label))
    for label, value in wanted.items():
        editor.set((*path, label), value)


def write_made(editor: YamlEditor, path: tuple[str, ...], settings: Mapping[str, Any] | None = None) -> None:
    """Make a top-level volume or network, unless there is one."""
    section = editor.value((0, path[0]))
    if not isinstance(section, Mapping) or path[1] not in section:
        editor.set((0, *path), dict(settings or {}))


def remove_made(editor: YamlEditor, path: tuple[str, ...]) -> None:
    """Remove a top-level volume or network, and its section with the last one."""
    section = editor.value((0, path[0]))
    if isinstance(section, Mapping) and path[1] in section:
        editor.remove((0, *path))

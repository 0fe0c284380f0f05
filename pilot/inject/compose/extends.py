"""``extends``: what a service takes from another one is written into it, so that the ports and networks that come with
it move to its pod like its own. The rules of merging are those of the Compose specification."""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from pilot.inject.compose.file import SERVICES, as_mapping, service_path
from pilot.inject.compose.paths import rebased_on, rebased_service
from pilot.inject.options import InjectError
from pilot.inject.yaml.editor import YamlEditor
from pilot.inject.yaml.tree import read_documents, value_of

ReadFile = Callable[[str], str]
"""The text of a file, by its path from the directory of the compose file. Raises OSError or UnicodeDecodeError."""


def no_file(path: str) -> str:
    """Read no file: for a text that comes from nowhere."""
    raise FileNotFoundError(errno.ENOENT, "no such file", path)


_Services = Mapping[str, Any]

_MAPPINGS = frozenset({"environment", "labels", "annotations", "sysctls", "args", "extra_hosts"})
"""What may be written as a list of ``key=value``."""
_ONE_OR_SEVERAL = frozenset({"dns", "dns_search", "env_file", "label_file", "tmpfs"})
_BY_TARGET = frozenset({"volumes", "devices"})
_REPLACED = frozenset({"command", "entrypoint", "test"})
"""Lists that are one value."""
_EXTENDS = "extends"


def resolve_extends(editor: YamlEditor, read_file: ReadFile) -> None:
    """Write into each service that extends another what it gets from there.

    Raises InjectError, with the line of ``extends``, for a file or service that cannot be had and for a circle.
    """
    services: _Services = editor.value(SERVICES)
    for name, service in services.items():
        if not isinstance(service, Mapping) or _EXTENDS not in service:
            continue
        line = editor.line((*service_path(name), _EXTENDS))
        try:
            whole = _Resolver(read_file).resolve("", services, name)
        except _UnresolvedError as error:
            raise InjectError(line, f"service {name}: {error}") from None
        editor.remove((*service_path(name), _EXTENDS))
        for key, value in whole.items():
            editor.set((*service_path(name), key), value)


class _UnresolvedError(Exception):
    """What is extended cannot be had."""


class _Resolver:
    """One service resolved; remembers the way, so that a circle is seen."""

    def __init__(self, read_file: ReadFile) -> None:
        self._read_file = read_file
        self._way: list[tuple[str, str]] = []

    def resolve(self, file: str, services: _Services, name: str) -> dict[str, Any]:
        """The service ``name`` of ``file`` ("" for the compose file itself), with all that it extends."""
        if (file, name) in self._way:
            raise _UnresolvedError(f"it extends itself, by way of {' and '.join(way[1] for way in self._way)}")
        self._way.append((file, name))
        service = services.get(name)
        if not isinstance(service, Mapping):
            raise _UnresolvedError(f"extends names {name!r}, which is no service of {file or 'this file'}")
        own = {key: value for key, value in service.items() if key != _EXTENDS}
        if service.get(_EXTENDS) is None:
            return own
        base_file, base_name = _target(service[_EXTENDS])
        if not base_file:
            return merged(self.resolve(file, services, base_name), own)
        path = posixpath.join(posixpath.dirname(file), base_file)
        base = self.resolve(path, self._services(path), base_name)
        directory = posixpath.relpath(posixpath.dirname(path) or ".", posixpath.dirname(file) or ".")
        return merged(_rebased(base, directory), own)

    def _services(self, path: str) -> _Services:
        try:
            documents = [value_of(document) for document in read_documents(self._read_file(path))]
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            why = getattr(error, "strerror", None) or "it is not YAML text"
            raise _UnresolvedError(f"extends names the file {path}, which cannot be read: {why}") from None
        services = documents[0].get("services") if documents and isinstance(documents[0], dict) else None
        return services if isinstance(services, dict) else {}


def _target(extends: Any) -> tuple[str, str]:
    if isinstance(extends, Mapping):
        return str(extends.get("file") or ""), str(extends.get("service") or "")
    return "", str(extends)


def _rebased(service: dict[str, Any], directory: str) -> dict[str, Any]:
    changes = list(rebased_service(service, rebased_on(directory)))
    for path, value in changes:
        service = _with(service, path, value)
    return service


def _with(holder: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(holder, list):
        return [_with(item, path[1:], value) if i == path[0] else item for i, item in enumerate(holder)]
    return {**holder, path[0]: _with(holder.get(path[0]), path[1:], value)}


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """``own`` on top of ``base``: mappings entry by entry, lists one behind the other, all else replaced."""
    whole = dict(base)
    for key, value in own.items():
        whole[key] = _combined(key, base[key], value) if base.get(key) is not None else value
    return whole


def _combined(key: str, base: Any, own: Any) -> Any:
    if own is None or key in _REPLACED:
        return own
    if key in _MAPPINGS:
        return merged(as_mapping(base), as_mapping(own))
    if key in ("depends_on", "networks") and not (isinstance(base, list) and isinstance(own, list)):
        return merged(_named(key, base), _named(key, own))
    if key in _ONE_OR_SEVERAL:
        base, own = _several(base), _several(own)
    if isinstance(base, list) and isinstance(own, list):
        taken = {_mount_target(item) for item in own} if key in _BY_TARGET else ()
        return [item for item in base if item not in own and _mount_target(item) not in taken] + own
    if isinstance(base, Mapping) and isinstance(own, Mapping):
        other_driver = key == "logging" and base.get("driver") != own.get("driver", base.get("driver"))
        return dict(own) if other_driver else merged(base, own)
    return own


def _named(key: str, value: Any) -> dict[str, Any]:
    settings = {"condition": "service_started"} if key == "depends_on" else None
    return dict(value) if isinstance(value, Mapping) else {str(name): settings for name in _several(value)}


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _mount_target(item: Any) -> str:
    if isinstance(item, Mapping):
        return str(item.get("target"))
    parts = str(item).split(":")
    return parts[1] if len(parts) > 1 else parts[0]

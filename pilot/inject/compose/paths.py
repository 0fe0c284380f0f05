"""Relative paths in a compose file. Compose reads them from the directory of the file, so a file that is written to
another directory, and a service that comes from another file, need them written anew."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pilot.inject.yaml.editor import Path

Reader = Callable[[str], str]
"""Writes a relative path as it reads from somewhere else."""

_REMOTE = ("://", "git@", "github.com/")
_FILES_OF = ("env_file", "label_file")


def rebased_on(prefix: str) -> Reader:
    """Paths as they read from a directory in which ``prefix`` leads to the directory that they are relative to."""

    def rebase(path: str) -> str:
        whole = posixpath.normpath(posixpath.join(prefix, path))
        if not posixpath.isabs(whole) and not whole.startswith(".."):
            whole = f"./{whole}".removesuffix("/.")
        return whole + "/" if path.endswith("/") else whole

    return rebase


def rebased_service(service: Mapping[str, Any], rebase: Reader) -> Iterator[tuple[Path, str]]:
    """The paths of a service that change, with where each stands in it: of its build, its files of variables, its
    mounts and what is watched for it."""
    yield from _build(service.get("build"), rebase)
    for key in _FILES_OF:
        yield from _files((key,), service.get(key), rebase)
    for index, mount in enumerate(_items(service.get("volumes"))):
        yield from _mount(("volumes", index), mount, rebase)
    watch = service.get("develop")
    for index, rule in enumerate(_items(watch.get("watch") if isinstance(watch, Mapping) else None)):
        yield from _field(("develop", "watch", index), rule, "path", rebase)
    yield from _field(("credential_spec",), service.get("credential_spec"), "file", rebase)


def rebased_sections(document: Mapping[str, Any], rebase: Reader) -> Iterator[tuple[Path, str]]:
    """The paths outside of services: the files of configs and secrets, and what is included."""
    for section in ("configs", "secrets"):
        entries = document.get(section)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            yield from _field((section, str(name)), entry, "file", rebase)
    yield from _files(("include",), document.get("include"), rebase)


def _build(build: Any, rebase: Reader) -> Iterator[tuple[Path, str]]:
    if isinstance(build, str) and _is_local(build):
        yield ("build",), rebase(build)
    if not isinstance(build, Mapping):
        return
    if _is_local(build.get("context", "")):
        yield ("build", "context"), rebase(str(build.get("context", ".")))
    contexts = build.get("additional_contexts")
    if isinstance(contexts, Mapping):
        for name, path in contexts.items():
            if str(path).startswith("."):
                yield ("build", "additional_contexts", str(name)), rebase(str(path))
    for index, text in enumerate(_items(contexts)):
        name, _, path = str(text).partition("=")
        if path.startswith("."):
            yield ("build", "additional_contexts", index), f"{name}={rebase(path)}"


def _files(path: Path, files: Any, rebase: Reader) -> Iterator[tuple[Path, str]]:
    """A file, or several, each as text or with the path in a field."""
    if isinstance(files, str) and _is_local(files):
        yield path, rebase(files)
    for index, file in enumerate(_items(files)):
        if isinstance(file, str) and _is_local(file):
            yield (*path, index), rebase(file)
        yield from _field((*path, index), file, "path", rebase)


def _mount(path: Path, mount: Any, rebase: Reader) -> Iterator[tuple[Path, str]]:
    if isinstance(mount, str) and mount.startswith("."):
        source, colon, rest = mount.partition(":")
        yield path, rebase(source) + colon + rest
    if isinstance(mount, Mapping) and mount.get("type") == "bind":
        yield from _field(path, mount, "source", rebase)


def _field(path: Path, holder: Any, key: str, rebase: Reader) -> Iterator[tuple[Path, str]]:
    value = holder.get(key) if isinstance(holder, Mapping) else None
    if isinstance(value, str) and _is_local(value):
        yield (*path, key), rebase(value)


def _is_local(path: Any) -> bool:
    """Whether it is relative to the file: no address, no absolute path, none from somebody's home or a variable."""
    return isinstance(path, str) and not path.startswith(("/", "~", "$")) and not any(r in path for r in _REMOTE)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

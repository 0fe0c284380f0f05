"""What belongs to a network namespace: it moves from a service to its pod, and back when the sidecar goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilot.inject.compose.file import as_mapping, service_path
from pilot.inject.compose.layout import MESH_NETWORK, ComposeWorkload
from pilot.inject.yaml.editor import YamlEditor

NAMESPACE_KEYS = (
    "hostname",
    "domainname",
    "mac_address",
    "networks",
    "ports",
    "expose",
    "links",
    "external_links",
    "dns",
    "dns_search",
    "dns_opt",
    "extra_hosts",
)
"""Keys that Docker refuses, or ignores, for a container in another's network namespace."""


def move_to_pod(editor: YamlEditor, service: str, pod: str) -> None:
    """Move what belongs to the namespace. What a merge key brings is written out for it."""
    path = service_path(service)
    wanted = [key for key in editor.keys(path) if key in NAMESPACE_KEYS]
    if any(key not in editor.own_keys(path) for key in wanted) or _merges_sysctls(editor, service):
        editor.expand_merge(path)
    for key in wanted:
        if editor.value((*path, key)) in (None, [], {}):
            editor.remove((*path, key))
            continue
        _move_key(editor, service, pod, key)
    _move_sysctls(editor, service, pod)


def _move_key(editor: YamlEditor, service: str, pod: str, key: str) -> None:
    """A list that was written anew joins the one that an earlier run moved; anything else replaces it."""
    here, there = (*service_path(service), key), (*service_path(pod), key)
    new, old = editor.value(here), editor.value(there)
    if isinstance(new, list) and isinstance(old, list):
        editor.set(there, [*old, *(item for item in new if item not in old)])
        editor.remove(here)
        return
    editor.remove(there)
    editor.move(here, service_path(pod))


def move_back(editor: YamlEditor, service: str, pod: str) -> None:
    """Undo ``move_to_pod``."""
    for key in editor.own_keys(service_path(pod)):
        if key in NAMESPACE_KEYS and editor.value((*service_path(service), key)) is None:
            editor.set((*service_path(service), key), editor.value((*service_path(pod), key)))
    sysctls = editor.value((*service_path(pod), "sysctls"))
    if sysctls:
        editor.set((*service_path(service), "sysctls"), {**_sysctls(editor, service), **as_mapping(sysctls)})


def join_networks(editor: YamlEditor, workload: ComposeWorkload, *, mesh: bool) -> None:
    """Give the pod the name of its service on all of its networks, and the mesh's own network if there is one."""
    path = (*service_path(workload.pod), "networks")
    networks = editor.value(path)
    if networks is None or isinstance(networks, list):
        names = [str(name) for name in networks or ["default"]]
        own = [name for name in names if name != MESH_NETWORK]
        wanted: dict[str, Any] = {name: {"aliases": [workload.service]} for name in own}
        editor.set(path, wanted)
    else:
        for name in networks:
            if name != MESH_NETWORK:
                _add_alias(editor, (*path, name), workload.service)
    if mesh:
        editor.set((*path, MESH_NETWORK), {})
    else:
        editor.remove((*path, MESH_NETWORK))


def leave_networks(editor: YamlEditor, service: str) -> None:
    """Undo ``join_networks`` for what was moved back to the service."""
    path = (*service_path(service), "networks")
    networks = editor.value(path)
    if not isinstance(networks, Mapping):
        return
    left = {name: _without_alias(settings, service) for name, settings in networks.items() if name != MESH_NETWORK}
    if any(left.values()):
        editor.set(path, left)
    elif list(left) == ["default"]:
        editor.remove(path)
    else:
        editor.set(path, list(left))


def _without_alias(settings: Any, service: str) -> Any:
    if not isinstance(settings, Mapping):
        return settings
    aliases = [alias for alias in settings.get("aliases") or [] if alias != service]
    rest = {key: value for key, value in settings.items() if key != "aliases"}
    return ({**rest, "aliases": aliases} if aliases else rest) or None


def networks_of(editor: YamlEditor, service: str) -> frozenset[str]:
    """The names of the networks that a service is in, without the mesh's own."""
    networks = editor.value((*service_path(service), "networks"))
    return frozenset(str(name) for name in networks or ["default"]) - {MESH_NETWORK}


def lead_links_to_pods(editor: YamlEditor, pod: str, injected: frozenset[str]) -> None:
    """A link to a service that has a pod now means the pod, under the name that it had."""
    path = (*service_path(pod), "links")
    links = editor.value(path)
    if not isinstance(links, list):
        return
    led = []
    for link in links:
        target, _, alias = str(link).partition(":")
        led.append(f"{target}-pod:{alias or target}" if target in injected else link)
    editor.set(path, led)


def _add_alias(editor: YamlEditor, path: tuple[str | int, ...], alias: str) -> None:
    aliases = editor.value((*path, "aliases")) or []
    if alias in aliases:
        return
    if aliases:
        editor.insert_item((*path, "aliases"), len(aliases), alias)
    else:
        editor.set((*path, "aliases"), [alias])


def _sysctls(editor: YamlEditor, service: str) -> dict[str, Any]:
    return as_mapping(editor.value((*service_path(service), "sysctls")))


def _merges_sysctls(editor: YamlEditor, service: str) -> bool:
    has_net = any(key.startswith("net.") for key in _sysctls(editor, service))
    return has_net and "sysctls" not in editor.own_keys(service_path(service))


def _move_sysctls(editor: YamlEditor, service: str, pod: str) -> None:
    """Those of the network belong to its namespace; the others stay."""
    everything = _sysctls(editor, service)
    net = {key: value for key, value in everything.items() if key.startswith("net.")}
    if not net:
        return
    rest = {key: value for key, value in everything.items() if key not in net}
    editor.set((*service_path(pod), "sysctls"), {**as_mapping(editor.value((*service_path(pod), "sysctls"))), **net})
    if rest:
        editor.set((*service_path(service), "sysctls"), rest)
    else:
        editor.remove((*service_path(service), "sysctls"))

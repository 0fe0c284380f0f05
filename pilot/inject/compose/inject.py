"""A compose file in, the same with sidecars out. Running it on what it made changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from galley.frozen import frozen
from pilot.inject.capture_flags import capture_flags, interception_of
from pilot.inject.compose.control_plane import add_control_plane, remove_control_plane
from pilot.inject.compose.extends import ReadFile, no_file, resolve_extends
from pilot.inject.compose.file import (
    SERVICES,
    is_control_plane,
    is_proxy_user,
    labels_of,
    mark_of,
    owner_of_network,
    replicas_of,
    service_path,
    user_services,
    why_left_alone,
)
from pilot.inject.compose.instances import INSTANCE_OF, remove_instances, write_instances
from pilot.inject.compose.layout import (
    CONTROL_PLANE,
    INSTANCE,
    POD,
    SIDECAR,
    ComposeWorkload,
    pod_service,
    sidecar_service,
)
from pilot.inject.compose.network import NAMESPACE_KEYS, join_networks, lead_links_to_pods, move_to_pod, networks_of
from pilot.inject.compose.paths import rebased_on, rebased_sections, rebased_service
from pilot.inject.compose.ports import declared_ports
from pilot.inject.compose.removal import remove_sidecar
from pilot.inject.compose.write import write_made, write_service
from pilot.inject.options import PROXY_USER_REMARK, InjectError, InjectOptions, Remark
from pilot.inject.yaml.editor import YamlEditor
from pilot.inject.yaml.tree import walk
from pilot.registry.container_labels import read_container_labels


@frozen
class ComposeResult:
    """``workloads`` are those with a sidecar, the further instances of a service left out."""

    text: str
    workloads: tuple[ComposeWorkload, ...]
    remarks: tuple[Remark, ...]


@frozen
class ComposePlace:
    """Where a compose file is. ``read_file`` reads what it extends; ``prefix`` leads from the directory in which the
    result will be to its own, "" when they are the same."""

    read_file: ReadFile = no_file
    prefix: str = ""


_NOWHERE = ComposePlace()


def inject_compose(text: str, options: InjectOptions, place: ComposePlace = _NOWHERE) -> ComposeResult:
    """Inject the compose file ``text``. Raises InjectError when that cannot be done."""
    try:
        return _inject(text, options, place)
    except yaml.YAMLError as error:
        # A key that moved took an anchor with it, behind the place where that is used.
        raise InjectError(
            0, f"an anchor is defined among network settings: {error}; define it under an x- key"
        ) from None


def _inject(text: str, options: InjectOptions, place: ComposePlace) -> ComposeResult:
    editor = YamlEditor(text)
    _check(editor)
    resolve_extends(editor, place.read_file)
    _unshare(editor)
    _rebase_paths(editor, place.prefix)
    remarks: list[Remark] = []
    source = YamlEditor(text)  # for the lines that people know
    workloads = tuple(_workloads(editor, source, options, remarks))
    _remove_left_out(editor, workloads)
    injected = frozenset(one.service for one in workloads)
    for workload in workloads:
        _write_workload(editor, workload, options, injected)
    remarks += _share_sidecars(editor, source, injected)
    meshed = _needs_mesh_network(editor, workloads)
    for workload in workloads:
        join_networks(editor, workload, mesh=meshed)
    instances = tuple(made for workload in workloads for made in write_instances(editor, workload, options))
    if workloads:
        add_control_plane(editor, workloads + instances, options, meshed=meshed)
    else:
        remove_control_plane(editor)
    return ComposeResult(editor.text, workloads, tuple(remarks))


def _check(editor: YamlEditor) -> None:
    if len(editor.documents) != 1 or not isinstance(editor.value(SERVICES), Mapping):
        raise InjectError(1, "this is no compose file: there is no mapping `services`")
    for name, service in editor.value(SERVICES).items():
        if name in CONTROL_PLANE and not mark_of(service) and not is_control_plane(name, service):
            raise InjectError(
                editor.line(service_path(name)),
                f"service {name} has the name of a part of the control plane that inject would add; rename it",
            )


def _unshare(editor: YamlEditor) -> None:
    """Fragments under ``x-`` keys stay shared. What is named inside a service and used elsewhere does not: a service
    that merges another would have that one's pod."""
    changed = {*NAMESPACE_KEYS, "sysctls", "scale", "deploy", "depends_on", "network_mode"}
    services = editor.node(SERVICES)
    named = {
        node.anchor
        for path, node in (walk(services, SERVICES) if services is not None else ())
        if node.anchor and (len(path) <= len(SERVICES) + 1 or path[len(SERVICES) + 1] in changed)
    }
    if named:
        editor.write_out(named)


def _workloads(
    editor: YamlEditor, source: YamlEditor, options: InjectOptions, remarks: list[Remark]
) -> Iterator[ComposeWorkload]:
    everything = editor.value(SERVICES)
    for name, service in user_services(editor):
        line = source.line(service_path(name))
        if is_control_plane(name, service):
            continue
        pod = everything.get(f"{name}-pod")
        was_injected = mark_of(pod) == POD and service.get("network_mode") == f"service:{name}-pod"
        try:
            workload = _read_workload(name, service, pod if was_injected else None, options, line)
        except ValueError as error:
            raise InjectError(line, f"service {name}: {error}") from None
        if workload is None:
            continue
        reason = "" if was_injected else why_left_alone(service)
        if owner_of_network(service) and reason:
            continue  # told of when it is known who has a sidecar
        if is_proxy_user(service.get("user")) and not reason:
            remarks.append(Remark(source.line((*service_path(name), "user")), f"service {name} {PROXY_USER_REMARK}"))
        if reason:
            remarks.append(Remark(line, f"service {name} gets no sidecar: {reason}"))
            continue
        _check_names(editor, workload, everything)
        yield workload


def _read_workload(
    name: str, service: Mapping[str, Any], pod: Mapping[str, Any] | None, options: InjectOptions, line: int
) -> ComposeWorkload | None:
    """None for a service that is labelled out. Raises ValueError for a label that cannot be read."""
    labels = labels_of(service)
    settings = read_container_labels(labels, default_service=name)
    if not (options.inject_by_default if settings.inject is None else settings.inject):
        return None
    replicas = replicas_of(service, pod, line)
    if replicas == 0:
        raise ValueError('it has no replica; remove it, or label it sidecar.istio.io/inject: "false"')
    whole = {**(pod or {}), **service}
    profiles = service.get("profiles")
    return ComposeWorkload(
        service=name,
        instance=name,
        settings=settings,
        ports=settings.ports
        if settings.ports is not None
        else declared_ports({**whole, "image": service.get("image")}),
        flags=tuple(capture_flags(labels, options.capture)),
        interception=interception_of(labels, options.interception),
        profiles=tuple(map(str, profiles)) if isinstance(profiles, list) else (),
        replicas=replicas,
    )


def _check_names(editor: YamlEditor, workload: ComposeWorkload, services: Mapping[str, Any]) -> None:
    for name in (workload.pod, workload.sidecar):
        if name in services and mark_of(services[name]) not in (POD, SIDECAR):
            raise InjectError(
                editor.line(service_path(name)),
                f"service {name} has the name that inject would give to what it adds to {workload.service}; rename it",
            )


def _remove_left_out(editor: YamlEditor, workloads: tuple[ComposeWorkload, ...]) -> None:
    """Remove what an earlier run made for services that are gone, or are not to be injected any more."""
    kept = {one.service for one in workloads}
    services = editor.value(SERVICES)
    for origin in {labels_of(one).get(INSTANCE_OF, "") for one in services.values() if mark_of(one) == INSTANCE}:
        if origin not in kept:
            remove_instances(editor, origin)
    for name, service in services.items():
        owner = name.removesuffix("-pod")
        if mark_of(service) == POD and owner not in kept and mark_of(services.get(owner)) != INSTANCE:
            remove_sidecar(editor, owner)


def _write_workload(
    editor: YamlEditor, workload: ComposeWorkload, options: InjectOptions, injected: frozenset[str]
) -> None:
    write_service(editor, workload.pod, pod_service(workload, options), after=workload.service)
    move_to_pod(editor, workload.service, workload.pod)
    lead_links_to_pods(editor, workload.pod, injected)
    write_service(editor, workload.sidecar, sidecar_service(workload, options), after=workload.pod)
    _change_application(editor, workload)
    write_made(editor, ("volumes", workload.volume))


def _change_application(editor: YamlEditor, workload: ComposeWorkload) -> None:
    path = service_path(workload.service)
    for key in ("scale", "deploy"):
        if key in (editor.value(path) or {}) and key not in editor.own_keys(path):
            editor.expand_merge(path)
    editor.remove((*path, "scale"))
    editor.remove((*path, "deploy", "replicas"))
    _join(editor, workload.service, workload.service)


def _join(editor: YamlEditor, service: str, owner: str) -> None:
    """Put ``service`` in the network of the pod of ``owner``, when the sidecar there is ready."""
    path = service_path(service)
    editor.set((*path, "network_mode"), f"service:{owner}-pod")
    before = editor.value((*path, "depends_on"))
    if isinstance(before, list):
        editor.set((*path, "depends_on"), {str(name): {"condition": "service_started"} for name in before})
    editor.set((*path, "depends_on", f"{owner}-sidecar"), {"condition": "service_healthy"})


def _share_sidecars(editor: YamlEditor, source: YamlEditor, injected: frozenset[str]) -> Iterator[Remark]:
    """Lead services that share the network of one that has a sidecar now to its pod, and tell what that means."""
    for name, service in user_services(editor):
        owner = owner_of_network(service).removesuffix("-pod")
        if name in injected or not owner:
            continue
        line = source.line(service_path(name))
        if owner in injected:
            _join(editor, name, owner)
            yield Remark(
                line,
                f"service {name} is in the network of {owner} and shares its sidecar and its identity; ports on which "
                f"it listens belong in the label pilothouse.io/ports of {owner}",
            )
        else:
            yield Remark(line, f"service {name} gets no sidecar: it is in the network of {owner}, which has none")


def _rebase_paths(editor: YamlEditor, prefix: str) -> None:
    """Write relative paths as they read from the directory of the result."""
    if not prefix:
        return
    rebase = rebased_on(prefix)
    for path, text in rebased_sections(editor.value((0,)), rebase):
        editor.set((0, *path), text)
    for name, service in user_services(editor):
        for path, text in rebased_service(service, rebase):
            editor.set((*service_path(name), *path), text)


def _needs_mesh_network(editor: YamlEditor, workloads: tuple[ComposeWorkload, ...]) -> bool:
    """Whether sidecars and control plane need a network of their own, because no network has them all."""
    together = {networks_of(editor, one.pod) for one in workloads}
    return len(together) > 1 or any(len(networks) > 1 for networks in together)

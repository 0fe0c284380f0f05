"""Replicas as services of their own: Compose joins ``network_mode: service:W`` to the first container of W alone, so
that several containers of one service cannot each have a pod."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pilot.inject.compose.file import SERVICES, labels_of, service_path
from pilot.inject.compose.layout import (
    INSTANCE,
    MARK,
    ComposeWorkload,
    pod_service,
    sidecar_service,
)
from pilot.inject.compose.network import NAMESPACE_KEYS
from pilot.inject.compose.ports import has_host_port
from pilot.inject.compose.removal import remove_sidecar
from pilot.inject.compose.write import write_made
from pilot.inject.options import InjectOptions
from pilot.inject.yaml.editor import YamlEditor

INSTANCE_OF = "pilothouse.io/instance-of"


def write_instances(editor: YamlEditor, workload: ComposeWorkload, options: InjectOptions) -> Iterator[ComposeWorkload]:
    """Write ``W-2`` and so on as copies of W, each with pod and sidecar, and remove those that are too many."""
    remove_instances(editor, workload.service, keep=workload.replicas)
    previous = workload.sidecar
    for number in range(2, workload.replicas + 1):
        made = replace(workload, instance=f"{workload.service}-{number}", replicas=1)
        _write(editor, made.instance, _application(editor, made, number), after=previous)
        _write(editor, made.pod, {**pod_service(made, options), **_namespace(editor, workload)}, after=made.instance)
        _write(editor, made.sidecar, sidecar_service(made, options), after=made.pod)
        write_made(editor, ("volumes", made.volume))
        previous = made.sidecar
        yield made


def remove_instances(editor: YamlEditor, service: str, *, keep: int = 1) -> None:
    """Remove the copies of ``service`` with a number above ``keep``."""
    for name, values in list(editor.value(SERVICES).items()):
        if isinstance(values, dict) and labels_of(values).get(INSTANCE_OF) == service:
            number = name.rpartition("-")[2]
            if not number.isdecimal() or int(number) > keep:
                remove_sidecar(editor, name)
                editor.remove(service_path(name))


def _write(editor: YamlEditor, name: str, wanted: dict[str, Any], *, after: str) -> None:
    """Copies are written whole: what W says holds for all."""
    editor.set(service_path(name), wanted, after=after)


def _application(editor: YamlEditor, made: ComposeWorkload, number: int) -> dict[str, Any]:
    service = copy.deepcopy(editor.value(service_path(made.service)))
    service["network_mode"] = f"service:{made.pod}"
    del service["depends_on"][f"{made.service}-sidecar"]
    service["depends_on"][made.sidecar] = {"condition": "service_healthy"}
    if "container_name" in service:
        service["container_name"] = f"{service['container_name']}-{number}"
    labels = {**labels_of(service), MARK: INSTANCE, INSTANCE_OF: made.service}
    labels.setdefault("pilothouse.io/service", made.settings.service)
    return {**service, "labels": labels}


def _namespace(editor: YamlEditor, workload: ComposeWorkload) -> dict[str, Any]:
    """What W's pod has of the network, without what only one container can have."""
    pod = editor.value(service_path(workload.pod))
    shared = {key: copy.deepcopy(pod[key]) for key in (*NAMESPACE_KEYS, "sysctls") if key in pod}
    shared.pop("mac_address", None)
    shared["ports"] = [port for port in shared.get("ports", ()) if not has_host_port(port)]
    if not shared["ports"]:
        del shared["ports"]
    for settings in shared["networks"].values():
        for key in ("ipv4_address", "ipv6_address", "mac_address"):
            (settings or {}).pop(key, None)
    return shared

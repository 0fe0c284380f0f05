"""Kubernetes manifests in, the same with sidecars out, in the spirit of `istioctl kube-inject` and as offline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from galley.frozen import frozen
from pilot.inject.capture_flags import capture_flags, interception_of
from pilot.inject.kubernetes.pod import INIT, PROXY, SIDECAR_VOLUMES, init_container, proxy_container, volumes
from pilot.inject.options import PROXY_USER_REMARK, InjectError, InjectOptions, Remark
from pilot.inject.yaml.editor import Path, YamlEditor
from pilot.node.metadata import Interception
from pilot.node.ports import PROXY_GID, PROXY_UID

INJECT = "sidecar.istio.io/inject"
STATUS = "sidecar.istio.io/status"

_TEMPLATES: dict[str, Path] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind has its pod."""

_GROUPS = ("v1", "apps/", "batch/", "extensions/")

_HONOURED = frozenset(
    {INJECT, STATUS, "sidecar.istio.io/interceptionMode", "sidecar.istio.io/proxyImage", "sidecar.istio.io/proxyCPU",
     "sidecar.istio.io/proxyMemory", "sidecar.istio.io/proxyCPULimit", "sidecar.istio.io/proxyMemoryLimit"}
)  # fmt: skip


@frozen
class KubernetesResult:
    """The injected manifests. ``injected`` names what has a sidecar, as ``Deployment/web``."""

    text: str
    injected: tuple[str, ...]
    remarks: tuple[Remark, ...]


@frozen
class _Pod:
    """One pod or pod template: where it is in the text, and what it belongs to."""

    path: Path
    kind: str
    name: str
    namespace: str


def inject_kubernetes(text: str, options: InjectOptions) -> KubernetesResult:
    """Inject all documents. Those without a pod pass unchanged. Raises InjectError for one that cannot be injected."""
    editor = YamlEditor(text)
    injected: list[str] = []
    remarks: list[Remark] = []
    for pod in list(_pods(editor)):
        line = editor.line((*pod.path, "spec"))
        if not isinstance(editor.value((*pod.path, "spec")), Mapping):
            raise InjectError(line, f"{pod.kind} {pod.name} has no pod spec")
        reason = _why_not(editor, pod, options)
        if reason:
            _remove(editor, pod)
            remarks += [Remark(line, f"{pod.kind} {pod.name} gets no sidecar: {reason}")]
            continue
        try:
            remarks += [Remark(line, f"{pod.kind} {pod.name}: {text}") for text in _write(editor, pod, options)]
        except ValueError as error:
            raise InjectError(line, f"{pod.kind} {pod.name}: {error}") from None
        injected.append(f"{pod.kind}/{pod.name}")
    return KubernetesResult(editor.text, tuple(injected), tuple(remarks))


def _pods(editor: YamlEditor) -> Iterator[_Pod]:
    for index in range(len(editor.documents)):
        yield from _pods_of(editor, (index,))


def _pods_of(editor: YamlEditor, path: Path) -> Iterator[_Pod]:
    document = editor.value(path)
    if not isinstance(document, Mapping):
        return
    kind, version = str(document.get("kind")), str(document.get("apiVersion"))
    if kind.endswith("List") and version == "v1" and isinstance(document.get("items"), list):
        for index in range(len(document["items"])):
            yield from _pods_of(editor, (*path, "items", index))
    elif kind in _TEMPLATES and version.startswith(_GROUPS):
        metadata = document.get("metadata") or {}
        name = str(metadata.get("name") or metadata.get("generateName", "").rstrip("-"))
        yield _Pod((*path, *_TEMPLATES[kind]), kind, name, str(metadata.get("namespace") or ""))


def _texts(editor: YamlEditor, path: Path) -> dict[str, str]:
    value = editor.value(path)
    if not isinstance(value, Mapping):
        return {}
    return {str(key): str(text).lower() if isinstance(text, bool) else str(text) for key, text in value.items()}


def _why_not(editor: YamlEditor, pod: _Pod, options: InjectOptions) -> str:
    """Why a pod gets no sidecar; "" when it does. A label beats an annotation, as in Istio."""
    if editor.value((*pod.path, "spec", "hostNetwork")) is True:
        return "it is in the network of its host (hostNetwork)"
    if pod.namespace in ("kube-system", "kube-public", "kube-node-lease", "local-path-storage"):
        return f"namespace {pod.namespace} is the cluster's own"
    given = _texts(editor, (*pod.path, "metadata", "annotations")) | _texts(editor, (*pod.path, "metadata", "labels"))
    label = given.get(INJECT, "").strip().lower()
    if label in ("false", "no", "n", "off"):
        return f"{INJECT} is {label}"
    return "" if label or options.inject_by_default else f"it has no label {INJECT}"


def _write(editor: YamlEditor, pod: _Pod, options: InjectOptions) -> Iterator[str]:
    """Make or update the containers and volumes of the sidecar. Yields what the user should know."""
    metadata, spec = (*pod.path, "metadata"), (*pod.path, "spec")
    annotations = _texts(editor, (*metadata, "annotations"))
    labels = _texts(editor, (*metadata, "labels"))
    interception = interception_of(annotations, options.interception)
    flags = capture_flags(annotations, options.capture)
    init = init_container(options, interception, flags)
    proxy = proxy_container(
        options,
        interception,
        annotations,
        labels,
        workload=pod.name,
        containers=editor.value((*spec, "containers")) or [],
    )
    if options.native_sidecar:
        _take_out(editor, (*spec, "containers"), {PROXY})
        _put(editor, (*spec, "initContainers"), init, at=0)
        _put(editor, (*spec, "initContainers"), {**proxy, "restartPolicy": "Always"}, at=1)
    else:
        _take_out(editor, (*spec, "initContainers"), {PROXY})
        _put(editor, (*spec, "initContainers"), init)
        _put(editor, (*spec, "containers"), proxy)
    for volume in volumes(options):
        _put(editor, (*spec, "volumes"), volume)
    status = {"initContainers": [INIT], "containers": [PROXY]}
    if options.native_sidecar:
        status = {"initContainers": [INIT, PROXY]}
    status["volumes"] = list(SIDECAR_VOLUMES)
    editor.set((*metadata, "annotations", STATUS), json.dumps(status, separators=(",", ":")))
    for name in annotations:
        if name.startswith(("sidecar.istio.io/", "proxy.istio.io/")) and name not in _HONOURED:
            yield f"the annotation {name} is not supported and changes nothing"
    yield from _proxy_users(editor.value(spec))
    if interception is Interception.TPROXY:
        yield "with TPROXY the sidecar runs as root with NET_ADMIN"


def _proxy_users(spec: Mapping[str, Any]) -> Iterator[str]:
    """Containers whose traffic would not be captured, for they run as the proxy does."""
    of_pod = spec.get("securityContext") or {}
    for container in spec.get("containers") or []:
        if isinstance(container, Mapping) and container.get("name") != PROXY:
            context = {**of_pod, **(container.get("securityContext") or {})}
            if context.get("runAsUser") == PROXY_UID or context.get("runAsGroup") == PROXY_GID:
                yield f"container {container.get('name')} {PROXY_USER_REMARK}"


def _put(editor: YamlEditor, path: Path, item: Mapping[str, Any], at: int = 1 << 30) -> None:
    """Replace the item of this name in a list, or insert it."""
    names = [one.get("name") if isinstance(one, Mapping) else None for one in editor.value(path) or []]
    if item["name"] in names:
        editor.set((*path, names.index(item["name"])), dict(item))
    else:
        editor.insert_item(path, at, dict(item))


def _take_out(editor: YamlEditor, path: Path, names: set[str]) -> None:
    for index, item in reversed(list(enumerate(editor.value(path) or []))):
        if isinstance(item, Mapping) and item.get("name") in names:
            editor.remove((*path, index))


def _remove(editor: YamlEditor, pod: _Pod) -> None:
    """Take away the sidecar of an earlier run."""
    status = (*pod.path, "metadata", "annotations", STATUS)
    if editor.value(status) is None:
        return
    for key, names in (
        ("containers", {PROXY}),
        ("initContainers", {INIT, PROXY}),
        ("volumes", set(SIDECAR_VOLUMES)),
    ):
        _take_out(editor, (*pod.path, "spec", key), names)
    editor.remove(status)

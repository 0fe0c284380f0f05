"""The Service documents by which the mesh knows the workloads of a compose file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from galley.frozen import frozen
from pilot.inject.compose.layout import ComposeWorkload
from pilot.inject.yaml.dump import dump_value
from pilot.inject.yaml.editor import YamlEditor
from pilot.inject.yaml.tree import read_documents, value_of

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "pilot-inject"
_HEADER = (
    "# Written by `pilot inject` and kept up to date by it. Remove the label managed-by to keep a document as it is.\n"
)


@frozen
class NamespacedName:
    """What tells two services apart: their host, that is name and namespace."""

    namespace: str
    name: str


def service_document(workload: ComposeWorkload) -> dict[str, Any] | None:
    """The Service of one workload; a ServiceEntry where Kubernetes could not have its name; None without ports."""
    if not workload.ports:
        return None
    settings = workload.settings
    name = settings.service.replace("_", "-").strip("-")
    metadata = {"name": name, "namespace": settings.namespace, "labels": {MANAGED_BY: OURS}}
    ports = [{"name": port, "port": number} for port, number in workload.ports.items()]
    selector = dict([workload.selector])
    if name == settings.service:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": selector, "ports": ports},
        }
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": metadata,
        "spec": {
            "hosts": [settings.service],
            "location": "MESH_INTERNAL",
            "resolution": "STATIC",
            "ports": [{"name": p["name"], "number": p["port"], "protocol": _protocol(str(p["name"]))} for p in ports],
            "workloadSelector": {"labels": selector},
        },
    }


def _protocol(name: str) -> str:
    prefix = name.partition("-")[0].upper()
    return prefix if prefix in ("HTTP", "HTTPS", "HTTP2", "GRPC", "TCP", "TLS", "MONGO") else ""


def written_services(text: str) -> dict[NamespacedName, bool]:
    """The services that the documents of a file describe; whether inject wrote them. Empty for a file that is broken,
    about which the control plane complains itself."""
    found: dict[NamespacedName, bool] = {}
    for document in _values(text):
        metadata = document.get("metadata")
        if document.get("kind") in ("Service", "ServiceEntry") and isinstance(metadata, dict):
            found[_key(document)] = _is_ours(document)
    return found


def update_services(text: str, workloads: Iterable[ComposeWorkload], elsewhere: frozenset[NamespacedName]) -> str:
    """The file with the documents of ``workloads``: what a person wrote, here or in another file (``elsewhere``), is
    left alone; what inject wrote is brought up to date, or removed with its workload."""
    wanted: dict[NamespacedName, dict[str, Any]] = {}
    for workload in workloads:
        document = service_document(workload)
        if document is not None and (key := _key(document)) not in elsewhere:
            wanted.setdefault(key, document)
    editor = YamlEditor(text)
    kept: list[dict[str, Any] | None] = []
    for index, value in enumerate(_values(text)):
        key = _key(value)
        new = wanted.pop(key, None)
        if _is_ours(value):
            if new is not None:
                _update(editor, index, new)
            kept.append(new)
    text = editor.text
    if None in kept:
        text = _without(text, wanted_keys={_key(document) for document in kept if document})
    added = ["\n".join(dump_value(document, 0)) + "\n" for document in wanted.values()]
    return _append(text, added)


def _update(editor: YamlEditor, index: int, document: dict[str, Any]) -> None:
    editor.set((index, "spec", "ports"), document["spec"]["ports"])
    for name in ("selector", "workloadSelector"):
        if name in document["spec"]:
            editor.set((index, "spec", name), document["spec"][name])


def _without(text: str, wanted_keys: set[NamespacedName]) -> str:
    """Our documents that are not wanted are cut out, from their beginning to that of the next."""
    parts = text.split("\n---\n")
    kept = []
    for part in parts:
        values = _values(part)
        if not any(_is_ours(value) and _key(value) not in wanted_keys for value in values):
            kept.append(part)
    return "\n---\n".join(kept)


def _append(text: str, added: list[str]) -> str:
    if not added:
        return text
    if text.strip():
        return "---\n".join([text if text.endswith("\n") else text + "\n", *added])
    return _HEADER + "---\n".join(added)


def _values(text: str) -> list[dict[str, Any]]:
    return [value for node in read_documents(text) if isinstance(value := value_of(node), dict)]


def _key(document: dict[str, Any]) -> NamespacedName:
    metadata = document.get("metadata") or {}
    return NamespacedName(str(metadata.get("namespace") or "default"), str(metadata.get("name")))


def _is_ours(document: dict[str, Any]) -> bool:
    labels = (document.get("metadata") or {}).get("labels")
    return isinstance(labels, dict) and labels.get(MANAGED_BY) == OURS

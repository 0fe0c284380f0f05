"""Finds the kind of a document by ``apiVersion`` and ``kind``; says what becomes of kinds that are not read."""

from __future__ import annotations

import re

from galley.decoding.scalars import decode_string, is_null
from galley.kinds import KINDS, SECURITY, KindSpec
from galley.text.nodes import Mapping, Node
from galley.text.recorder import Recorder
from galley.text.wording import nearest, quoted

_VERSION = re.compile(r"v[0-9]{1,3}((alpha|beta)[0-9]{1,3})?")
_GATEWAY_API = "gateway.networking.k8s.io"


def find_kind(root: Mapping, recorder: Recorder) -> KindSpec | None:
    """The row of KINDS for a document, or None when it is not to be decoded; ``recorder`` is told why."""
    kind_node, version_node = root.find("kind"), root.find("apiVersion")
    kind = _text_of("kind", kind_node, root, recorder)
    hint = _api_version_hint(kind) if version_node is None else ""
    api_version = _text_of("apiVersion", version_node, root, recorder, hint)
    if not kind or not api_version or kind_node is None or version_node is None:
        return None
    group, slash, version = api_version.rpartition("/")
    if "/" in group or (slash and not group) or not _VERSION.fullmatch(version):
        message = f"`apiVersion` is {quoted(api_version)}, which is not a group and a version"
        recorder.error_at(version_node, "unsupported-version", message, "apiVersion", _api_version_hint(kind))
        return None
    spec = KINDS.get((group, kind))
    if spec is None:
        _report_unknown(group, kind, kind_node, recorder)
    elif spec.type is None:
        _report_unsupported(spec, kind_node, recorder)
    elif version not in spec.versions:
        message = f"{kind} has no version {quoted(api_version)}"
        accepted = f"accepted are {', '.join(spec.api_versions)}"
        recorder.error_at(version_node, "unsupported-version", message, "apiVersion", accepted)
        return None
    return spec


def _text_of(name: str, node: Node | None, root: Mapping, recorder: Recorder, hint: str = "") -> str | None:
    if node is None or is_null(node):
        near = nearest(name, [key.value for key, _ in root.entries if len(key.value) <= 64 and key.value != name])
        hint = hint or (f"is `{near}` meant to be `{name}`?" if near else "")
        recorder.error_at(root, "missing-field", f"the document has no `{name}`", name, hint)
        return None
    return decode_string(node, name, recorder)


def _api_version_hint(kind: str | None) -> str:
    spec = _by_kind(kind) if kind else None
    return f"write apiVersion: {spec.api_versions[0]}" if spec else ""


def _by_kind(kind: str) -> KindSpec | None:
    return next((spec for spec in KINDS.values() if spec.kind == kind), None)


def _report_unsupported(spec: KindSpec, node: Node, recorder: Recorder) -> None:
    if spec.is_security:
        recorder.unenforced_at(node, f"{spec.kind} cannot be enforced yet: {spec.unsupported}", "kind")
    else:
        message = f"{spec.kind} is not supported yet: {spec.unsupported}"
        recorder.warn_at(node, "not-supported-yet", message, "kind")


def _report_unknown(group: str, kind: str, node: Node, recorder: Recorder) -> None:
    """Kubernetes' own kinds are passed over; any other is a warning, and one that may be a security policy an error."""
    namesake = _by_kind(kind)
    near = nearest(kind, [known for known_group, known in KINDS if known_group == group], cutoff=0.8)
    if namesake is not None:
        hint = f"Istio's {kind} has apiVersion: {namesake.api_versions[0]}"
        if group == "":
            hint = f"write apiVersion: {namesake.api_versions[0]}"
    elif near:
        hint = f"did you mean `{near}`?"
    elif _belongs_to_kubernetes(group):
        recorder.advise_at(node, "ignored-kind", f"{quoted(kind)} is not needed here and is passed over", "kind")
        return
    else:
        elsewhere = nearest(kind, [known for _, known in KINDS], cutoff=0.8)
        hint = f"did you mean `{elsewhere}`?" if elsewhere else ""
    message = f"{quoted(kind)} of {quoted(group or 'v1')} is not a known kind; the document is ignored"
    if group == SECURITY or (namesake is not None and namesake.is_security):
        recorder.unenforced_at(node, message + (f"; {hint}" if hint else ""), "kind")
    else:
        recorder.warn_at(node, "unknown-kind", message, "kind", hint)


def _belongs_to_kubernetes(group: str) -> bool:
    return "." not in group or (group.endswith(".k8s.io") and group != _GATEWAY_API)

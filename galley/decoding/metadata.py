"""Kubernetes' ``metadata``: the part of it that Istio's API needs, under the rules that Kubernetes keeps."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import ClassVar

from galley.decoding.messages import message_decoder
from galley.frozen import frozen
from galley.meta import NO_LABELS, Labels
from galley.text.nodes import Mapping, Node
from galley.text.recorder import Recorder
from galley.text.wording import quoted

DEFAULT_NAMESPACE = "default"


@frozen
class ObjectMeta:
    """Name, namespace, labels, annotations and creation time; the rest is accepted and not looked at."""

    __ignored__: ClassVar[frozenset[str]] = frozenset(
        {
            "clusterName",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "generateName",
            "generation",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
            "uid",
        }
    )
    name: str = ""
    namespace: str = DEFAULT_NAMESPACE
    labels: Labels = NO_LABELS
    annotations: Labels = NO_LABELS
    creation_timestamp: str = ""


# RFC 1123 names, as Kubernetes validates them: a subdomain for names, one label for namespaces.
_LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_NAME_ADVICE = "use lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit"


def decode_metadata(root: Mapping, recorder: Recorder, *, default_name: str = "") -> ObjectMeta:
    """The metadata of a document. ``default_name`` serves kinds whose documents need no name."""
    node = root.find("metadata")
    if node is None:
        if not default_name:
            recorder.error_at(root, "missing-field", "the document has no `metadata.name`", "metadata.name")
        return ObjectMeta(name=default_name)
    meta = message_decoder(ObjectMeta)(node, "metadata", recorder)
    if not isinstance(meta, ObjectMeta):
        return ObjectMeta(name=default_name)
    if not meta.name and not default_name:
        recorder.error_at(node, "missing-field", "the document has no `metadata.name`", "metadata.name")
    elif meta.name and (len(meta.name) > 253 or _NAME.fullmatch(meta.name) is None):
        at = _node_of(node, "name")
        recorder.error_at(at, "invalid-name", f"{quoted(meta.name)} is not a name", "metadata.name", _NAME_ADVICE)
    if _NAMESPACE.fullmatch(meta.namespace) is None:
        message = f"{quoted(meta.namespace)} is not a namespace"
        hint = "use lower-case letters, digits and `-`, at most 63"
        recorder.error_at(_node_of(node, "namespace"), "invalid-name", message, "metadata.namespace", hint)
    return ObjectMeta(
        name=meta.name or default_name,
        namespace=meta.namespace,
        labels=meta.labels,
        annotations=meta.annotations,
        creation_timestamp=_in_utc(meta.creation_timestamp, node, recorder),
    )


def _in_utc(created: str, node: Node, recorder: Recorder) -> str:
    """The time as text that sorts by age: RFC 3339 in UTC."""
    if not created:
        return ""
    try:
        moment = datetime.fromisoformat(created)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        message = f"{quoted(created)} is not a time"
        hint = "write it as in 2026-01-31T12:00:00Z"
        at = _node_of(node, "creationTimestamp")
        recorder.error_at(at, "invalid-time", message, "metadata.creationTimestamp", hint)
        return ""


def _node_of(node: Node, key: str) -> Node:
    return (node.find(key) if isinstance(node, Mapping) else None) or node

"""YAML documents to typed resources, driven by the annotations of the dataclasses in ``galley.kinds``.

Nothing here raises on any input: what is wrong with a document ends as diagnostics with file, line and field path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from galley.decoding.embedded import unwrap_mesh_config
from galley.decoding.kind_lookup import find_kind
from galley.decoding.messages import message_decoder
from galley.decoding.metadata import decode_metadata
from galley.kinds import MESH_CONFIG, KindSpec
from galley.meta import Resource, ResourceKey
from galley.snapshot import duplicate_resource
from galley.text.compose import DEFAULT_LIMITS, Limits, compose
from galley.text.diagnostics import Diagnostic, Origin
from galley.text.nodes import Document, Mapping, Node, Scalar, Sequence
from galley.text.recorder import Recorder
from galley.text.wording import COMMENT_HINT, nearest, quoted

Decoded = tuple[tuple[Resource[Any], ...], tuple[Diagnostic, ...]]

_TOP_LEVEL = ("apiVersion", "kind", "metadata", "spec", "status")


def decode_file(
    data: bytes,
    file: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    accept_unenforced: bool = False,
    identities: bool = False,
) -> Decoded:
    """Everything a file alone says: its resources, and all that is wrong with it, in the order of its lines.

    The file is to be refused as a whole when one of the diagnostics is an error.
    """
    documents, composed = compose(data, file, limits)
    resources: list[Resource[Any]] = []
    diagnostics = list(composed)
    for document in documents:
        decoded, found = decode(document, accept_unenforced=accept_unenforced, identities=identities)
        resources += decoded
        diagnostics += found
    diagnostics += _duplicates(resources)
    diagnostics.sort(key=lambda diagnostic: (diagnostic.origin.line, diagnostic.origin.column))
    return tuple(resources), tuple(diagnostics)


def decode(document: Document, *, accept_unenforced: bool = False, identities: bool = False) -> Decoded:
    """The resources of one document (several for a ``List``) and what is wrong with it.

    A document with an error gives no resource. ``accept_unenforced`` turns the error about a security setting that
    cannot be enforced yet into a warning; ``identities`` says that the mesh issues some, and so enforces mutual TLS.
    """
    resources: list[Resource[Any]] = []
    diagnostics: list[Diagnostic] = []
    for root in _expand_list(document.root):
        origin = Origin(document.file, root.line, root.column)
        recorder = Recorder(origin, accept_unenforced=accept_unenforced, identities=identities)
        resource = _decode_resource(root, recorder)
        diagnostics += recorder.diagnostics
        if resource is not None:
            resources.append(resource)
    if any(diagnostic.is_error for diagnostic in diagnostics):
        return (), tuple(diagnostics)
    return tuple(resources), tuple(diagnostics)


def _expand_list(root: Node) -> tuple[Node, ...]:
    """The documents in a ``kind: List`` (or ``VirtualServiceList`` and the like), else the one document."""
    if isinstance(root, Mapping):
        kind, items = root.find("kind"), root.find("items")
        if isinstance(kind, Scalar) and kind.value.endswith("List") and isinstance(items, Sequence):
            return items.items
    return (root,)


def _decode_resource(root: Node, recorder: Recorder) -> Resource[Any] | None:
    if not isinstance(root, Mapping):
        recorder.wrong_type_at(root, "", "a mapping", "a document begins with apiVersion, kind and metadata")
        return None
    recorder.root = root = unwrap_mesh_config(root, recorder)
    spec = find_kind(root, recorder)
    if spec is None or spec.type is None:
        return None
    meta = decode_metadata(root, recorder, default_name="" if spec.is_namespaced else "default")
    body, path = _find_body(root, spec, recorder)
    value = message_decoder(spec.type)(body, path, recorder) if body is not None else None
    if recorder.errors:
        return None
    resource: Resource[Any] = Resource(
        key=ResourceKey(spec.kind, meta.namespace if spec.is_namespaced else "", meta.name),
        spec=value,
        origin=recorder.origin,
        labels=meta.labels,
        annotations=meta.annotations,
        created=meta.creation_timestamp,
        tree=root,
    )
    if spec.check is not None:
        spec.check(recorder, resource)
    return resource


def _find_body(root: Mapping, spec: KindSpec, recorder: Recorder) -> tuple[Node | None, str]:
    """The node that holds the fields of the kind, and its path: ``spec``, or for MeshConfig the document itself."""
    body = root.find("spec")
    others = tuple(entry for entry in root.entries if entry[0].value not in _TOP_LEVEL)
    if spec is MESH_CONFIG and body is None:
        return Mapping(others, root.line, root.column, root.end_line), ""
    for key, _ in others:
        guess = nearest(key.value, _TOP_LEVEL)
        in_spec = spec.type is not None and key.value in message_decoder(spec.type).fields
        hint = "indent it below `spec`" if in_spec else f"did you mean `{guess}`?" if guess else ""
        message = f"{quoted(key.value)} is not a field of the document"
        recorder.error_at(key, "unknown-field", message, key.value[:64], COMMENT_HINT if "//" in key.value else hint)
    if body is None and not others:
        recorder.error_at(
            root, "missing-field", "the document has no `spec`", "spec", "write `spec: {}` if that is meant"
        )
    return body, "spec"


def _duplicates(resources: Iterable[Resource[Any]]) -> Iterator[Diagnostic]:
    """Resources that one file gives twice: which of them is meant cannot be told."""
    seen: dict[ResourceKey, Resource[Any]] = {}
    for resource in resources:
        first = seen.setdefault(resource.key, resource)
        if first is not resource:
            yield duplicate_resource(resource, first)

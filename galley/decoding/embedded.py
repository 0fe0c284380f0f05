"""Istio's own place for MeshConfig: the text under ``mesh`` in the ConfigMap ``istio``."""

from __future__ import annotations

from dataclasses import replace

from galley.kinds import MESH_CONFIG
from galley.text.compose import compose
from galley.text.nodes import Mapping, Node, Scalar, Sequence, locate
from galley.text.recorder import Recorder


def unwrap_mesh_config(root: Mapping, recorder: Recorder) -> Mapping:
    """The MeshConfig document that a ConfigMap ``istio`` holds, at the lines of the file; other documents unchanged.

    Columns are those of a text that is indented by two more than its key, for the events do not tell.
    """
    kind, text = root.find("kind"), locate(root, "data.mesh")
    if not (isinstance(kind, Scalar) and kind.value == "ConfigMap" and isinstance(text, Scalar)):
        return root
    name = locate(root, "metadata.name")
    if not (isinstance(name, Scalar) and name.value == "istio"):
        return root
    shift = _Shift(text)
    documents, diagnostics = compose(text.value.encode("utf-8", "replace"), recorder.file)
    for diagnostic in diagnostics:
        line, column = shift.position(diagnostic.origin.line, diagnostic.origin.column)
        origin = replace(diagnostic.origin, line=line, column=column, field="data.mesh")
        recorder.add(replace(diagnostic, origin=origin))
    body = shift.move(documents[0].root) if documents else Mapping((), text.line, text.column, text.end_line)
    entries = (
        (_key("apiVersion", kind), _key(MESH_CONFIG.api_versions[0], kind)),
        (_key("kind", kind), _key(MESH_CONFIG.kind, kind)),
        (_key("spec", text), body),
    )
    return Mapping(entries, root.line, root.column, root.end_line)


def _key(value: str, at: Scalar) -> Scalar:
    return at._replace(value=value, plain=False)


class _Shift:
    """Moves nodes of an embedded text to where the text stands in its file: below the ``|`` of a block scalar."""

    def __init__(self, text: Scalar) -> None:
        self.is_block = text.end_line > text.line
        self.lines = text.line
        self.columns = 4

    def position(self, line: int, column: int) -> tuple[int, int]:
        """Where in the file a line and a column of the text are."""
        return (line + self.lines, column + self.columns) if self.is_block else (self.lines, 1)

    def move(self, node: Node) -> Node:
        """The node with all that is below it, at its lines of the file."""
        line, column = self.position(node.line, node.column)
        end_line, end_column = self.position(node.end_line, node.end_column if isinstance(node, Scalar) else 1)
        if isinstance(node, Scalar):
            return Scalar(node.value, node.plain, line, column, end_line, end_column)
        if isinstance(node, Sequence):
            return Sequence(tuple(map(self.move, node.items)), line, column, end_line)
        entries = tuple((self._move_key(key), self.move(value)) for key, value in node.entries)
        return Mapping(entries, line, column, end_line)

    def _move_key(self, key: Scalar) -> Scalar:
        line, column = self.position(key.line, key.column)
        end_line, end_column = self.position(key.end_line, key.end_column)
        return Scalar(key.value, key.plain, line, column, end_line, end_column)

"""Records what is wrong with one document, with places and field paths, while decoding goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from galley.text.compose import COMMENT_HINT
from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.nodes import Mapping, Node, Scalar, Sequence
from galley.text.scalars import core_type

_LIMIT = 100


@dataclass(slots=True)
class Complaints:
    """The diagnostics of one document. ``accept_unenforced`` lets security settings pass that nobody enforces yet;
    with ``identities``, which the mesh issues, some are enforced."""

    file: str
    accept_unenforced: bool = False
    identities: bool = False
    diagnostics: list[Diagnostic] = field(default_factory=list)
    errors: int = 0

    @property
    def are_full(self) -> bool:
        """Whether nothing more is recorded, so that work on further complaints can be spared."""
        return len(self.diagnostics) >= _LIMIT

    def error(self, code: str, message: str, node: Node, path: str = "", hint: str = "") -> None:
        """Record an error at ``node``; the file will be refused."""
        self.errors += 1
        self._record(Severity.ERROR, code, message, node, path=path, hint=hint)

    def warning(self, code: str, message: str, node: Node, path: str = "", hint: str = "") -> None:
        """Record a warning at ``node``; the document is accepted."""
        self._record(Severity.WARNING, code, message, node, path=path, hint=hint)

    def info(self, code: str, message: str, node: Node, path: str = "", hint: str = "") -> None:
        """Record advice."""
        self._record(Severity.INFO, code, message, node, path=path, hint=hint)

    def add(self, diagnostic: Diagnostic) -> None:
        """Record what another stage found in the same document."""
        self.errors += diagnostic.is_error
        if not self.are_full:
            self.diagnostics.append(diagnostic)

    def unenforced(self, message: str, node: Node, path: str = "") -> None:
        """Record a security setting that is not enforced: an error, for silence would leave a door open."""
        if self.accept_unenforced:
            self.warning("not-enforced", message, node, path)
        else:
            self.error(
                "not-enforced", message, node, path, "remove it, or pass --accept-unenforced to go on without it"
            )

    def wrong_type(self, node: Node, path: str, expected: str, hint: str = "") -> None:
        """Record that ``node`` is not what the field takes."""
        if isinstance(node, Scalar) and has_comment(node):
            hint = COMMENT_HINT
        message = f"{shown_path(path)} takes {expected}, not {description(node)}"
        self.error("wrong-type", message, node, path, hint)

    def _record(self, severity: Severity, code: str, message: str, node: Node, *, path: str, hint: str) -> None:
        if not self.are_full:
            origin = Origin(self.file, node.line, node.column, path.removeprefix("."))
            self.diagnostics.append(Diagnostic(severity, code, message, origin, hint))


def path_of_key(path: str, key: Scalar) -> str:
    """The path of an entry of a map: its key is the user's, so it stands in brackets and is cut where it is long."""
    return f'{path}["{key.value[:64]}"]'


def has_comment(scalar: Scalar) -> bool:
    """Whether a plain scalar looks as if it ended with a comment in the manner of other languages."""
    return scalar.plain and (" //" in scalar.value or scalar.value.startswith("//"))


def quoted(text: str, length: int = 60) -> str:
    """``text`` between backquotes, on one line and not too long."""
    shown = text[: length + 1].encode("unicode_escape").decode() if not text.isprintable() else text
    return f"`{shown if len(shown) <= length else shown[: length - 1] + '…'}`"


def shown_path(path: str) -> str:
    """The field path between backquotes."""
    return f"`{path.removeprefix('.')}`" if path else "the document"


def description(node: Node) -> str:
    """What a reader sees at ``node``: "the number `1.0`", "a list"."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    kind = core_type(node.value) if node.plain else "str"
    if kind == "null":
        return "null (no value)"
    noun = {"bool": "the boolean", "int": "the number", "float": "the number", "str": "the text"}[kind]
    return f"{noun} {quoted(node.value)}"

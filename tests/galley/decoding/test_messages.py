"""Dataclasses as mappings: names, lists, maps, what is unknown, missing, exclusive, or not supported."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

import pytest

from galley.decoding.messages import message_decoder, value_decoder
from galley.frozen import FrozenMap, frozen
from galley.kinds import KINDS
from galley.kinds.values import named, unenforced, unsupported
from galley.meta import NO_LABELS, Labels
from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.recorder import Recorder
from tests.galley.documents import node_of


@frozen
class Leaf:
    number: int = 0
    per_try_timeout: str = ""
    region: str = named("from", "")


@frozen
class Branch:
    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("exact", "prefix"),)
    __ignored__: ClassVar[frozenset[str]] = frozenset({"managed"})
    name: str = ""
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    by_name: FrozenMap[str, Leaf] = field(default_factory=FrozenMap)
    labels: Labels = NO_LABELS
    exact: str | None = None
    prefix: str | None = None
    later: str = unsupported("", "it has no meaning yet")
    door: str = unenforced("", "it would stand open")
    mode: str = field(default="A", metadata={"unsupported_values": {"B": "b is not made yet"}})
    lock: str = field(default="A", metadata={"unenforced_values": {"C": "c is not made yet"}})


@frozen
class Strict:
    name: str
    size: int = 0


def decoded(text: str, cls: type = Branch, *, accept_unenforced: bool = False) -> tuple[Any, list[Diagnostic]]:
    recorder = Recorder(Origin("a.yaml"), accept_unenforced=accept_unenforced)
    return message_decoder(cls)(node_of(text), ".spec", recorder), recorder.diagnostics


def the_diagnostic(text: str, cls: type = Branch) -> Diagnostic:
    _, diagnostics = decoded(text, cls)
    assert len(diagnostics) == 1, diagnostics
    return diagnostics[0]


def test_a_mapping_becomes_the_dataclass() -> None:
    text = "{name: x, leaf: {from: r}, leaves: [{number: 1}, {}], byName: {b: {number: 2}}, labels: {a.b/c: d}}"
    expected = Branch(
        name="x",
        leaf=Leaf(region="r"),
        leaves=(Leaf(number=1), Leaf()),
        by_name=FrozenMap({"b": Leaf(number=2)}),
        labels=FrozenMap({"a.b/c": "d"}),
    )
    assert decoded(text) == (expected, [])


def test_both_spellings_of_a_field_are_read_but_not_together() -> None:
    assert decoded("{perTryTimeout: 1s}", Leaf) == decoded("{per_try_timeout: 1s}", Leaf)
    assert the_diagnostic("{perTryTimeout: 1s, per_try_timeout: 2s}", Leaf).code == "duplicate-key"


def test_null_means_absent() -> None:
    assert decoded("{name: , leaf: ~, leaves: null, exact: x, prefix: ~}") == (Branch(exact="x"), [])
    assert the_diagnostic("{name: ~}", Strict).code == "missing-field"


def test_a_missing_field_is_named() -> None:
    error = the_diagnostic("{size: 1}", Strict)
    assert (error.code, error.origin.field) == ("missing-field", "spec.name")
    assert "`name`" in error.message


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("{nmae: x}", "spec.nmae", "did you mean `name`?"),
        ("{NAME: x}", "spec.NAME", "did you mean `name`?"),
        ("{leaf: {number:1}}", "spec.leaf.number:1", "write a space behind the colon: `number: 1`"),
        ("{number: 1}", "spec.number", "`number` is a field of `leaf`; check the indentation"),
        ("{leaves: [{}, {nunber: 1}]}", "spec.leaves[1].nunber", "did you mean `number`?"),
        ("{byName: {b: {numbr: 1}}}", 'spec.byName["b"].numbr', "did you mean `number`?"),
        ("{leaf: {zzz: 1}}", "spec.leaf.zzz", "its fields are number, perTryTimeout, from"),
        ("{leaf: {region: x}}", "spec.leaf.region", ""),
        ("{name: a, // comment: x}", "spec.// comment", "YAML comments start with `#`"),
    ],
)
def test_an_unknown_field_is_an_error_with_a_suggestion(text: str, path: str, hint: str) -> None:
    error = the_diagnostic(text)
    assert (error.code, error.origin.field) == ("unknown-field", path)
    assert hint in error.hint


def test_an_unknown_field_is_marked_at_its_key() -> None:
    assert the_diagnostic("{name: x, foo: {a: b}}").origin.column == 13


def test_a_very_long_key_is_reported_shortly() -> None:
    error = the_diagnostic("{? " + "x" * 100_000 + " : 1}")
    assert error.code == "unknown-field"
    assert len(error.message) + len(error.origin.field) < 300


def test_ignored_fields_are_not_looked_at() -> None:
    assert decoded("{managed: [{}, ~], name: x}") == (Branch(name="x"), [])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("{leaf: 80}", "takes a mapping (number, perTryTimeout, from), not the number `80`", ""),
        ("{leaf: [{number: 1}]}", "takes a mapping (number, perTryTimeout, from), not a list", "remove the `- `"),
        ("{leaves: {number: 1}}", "takes a list, not a mapping", "begin each entry with `- `"),
        ("{leaves: x}", "takes a list, not the text `x`", "begin each entry with `- `"),
        ("{labels: [a]}", "takes a mapping, not a list", "key: value"),
        ("{labels: {version: 1}}", '`spec.labels["version"]` takes text, not the number `1`', 'quote it: "1"'),
    ],
)
def test_a_wrong_shape_is_an_error(text: str, message: str, hint: str) -> None:
    error = the_diagnostic(text)
    assert error.code == "wrong-type"
    assert message in error.message
    assert hint in error.hint


def test_a_message_of_one_field_shows_how_it_is_written() -> None:
    @frozen
    class Selector:
        number: int = 0

    assert the_diagnostic("80", Selector).hint == "write `number: 80` below it"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{leaves: [{}, ]}", None),
        ("{leaves: [{}, ~]}", "spec.leaves[1]"),
        ("{labels: {a: }}", 'spec.labels["a"]'),
        ("{byName: {a: null}}", 'spec.byName["a"]'),
    ],
)
def test_an_empty_entry_is_an_error(text: str, path: str | None) -> None:
    if path is None:
        assert decoded(text)[1] == []
    else:
        error = the_diagnostic(text)
        assert (error.code, error.origin.field) == ("null-entry", path)


def test_fields_of_a_oneof_exclude_each_other() -> None:
    error = the_diagnostic("{prefix: a, exact: b}")
    assert (error.code, error.origin.column) == ("exclusive-fields", 15)
    assert "`exact` and `prefix`" in error.message


def test_a_field_that_is_not_supported_is_a_warning_unless_it_says_nothing() -> None:
    value, diagnostics = decoded("{name: x, later: y}")
    assert value == Branch(name="x", later="y")
    assert [(one.severity, one.code) for one in diagnostics] == [(Severity.WARNING, "not-supported-yet")]
    assert (diagnostics[0].origin.field, diagnostics[0].origin.column) == ("spec.later", 13)
    assert "it has no meaning yet" in diagnostics[0].message
    assert decoded('{later: ""}')[1] == []


def test_a_value_that_is_not_supported_is_a_warning() -> None:
    assert decoded("{mode: A}")[1] == []
    diagnostics = decoded("{mode: B}")[1]
    assert [(one.severity, one.code) for one in diagnostics] == [(Severity.WARNING, "not-supported-yet")]


@pytest.mark.parametrize("text", ["{door: x}", "{lock: C}"])
def test_what_cannot_be_enforced_is_an_error_unless_accepted(text: str) -> None:
    value, diagnostics = decoded(text)
    assert value is None
    assert [(one.severity, one.code) for one in diagnostics] == [(Severity.ERROR, "not-enforced")]
    assert "--accept-unenforced" in diagnostics[0].hint
    value, diagnostics = decoded(text, accept_unenforced=True)
    assert isinstance(value, Branch)
    assert [(one.severity, one.code) for one in diagnostics] == [(Severity.WARNING, "not-enforced")]


def test_every_error_is_reported_but_not_without_end() -> None:
    _, diagnostics = decoded("{nmae: 1, leaf: {number: x}, leaves: [1]}")
    assert [one.code for one in diagnostics] == ["unknown-field", "wrong-type", "wrong-type"]
    _, diagnostics = decoded("{leaves: [" + "1," * 10_000 + "]}")
    assert len(diagnostics) == 100


def test_an_annotation_without_convention_is_a_bug() -> None:
    with pytest.raises(TypeError, match="no decoder"):
        value_decoder(dict[str, int])


@pytest.mark.parametrize("spec", [row for row in KINDS.values() if row.type], ids=lambda row: str(row.kind))
def test_every_kind_has_a_decoder_and_defaults(spec: Any) -> None:
    assert message_decoder(spec.type)(node_of("{}"), "", Recorder(Origin("a.yaml"))) == spec.type()

"""Composing: positions, YAML's features within limits, and everything a hostile file may try."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.text.compose import DEFAULT_LIMITS, Limits, compose
from galley.text.diagnostics import Diagnostic
from galley.text.nodes import Mapping, Node, Scalar, Sequence, locate

RULE = b"""apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: bookinfo
spec:
  hosts:
  - reviews
  http:
  - match:
    - headers:
        end-user:
          exact: jason
    route:
    - destination:
        host: reviews
        subset: v2
      weight: 80
    - destination:
        host: reviews
        subset: v3
      weight: 20
    timeout: 5s
    retries:
      attempts: 3
      perTryTimeout: 2s
      retryOn: gateway-error,connect-failure,refused-stream
  - route:
    - destination:
        host: reviews
        subset: v1
---
"""


def plain_value(node: Node) -> object:
    """Nodes as dicts, lists and text, so that a test can show what it expects."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain_value(item) for item in node.items]
    return {key.value: plain_value(value) for key, value in node.entries}


def the_root(text: str) -> Node:
    documents, diagnostics = compose(text.encode(), "a.yaml")
    assert diagnostics == ()
    assert len(documents) == 1
    return documents[0].root


def the_error(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Diagnostic:
    _, diagnostics = compose(data, "a.yaml", limits)
    assert len(diagnostics) == 1, diagnostics
    assert diagnostics[0].is_error
    assert diagnostics[0].origin.file == "a.yaml"
    return diagnostics[0]


def place(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.origin.line, diagnostic.origin.column


def test_nodes_know_where_they_are_written() -> None:
    root = the_root('spec:\n  hosts:\n  - reviews\n  name: "a\n    b" # end\n')
    assert isinstance(root, Mapping)
    hosts = locate(root, "spec.hosts")
    assert (hosts.line, hosts.column, hosts.end_line) == (3, 3, 3)
    name = locate(root, "spec.name")
    assert name == Scalar("a b", plain=False, line=4, column=9, end_line=5, end_column=7)
    assert root.end_line == 5


def test_json_is_yaml() -> None:
    root = the_root('{"spec": {"hosts": ["a", "b"], "n": 1,\n"t": true}}')
    assert plain_value(root) == {"spec": {"hosts": ["a", "b"], "n": "1", "t": "true"}}


def test_empty_documents_are_skipped() -> None:
    documents, diagnostics = compose(b"---\n---\n# only a comment\n---\nnull\n---\na: 1\n---\n", "a.yaml")
    assert diagnostics == ()
    assert [(plain_value(document.root), document.index) for document in documents] == [({"a": "1"}, 0)]
    assert compose(b"", "a.yaml") == ((), ())


def test_scalars_keep_their_text_whatever_yaml_1_1_makes_of_it() -> None:
    root = the_root("[no, 017, 22:22, 1_000, 2001-01-01, 'yes', !!str 1, ! 2, !!int 3]")
    assert isinstance(root, Sequence)
    assert plain_value(root) == ["no", "017", "22:22", "1_000", "2001-01-01", "yes", "1", "2", "3"]
    assert [item.plain for item in root.items if isinstance(item, Scalar)] == [True] * 5 + [False] * 3 + [True]


def test_anchors_aliases_and_merge_keys() -> None:
    root = the_root("base: &b {a: 1, b: 2}\none: {<<: *b, b: 3}\ntwo: {<<: [{b: 4}, *b], c: 5}\nall: *b\n")
    assert plain_value(root) == {
        "base": {"a": "1", "b": "2"},
        "one": {"a": "1", "b": "3"},
        "two": {"a": "1", "b": "4", "c": "5"},
        "all": {"a": "1", "b": "2"},
    }


def test_an_anchor_holds_for_its_document_only_and_may_be_set_again() -> None:
    assert plain_value(the_root("[&a 1, *a, &a 2, *a]")) == ["1", "1", "2", "2"]
    assert the_error(b"x: &a 1\n---\ny: *a\n").code == "unknown-alias"


def test_a_duplicate_key_is_refused_with_both_places() -> None:
    error = the_error(b"spec:\n  hosts: [a]\n  http: []\n  'hosts': [b]\n")
    assert error.code == "duplicate-key"
    assert place(error) == (4, 3)
    assert "`hosts`" in error.message
    assert "line 2, column 3" in error.message
    assert the_error(b"<<: {a: 1}\n<<: {b: 1}\n").code == "duplicate-key"


def test_all_duplicate_keys_of_a_file_are_reported_but_not_without_end() -> None:
    _, diagnostics = compose(b"a: 1\na: 2\na: 3\n---\nb: 1\nb: 1\n", "a.yaml")
    assert [place(diagnostic) for diagnostic in diagnostics] == [(2, 1), (3, 1), (6, 1)]
    _, diagnostics = compose(b"a: 1\n" * 10_000, "a.yaml")
    assert len(diagnostics) == DEFAULT_LIMITS.diagnostics


@pytest.mark.parametrize("key", [b"[a]", b"{a: 1}"])
def test_a_key_must_be_text(key: bytes) -> None:
    assert the_error(b"? " + key + b"\n: 1\n").code == "invalid-key"


@pytest.mark.parametrize("merged", [b"1", b"[a]", b"[[{a: 1}]]"])
def test_a_merge_key_takes_mappings(merged: bytes) -> None:
    error = the_error(b"a: 1\n<<: " + merged + b"\n")
    assert (error.code, place(error)) == ("invalid-merge", (2, 1))


@pytest.mark.parametrize(
    "value",
    [b"!!python/object/apply:os.system [x]", b"!mine x", b"!!set {a}", b"!!binary aGk=", b"!!int x", b"!!seq {}"],
)
def test_only_core_tags_that_fit_are_allowed(value: bytes) -> None:
    error = the_error(b"a: 1\nb: " + value + b"\n")
    assert (error.code, place(error)) == ("unsupported-tag", (2, 4))


def test_core_tags_are_allowed() -> None:
    assert plain_value(the_root("!!map {a: !!seq [!!str x, !!bool true, !!null ~]}")) == {"a": ["x", "true", "~"]}


@pytest.mark.parametrize("opening", [b"[", b"{", b"{a: ", b"- ", b"? ", b"[?", b"[{a: ", b"&a ["])
def test_sixty_kilobytes_of_openings_are_refused(opening: bytes) -> None:
    error = the_error(opening * (60_000 // len(opening)))
    assert error.code in {"nesting-too-deep", "yaml-syntax"}
    assert error.origin.line == 1
    assert error.origin.column <= 1001  # where libyaml gives up, if it reads ahead of our own limit


def test_a_hundred_levels_are_allowed_and_no_more() -> None:
    assert compose(b"[" * 100 + b"]" * 100, "a.yaml")[1] == ()
    error = the_error(b"[" * 101 + b"]" * 101)
    assert (error.code, place(error)) == ("nesting-too-deep", (1, 101))


def test_levels_that_aliases_add_count_too() -> None:
    chain = b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 200))
    error = the_error(chain)
    assert error.code == "nesting-too-deep"
    assert 95 <= error.origin.line <= 101


def test_a_billion_laughs_are_refused() -> None:
    lines = [b"l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [b"l%d: &l%d [%s]" % (n, n, b", ".join([b"*l%d" % (n - 1)] * 9)) for n in range(1, 12)]
    assert the_error(b"\n".join(lines)).code == "alias-expansion"


def test_merge_keys_that_multiply_are_refused() -> None:
    base = b"x: &a {" + b", ".join(b"k%d: 1" % n for n in range(1000)) + b"}\n"
    assert the_error(base + b"".join(b"y%d: {<<: *a}\n" % n for n in range(2000))).code == "alias-expansion"


@pytest.mark.parametrize("cycle", [b"a: &a [*a]", b"&a [x, {b: *a}]", b"a: &a\n  <<: *a\n", b"&a {? *a : 1}"])
def test_an_alias_cycle_is_refused(cycle: bytes) -> None:
    assert the_error(cycle).code == "alias-cycle"


def test_an_alias_without_an_anchor_is_refused() -> None:
    error = the_error(b"a:\n  b: *c\n")
    assert (error.code, place(error)) == ("unknown-alias", (2, 6))


def test_a_file_may_have_one_mebibyte() -> None:
    scalar = b"a: '" + b"x" * ((1 << 20) - 5) + b"'"
    assert compose(scalar, "a.yaml")[1] == ()
    error = the_error(scalar + b" ")
    assert error.code == "file-too-large"
    assert "1,048,577" in error.message


def test_a_file_may_have_five_thousand_documents() -> None:
    assert len(compose(b"a: 1\n---\n" * 5_000, "a.yaml")[0]) == 5_000
    documents, diagnostics = compose(b"a: 1\n---\n" * 5_001, "a.yaml")
    assert len(documents) == 5_000
    assert [diagnostic.code for diagnostic in diagnostics] == ["too-many-documents"]
    assert diagnostics[0].origin.line == 10_001


def test_invalid_utf_8_is_reported_by_offset_line_and_column() -> None:
    error = the_error("a: é\nb: ä".encode() + b"\xffx")
    assert (error.code, place(error)) == ("invalid-encoding", (2, 5))
    assert "0xff at offset 11" in error.message


def test_utf_16_is_refused_with_advice() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        error = the_error("a: 1\n".encode(encoding))
        assert error.code == "invalid-encoding"
        assert "UTF-8" in error.hint


def test_nul_bytes_are_refused() -> None:
    error = the_error(b"a: 1\nb: " + b"\0" * 4096)
    assert (error.code, place(error)) == ("invalid-encoding", (2, 4))


def test_a_byte_order_mark_and_crlf_do_not_disturb_positions() -> None:
    documents, diagnostics = compose(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: x\r\n", "a.yaml")
    assert diagnostics == ()
    node = locate(documents[0].root, "b.c")
    assert (node.line, node.column) == (3, 6)
    assert plain_value(node) == "x"
    assert place(the_error(b"\xef\xbb\xbfa: \xff")) == (1, 4)


def test_tabs_are_refused_with_advice() -> None:
    error = the_error(b"spec:\n\thosts: []\n")
    assert (error.code, error.origin.line) == ("yaml-syntax", 2)
    assert "tabs" in error.hint


def test_control_characters_are_refused_where_they_stand() -> None:
    error = the_error(b"a: 1\nb: x\x07y\n")
    assert (error.code, place(error)) == ("yaml-syntax", (2, 5))


@pytest.mark.parametrize("text", [b'a: "x', b"a: 'x", b"a: [1, {b: 2", b"a: b: c", b"a:\n  - b\n c: d", b"%YAML 9.9\n"])
def test_broken_syntax_is_reported_with_a_place(text: bytes) -> None:
    error = the_error(text)
    assert error.code == "yaml-syntax"
    assert error.message


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        (b"a: [2001:db8::]", "yaml-syntax", "quote a value that begins or ends with `:`"),
        (b"a: [::1]", "yaml-syntax", "begins with `:`"),
        (b"a: {{ name }}", "invalid-key", "rendered first"),
        (b"a: b: c", "yaml-syntax", "quote a value that contains `: `"),
        (b"a: @b", "yaml-syntax", "quote a value that begins with @"),
        (b"a: *.shop", "yaml-syntax", "begins with `*`"),
        (b"a: [x, *]", "yaml-syntax", "begins with `*`"),
        (b"a: [a-z]+", "yaml-syntax", "begins with `[`"),
        (b'a: "\\d+"', "yaml-syntax", "single quotes"),
        (b"{{- if x }}\na: b", "yaml-syntax", "helm template"),
        (b"a:\n  {{- if x }}\n  b: c", "yaml-syntax", "helm template"),
    ],
)
def test_common_mistakes_of_syntax_get_advice(text: bytes, code: str, hint: str) -> None:
    error = the_error(text)
    assert error.code == code
    assert hint in error.hint


def test_documents_before_broken_syntax_are_returned() -> None:
    documents, diagnostics = compose(b"a: 1\n---\nb: [", "a.yaml")
    assert len(documents) == 1
    assert [diagnostic.code for diagnostic in diagnostics] == ["yaml-syntax"]


def test_a_truncated_file_never_raises() -> None:
    for length in range(len(RULE)):
        documents, diagnostics = compose(RULE[:length], "a.yaml")
        assert len(documents) <= 1
        assert all(diagnostic.is_error for diagnostic in diagnostics)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_composing_never_raises_on_any_bytes(data: bytes) -> None:
    documents, diagnostics = compose(data, "a.yaml")
    assert all(diagnostic.origin.line >= 1 and diagnostic.origin.column >= 1 for diagnostic in diagnostics)
    assert [document.index for document in documents] == list(range(len(documents)))


@given(st.text(alphabet="[]{}&*!-?:|>'\"#%@`, \n\tab1~<.\\", max_size=80))
@settings(max_examples=500)
def test_composing_never_raises_on_yaml_punctuation(text: str) -> None:
    compose(text.encode(), "a.yaml")


def test_a_comment_in_another_languages_style_is_named_as_such() -> None:
    _, (diagnostic,) = compose(b"a:\n  b: {c: 1} // not for us\n", "f.yaml")
    assert (diagnostic.code, diagnostic.origin.line) == ("yaml-syntax", 2)
    assert "`#`" in diagnostic.hint

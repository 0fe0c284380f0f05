from textwrap import dedent

import pytest

from pilot.inject.yaml.editor import YamlEditor


def edited(text: str) -> YamlEditor:
    return YamlEditor(dedent(text))


def test_a_value_that_is_there_already_is_not_written_again() -> None:
    text = "a:   {b: 'x'}  # as I like it\n"
    editor = YamlEditor(text)
    editor.set((0, "a"), {"b": "x"})
    assert editor.text == text


def test_a_number_does_not_pass_for_a_text_that_looks_like_it() -> None:
    editor = YamlEditor("a: 1\n")
    editor.set((0, "a"), "1")
    assert editor.text == "a: '1'\n"


def test_an_entry_is_replaced_and_its_neighbours_keep_their_comments() -> None:
    editor = edited(
        """\
        # one
        a: 1  # first
        # two
        b:
          - x
        # three
        c: 3
        """
    )
    editor.set((0, "b"), "y")
    assert editor.text == "# one\na: 1  # first\n# two\nb: y\n# three\nc: 3\n"


def test_a_new_key_goes_before_the_comment_of_what_follows() -> None:
    editor = edited(
        """\
        a:
          b: |
            text

            more

        # about d
        d: 1
        """
    )
    editor.set((0, "a", "c"), [1])
    assert editor.text == "a:\n  b: |\n    text\n\n    more\n  c: [1]\n\n# about d\nd: 1\n"


def test_a_key_moves_with_the_comment_above_it() -> None:
    editor = edited(
        """\
        a:
          x: 1
          # why y
          y:   [2]   # as it is
        b:
          z: 3
        """
    )
    editor.move((0, "a", "y"), (0, "b"))
    assert editor.text == "a:\n  x: 1\nb:\n  z: 3\n  # why y\n  y:   [2]   # as it is\n"


@pytest.mark.parametrize("parent", ["a: {b: 1}\n", "a:\n  b: 1\n", "a: &x {b: 1}\n"])
def test_a_mapping_in_one_line_is_opened_for_a_new_key(parent: str) -> None:
    editor = YamlEditor(parent)
    editor.set((0, "a", "c"), {"d": None})
    assert editor.value((0,)) == {"a": {"b": 1, "c": {"d": None}}}
    assert "b: 1" in editor.text


@pytest.mark.parametrize("parent", ["", "a:\n", "a: {}\n", "a: null\n", "b: 1\n"])
def test_a_mapping_that_is_empty_or_missing_is_made(parent: str) -> None:
    editor = YamlEditor(parent or "x: 1\n")
    editor.set((0, "a", "c"), "d")
    assert editor.value((0, "a")) == {"c": "d"}


def test_an_alias_is_written_out_before_it_changes() -> None:
    editor = edited(
        """\
        x: &x
          k: 1
        a: *x
        """
    )
    editor.set((0, "a", "l"), 2)
    assert editor.value((0,)) == {"x": {"k": 1}, "a": {"k": 1, "l": 2}}


def test_a_merge_key_is_written_out_where_it_stood() -> None:
    editor = edited(
        """\
        x: &x {k: 1, l: 2}
        a:
          <<: *x
          l: 3   # mine
        """
    )
    editor.expand_merge((0, "a"))
    assert editor.text == "x: &x {k: 1, l: 2}\na:\n  k: 1\n  l: 3   # mine\n"


def test_what_a_merge_key_brings_can_be_removed() -> None:
    editor = YamlEditor("x: &x {k: 1, l: 2}\na:\n  <<: *x\n")
    editor.remove((0, "a", "k"))
    assert editor.value((0, "a")) == {"l": 2}


def test_the_last_entry_takes_its_mapping_with_it() -> None:
    editor = YamlEditor("a: 1\nb:\n  c:\n    d: 1\n")
    editor.remove((0, "b", "c", "d"))
    assert editor.text == "a: 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n- x: 1\n  y: 2\n- z\n", "a:\n- new\n- x: 1\n  y: 2\n- z\n"),
        ("a:\n  - z\n", "a:\n  - new\n  - z\n"),
        ("a: [z]\n", "a:\n  - new\n  - z\n"),
        ("a: []\n", "a: [new]\n"),
    ],
)
def test_an_item_is_inserted_in_the_style_of_its_list(text: str, expected: str) -> None:
    editor = YamlEditor(text)
    editor.insert_item((0, "a"), 0, "new")
    assert editor.text == expected


def test_an_item_is_replaced_and_removed() -> None:
    editor = YamlEditor("a:\n  - x: 1\n    y: [2]\n  # two\n  - z\n")
    editor.set((0, "a", 0), {"x": 2})
    assert editor.text == "a:\n  - x: 2\n  # two\n  - z\n"
    editor.remove((0, "a", 1))
    assert editor.value((0, "a")) == [{"x": 2}]


def test_line_ends_and_byte_order_mark_stay() -> None:
    editor = YamlEditor("\ufeffa: 1\r\nb: 2")
    editor.set((0, "c"), 3)
    assert editor.text == "\ufeffa: 1\r\nb: 2\r\nc: 3\r\n"


def test_a_document_in_one_line_is_opened() -> None:
    editor = YamlEditor('a: 1\n--- {"b": {"c": 1}}\n')
    editor.set((1, "b", "d"), 2)
    assert editor.text == "a: 1\n---\nb:\n  c: 1\n  d: 2\n"


def test_lines_are_counted_from_one() -> None:
    editor = YamlEditor("a:\n  b: 1\n  c:\n    - 1\n    - 2\n")
    assert editor.line((0, "a", "c")) == 3
    assert editor.line((0, "a", "c", 1)) == 5
    assert editor.line((0, "a", "missing")) == 1

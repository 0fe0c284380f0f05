"""Rules for single values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.kinds.checks.scalars import (
    check_duration,
    check_header_value,
    check_regex,
    check_substitution,
    check_unix_path,
    check_weights,
    is_cidr,
    is_header_name,
    wrong_with_host,
    wrong_with_name,
)
from galley.text.diagnostics import Origin
from galley.text.recorder import Recorder


def a_recorder() -> Recorder:
    return Recorder(Origin("a.yaml", 3))


@pytest.mark.parametrize("name", ["reviews", "a.b.c", "A-1.example.com", "1.example.com", "a" * 63, "example.com."])
def test_good_names(name: str) -> None:
    assert wrong_with_name(name) == ""


@pytest.mark.parametrize(
    "name", ["", "a..b", "-a", "a-", "a_b", "a b", "a" * 64, "a.b.1", "*.a", "a." * 128 + "a", "ä.com"]
)
def test_wrong_names(name: str) -> None:
    assert wrong_with_name(name)


def test_wildcards_are_whole_first_parts() -> None:
    assert wrong_with_host("*") == wrong_with_host("*.a.com") == ""
    for host in ("*a.com", "a.*.com", "**", "*.*.com", "*."):
        assert wrong_with_host(host)


def test_address_ranges() -> None:
    assert is_cidr("10.0.0.1/8")
    assert not is_cidr("10.0.0.1/33")


def test_header_names() -> None:
    assert is_header_name("x-request-id")
    for name in ("", "a b", "a:b", "ä"):
        assert not is_header_name(name)


@pytest.mark.parametrize("pattern", ["(", "a{1001}", "(?=a)", "(?<!a)b", r"\1", "[z-a]", "a**", r"\x{100}", "[ä-z]"])
def test_what_re2_does_not_compile(pattern: str) -> None:
    recorder = a_recorder()
    check_regex(recorder, "spec.x", pattern)
    (diagnostic,) = recorder.diagnostics
    assert diagnostic.code == "invalid-regex"
    assert "b'" not in diagnostic.message


@pytest.mark.parametrize(
    "pattern", [r"^/v[0-9]+/(.*)$", "(?i)abc", r"\d+\.\pL", "a" * 1024, "(a|b)*?", "ä", "Ā", r"\x{ff}"]
)
def test_what_re2_compiles(pattern: str) -> None:
    recorder = a_recorder()
    check_regex(recorder, "spec.x", pattern)
    assert recorder.diagnostics == []


@given(st.text(), st.text())
def test_any_text_is_judged_without_an_exception(pattern: str, substitution: str) -> None:
    recorder = a_recorder()
    check_regex(recorder, "spec.x", pattern)
    check_substitution(recorder, "spec.x", substitution, pattern)
    wrong_with_host(pattern)


def test_a_diagnostic_names_its_field() -> None:
    recorder = a_recorder()
    recorder.error("spec.hosts[0]", "invalid-host", "must be a host", "such as a.com")
    (diagnostic,) = recorder.diagnostics
    assert diagnostic.message == "`spec.hosts[0]` must be a host"
    assert diagnostic.origin == Origin("a.yaml", 3, 1, "spec.hosts[0]")


@given(st.characters())
def test_a_header_value_is_one_line(character: str) -> None:
    recorder = a_recorder()
    check_header_value(recorder, "spec.x", f"a{character}b")
    assert bool(recorder.diagnostics) == (character != "\t" and (character < " " or character == "\x7f"))


@pytest.mark.parametrize("start", ["/", "@"])
@pytest.mark.parametrize("letter", ["a", "ä"])
def test_a_unix_path_has_at_most_107_bytes(start: str, letter: str) -> None:
    """The limit is of bytes, whatever letters they make."""
    for length in range(1, 120):
        recorder = a_recorder()
        path = start + letter * (length - 1)
        check_unix_path(recorder, "spec.x", f"unix://{path}")
        assert bool(recorder.diagnostics) == (len(path.encode()) > 107)


@pytest.mark.parametrize("path", ["", "a", "./a", "/a\nb", "/a\x00b"])
def test_no_unix_paths(path: str) -> None:
    recorder = a_recorder()
    check_unix_path(recorder, "spec.x", f"unix://{path}")
    assert [one.code for one in recorder.diagnostics] == ["invalid-address"]


@pytest.mark.parametrize(
    ("weights", "is_right"), [((2**31 - 1, 2**31 - 1, 1), True), ((2**31 - 1, 2**31 - 1, 2), False)]
)
def test_the_sum_of_weights_has_32_bits(weights: tuple[int, ...], is_right: bool) -> None:
    recorder = a_recorder()
    check_weights(recorder, "spec.x", weights)
    assert (recorder.diagnostics == []) is is_right


@pytest.mark.parametrize(("days", "is_right"), [(36_500, True), (36_501, False)])
def test_durations_have_an_end(days: int, is_right: bool) -> None:
    """Envoy counts the seconds of some of them in 32 bits."""
    recorder = a_recorder()
    check_duration(recorder, "spec.x", timedelta(days=days))
    assert (recorder.diagnostics == []) is is_right

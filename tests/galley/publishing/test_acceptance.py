"""Acceptance, unit by unit, as a pure function of what a source says and what was in force."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.publishing.acceptance import DOUBTFUL, REFUSED, SETTLE_SECONDS, Accepted, HeldUnit, Judgement, judge
from galley.publishing.loading import LoadedUnit, load_unit
from galley.sources import Unit
from galley.sources.directory import state_of
from galley.sources.tree import TreeState


def a_rule(*names: str, host: str = "reviews") -> str:
    return "---\n".join(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: {name}}}\nspec: {{host: {host}}}\n"
        for name in names
    )


BROKEN = a_rule("x").replace("host", "hots")


class Judge:
    """Judges states one after another, as the publisher does, and counts what is loaded."""

    def __init__(self, *, allow_empty: bool = False, before: Accepted | None = None) -> None:
        self.accepted = before or Accepted()
        self.allow_empty = allow_empty
        self.loads: list[str] = []
        self.now = 100.0

    def __call__(
        self,
        files: Mapping[str, str],
        *,
        roots: tuple[str, ...] = ("conf",),
        missing: tuple[str, ...] = (),
        unreadable: Mapping[str, str] | None = None,
        replaced: tuple[str, ...] = (),
        dangling: tuple[str, ...] = (),
        outside: Mapping[str, str] | None = None,
    ) -> Judgement:
        tree = TreeState(
            roots=roots,
            files={path: Unit.of(path, text.encode()) for path, text in sorted(files.items())},
            missing=missing,
            unreadable=unreadable or {},
            replaced=replaced,
            dangling=dangling,
            outside=outside or {},
        )
        judgement = judge(state_of(tree), self.accepted, self._load, now=self.now, allow_empty=self.allow_empty)
        self.accepted = judgement.accepted
        return judgement

    def _load(self, unit: Unit, previous: LoadedUnit | None) -> LoadedUnit:
        self.loads.append(unit.id)
        return load_unit(unit, previous=previous)

    @property
    def in_force(self) -> dict[str, str]:
        return {one: loaded.unit.content.decode() for one, loaded in self.accepted.units.items()}


def codes(judgement: Judgement) -> list[str]:
    return [diagnostic.code for diagnostic in judgement.diagnostics if diagnostic.is_error]


def test_a_broken_file_keeps_its_last_accepted_content_and_the_others_go_on() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")})
    judgement = judge({"conf/a.yaml": BROKEN, "conf/b.yaml": a_rule("b", "b2")})
    assert judge.in_force == {"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b", "b2")}
    assert judgement.held == (HeldUnit("conf/a.yaml", REFUSED, REFUSED, True),)
    (error,) = (one for one in judgement.diagnostics if one.is_error)
    assert (error.origin.file, error.origin.line, error.origin.field) == ("conf/a.yaml", 4, "spec.hots")
    assert "host" in error.hint


@pytest.mark.parametrize("content", ["", "\n", "# rules come here\n", "---\n# nothing\n---\n"])
def test_an_emptied_file_is_doubtful_and_a_deleted_one_is_meant(content: str) -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")})
    judgement = judge({"conf/a.yaml": content, "conf/b.yaml": a_rule("b")})
    assert judge.in_force == {"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")}
    assert judgement.held == (HeldUnit("conf/a.yaml", DOUBTFUL, "resources lost", True),)
    (error,) = (one for one in judgement.diagnostics if one.is_error)
    assert (error.code, error.hint) == (DOUBTFUL, "delete the file to mean that")
    assert judge({"conf/b.yaml": a_rule("b")}).held == ()
    assert judge.in_force == {"conf/b.yaml": a_rule("b")}


def test_a_mistyped_kind_does_not_take_its_resource_out_of_force() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a", "b")})
    judgement = judge({"conf/a.yaml": a_rule("a", "b").replace("DestinationRule", "DestinationRul", 1)})
    assert [one.reason for one in judgement.held] == [DOUBTFUL]
    assert judge.in_force == {"conf/a.yaml": a_rule("a", "b")}
    assert "1 resource that it had stays in force" in judgement.diagnostics[-1].message
    kept = a_rule("b") + "---\napiVersion: networking.istio.io/v1\nkind: Tomorrow\nmetadata: {name: x}\nspec: {}\n"
    judge.now += 10
    judge({"conf/a.yaml": a_rule("a", "b") + kept.removeprefix(a_rule("b"))})
    judge({"conf/a.yaml": kept})
    judge.now += SETTLE_SECONDS
    judge({"conf/a.yaml": kept})
    assert judge.in_force == {"conf/a.yaml": kept}, "a kind that was unknown before says nothing about this save"


def test_a_shortened_file_counts_when_it_stays_as_it_is() -> None:
    judge, whole, short = Judge(), {"conf/a.yaml": a_rule("a", "b")}, {"conf/a.yaml": a_rule("a")}
    judge(whole)
    judgement = judge(short)
    assert (judge.in_force, judgement.settles_at) == (whole, 100.0 + SETTLE_SECONDS)
    assert [one.code for one in judgement.diagnostics] == [DOUBTFUL]
    assert codes(judgement) == [], "nothing is wrong with it"
    judge.now += SETTLE_SECONDS / 2
    other = {"conf/a.yaml": a_rule("b")}
    assert judge(other).settles_at == judge.now + SETTLE_SECONDS, "another content, another wait"
    judge.now += SETTLE_SECONDS / 2
    assert judge(other).held
    judge.now += SETTLE_SECONDS / 2
    judgement = judge(other)
    assert (judge.in_force, judgement.held, judgement.settles_at) == (other, (), None)


def test_a_save_that_is_completed_in_time_takes_nothing_away() -> None:
    judge, whole = Judge(), {"conf/a.yaml": a_rule("a", "b")}
    judge(whole)
    judge({"conf/a.yaml": a_rule("a")})
    judge.now += 1
    assert judge(whole).settles_at is None
    assert judge.in_force == whole


def test_another_kind_in_the_place_of_a_resource_is_meant() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a")})
    another = {"conf/a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n"}
    judge(another)
    judge.now += SETTLE_SECONDS
    judge(another)
    assert not judge.accepted.resources


def test_an_emptied_file_is_not_doubtful_where_nothing_is_lost() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a"), "conf/b.yaml": ""})
    assert judge({"conf/a.yaml": "", "conf/b.yaml": a_rule("a")}).held == (), "moved to another file"
    assert judge.in_force == {"conf/a.yaml": "", "conf/b.yaml": a_rule("a")}


@given(st.data())
def test_no_cut_of_a_file_takes_a_resource_away(data: st.DataObject) -> None:
    """While a save is under way, a file may hold any of its first bytes."""
    judge, whole = Judge(), "# Rules.\n" + a_rule("a", "b")
    judge({"conf/a.yaml": whole})
    judge({"conf/a.yaml": whole[: data.draw(st.integers(0, len(whole)))]})
    assert len(judge.accepted.units["conf/a.yaml"].resources) == 2


def test_a_broken_file_that_was_never_accepted_gives_nothing() -> None:
    judge = Judge()
    judgement = judge({"conf/a.yaml": BROKEN, "conf/b.yaml": a_rule("b")})
    assert judge.in_force == {"conf/b.yaml": a_rule("b")}
    assert judgement.held == (HeldUnit("conf/a.yaml", REFUSED, REFUSED, False),)


def test_a_repaired_file_comes_into_force() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a")})
    judge({"conf/a.yaml": BROKEN})
    judgement = judge({"conf/a.yaml": a_rule("a", "more")})
    assert judge.in_force == {"conf/a.yaml": a_rule("a", "more")}
    assert judgement.held == ()


def test_only_files_with_new_content_are_loaded() -> None:
    judge = Judge()
    files = {"conf/a.yaml": a_rule("a"), "conf/b.yaml": BROKEN, "conf/c.yaml": a_rule("c")}
    judge(files)
    judge.loads.clear()
    judge(files)
    assert judge.loads == []
    judge({**files, "conf/c.yaml": a_rule("c2")})
    assert judge.loads == ["conf/c.yaml"]


def test_resources_of_unchanged_text_stay_the_same_objects() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("one", "two")})
    one, two = judge.accepted.resources
    judge({"conf/a.yaml": a_rule("one") + "---\n" + a_rule("two", host="ratings")})
    again, changed = judge.accepted.resources
    assert again is one
    assert changed is not two


def test_a_deleted_file_removes_its_resources() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")})
    judgement = judge({"conf/b.yaml": a_rule("b")})
    assert list(judge.in_force) == ["conf/b.yaml"]
    assert judgement.held == ()
    assert judgement.diagnostics == ()


def test_a_directory_that_is_suddenly_empty_is_held() -> None:
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a")})
    judgement = judge({})
    assert list(judge.in_force) == ["conf/a.yaml"]
    assert judgement.held == (HeldUnit("conf/a.yaml", "directory-empty", "its directory is empty", True),)
    assert codes(judgement) == ["directory-empty"]
    assert "--allow-empty" in judgement.diagnostics[0].hint


def test_a_directory_that_vanished_is_held_and_others_are_not_touched_by_it() -> None:
    judge = Judge()
    roots = ("conf", "team")
    judge({"conf/a.yaml": a_rule("a"), "team/b.yaml": a_rule("b"), "team/c.yaml": a_rule("c")}, roots=roots)
    judgement = judge({"team/b.yaml": a_rule("b")}, roots=roots, missing=("conf",))
    assert list(judge.in_force) == ["conf/a.yaml", "team/b.yaml"]
    assert judgement.held == (HeldUnit("conf/a.yaml", "directory-missing", "its directory is missing", True),)
    assert codes(judgement) == ["directory-missing"]


def test_allow_empty_means_an_empty_or_missing_directory() -> None:
    for missing in ((), ("conf",)):
        judge = Judge(allow_empty=True)
        judge({"conf/a.yaml": a_rule("a")})
        judgement = judge({}, missing=missing)
        assert judge.in_force == {}
        assert codes(judgement) == []


def test_allow_empty_does_not_mean_what_cannot_be_read() -> None:
    judge = Judge(allow_empty=True)
    judge({"conf/sub/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")})
    judgement = judge({"conf/b.yaml": a_rule("b")}, unreadable={"conf/sub": "Permission denied"})
    assert list(judge.in_force) == ["conf/b.yaml", "conf/sub/a.yaml"]
    assert judgement.held == (HeldUnit("conf/sub/a.yaml", "unreadable", "not readable", True),)
    assert codes(judgement) == ["unreadable"]


def test_a_directory_that_was_always_empty_is_only_a_warning() -> None:
    judgement = Judge()({})
    assert [one.code for one in judgement.diagnostics] == ["no-configuration"]
    assert codes(judgement) == []


def test_of_two_files_with_one_resource_the_first_by_name_is_accepted() -> None:
    judge = Judge()
    judgement = judge({"conf/b.yaml": a_rule("same", "other"), "conf/a.yaml": a_rule("same")})
    assert list(judge.in_force) == ["conf/a.yaml"]
    (error,) = judgement.diagnostics
    assert (error.code, error.origin.file) == ("duplicate-resource", "conf/b.yaml")
    assert "conf/a.yaml:1:1" in error.message


def test_the_file_that_had_a_resource_before_keeps_it() -> None:
    judge = Judge()
    judge({"conf/b.yaml": a_rule("same")})
    judgement = judge({"conf/b.yaml": a_rule("same"), "conf/a.yaml": a_rule("same")})
    assert list(judge.in_force) == ["conf/b.yaml"]
    assert judgement.held == (HeldUnit("conf/a.yaml", REFUSED, REFUSED, False),)
    judgement = judge({"conf/a.yaml": a_rule("same")})
    assert list(judge.in_force) == ["conf/a.yaml"]
    assert judgement.held == ()


def test_a_resource_may_move_to_another_file_in_one_change() -> None:
    for source, target in (("conf/a.yaml", "conf/b.yaml"), ("conf/b.yaml", "conf/a.yaml")):
        judge = Judge()
        judge({source: a_rule("stays", "moves"), target: a_rule("other")})
        after = {source: a_rule("stays"), target: a_rule("other", "moves")}
        judgement = judge(after)
        assert judge.in_force == after
        assert judgement.held == ()


def test_a_move_whose_other_half_is_broken_changes_neither_file() -> None:
    judge = Judge()
    before = {"conf/a.yaml": a_rule("a", "moves"), "conf/b.yaml": a_rule("b")}
    judge(before)
    judgement = judge({"conf/a.yaml": BROKEN, "conf/b.yaml": a_rule("b", "moves")})
    assert judge.in_force == before
    assert {held.unit for held in judgement.held} == {"conf/a.yaml", "conf/b.yaml"}


NAMES = st.sampled_from("abc")
CONTENTS = st.one_of(st.none(), st.just(BROKEN), st.lists(NAMES, unique=True, max_size=2).map(lambda n: a_rule(*n)))
STATES = st.lists(st.fixed_dictionaries({f"conf/{n}.yaml": CONTENTS for n in "123"}), min_size=1, max_size=5)


@given(STATES)
def test_whatever_happens_no_resource_is_defined_twice_and_only_accepted_content_is_in_force(
    states: list[dict[str, str | None]],
) -> None:
    judge = Judge()
    for state in states:
        judge({path: text for path, text in state.items() if text is not None})
        keys = [resource.key for resource in judge.accepted.resources]
        assert len(keys) == len(set(keys))
        assert BROKEN not in judge.in_force.values()


@given(STATES)
def test_judging_the_same_state_again_or_after_a_restart_changes_nothing(states: list[dict[str, str | None]]) -> None:
    judge = Judge()
    for state in states:
        files = {path: text for path, text in state.items() if text is not None}
        judge(files)
        once = judge.in_force
        judge(files)
        assert judge.in_force == once
        restarted = Judge(before=Accepted(units=judge.accepted.units))
        restarted(files)
        assert restarted.in_force == once


def test_a_root_that_became_a_file_keeps_what_was_below_it() -> None:
    judge = Judge()
    assert judge({"conf": a_rule("x")}, replaced=("conf",)).diagnostics == (), "a root may be a file"
    judge = Judge()
    judge({"conf/a.yaml": a_rule("a")})
    judgement = judge({"conf": a_rule("x")}, replaced=("conf",))
    assert [one.reason for one in judgement.held] == ["directory-replaced"]
    assert judge.in_force == {"conf/a.yaml": a_rule("a"), "conf": a_rule("x")}
    judge = Judge(allow_empty=True, before=judge.accepted)
    judge({"conf": a_rule("x")}, replaced=("conf",))
    assert judge.in_force == {"conf": a_rule("x")}


def test_a_link_to_nothing_keeps_what_it_led_to() -> None:
    judge = Judge()
    judgement = judge({"conf/b.yaml": a_rule("b")}, dangling=("conf/a.yaml",))
    assert [(one.code, one.is_error) for one in judgement.diagnostics] == [("dangling-link", False)]
    judge({"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")})
    judgement = judge({"conf/b.yaml": a_rule("b")}, dangling=("conf/a.yaml",))
    assert codes(judgement) == ["dangling-link"]
    assert judge.in_force == {"conf/a.yaml": a_rule("a"), "conf/b.yaml": a_rule("b")}


def test_a_link_that_leads_elsewhere_is_a_warning() -> None:
    judgement = Judge()({"conf/a.yaml": a_rule("a")}, outside={"conf/a.yaml": "/srv/a.yaml"})
    (warning,) = judgement.diagnostics
    assert (warning.code, warning.is_error, judgement.held) == ("link-outside", False, ())
    assert "/srv/a.yaml" in warning.message

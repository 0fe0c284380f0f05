"""The demo shows one line for each push, with what changed and whom it reached, and every complaint with its file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from samples.bookinfo.demo.observation import Observation, read_resources
from samples.bookinfo.demo.pushes import describe

SAVED, NOW = 100.0, 100.041

ROUTES = """\
kind: VirtualService
metadata: {name: reviews}
spec: {http: []}
"""
BEFORE = Observation(
    files={"reviews.yaml": (read_resources(ROUTES), 1.0), "mesh.yaml": (read_resources("kind: MeshConfig"), 1.0)},
    sent={
        "gateway": {"listeners": ("a", 1.0), "routes": ("a", 1.0)},
        "page": {"listeners": ("b", 1.0), "routes": ("b", 1.0)},
        "ratings": {"listeners": ("c", 1.0), "routes": ("c", 1.0)},
        "reviews": {"listeners": ("d", 1.0), "routes": ("d", 1.0)},
    },
)


def saved(text: str, name: str = "reviews.yaml", seen: Observation = BEFORE) -> Observation:
    return replace(seen, files={**seen.files, name: (read_resources(text), SAVED)})


def pushed(seen: Observation, *proxies: str, kind: str = "routes") -> Observation:
    return replace(seen, sent={**seen.sent, **{one: {**seen.sent[one], kind: ("new", NOW)} for one in proxies}})


def test_a_push_says_which_resource_changed_and_whom_it_reached() -> None:
    after = pushed(saved(ROUTES.replace("[]", "[{route: []}]")), "page", "reviews")
    assert list(describe(BEFORE, after)) == [
        "reviews.yaml: VirtualService reviews changed → page, reviews (routes), 41 ms after the save"
    ]


@pytest.mark.parametrize(
    ("proxies", "said"),
    [
        (("gateway", "page", "ratings", "reviews"), "all 4 proxies (routes)"),
        (("page", "ratings", "reviews"), "page, ratings, reviews (routes)"),
        (("page",), "page (routes)"),
    ],
)
def test_many_proxies_are_named_shortly(proxies: tuple[str, ...], said: str) -> None:
    (line,) = describe(BEFORE, pushed(saved("kind: Sidecar\nmetadata: {name: s}"), *proxies))
    assert f"→ {said}, 41 ms" in line


def test_all_but_one_are_named_by_the_one() -> None:
    before = replace(BEFORE, sent={**BEFORE.sent, "details": {"routes": ("e", 1.0)}})
    after = pushed(saved(ROUTES + "x: 1", seen=before), "page", "ratings", "reviews", "details")
    assert "→ all but gateway (routes)" in next(describe(before, after))


def test_proxies_that_were_sent_other_kinds_stand_apart() -> None:
    after = pushed(pushed(saved("kind: Gateway", "g.yaml"), "gateway", kind="listeners"), "page")
    (line,) = describe(BEFORE, after)
    assert line.startswith("g.yaml: Gateway added → gateway (listeners); page (routes)")


def test_an_edit_without_effect_is_said_to_have_none() -> None:
    assert list(describe(BEFORE, saved(ROUTES + "# a comment\n"))) == ["reviews.yaml saved: no change for any proxy"]
    unused = saved("kind: DestinationRule\nmetadata: {name: nobody}", "other.yaml")
    assert list(describe(BEFORE, unused)) == ["other.yaml: DestinationRule nobody added: no change for any proxy"]


def test_a_removed_file_names_what_went_with_it() -> None:
    without = replace(BEFORE, files={"mesh.yaml": BEFORE.files["mesh.yaml"]})
    assert list(describe(BEFORE, pushed(without, "page"))) == [
        "reviews.yaml: VirtualService reviews removed → page (routes)"
    ]


def test_a_file_held_back_is_a_complaint_and_its_repair_is_said_too() -> None:
    complaint = "✗ reviews.yaml:3:7: error[unknown-field]: no such field"
    broken = replace(saved(ROUTES), held=frozenset({"reviews.yaml"}), complaints=(complaint,))
    assert list(describe(BEFORE, broken)) == [
        complaint,
        "reviews.yaml is held back: what it said before stays in force",
    ]
    assert list(describe(broken, BEFORE)) == [
        "reviews.yaml saved: no change for any proxy",
        "all files in force again",
    ]


def test_what_an_envoy_rejects_is_said_and_that_it_is_over() -> None:
    text = "page rejected listeners at reviews.yaml:3:7: no such filter"
    rejected = replace(BEFORE, rejections=(text,))
    assert list(describe(BEFORE, rejected)) == [f"✗ {text}"]
    assert list(describe(rejected, BEFORE)) == ["no proxy rejects anything any more"]


def test_proxies_that_come_and_go_are_named() -> None:
    left = replace(BEFORE, sent={name: kinds for name, kinds in BEFORE.sent.items() if name != "ratings"})
    assert list(describe(BEFORE, pushed(left, "page", kind="endpoints"))) == ["ratings left → page (endpoints)"]
    (line,) = describe(left, BEFORE)
    assert line.startswith("ratings joined → ratings (")


def test_nothing_is_said_when_nothing_happened() -> None:
    assert list(describe(BEFORE, replace(BEFORE, changes=7))) == []
    assert not BEFORE.differs(replace(BEFORE, changes=7, is_settled=False))

"""Routes that are handed on to a delegate: what is merged, inherited and left out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds.http import HttpRetry, HttpRewrite
from galley.kinds.networking.virtual_service import Delegate, HttpMatchRequest, HttpRoute, VirtualService
from galley.kinds.values import Destination, StringMatch
from galley.meta import Resource
from pilot.mesh.rules.delegates import delegates_of, with_delegates
from pilot.mesh.rules.model import RuleSettings
from tests.builders import a_config, a_context, a_manifest, a_resource, labels

ROOT_NAMESPACE = "front"


def a_root(*routes: HttpRoute, namespace: str = ROOT_NAMESPACE) -> Resource[VirtualService]:
    return a_resource(VirtualService(hosts=("shop",), http=routes), "root", namespace=namespace)


def handing_on(match: tuple[HttpMatchRequest, ...] = (), *, namespace: str = "team", **more: Any) -> HttpRoute:
    return HttpRoute(match=match, delegate=Delegate("child", namespace), **more)


def a_child(*routes: HttpRoute, namespace: str = "team", **more: Any) -> Resource[VirtualService]:
    return a_resource(VirtualService(http=routes, **more), "child", namespace=namespace)


def merged(root: Resource[VirtualService], *children: Resource[VirtualService]) -> tuple[HttpRoute, ...]:
    delegates = delegates_of(root, a_config(root, *children))
    return with_delegates(root, delegates, RuleSettings()).spec.http


def matching(**fields: Any) -> HttpMatchRequest:
    return HttpMatchRequest(**fields)


def prefix(text: str) -> StringMatch:
    return StringMatch(prefix=text)


def exact(text: str) -> StringMatch:
    return StringMatch(exact=text)


def regex(text: str) -> StringMatch:
    return StringMatch(regex=text)


def test_names_mean_what_they_mean_where_they_are_written() -> None:
    child = a_child(HttpRoute(mirror=Destination("audit"), match=(matching(gateways=("gw",)),)))
    (route,) = merged(a_root(handing_on()), child)
    assert route.mirror is not None
    assert route.mirror.host == "audit.team.svc.cluster.local"
    assert route.match[0].gateways == ("team/gw",)


def test_blocks_of_the_root_count_where_the_delegate_says_nothing() -> None:
    root = a_root(
        handing_on(timeout=timedelta(seconds=3), retries=HttpRetry(attempts=1), name="r", rewrite=HttpRewrite(uri="/r"))
    )
    first, second = merged(
        root, a_child(HttpRoute(name="c", timeout=timedelta(seconds=1)), HttpRoute(rewrite=HttpRewrite(uri="/c")))
    )
    assert (first.name, first.timeout, first.retries, first.rewrite) == (
        "r-c",
        timedelta(seconds=1),
        HttpRetry(attempts=1),
        HttpRewrite(uri="/r"),
    )
    assert (second.name, second.timeout, second.rewrite) == ("r", timedelta(seconds=3), HttpRewrite(uri="/c"))


@pytest.mark.parametrize(
    ("root", "own", "contained"),
    [
        ({"uri": prefix("/a")}, {"uri": prefix("/a/b")}, True),
        ({"uri": prefix("/a")}, {"uri": exact("/a/b")}, True),
        ({"uri": prefix("/a")}, {"uri": prefix("/b")}, False),
        ({"uri": exact("/a")}, {"uri": exact("/a")}, True),
        ({"uri": exact("/a")}, {"uri": prefix("/a")}, False),
        ({"uri": prefix("/a")}, {"uri": regex("/a.*")}, False),
        ({"uri": regex("/a.*")}, {}, True),
        ({"headers": FrozenMap({"x": exact("1")})}, {"headers": FrozenMap({"x": exact("2")})}, False),
        ({"headers": FrozenMap({"x": exact("1")})}, {"headers": FrozenMap({"y": exact("2")})}, True),
        ({"port": 80}, {"port": 81}, False),
        ({"port": 80}, {}, True),
        ({"source_labels": labels(app="a")}, {"source_labels": labels(app="b")}, False),
        ({"source_namespace": "a"}, {"source_namespace": "b"}, False),
        ({"gateways": ("front/a",)}, {"gateways": ("front/b",)}, False),
        ({"gateways": ("front/a", "front/b")}, {"gateways": ("front/b",)}, True),
        ({"ignore_uri_case": True}, {}, False),
    ],
)
def test_a_match_must_be_within_one_of_the_roots(root: dict[str, Any], own: dict[str, Any], contained: bool) -> None:
    found = merged(a_root(handing_on((matching(**root),))), a_child(HttpRoute(match=(matching(**own),))))
    assert len(found) == contained


def test_each_match_is_merged_with_each_that_contains_it() -> None:
    root = handing_on((matching(uri=prefix("/a"), port=80), matching(uri=prefix("/"), method=exact("GET"))))
    (route,) = merged(a_root(root), a_child(HttpRoute(match=(matching(uri=exact("/a/b"), name="m"),))))
    assert route.match == (
        matching(uri=exact("/a/b"), name="m", port=80),
        matching(uri=exact("/a/b"), name="m", method=exact("GET")),
    )
    both = handing_on((matching(headers=FrozenMap({"x": exact("1")})),))
    (route,) = merged(a_root(both), a_child(HttpRoute(match=(matching(headers=FrozenMap({"y": exact("2")})),))))
    assert dict(route.match[0].headers) == {"x": exact("1"), "y": exact("2")}


@pytest.mark.parametrize(
    "child",
    [
        a_child(HttpRoute(), namespace="elsewhere"),
        a_child(HttpRoute(), hosts=("a.com",)),
        a_child(HttpRoute(), export_to=(".",)),
        a_child(handing_on()),
    ],
    ids=["not there", "with hosts", "not exported", "handing on itself"],
)
def test_what_is_no_delegate_leaves_its_place_empty(child: Resource[VirtualService]) -> None:
    last = HttpRoute(name="last")
    assert [route.name for route in merged(a_root(handing_on(), last), child)] == ["last"]


def test_a_change_of_the_delegate_alone_is_read() -> None:
    root, service = a_root(handing_on()), a_manifest("shop", namespace=ROOT_NAMESPACE)
    before = a_context(service, root, a_child(HttpRoute(name="old")))
    after = a_context(service, root, a_child(HttpRoute(name="new")), previous=before)
    names = [
        [http.name for rule in context.rules.by_gateway["mesh"] for http in rule.http] for context in (before, after)
    ]
    assert names == [["old"], ["new"]]
    same = a_context(service, root, *(one for one in after.config if one.key.name == "child"), previous=after)
    assert same.rules is after.rules

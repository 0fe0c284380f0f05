"""Conditions on a described request."""

from __future__ import annotations

from typing import Any

import pytest

from citadel.access.rbac import (
    NEVER,
    AllOf,
    AnyOf,
    Anything,
    ClientAddress,
    Condition,
    DestinationAddress,
    DestinationPort,
    FilterMetadata,
    Header,
    Not,
    Path,
    PathTemplate,
    PeerAddress,
    PeerIdentity,
    ServerName,
    TextMatch,
    TextMatchKind,
)
from citadel.policy.authorization.evaluate import Request, holds, text_matches
from citadel.policy.authorization.texts import claim
from galley.frozen import FrozenMap

REQUEST = Request(
    method="GET",
    authority="Shop.example",
    path="/a/b?q=/c#d",
    headers=FrozenMap({"x-team": ("red", "blue")}),
    claims={"sub": "alice", "groups": ["dev", "ops"], "realm": {"role": "editor"}, "number": 7},
    identity="spiffe://td/ns/a/sa/b",
    peer_address="10.0.0.7",
    client_address="203.0.113.7",
    destination_address="10.0.0.9",
    port=9080,
    server_name="shop.example",
)


def exact(text: str, **traits: Any) -> TextMatch:
    return TextMatch(TextMatchKind.EXACT, text, **traits)


HOLDING: list[Condition] = [
    Anything(),
    Header(":method", exact("GET")),
    Header(":authority", exact("shop.EXAMPLE", ignore_case=True)),
    Header("X-Team", exact("blue")),
    Header("x-team", TextMatch(TextMatchKind.PRESENT)),
    Path(exact("/a/b")),
    PathTemplate("/*/b"),
    PathTemplate("/a/**"),
    PeerAddress("10.0.0.0/24"),
    ClientAddress("203.0.113.7"),
    DestinationAddress("10.0.0.9/32"),
    DestinationPort(9080),
    ServerName(exact("shop.example")),
    PeerIdentity(TextMatch(TextMatchKind.PREFIX, "spiffe://td/")),
    claim(("sub",), ("alice",)),
    claim(("groups",), ("ops",)),
    claim(("realm", "role"), ("ed*",)),
    AllOf((Anything(), DestinationPort(9080))),
    AnyOf((DestinationPort(1), DestinationPort(9080))),
]
NOT_HOLDING: list[Condition] = [
    NEVER,
    Header("x-other", TextMatch(TextMatchKind.PRESENT)),
    Header("x-other", exact("")),
    Path(exact("/a/b?q=/c")),
    PathTemplate("/*"),
    PathTemplate("/a/*/c"),
    PeerAddress("2001:db8::/32"),
    ClientAddress("10.0.0.7"),
    DestinationPort(80),
    claim(("sub",), ("bob",)),
    claim(("number",), ("7",)),
    claim(("sub", "deeper"), ("alice",)),
    FilterMetadata("some.other.filter", ("alice",), (exact("x"),)),
    AllOf((Anything(), DestinationPort(1))),
    AnyOf(()),
]


@pytest.mark.parametrize("condition", HOLDING)
def test_what_holds(condition: Condition) -> None:
    assert holds(condition, REQUEST)
    assert not holds(Not(condition), REQUEST)


@pytest.mark.parametrize("condition", NOT_HOLDING)
def test_what_does_not(condition: Condition) -> None:
    assert not holds(condition, REQUEST)
    assert holds(Not(condition), REQUEST)


@pytest.mark.parametrize(
    "condition",
    [one for one in HOLDING if not isinstance(one, Anything | DestinationPort | AllOf | AnyOf)],
)
def test_of_a_request_of_which_nothing_is_known_nothing_holds(condition: Condition) -> None:
    assert not holds(condition, Request(method="", path=""))


def test_an_opaque_connection_has_nothing_that_only_http_has() -> None:
    opaque = Request(http=False, method="GET", path="/a/b", claims={"sub": "alice"}, port=9080)
    assert not holds(Path(exact("/a/b")), opaque)
    assert not holds(claim(("sub",), ("alice",)), opaque)
    assert holds(DestinationPort(9080), opaque)


def test_a_client_that_no_proxy_tells_of_is_the_peer() -> None:
    assert holds(ClientAddress("10.0.0.7"), Request(peer_address="10.0.0.7"))


@pytest.mark.parametrize(
    ("match", "accepted", "refused"),
    [
        (exact("a"), "a", "A"),
        (TextMatch(TextMatchKind.SUFFIX, ".css"), "x.css", "css"),
        (TextMatch(TextMatchKind.REGEX, "a.c"), "abc", "abcd"),
        (TextMatch(TextMatchKind.PREFIX, "SHOP", ignore_case=True), "shop.example", "a.shop"),
    ],
)
def test_comparisons(match: TextMatch, accepted: str, refused: str) -> None:
    assert text_matches(match, accepted)
    assert not text_matches(match, refused)


@pytest.mark.parametrize("single", [True, False])
def test_a_list_and_a_text_can_be_told_apart(single: bool) -> None:
    asked = FilterMetadata(
        "envoy.filters.http.jwt_authn", ("payload", "x"), (exact("a"),), lists=not single, single=single
    )
    assert holds(asked, Request(claims={"x": "a"})) is single
    assert holds(asked, Request(claims={"x": ["b", "a"]})) is not single

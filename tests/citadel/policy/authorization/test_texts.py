"""What the values of policies ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.access.rbac import AllOf, FilterMetadata, PathTemplate, PeerIdentity, TextMatch, TextMatchKind
from citadel.policy.authorization.evaluate import text_matches
from citadel.policy.authorization.texts import (
    claim,
    header_match,
    namespace,
    path_template,
    principal,
    quote,
    request_principal,
    service_account,
    text_match,
    trust_domain,
)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("/a", TextMatch(TextMatchKind.EXACT, "/a")),
        ("/a*", TextMatch(TextMatchKind.PREFIX, "/a")),
        ("*.css", TextMatch(TextMatchKind.SUFFIX, ".css")),
        ("*", TextMatch(TextMatchKind.REGEX, ".+")),
        ("*a*", TextMatch(TextMatchKind.SUFFIX, "a*")),
    ],
)
def test_a_wildcard_stands_at_one_end(value: str, match: TextMatch) -> None:
    assert text_match(value) == match


def test_of_a_header_a_wildcard_asks_only_that_it_is_there() -> None:
    assert header_match("*").kind is TextMatchKind.PRESENT
    assert header_match("shop*", ignore_case=True) == TextMatch(TextMatchKind.PREFIX, "shop", ignore_case=True)


@given(st.text())
def test_what_is_quoted_matches_itself_alone(text: str) -> None:
    match = TextMatch(TextMatchKind.REGEX, quote(text))
    assert text_matches(match, text)
    assert not text_matches(match, text + "x")


@pytest.mark.parametrize(
    ("value", "template"),
    [("/a/{*}/b", "/a/*/b"), ("/a/{**}", "/a/**"), ("/{*}/{**}", "/*/**"), ("/a*", None), ("/a/*", None)],
)
def test_only_braces_make_a_path_a_template(value: str, template: str | None) -> None:
    assert path_template(value) == (PathTemplate(template) if template else None)


WEB = "spiffe://td.example/ns/prod/sa/web"


def identifies(condition: PeerIdentity, identity: str) -> bool:
    return text_matches(condition.match, identity)


@pytest.mark.parametrize(
    ("value", "identity", "expected"),
    [
        ("td.example/ns/prod/sa/web", WEB, True),
        ("td.example/ns/prod/sa/we", WEB, False),
        ("td.example/ns/prod/*", WEB, True),
        ("*/sa/web", WEB, True),
        ("*/sa/w.b", WEB, False),
        ("*", WEB, True),
    ],
)
def test_principals(value: str, identity: str, expected: bool) -> None:
    assert identifies(principal(value), identity) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [("prod", True), ("pro", False), ("pro*", True), ("*", True), ("p.od", False), ("*od", True)]
)
def test_namespaces(value: str, expected: bool) -> None:
    assert identifies(namespace(value), WEB) is expected


@pytest.mark.parametrize(
    ("value", "own", "expected"),
    [("web", "prod", True), ("web", "default", False), ("prod/web", "default", True), ("prod/we", "default", False)],
)
def test_a_service_account_without_namespace_is_of_the_policys_own(value: str, own: str, expected: bool) -> None:
    assert identifies(service_account(value, own), WEB) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("td.example", True),
        ("td.exampl", False),
        ("*.example", True),
        ("td.*", True),
        ("*", True),
        ("td-example", False),
    ],
)
def test_trust_domains(value: str, expected: bool) -> None:
    assert identifies(trust_domain(value), WEB) is expected


def test_a_claim_is_where_the_token_filter_leaves_it() -> None:
    found = claim(("realm", "role"), ("editor", "*"))
    assert found.path == ("payload", "realm", "role")
    assert [one.kind for one in found.texts] == [TextMatchKind.EXACT, TextMatchKind.REGEX]


@pytest.mark.parametrize(
    ("value", "issuer", "subject"),
    [
        ("https://i.example/alice", "https://i.example", "alice"),
        ("https://i.example/team/*", "https://i.example/team", "any"),
        ("*/alice", "any", "alice"),
    ],
)
def test_a_request_principal_is_split_at_its_last_slash(value: str, issuer: str, subject: str) -> None:
    condition = request_principal(value)
    assert isinstance(condition, AllOf)
    first, second = condition.conditions
    assert isinstance(first, FilterMetadata)
    assert isinstance(second, FilterMetadata)
    assert (first.path, second.path) == (("payload", "iss"), ("payload", "sub"))
    for part, wanted in ((first, issuer), (second, subject)):
        assert part.texts == (text_match("*" if wanted == "any" else wanted),)

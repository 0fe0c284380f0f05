from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.identity import SpiffeId, TrustDomain

words = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


def test_a_spiffe_id() -> None:
    identity = SpiffeId.parse("spiffe://cluster.local/ns/default/sa/reviews")
    assert identity == SpiffeId(TrustDomain("cluster.local"), "default", "reviews")
    assert str(identity) == "spiffe://cluster.local/ns/default/sa/reviews"


@given(words, words, words)
def test_what_is_written_is_read(domain: str, namespace: str, account: str) -> None:
    identity = SpiffeId(TrustDomain(domain), namespace, account)
    assert SpiffeId.parse(str(identity)) == identity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cluster.local/ns/default/sa/reviews",
        "http://cluster.local/ns/default/sa/reviews",
        "spiffe://cluster.local",
        "spiffe://cluster.local/ns/default/sa",
        "spiffe://cluster.local/ns/default/sa/",
        "spiffe://cluster.local/ns//sa/reviews",
        "spiffe:///ns/default/sa/reviews",
        "spiffe://cluster@local/ns/default/sa/reviews",
        "spiffe://cluster.local/ns/default/sa/reviews/more",
        "spiffe://cluster.local/sa/reviews/ns/default",
    ],
)
def test_anything_else_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match=r"SPIFFE id|trust domain|form|begin"):
        SpiffeId.parse(text)


@pytest.mark.parametrize(("namespace", "account"), [("", "a"), ("a", ""), ("a/b", "c"), ("a", "b/c")])
def test_an_identity_is_complete(namespace: str, account: str) -> None:
    with pytest.raises(ValueError, match="SPIFFE id"):
        SpiffeId(TrustDomain("cluster.local"), namespace, account)


def test_a_trust_domain_with_an_at_sign() -> None:
    assert TrustDomain.parse("project@example.com") == TrustDomain("project.example.com")


@pytest.mark.parametrize("text", ["", ".", "a..b", "-a", "a_b", "a b", "a/b", "A", "a." + "b" * 64])
def test_no_trust_domain(text: str) -> None:
    with pytest.raises(ValueError, match="no DNS label"):
        TrustDomain.parse(text)

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.identity import PrivateKey, SpiffeId, Svid, TrustBundle, TrustDomain

DOMAIN = TrustDomain("cluster.local")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
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


@pytest.mark.parametrize(
    ("namespace", "account"),
    [("", "a"), ("a", ""), ("a/b", "c"), ("a", "b/c"), (".", "a"), ("a", ".."), ("a b", "c"), ("a", "b\n"), ("ä", "c")],
)
def test_an_identity_is_complete(namespace: str, account: str) -> None:
    with pytest.raises(ValueError, match="SPIFFE id"):
        SpiffeId(TrustDomain("cluster.local"), namespace, account)


def test_a_trust_domain_with_an_at_sign() -> None:
    assert TrustDomain.parse("project@example.com") == TrustDomain("project.example.com")


@pytest.mark.parametrize("text", ["", ".", "a..b", "-a", "a_b", "a b", "a/b", "A", "a." + "b" * 64])
def test_no_trust_domain(text: str) -> None:
    with pytest.raises(ValueError, match="no DNS label"):
        TrustDomain.parse(text)


def test_a_private_key_shows_itself_to_nobody() -> None:
    key = PrivateKey(b"-----BEGIN PRIVATE KEY-----")
    svid = Svid(SpiffeId(DOMAIN, "a", "b"), (b"leaf",), key, NOW, NOW)
    for shown in (repr(key), str(key), f"{key}", repr(svid), str([svid]), f"{svid!r:>1}"):
        assert "redacted" in shown
        assert "BEGIN" not in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(key)
    assert key.reveal() == b"-----BEGIN PRIVATE KEY-----"


def test_keys_are_compared_by_content() -> None:
    assert PrivateKey(b"a") == PrivateKey(b"a") != PrivateKey(b"b")
    assert hash(PrivateKey(b"a")) == hash(PrivateKey(b"a"))
    assert PrivateKey(b"a") != b"a"


def test_a_trust_bundle_is_the_same_in_any_order() -> None:
    bundle = TrustBundle(DOMAIN, (b"b\n", b"a\n", b"b\n"))
    assert bundle == TrustBundle(DOMAIN, (b"a\n", b"b\n"))
    assert bundle.pem == b"a\nb\n"
    with pytest.raises(ValueError, match="without roots"):
        TrustBundle(DOMAIN, ())

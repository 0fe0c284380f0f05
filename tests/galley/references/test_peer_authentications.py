from __future__ import annotations

from galley.references.peer_authentications import check_peer_authentications
from tests.builders import a_config, a_peer_policy


def codes(*policies):
    return [(one.code, one.origin.file) for one in check_peer_authentications(a_config(*policies))]


def test_policies_of_different_scopes_live_together():
    assert not codes(
        a_peer_policy(namespace="istio-system"),
        a_peer_policy(),
        a_peer_policy(name="reviews", selector={"app": "reviews"}),
        a_peer_policy(name="ratings", selector={"app": "ratings"}),
        a_peer_policy(namespace="other"),
    )


def test_the_younger_policy_of_a_scope_has_no_effect():
    assert codes(a_peer_policy(name="a"), a_peer_policy(name="b")) == [("conflicting-policies", "b.yaml")]
    same = {"app": "reviews"}
    assert codes(a_peer_policy(name="a", selector=same), a_peer_policy(name="b", selector=same)) == [
        ("conflicting-policies", "b.yaml")
    ]


def test_a_selector_in_the_root_namespace_is_ignored():
    policy = a_peer_policy(name="a", namespace="istio-system", selector={"app": "reviews"})
    assert codes(policy) == [("ignored-selector", "a.yaml")]

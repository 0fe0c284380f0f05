"""Sidecars and policies that workloads have already, or cannot have."""

from __future__ import annotations

from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.meta import Resource
from galley.references.attachment import find_idle_peer_authentications
from tests.builders import a_config, a_peer_policy
from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")


def codes(*policies: Resource[PeerAuthentication]) -> list[tuple[str, str]]:
    return [(one.code, one.origin.file) for one in find_idle_peer_authentications(a_config(*policies))]


def test_policies_of_different_scopes_live_together() -> None:
    assert not codes(
        a_peer_policy(namespace="istio-system"),
        a_peer_policy(),
        a_peer_policy(name="reviews", selector={"app": "reviews"}),
        a_peer_policy(name="ratings", selector={"app": "ratings"}),
        a_peer_policy(namespace="other"),
    )


def test_the_younger_policy_of_a_scope_has_no_effect() -> None:
    assert codes(a_peer_policy(name="a"), a_peer_policy(name="b")) == [("conflicting-policies", "b.yaml")]
    same = {"app": "reviews"}
    assert codes(a_peer_policy(name="a", selector=same), a_peer_policy(name="b", selector=same)) == [
        ("conflicting-policies", "b.yaml")
    ]


def test_a_selector_in_the_root_namespace_is_ignored() -> None:
    policy = a_peer_policy(name="a", namespace="istio-system", selector={"app": "reviews"})
    assert codes(policy) == [("ignored-selector", "a.yaml")]


def test_two_sidecars_for_the_same_workloads() -> None:
    egress = "egress: [{hosts: ['./*']}]"
    plain = [a_resource("Sidecar", egress, name=name) for name in "ab"]
    assert short(REVIEWS, *plain) == ["2.yaml conflicting-sidecars spec.workloadSelector"]
    chosen = [a_resource("Sidecar", "workloadSelector: {labels: {a: b}}\n" + egress, name=name) for name in "cd"]
    assert "IST0110" in diagnose(REVIEWS, *chosen)[0].message
    assert short(REVIEWS, plain[0], chosen[0]) == []

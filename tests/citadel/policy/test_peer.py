from __future__ import annotations

from typing import Any

import pytest

from citadel.ir import MtlsMode, PeerModes
from citadel.policy.peer import index_peer_policies
from galley.attached import attach
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.meta import Resource
from tests.builders import a_peer_policy

DISABLE, PERMISSIVE, STRICT = MtlsMode.DISABLE, MtlsMode.PERMISSIVE, MtlsMode.STRICT
APP = {"app": "reviews"}


def modes(*policies: Resource[PeerAuthentication], namespace: str = "default", **labels: str) -> PeerModes:
    """What a workload of ``namespace`` (by default with label app=reviews) accepts."""
    attached = attach(policies, PeerAuthentication.attachment, "istio-system")
    return index_peer_policies(attached).of(namespace).modes_of(labels or APP)


def mesh(mode: str, **traits: Any) -> Resource[PeerAuthentication]:
    return a_peer_policy(mode, namespace="istio-system", **traits)


def workload(mode: str, **traits: Any) -> Resource[PeerAuthentication]:
    return a_peer_policy(mode, **{"name": "reviews", "selector": APP, **traits})


def test_without_policies_both_are_accepted() -> None:
    assert modes() == PeerModes(mode=PERMISSIVE)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([mesh("STRICT")], STRICT),
        ([mesh("STRICT"), a_peer_policy("DISABLE")], DISABLE),
        ([mesh("STRICT"), a_peer_policy("UNSET")], STRICT),
        ([mesh("STRICT"), a_peer_policy("")], STRICT),
        ([mesh("STRICT"), a_peer_policy("DISABLE"), workload("PERMISSIVE")], PERMISSIVE),
        ([mesh("STRICT"), a_peer_policy("DISABLE"), workload("UNSET")], DISABLE),
        ([mesh("STRICT"), workload("")], STRICT),
        ([mesh("UNSET")], PERMISSIVE),
        ([a_peer_policy("STRICT", namespace="elsewhere")], PERMISSIVE),
        ([workload("STRICT", selector={"app": "ratings"})], PERMISSIVE),
        ([workload("STRICT", selector={})], STRICT),  # an empty selector is none
    ],
)
def test_the_narrower_scope_counts_and_unset_inherits(
    policies: list[Resource[PeerAuthentication]], expected: MtlsMode
) -> None:
    assert modes(*policies).mode is expected


def test_a_selector_in_the_root_namespace_is_ignored() -> None:
    assert modes(mesh("STRICT", selector=APP)).mode is PERMISSIVE
    assert modes(mesh("STRICT", selector=APP), namespace="istio-system").mode is PERMISSIVE


def test_of_each_scope_the_oldest_counts() -> None:
    for policy, traits in ((mesh, {}), (a_peer_policy, {}), (workload, {})):
        younger = policy("STRICT", name="a", created="2026-02-01T00:00:00Z", **traits)
        older = policy("DISABLE", name="b", created="2026-01-01T00:00:00Z", **traits)
        assert modes(younger, older).mode is DISABLE
    assert modes(workload("STRICT", name="b"), workload("DISABLE", name="a")).mode is DISABLE


def test_ports_inherit_from_their_own_policy_only() -> None:
    found = modes(workload("STRICT", ports={8080: "DISABLE", 9090: "UNSET", 7070: "PERMISSIVE"}))
    assert [found.at(port) for port in (8080, 9090, 7070, 1)] == [DISABLE, STRICT, PERMISSIVE, STRICT]
    narrower = workload("UNSET", name="a", created="2020-01-01T00:00:00Z")
    assert modes(workload("STRICT", ports={8080: "DISABLE"}), narrower).at(8080) is PERMISSIVE


def test_origins_are_the_policies_that_had_a_say() -> None:
    policies = mesh("STRICT"), a_peer_policy("UNSET"), workload("DISABLE")
    assert modes(*policies).origins == tuple(policy.key for policy in policies)
    assert modes(*policies, app="other").origins == tuple(policy.key for policy in policies[:2])

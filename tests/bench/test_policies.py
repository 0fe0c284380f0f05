from __future__ import annotations

from bench.policies import measure_policies


def test_a_changed_policy_is_planned_and_encoded_for_its_own_workloads_alone() -> None:
    cost = measure_policies(services=20, policies=1000, repeats=1)
    assert cost.proxies == 20
    # The filters and the listener of the one service that the policy selects.
    assert (cost.plans, cost.encodings) == (2, 1)

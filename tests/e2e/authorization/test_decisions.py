"""Who may do what, on real Envoys: each request of the decision table against the oracle."""

from __future__ import annotations

from pathlib import Path

from tests.citadel.policy.authorization import oracle
from tests.e2e.authorization.harness import TRUST_DOMAINS, Caller, put_in_force
from tests.e2e.authorization.table import Try, read_cases
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.variants import every_envoy


@every_envoy
def test_each_decision_is_that_of_the_oracle(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path
) -> None:
    callers, address = Caller(plane, tmp_path), (shop.host, SERVICE_PORT)
    eventually(lambda: callers.send(address, Try("GET", "/", "web", "shop")) == 200, 15, what="the shop to answer")
    wrong, tried = [], 0
    for number, case in enumerate(read_cases()):
        put_in_force(mesh, callers, address, case, number)
        for one in case.tries:
            tried += 1
            expected = 200 if oracle.allowed(case.policies, one.for_oracle(*address), TRUST_DOMAINS) else 403
            status = callers.send(address, one)
            if status != expected:
                wrong.append(f"{case.name}: {one}: {status} instead of {expected}")
    assert wrong == []
    assert tried >= 300

"""The whole benchmark runs, on a mesh too small to say anything about time."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.e2e


def run(*arguments: str) -> Any:
    command = [sys.executable, "-m", "bench", "--quick", "--services", "10", "-o", "json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("variant", [(), ("--sotw",)])
def test_every_case_is_measured_beside_the_raw_limit(variant: tuple[str, ...]) -> None:
    result = run("--clients", "3", *variant)
    assert result["generation"][0]["work"]["one endpoint"] == {"plans": 1, "encodings": 1, "sets": 2}
    cases = {case["case"]: case for case in result["publishing"]}
    assert len(cases) == 4
    for case in cases.values():
        assert case["pilot"]["sample"] == case["raw"]["sample"]
        assert 0 < case["pilot"]["first_ack"] <= case["pilot"]["last_ack"]
    assert cases["one rule changed"]["pilot"]["responses"] == 3
    assert cases["one endpoint changed"]["pilot"]["responses"] == 3
    assert cases["all connect at once"]["pilot"]["responses"] == 12


def test_clients_can_be_left_out() -> None:
    result = run("--clients", "0")
    assert result["publishing"] == []
    assert result["startup"][0]["first_response"] > 0


def test_identity_is_measured_beside_signing_calls_and_plaintext() -> None:
    identity = run("--clients", "0")["identity"]
    assert all(identity["signing"][rate] > 0 for rate in ("signing", "calls", "served"))
    assert identity["first"]["plaintext"] > 0
    assert identity["first"]["secured"] > 0
    cases = {one["what"].split(" ")[0]: one["cases"] for one in identity["refusals"]}
    assert cases["client"] >= 60
    assert cases["signing"] >= 30

from __future__ import annotations

from pilot.envoy.endpoint import render_load_assignment
from pilot.ir.cluster import EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.node.locality import Locality
from tests.rendered import as_json


def test_endpoints_by_locality() -> None:
    near = LocalityPlan(
        Locality("eu", "eu-1", "a"), (EndpointPlan("10.0.0.1", 8080), EndpointPlan("10.0.0.2", 8080, weight=3))
    )
    far = LocalityPlan(Locality("us"), (EndpointPlan("fd00::1", 8080),), priority=1)
    assert as_json(render_load_assignment(LoadAssignmentPlan("a", (near, far)))) == {
        "clusterName": "a",
        "endpoints": [
            {
                "locality": {"region": "eu", "zone": "eu-1", "subZone": "a"},
                "lbEndpoints": [_endpoint("10.0.0.1", 1), _endpoint("10.0.0.2", 3)],
                "loadBalancingWeight": 4,
            },
            {
                "locality": {"region": "us"},
                "lbEndpoints": [_endpoint("fd00::1", 1)],
                "loadBalancingWeight": 1,
                "priority": 1,
            },
        ],
    }


def test_a_unix_socket() -> None:
    plan = LoadAssignmentPlan("a", (LocalityPlan(Locality(), (EndpointPlan("/run/app.sock", 0),)),))
    endpoint = as_json(render_load_assignment(plan))["endpoints"][0]["lbEndpoints"][0]["endpoint"]
    assert endpoint == {"address": {"pipe": {"path": "/run/app.sock"}}}


def _endpoint(address: str, weight: int) -> dict[str, object]:
    return {
        "endpoint": {"address": {"socketAddress": {"address": address, "portValue": 8080}}},
        "loadBalancingWeight": weight,
    }

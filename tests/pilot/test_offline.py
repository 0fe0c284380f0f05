from __future__ import annotations

import json
from pathlib import Path

import pytest

from galley.publishing.validate import Validation, validate
from pilot.offline import plan_for, read_node, read_node_file, snapshot_for
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE

METADATA = {"LABELS": {"app": "reviews"}}
NODE = {"id": "sidecar~10.0.0.1~reviews-1.default~default.svc.cluster.local", "metadata": METADATA}
SERVICE = b"""
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
"""


@pytest.fixture
def validation() -> Validation:
    return validate({"services.yaml": SERVICE})


@pytest.mark.parametrize("mtls", [False, True])
def test_the_plan_has_the_names_of_what_would_be_served(validation: Validation, mtls: bool) -> None:
    proxy = read_node(NODE)
    plan, snapshot = plan_for(validation, proxy, mtls=mtls), snapshot_for(validation, proxy, mtls=mtls)
    assert {listener.name for listener in plan.listeners} == set(snapshot.of(LISTENER).names())
    assert {cluster.name for cluster in plan.clusters} == set(snapshot.of(CLUSTER).names())
    assert {assignment.cluster_name for assignment in plan.load_assignments} == set(snapshot.of(ENDPOINT).names())
    assert {config.name for config in plan.routes} == set(snapshot.of(ROUTE).names())
    assert "outbound|9080||reviews.default.svc.cluster.local" in {cluster.name for cluster in plan.clusters}


def test_a_node_that_registers_itself_counts_as_connected(validation: Validation) -> None:
    itself = {**NODE, "metadata": {**METADATA, "SELF_REGISTER": "true", "PORTS": {"http": 9080}}}
    assignments = plan_for(validation, read_node(itself)).load_assignments
    addresses = [place.address for one in assignments for group in one.localities for place in group.endpoints]
    assert addresses == ["10.0.0.1"]


def test_a_bootstrap_holds_a_node(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    path.write_text(json.dumps({"node": NODE}))
    assert read_node_file(str(path)) == read_node(NODE)
    with pytest.raises(ValueError, match="not an xDS node"):
        read_node({"node": {}})

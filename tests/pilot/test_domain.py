"""A whole mesh under another DNS domain than the usual one: the same, but for the names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from galley.hosts.names import DEFAULT_DOMAIN
from galley.publishing.validate import Validation, validate
from pilot.envoy.resource_json import snapshot_as_json
from pilot.offline import read_node, snapshot_for

BOOKINFO = Path(__file__).parents[2] / "samples" / "bookinfo"
RULES = {path.name: path.read_bytes() for path in sorted((BOOKINFO / "rules").glob("*.yaml"))}
TRIES = sorted((BOOKINFO / "try").glob("*.yaml"))
OTHER = "mesh.example"

TRAPS = b"""\
apiVersion: v1
kind: Service
metadata: {name: cache}
spec: {clusterIP: 10.96.0.7, ports: [{port: 6379, name: tcp}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: trap, namespace: other}
spec:
  hosts: [ratings.default.svc.cluster.local]
  http: [{route: [{destination: {host: ratings.default}}], mirror: {host: ratings}}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec: {egress: [{hosts: [./ratings.default.svc.cluster.local, other/reviews.default.svc.cluster.local, "./*"]}]}
"""


def node(kind: str, app: str, domain: str, **metadata: Any) -> dict[str, Any]:
    labels = {"istio": "ingressgateway"} if kind == "router" else {"app": app, "version": "v1"}
    settings = {"NAMESPACE": "default", "LABELS": labels, "SELF_REGISTER": "true", "PORTS": {"http": 9080}}
    return {"id": f"{kind}~10.0.0.9~{app}-v1.default~default.svc.{domain}", "metadata": {**settings, **metadata}}


def served(validation: Validation, domain: str) -> dict[str, Any]:
    """Everything for sidecars, with and without DNS capture, and for the gateway.

    Without automatic addresses, which follow from the full names of services.
    """
    nodes = {
        "productpage": node("sidecar", "productpage", domain),
        "reviews": node("sidecar", "reviews", domain, DNS_CAPTURE="true", DNS_AUTO_ALLOCATE="false"),
        "gateway": node("router", "gateway", domain),
    }
    return {name: snapshot_as_json(snapshot_for(validation, read_node(described))) for name, described in nodes.items()}


def in_domain(content: bytes, domain: str) -> bytes:
    return content.replace(DEFAULT_DOMAIN.encode(), domain.encode())


@pytest.mark.parametrize("extra", [b"", TRAPS, *(path.read_bytes() for path in TRIES)])
def test_the_whole_of_bookinfo_lives_in_another_domain(extra: bytes) -> None:
    files = {**RULES, "extra.yaml": extra} if extra else RULES
    usual = validate(files)
    other = validate({name: in_domain(content, OTHER) for name, content in files.items()}, domain=OTHER)
    assert [one.message for one in other.diagnostics] == [
        one.message.replace(DEFAULT_DOMAIN, OTHER) for one in usual.diagnostics
    ]
    assert [one.hint for one in other.diagnostics] == [
        one.hint.replace(DEFAULT_DOMAIN, OTHER) for one in usual.diagnostics
    ]
    expected = json.dumps(served(usual, DEFAULT_DOMAIN))
    assert f"outbound|9080||reviews.default.svc.{DEFAULT_DOMAIN}" in expected
    assert served(other, OTHER) == json.loads(expected.replace(DEFAULT_DOMAIN, OTHER))


def test_the_domain_of_a_node_is_its_own() -> None:
    validation = validate(RULES, domain=OTHER)
    (routes,) = (
        config for config in served(validation, "corp.internal")["productpage"]["routes"] if config["name"] == "9080"
    )
    (reviews,) = (host for host in routes["virtualHosts"] if host["name"] == f"reviews.default.svc.{OTHER}:9080")
    assert {"reviews", "reviews.default", f"reviews.default.svc.{OTHER}"} <= set(reviews["domains"])

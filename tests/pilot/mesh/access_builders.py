"""Policies about access as documents, and a mesh with them."""

from __future__ import annotations

from typing import Any

from galley.publishing.validate import validate
from galley.snapshot import build_snapshot
from pilot.mesh.context.push_context import PushContext, build_push_context
from pilot.registry.build import build_catalog

REVIEWS = """\
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
"""
WORKLOAD = """\
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: reviews-v1}
spec: {address: 10.0.0.7, labels: {app: reviews}}
"""
AUTHZ_SERVER = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz}
spec:
  hosts: [authz.example]
  resolution: DNS
  ports: [{name: grpc, number: 9000, protocol: GRPC}]
"""


def a_policy(spec: str, *, kind: str = "AuthorizationPolicy", name: str = "policy", namespace: str = "default") -> str:
    """One policy; ``spec`` is written in flow style."""
    return (
        f"apiVersion: security.istio.io/v1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )


def a_mesh(providers: str) -> str:
    """MeshConfig with extension providers."""
    return f"apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nextensionProviders: {providers}\n"


def a_context_of(*documents: str, **traits: Any) -> PushContext:
    """The context of documents without errors; ``traits`` are those of ``build_push_context``."""
    contents = {f"{number}.yaml": text.encode() for number, text in enumerate(documents)}
    validation = validate(contents, identities=True)
    assert [one for one in validation.diagnostics if one.is_error] == []
    config, _ = build_snapshot(validation.resources)
    return build_push_context(config, build_catalog(config, ()), **traits)

"""AuthorizationPolicies as Galley reads them, and the requests that they are about."""

from __future__ import annotations

from typing import Any

from galley.decoding.documents import decode_file
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.meta import Resource
from tests.galley.documents import document


def a_policy(
    spec: str, *, name: str = "policy", namespace: str = "default", dry_run: str = ""
) -> Resource[AuthorizationPolicy]:
    """The policy whose spec is the given YAML; ``dry_run`` is the value of the annotation, "" for none."""
    text = document("AuthorizationPolicy", spec, name=name, api_version="security.istio.io/v1")
    annotations = f'  annotations: {{istio.io/dry-run: "{dry_run}"}}\n' if dry_run else ""
    text = text.replace(f"  name: {name}\n", f"  name: {name}\n  namespace: {namespace}\n{annotations}", 1)
    resources, diagnostics = decode_file(text.encode(), f"{name}.yaml", identities=True)
    assert [one for one in diagnostics if one.is_error] == []
    (resource,) = resources
    found: Resource[Any] = resource
    return found

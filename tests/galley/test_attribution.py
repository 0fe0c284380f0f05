"""An Envoy's rejection leads to the line of the user's YAML that caused it."""

from __future__ import annotations

from typing import Any

from galley.attribution import attribute_error
from galley.meta import Resource, ResourceKey
from galley.text.compose import compose
from galley.text.diagnostics import Origin

RULE = b"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri:
        regex: "/a(b"
    route:
    - destination: {host: reviews, subset: v1}
"""

ENVOY_SAYS = "Error adding/updating route config reviews: invalid regex '/a(b': missing ): /a(b"


def _resource(text: bytes = RULE) -> Resource[Any]:
    documents, diagnostics = compose(text, "rules.yaml")
    assert not diagnostics
    key = ResourceKey(kind="VirtualService", namespace="default", name="reviews")
    return Resource(key=key, spec=None, origin=Origin("rules.yaml", 1), tree=documents[0].root)


def test_the_value_that_the_text_quotes_is_the_place() -> None:
    (origin,) = attribute_error([_resource()], error=ENVOY_SAYS, subject="reviews")
    assert (origin.line, origin.field) == (9, "spec.http[0].match[0].uri.regex")


def test_the_name_of_the_rejected_resource_proves_nothing() -> None:
    first, *_ = attribute_error([_resource()], error="Error adding reviews: out of memory", subject="reviews")
    assert first == Origin("rules.yaml", 1)


def test_short_values_are_not_witnesses() -> None:
    (origin,) = attribute_error([_resource()], error="v1 is not a cluster")
    assert origin.line == 1

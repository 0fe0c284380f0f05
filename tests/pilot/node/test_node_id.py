"""Istio's node id: what is written is read, and what is read is written again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.node.node_id import NodeError, NodeId, ProxyKind

_PART = st.text(st.characters(exclude_characters="~", exclude_categories=["Cs"]), max_size=12)


def test_the_four_parts() -> None:
    parsed = NodeId.parse("sidecar~10.0.0.7~reviews.v1.shop~shop.svc.cluster.local")
    assert parsed == NodeId(ProxyKind.SIDECAR, "10.0.0.7", "reviews.v1", "shop", "shop.svc.cluster.local")
    assert parsed.domain_namespace == "shop"
    assert str(parsed.at("fd00::7")) == "sidecar~fd00::7~reviews.v1.shop~shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("full_name", "name", "namespace"),
    [("reviews", "reviews", ""), ("reviews.", "reviews.", ""), (".shop", ".shop", ""), ("", "", "")],
)
def test_a_name_without_namespace(full_name: str, name: str, namespace: str) -> None:
    parsed = NodeId.parse(f"router~10.0.0.7~{full_name}~")
    assert (parsed.kind, parsed.name, parsed.namespace) == (ProxyKind.GATEWAY, name, namespace)
    assert parsed.domain_namespace == ""


@given(st.sampled_from(["sidecar", "router"]), _PART, _PART, _PART)
def test_every_id_that_is_read_is_written_again(kind: str, address: str, full_name: str, domain: str) -> None:
    text = "~".join((kind, address, full_name, domain))
    assert str(NodeId.parse(text)) == text


@pytest.mark.parametrize("text", ["", "reviews", "sidecar~1~a.b", "ztunnel~1~a.b~b", "sidecar~1~a.b~b~c"])
def test_another_form_is_told_what_writes_a_right_one(text: str) -> None:
    with pytest.raises(NodeError, match="pilot bootstrap"):
        NodeId.parse(text)

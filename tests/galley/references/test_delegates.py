"""Warnings of routes that are handed on to nobody, and of delegates that nobody names."""

from __future__ import annotations

from typing import Any

import pytest

from galley.kinds.networking.virtual_service import Delegate, HttpRoute, VirtualService
from galley.meta import Resource
from galley.references.delegates import find_lost_delegates
from tests.builders import a_config, a_resource


def a_child(namespace: str = "team", **more: Any) -> Resource[VirtualService]:
    return a_resource(VirtualService(http=(HttpRoute(),), **more), "child", namespace=namespace)


ROOT = a_resource(VirtualService(hosts=("shop",), http=(HttpRoute(delegate=Delegate("child", "team")),)), "root")


@pytest.mark.parametrize(
    ("children", "found"),
    [
        ([a_child()], []),
        ([a_child(export_to=("default",))], []),
        ([], ["unknown-delegate spec.http[0].delegate"]),
        ([a_child("default")], ["unknown-delegate spec.http[0].delegate", "idle-delegate spec.hosts"]),
        ([a_child(hosts=("a.com",))], ["unknown-delegate spec.http[0].delegate"]),
        ([a_child(export_to=(".",))], ["unknown-delegate spec.http[0].delegate"]),
    ],
)
def test_what_leads_nowhere_is_told(children: list[Resource[VirtualService]], found: list[str]) -> None:
    told = find_lost_delegates(a_config(ROOT, *children))
    assert [f"{one.code} {one.origin.field}" for one in told] == found

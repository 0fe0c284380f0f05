"""Three accounts of one type on one stream, each kept by its own methods."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pilot.xds.watch
from pilot.xds.events import Acked, Nacked, Respond
from pilot.xds.resources import CLUSTER, ROUTE, TypeUrl
from pilot.xds.sent import SentResources
from pilot.xds.watch import Watch
from tests.pilot.xds.dialogue import resources

PACKAGE = Path(pilot.xds.watch.__file__).parent


def sent(type_url: TypeUrl) -> Watch:
    """A watch by the names "a" and "b" with both in flight."""
    watch = Watch(type_url, SentResources(resources(type_url, {})))
    watch.subscription.list_names(("a", "b"), None, type_url)
    target = resources(type_url, {"a": "1", "b": "1"})
    watch.send(Respond(type_url, target.version, "1", target), target)
    return watch


def test_an_ack_makes_what_was_sent_acked() -> None:
    watch = sent(CLUSTER)
    assert [watch.acked_version(name) for name in ("a", "other")] == ["", None]
    assert isinstance(watch.take_answer(None), Acked)
    assert watch.acked_version("a") == "1"


@pytest.mark.parametrize(
    ("type_url", "acked", "text"),
    [
        (CLUSTER, "1", "Error adding/updating cluster(s) b: bad"),
        (ROUTE, "", "Only a single wildcard domain is permitted in route b"),
    ],
)
def test_what_comes_with_a_bad_one_is_taken_of_clusters_and_not_of_routes(
    type_url: TypeUrl, acked: str, text: str
) -> None:
    watch = sent(type_url)
    answer = watch.take_answer(text)
    assert isinstance(answer, Nacked)
    assert [r.name for r in answer.failing] == ["b"]
    assert [watch.acked_version(name) for name in ("a", "b")] == [acked, ""]
    assert watch.subscription.pending is (type_url == ROUTE)


@pytest.mark.parametrize("module", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_nobody_changes_the_fields_of_another(module: Path) -> None:
    tree = ast.parse(module.read_text())
    written = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        if not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]
    assert [f"line {node.lineno}: {ast.unparse(node)}" for node in written] == []

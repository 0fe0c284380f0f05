import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.exports import Exports, resolve_exports

NAMESPACES = ("books", "shop", "other")
targets = st.lists(st.sampled_from(("*", ".", "~", "books", "shop")), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("export_to", "client", "expected"),
    [
        ((), "shop", True),
        (("*",), "shop", True),
        ((".",), "shop", False),
        ((".",), "books", True),
        (("shop",), "shop", True),
        (("shop",), "books", False),
        (("~",), "books", False),
        (("~", "*"), "shop", True),
        (("~", "shop"), "shop", False),
        ((".", "shop"), "shop", True),
    ],
)
def test_export_to(export_to: tuple[str, ...], client: str, expected: bool) -> None:
    assert resolve_exports(export_to, ("*",), "books").includes(client) is expected


def test_the_meshs_default_counts_where_a_resource_says_nothing() -> None:
    assert resolve_exports((), (".",), "books") == Exports(namespaces=("books",))
    assert resolve_exports(("*",), (".",), "books") == Exports(everywhere=True)


@given(targets, targets, st.sampled_from(NAMESPACES), st.sampled_from(NAMESPACES))
def test_two_resources_overlap_that_some_namespace_sees_together(
    one: tuple[str, ...], other: tuple[str, ...], owner: str, owner_of_other: str
) -> None:
    mine, theirs = resolve_exports(one, ("*",), owner), resolve_exports(other, ("*",), owner_of_other)
    together = any(mine.includes(namespace) and theirs.includes(namespace) for namespace in NAMESPACES)
    assert mine.overlap(theirs) is together
    assert theirs.overlap(mine) is together

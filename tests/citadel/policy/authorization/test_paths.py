"""Paths as an Envoy normalizes them. What real Envoys do is in tests/e2e/authorization/test_path_spellings.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.policy.authorization.paths import normalize_path
from galley.kinds.mesh_config import NormalizationType

NONE, BASE = NormalizationType.NONE, NormalizationType.BASE
MERGED, DECODED = NormalizationType.MERGE_SLASHES, NormalizationType.DECODE_AND_MERGE_SLASHES


@pytest.mark.parametrize(
    ("kind", "path", "normalized"),
    [
        (NONE, "/a/../admin", "/a/../admin"),
        (NONE, "/%00", "/%00"),
        (NONE, "/admin#x", None),
        (BASE, "/a/../admin", "/admin"),
        (BASE, "/../admin/.", "/admin/"),
        (BASE, "/a//../admin", "/a/admin"),
        (BASE, r"/a\..\admin", "/admin"),
        (BASE, "/%61dmin/%2E%2e/x", "/x"),
        (BASE, "/admin%2f%7e", "/admin%2f~"),
        (BASE, "/admin%", "/admin%"),
        (BASE, "/%00admin", None),
        (BASE, "/a|{}", "/a%7C%7B%7D"),
        (BASE, "/p?x=/../%61", "/p?x=/../%61"),
        (BASE, "admin", None),
        (BASE, "/é", None),
        (MERGED, "//admin//x//", "/admin/x/"),
        (MERGED, "///", "//"),
        (MERGED, "/%2fadmin", "/%2fadmin"),
        (DECODED, "/a%2F..%5cadmin", "/admin"),
        (DECODED, "/%252fadmin", "/%252fadmin"),
    ],
)
def test_what_becomes_of_a_path(kind: NormalizationType, path: str, normalized: str | None) -> None:
    assert normalize_path(path, kind) == normalized


def test_the_default_is_base() -> None:
    assert normalize_path("/a/../admin", NormalizationType.DEFAULT) == "/admin"


@given(st.text("/.%2e5c\\aA?", max_size=16), st.sampled_from(NormalizationType))
def test_a_normalized_path_has_no_dot_segment_or_backslash_left(rest: str, kind: NormalizationType) -> None:
    normalized = normalize_path("/" + rest, kind)
    assert normalized is not None
    bare = normalized.partition("?")[0]
    assert bare.startswith("/")
    if kind is not NONE:
        assert "\\" not in bare
        assert not {".", ".."} & set(bare.split("/"))
    if kind in (MERGED, DECODED):
        assert "//" not in bare or not bare.strip("/")

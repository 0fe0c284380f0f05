from __future__ import annotations

import os
import posixpath

from hypothesis import given
from hypothesis import strategies as st

from pilot.inject.compose.paths import rebased_on

_names = st.sampled_from(["a", "b", "..", "."])
_relative = st.lists(_names, min_size=1, max_size=5).map("/".join)


@given(path=_relative, source=_relative, target=_relative)
def test_a_path_leads_to_the_same_from_the_other_directory(path: str, source: str, target: str) -> None:
    source, target = posixpath.normpath(f"/r/s/t/u/v/w/{source}"), posixpath.normpath(f"/r/s/t/u/v/w/{target}")
    rebased = rebased_on(os.path.relpath(source, target))(path)
    assert posixpath.normpath(posixpath.join(target, rebased)) == posixpath.normpath(posixpath.join(source, path))
    assert rebased.startswith(".")

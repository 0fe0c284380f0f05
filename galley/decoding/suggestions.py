"""Finds the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64  # comparing takes quadratic time, and no name in the API is longer


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """The most similar of ``names``, letter case aside, or ""."""
    if len(name) > _LONGEST:
        return ""
    by_lower = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""

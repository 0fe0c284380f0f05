"""Comparisons of strings."""

from __future__ import annotations

from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher

from envoycodec.construct import maker
from galley.kinds.values import StringMatch

_string_matcher = maker(StringMatcher)
_regex_matcher = maker(RegexMatcher)


def matches_anything(match: StringMatch) -> bool:
    """Whether the comparison holds for every string. Envoy refuses the empty prefix, so it must be said otherwise."""
    return match.is_presence or match.prefix == ""


def render_string_match(match: StringMatch) -> StringMatcher:
    """A StringMatcher; a regular expression is RE2 and must match the whole string."""
    if matches_anything(match):
        return _string_matcher(safe_regex=render_regex(".*"))
    if match.prefix is not None:
        return _string_matcher(prefix=match.prefix)
    if match.regex:
        return _string_matcher(safe_regex=render_regex(match.regex))
    # Envoy refuses the empty regular expression; it matches the empty string alone.
    return _string_matcher(exact=match.exact or "")


def render_regex(pattern: str) -> RegexMatcher:
    return _regex_matcher(regex=pattern)

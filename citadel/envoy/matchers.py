"""What policies and routes compare: texts, and what other filters found out about a request."""

from __future__ import annotations

from envoy_data_plane.envoy.type.matcher.v3 import (
    ListMatcher,
    MetadataMatcher,
    MetadataMatcherPathSegment,
    OrMatcher,
    RegexMatcher,
    StringMatcher,
    ValueMatcher,
)

from citadel.access.rbac import FilterMetadata, TextMatch, TextMatchKind
from envoycodec.construct import maker

_string_matcher = maker(StringMatcher)
_regex_matcher = maker(RegexMatcher)
_metadata_matcher = maker(MetadataMatcher)
_path_segment = maker(MetadataMatcherPathSegment)
_value_matcher = maker(ValueMatcher)
_list_matcher = maker(ListMatcher)
_or_matcher = maker(OrMatcher)


def render_text_match(match: TextMatch) -> StringMatcher:
    """A StringMatcher; presence is any text of at least one character."""
    match match.kind:
        case TextMatchKind.EXACT:
            return _string_matcher(exact=match.text, ignore_case=match.ignore_case)
        case TextMatchKind.PREFIX:
            return _string_matcher(prefix=match.text, ignore_case=match.ignore_case)
        case TextMatchKind.SUFFIX:
            return _string_matcher(suffix=match.text, ignore_case=match.ignore_case)
        case TextMatchKind.REGEX:
            return _string_matcher(safe_regex=_regex_matcher(regex=match.text))
        case TextMatchKind.PRESENT:
            return _string_matcher(safe_regex=_regex_matcher(regex=".+"))


def render_metadata(metadata: FilterMetadata, *, invert: bool = False) -> MetadataMatcher:
    """A MetadataMatcher of the value under the path, in Istio's form: in a list, or by itself. Inverted, it takes what
    the other does not, be it for lack of the value."""
    texts = _any_of([_value_matcher(string_match=render_text_match(text)) for text in metadata.texts])
    forms = []
    if metadata.lists:
        forms.append(_value_matcher(list_match=_list_matcher(one_of=texts)))
    if metadata.single:
        forms.append(texts)
    return _metadata_matcher(
        filter=metadata.filter,
        path=[_path_segment(key=key) for key in metadata.path],
        value=_any_of(forms),
        invert=invert,
    )


def _any_of(values: list[ValueMatcher]) -> ValueMatcher:
    """One of them; Envoy refuses an "or" of fewer than two."""
    return values[0] if len(values) == 1 else _value_matcher(or_match=_or_matcher(value_matchers=values))

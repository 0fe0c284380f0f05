"""Which requests a route takes."""

from __future__ import annotations

from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher, QueryParameterMatcher, RouteMatch

from citadel.envoy.matchers import render_metadata
from envoycodec.construct import maker
from galley.kinds.values import StringMatch
from pilot.envoy.core import matches_anything, render_regex, render_string_match
from pilot.ir.route import RouteMatchPlan

_route_match = maker(RouteMatch)
_header_matcher = maker(HeaderMatcher)
_query_parameter_matcher = maker(QueryParameterMatcher)


def render_route_match(plan: RouteMatchPlan) -> RouteMatch:
    """The path, then headers and query parameters by name, then claims: all of them must hold."""
    match = _render_path(plan.uri)
    if plan.ignore_case:
        match.case_sensitive = False
    match.headers = [render_header_match(name, value) for name, value in plan.headers.items()]
    match.headers += [render_header_match(name, value, invert=True) for name, value in plan.without_headers.items()]
    match.query_parameters = [_render_query_match(name, value) for name, value in plan.query_params.items()]
    match.dynamic_metadata = [render_metadata(claim) for claim in plan.claims]
    match.dynamic_metadata += [render_metadata(claim, invert=True) for claim in plan.without_claims]
    return match


def _render_path(uri: StringMatch | None) -> RouteMatch:
    if uri is None or matches_anything(uri):
        return _route_match(prefix="/")
    if uri.prefix is not None:
        return _route_match(prefix=uri.prefix)
    if uri.regex:
        return _route_match(safe_regex=render_regex(uri.regex))
    return _route_match(path=uri.exact or "")


def render_header_match(name: str, match: StringMatch, *, invert: bool = False) -> HeaderMatcher:
    """A header matcher; inverted, it takes a request without the header as one whose header is empty (Istio's rule
    for ``withoutHeaders``), unless the question is only whether the header is there."""
    if matches_anything(match):
        return _header_matcher(name=name, present_match=True, invert_match=invert)
    return _header_matcher(
        name=name,
        string_match=render_string_match(match),
        invert_match=invert,
        treat_missing_header_as_empty=invert,
    )


def _render_query_match(name: str, match: StringMatch) -> QueryParameterMatcher:
    if matches_anything(match):
        return _query_parameter_matcher(name=name, present_match=True)
    return _query_parameter_matcher(name=name, string_match=render_string_match(match))

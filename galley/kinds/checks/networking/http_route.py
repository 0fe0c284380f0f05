"""Rules of one HTTP route of a VirtualService: its matches, its action, and what surrounds it."""

from __future__ import annotations

from galley.kinds.checks.networking.resilience import check_cors, check_fault, check_retries
from galley.kinds.checks.networking.route_parts import check_destination, check_headers, check_string_match
from galley.kinds.checks.scalars import (
    check_duration,
    check_header_name,
    check_header_value,
    check_labels,
    check_not_negative,
    check_percent,
    check_port,
    check_regex,
    check_substitution,
    check_weights,
)
from galley.kinds.http import HttpDirectResponse, HttpRedirect, HttpRewrite
from galley.kinds.networking.virtual_service import CLAIM_PREFIX, HttpMatchRequest, HttpRoute, claim_path
from galley.text.nodes import at_key
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_LARGEST_BODY = 1 << 20
_LARGE_BODY = 100 << 10


def check_http_route(recorder: Recorder, path: str, route: HttpRoute, *, is_root: bool, is_gateway_bound: bool) -> None:
    """All rules of one route. ``is_root`` tells a rule with hosts from a delegate."""
    for index, match in enumerate(route.match):
        _check_match(recorder, f"{path}.match[{index}]", match, is_gateway_bound)
    _check_action(recorder, path, route, is_root)
    rewrites_authority = route.rewrite is not None and bool(route.rewrite.authority)
    check_headers(recorder, f"{path}.headers", route.headers, rewrites_authority=rewrites_authority)
    for index, entry in enumerate(route.route):
        inner = f"{path}.route[{index}]"
        check_destination(recorder, f"{inner}.destination", entry.destination)
        check_headers(recorder, f"{inner}.headers", entry.headers, rewrites_authority=rewrites_authority)
    check_weights(recorder, f"{path}.route", (entry.weight for entry in route.route))
    check_duration(recorder, f"{path}.timeout", route.timeout)
    check_retries(recorder, f"{path}.retries", route.retries, timeout=route.timeout)
    check_fault(recorder, f"{path}.fault", route.fault)
    check_cors(recorder, f"{path}.corsPolicy", route.cors_policy)
    _check_mirrors(recorder, path, route)


def _check_match(recorder: Recorder, path: str, match: HttpMatchRequest, is_gateway_bound: bool) -> None:
    check_string_match(recorder, f"{path}.uri", match.uri, empty_prefix=True)
    for name, value in (("scheme", match.scheme), ("method", match.method), ("authority", match.authority)):
        check_string_match(recorder, f"{path}.{name}", value)
    for field, headers in (("headers", match.headers), ("withoutHeaders", match.without_headers)):
        for key, value in headers.items():
            inner = at_key(f"{path}.{field}", key)
            check_string_match(recorder, inner, value)
            if key.startswith(CLAIM_PREFIX):
                _check_claim(recorder, inner, key, is_gateway_bound)
            else:
                check_header_name(recorder, inner, key.removeprefix(":"))
    for key, value in match.query_params.items():
        if not key:
            recorder.error(f"{path}.queryParams", "missing-field", "needs the name of a parameter, not empty text")
        check_string_match(recorder, at_key(f"{path}.queryParams", key), value)
    if match.port:
        check_port(recorder, f"{path}.port", match.port)
    check_labels(recorder, f"{path}.sourceLabels", match.source_labels)


def _check_claim(recorder: Recorder, field: str, name: str, is_gateway_bound: bool) -> None:
    if claim_path(name) is None:
        hint = f"write {CLAIM_PREFIX}.a.b or {CLAIM_PREFIX}[a][b]"
        recorder.error(field, "invalid-header", f"{quoted(name)} names no claim", hint)
    elif not is_gateway_bound:
        what = "matches claims of a token, which only a rule bound to a gateway can"
        recorder.error(field, "claim-without-gateway", what)


def _check_action(recorder: Recorder, path: str, route: HttpRoute, is_root: bool) -> None:
    answers = [
        name
        for name, action in (("redirect", route.redirect), ("directResponse", route.direct_response))
        if action is not None
    ]
    excluded = [
        *answers[1:],
        *(
            name
            for name, given in (("route", route.route), ("fault", route.fault), ("rewrite", route.rewrite))
            if given
        ),
    ]
    if answers:
        for name in excluded:
            recorder.error(f"{path}.{name}", "exclusive-fields", f"is not possible together with {answers[0]}")
    if route.delegate is not None:
        if not is_root:
            recorder.error(f"{path}.delegate", "nested-delegate", "is not possible in a delegate itself")
        for name in (*answers, *(["route"] if route.route else [])):
            recorder.error(f"{path}.{name}", "exclusive-fields", "is not possible together with delegate")
    elif not (route.route or answers):
        recorder.error(path, "missing-field", "needs one of route, redirect and directResponse")
    if route.redirect is not None:
        _check_redirect(recorder, f"{path}.redirect", route.redirect, route)
    if route.direct_response is not None:
        _check_direct_response(recorder, f"{path}.directResponse", route.direct_response)
    if route.rewrite is not None:
        _check_rewrite(recorder, f"{path}.rewrite", route.rewrite)


def _check_redirect(recorder: Recorder, path: str, redirect: HttpRedirect, route: HttpRoute) -> None:
    changes = (redirect.uri, redirect.prefix_rewrite, redirect.port, redirect.derive_port)
    if all(change is None for change in changes) and not (redirect.authority or redirect.scheme):
        hint = "give uri, prefixRewrite, authority, scheme, port or derivePort"
        recorder.error(path, "missing-field", "would send every client back to where it was", hint)
    if redirect.uri is not None and redirect.prefix_rewrite is not None:
        recorder.error(f"{path}.prefixRewrite", "exclusive-fields", "is not possible together with uri", "keep one")
    check_header_value(recorder, f"{path}.uri", redirect.uri or "")
    check_header_value(recorder, f"{path}.prefixRewrite", redirect.prefix_rewrite or "")
    check_header_value(recorder, f"{path}.authority", redirect.authority)
    if redirect.redirect_code not in (0, 301, 302, 303, 307, 308):
        what = f"must be 301, 302, 303, 307 or 308, not {redirect.redirect_code}"
        recorder.error(f"{path}.redirectCode", "invalid-status", what)
    if redirect.scheme and redirect.scheme not in ("http", "https"):
        recorder.error(f"{path}.scheme", "invalid-scheme", f"must be http or https, not {quoted(redirect.scheme)}")
    if redirect.port is not None:
        check_port(recorder, f"{path}.port", redirect.port)
    is_prefix = all(match.uri is None or match.uri.prefix is not None for match in route.match)
    if redirect.prefix_rewrite is not None and not is_prefix:
        what = "replaces a matched prefix, so every `uri` of the route's matches must be a prefix"
        recorder.error(f"{path}.prefixRewrite", "rewrite-without-prefix", what)


def _check_direct_response(recorder: Recorder, path: str, response: HttpDirectResponse) -> None:
    if not 200 <= response.status <= 599:
        recorder.error(f"{path}.status", "invalid-status", f"must be from 200 to 599, not {response.status}")
    if response.body is None:
        return
    size = len((response.body.string or response.body.bytes or "").encode())
    if size > _LARGEST_BODY:
        recorder.error(f"{path}.body", "body-too-large", f"has {size:,} bytes; the limit is {_LARGEST_BODY:,}")
    elif size > _LARGE_BODY:
        recorder.warn(f"{path}.body", "body-too-large", f"has {size:,} bytes, which every proxy keeps in memory")


def _check_rewrite(recorder: Recorder, path: str, rewrite: HttpRewrite) -> None:
    regex = rewrite.uri_regex_rewrite
    if not (rewrite.uri or rewrite.authority or regex):
        recorder.error(path, "missing-field", "changes nothing", "give uri, uriRegexRewrite or authority")
    check_header_value(recorder, f"{path}.uri", rewrite.uri)
    check_header_value(recorder, f"{path}.authority", rewrite.authority)
    if regex is None:
        return
    if rewrite.uri:
        recorder.error(f"{path}.uriRegexRewrite", "exclusive-fields", "is not possible together with uri", "keep one")
    check_regex(recorder, f"{path}.uriRegexRewrite.match", regex.match)
    if not regex.rewrite:
        recorder.error(f"{path}.uriRegexRewrite.rewrite", "missing-field", "is required")
    check_header_value(recorder, f"{path}.uriRegexRewrite.rewrite", regex.rewrite)
    check_substitution(recorder, f"{path}.uriRegexRewrite.rewrite", regex.rewrite, regex.match)


def _check_mirrors(recorder: Recorder, path: str, route: HttpRoute) -> None:
    if route.mirror is not None:
        check_destination(recorder, f"{path}.mirror", route.mirror)
        if route.mirrors:
            recorder.error(f"{path}.mirrors", "exclusive-fields", "is not possible together with mirror", "keep one")
    for index, mirror in enumerate(route.mirrors):
        check_destination(recorder, f"{path}.mirrors[{index}].destination", mirror.destination)
        if mirror.percentage is not None:
            check_percent(recorder, f"{path}.mirrors[{index}].percentage.value", mirror.percentage.value)
    if route.mirror_percentage is not None:
        check_percent(recorder, f"{path}.mirrorPercentage.value", route.mirror_percentage.value)
    if route.mirror_percent is not None:
        check_not_negative(recorder, f"{path}.mirrorPercent", route.mirror_percent)
        check_percent(recorder, f"{path}.mirrorPercent", max(route.mirror_percent, 0))
        recorder.warn(
            f"{path}.mirrorPercent", "deprecated-field", "is deprecated", "write mirrorPercentage: {value: …}"
        )

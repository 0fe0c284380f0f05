"""Parts of routes: destinations, string matches, header operations."""

from __future__ import annotations

from galley.hosts.names import is_ip
from galley.kinds.checks.scalars import (
    check_header_name,
    check_header_value,
    check_port,
    check_regex,
    is_dns_label,
    wrong_with_host,
)
from galley.kinds.http import HeaderOperations, Headers
from galley.kinds.values import Destination, StringMatch
from galley.text.nodes import at_key, below
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_destination(recorder: Recorder, field: str, destination: Destination | None) -> None:
    """A host that is one service, a subset by its name, a port by its number."""
    if destination is None:
        recorder.error(field, "missing-field", "is required, with a host")
        return
    if not destination.host:
        recorder.error(below(field, "host"), "missing-field", "is required")
    elif destination.host == "*":
        recorder.error(below(field, "host"), "invalid-host", "must name one host, not `*`")
    elif not is_ip(destination.host) and (wrong := wrong_with_host(destination.host)):
        recorder.error(below(field, "host"), "invalid-host", wrong)
    if destination.subset and not is_dns_label(destination.subset):
        recorder.error(below(field, "subset"), "invalid-name", f"{quoted(destination.subset)} must be one DNS label")
    if destination.port is not None:
        check_port(recorder, f"{field}.port.number", destination.port.number)


def check_string_match(
    recorder: Recorder, field: str, match: StringMatch | None, *, empty_prefix: bool = False
) -> None:
    """A regular expression that compiles, and a prefix that is not empty (Envoy refuses one) unless allowed. Texts that
    look like patterns where they are none are warned of."""
    if match is None:
        return
    if match.regex is not None and not match.is_presence:
        check_regex(recorder, f"{field}.regex", match.regex)
    if match.prefix == "" and not empty_prefix:
        hint = "write `{}` for any value"
        recorder.error(f"{field}.prefix", "empty-match", "must not be empty", hint)
    for name, text in (("exact", match.exact), ("prefix", match.prefix)):
        if text is not None and (text.endswith("*") or ".*" in text):
            what = f"{quoted(text)} is compared as it stands: `*` is a star here"
            hint = "leave the star out" if name == "prefix" else "write `prefix: …`, or `regex: …` for a pattern"
            recorder.warn(f"{field}.{name}", "literal-pattern", what, hint)


def check_headers(recorder: Recorder, field: str, headers: Headers | None, *, rewrites_authority: bool) -> None:
    """Names and values that HTTP allows; Host only where Envoy can change it, and once."""
    if headers is None:
        return
    if headers.request is not None:
        _check_operations(recorder, f"{field}.request", headers.request, is_request=True)
        _check_authority(recorder, f"{field}.request", headers.request, rewrites_authority)
    if headers.response is not None:
        _check_operations(recorder, f"{field}.response", headers.response, is_request=False)


def _check_operations(recorder: Recorder, field: str, operations: HeaderOperations, *, is_request: bool) -> None:
    for name, values in (("set", operations.set), ("add", operations.add)):
        for key, value in values.items():
            inner = at_key(f"{field}.{name}", key)
            _check_operated_name(recorder, inner, key, may_be_host=is_request)
            check_header_value(recorder, inner, value)
    for index, key in enumerate(operations.remove):
        _check_operated_name(recorder, f"{field}.remove[{index}]", key, may_be_host=False)


def _check_operated_name(recorder: Recorder, field: str, name: str, *, may_be_host: bool) -> None:
    if _is_authority(name):
        if not may_be_host:
            recorder.error(field, "invalid-header", f"{quoted(name)} can be set or added on requests only")
    elif name.startswith(":"):
        recorder.error(field, "invalid-header", f"{quoted(name)} is a part of the request line; it cannot be changed")
    else:
        check_header_name(recorder, field, name)


def _check_authority(recorder: Recorder, field: str, operations: HeaderOperations, rewrites_authority: bool) -> None:
    given = [f"set[{name}]" for name in operations.set if _is_authority(name)]
    given += [f"add[{name}]" for name in operations.add if _is_authority(name)]
    if rewrites_authority:
        given.append("rewrite.authority")
    if len(given) > 1:
        recorder.error(field, "conflicting-authority", f"gives the authority by {' and '.join(given)}", "keep one")


def _is_authority(name: str) -> bool:
    return name.lower() in ("host", ":authority")

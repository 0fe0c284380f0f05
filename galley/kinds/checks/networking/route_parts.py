"""Parts of routes: destinations, string matches, header operations."""

from __future__ import annotations

from galley.hosts.names import is_ip
from galley.kinds.checks.findings import Findings, at_key, below, shown
from galley.kinds.checks.scalars import check_header_name, check_port, check_regex, is_dns_label, wrong_with_host
from galley.kinds.networking.virtual_service import HeaderOperations, Headers
from galley.kinds.values import Destination, StringMatch


def check_destination(findings: Findings, field: str, destination: Destination | None) -> None:
    """A host that is one service, a subset by its name, a port by its number."""
    if destination is None:
        findings.error(field, "missing-field", "is required, with a host")
        return
    if not destination.host:
        findings.error(below(field, "host"), "missing-field", "is required")
    elif destination.host == "*":
        findings.error(below(field, "host"), "invalid-host", "must name one host, not `*`")
    elif not is_ip(destination.host) and (wrong := wrong_with_host(destination.host)):
        findings.error(below(field, "host"), "invalid-host", wrong)
    if destination.subset and not is_dns_label(destination.subset):
        findings.error(below(field, "subset"), "invalid-name", f"{shown(destination.subset)} must be one DNS label")
    if destination.port is not None:
        check_port(findings, f"{field}.port.number", destination.port.number)


def check_string_match(
    findings: Findings, field: str, match: StringMatch | None, *, empty_prefix: bool = False
) -> None:
    """A regular expression that compiles, and a prefix that is not empty (Envoy refuses one) unless allowed."""
    if match is None:
        return
    if match.regex is not None and not match.is_presence:
        check_regex(findings, f"{field}.regex", match.regex)
    if match.prefix == "" and not empty_prefix:
        hint = "write `{}` for any value"
        findings.error(f"{field}.prefix", "empty-match", "must not be empty", hint)


def check_headers(findings: Findings, field: str, headers: Headers | None, *, rewrites_authority: bool) -> None:
    """Names and values that HTTP allows; Host only where Envoy can change it, and once."""
    if headers is None:
        return
    if headers.request is not None:
        _check_operations(findings, f"{field}.request", headers.request, is_request=True)
        _check_authority(findings, f"{field}.request", headers.request, rewrites_authority)
    if headers.response is not None:
        _check_operations(findings, f"{field}.response", headers.response, is_request=False)


def _check_operations(findings: Findings, field: str, operations: HeaderOperations, *, is_request: bool) -> None:
    for name, values in (("set", operations.set), ("add", operations.add)):
        for key, value in values.items():
            place = at_key(f"{field}.{name}", key)
            _check_operated_name(findings, place, key, may_be_host=is_request)
            if any((ord(character) < 0x20 and character != "\t") or character == "\x7f" for character in value):
                findings.error(place, "invalid-header", f"{shown(value)} has characters that a header cannot have")
    for index, key in enumerate(operations.remove):
        _check_operated_name(findings, f"{field}.remove[{index}]", key, may_be_host=False)


def _check_operated_name(findings: Findings, field: str, name: str, *, may_be_host: bool) -> None:
    if _is_authority(name):
        if not may_be_host:
            findings.error(field, "invalid-header", f"{shown(name)} can be set or added on requests only")
    elif name.startswith(":"):
        findings.error(field, "invalid-header", f"{shown(name)} is a part of the request line; it cannot be changed")
    else:
        check_header_name(findings, field, name)


def _check_authority(findings: Findings, field: str, operations: HeaderOperations, rewrites_authority: bool) -> None:
    given = [f"set[{name}]" for name in operations.set if _is_authority(name)]
    given += [f"add[{name}]" for name in operations.add if _is_authority(name)]
    if rewrites_authority:
        given.append("rewrite.authority")
    if len(given) > 1:
        findings.error(field, "conflicting-authority", f"gives the authority by {' and '.join(given)}", "keep one")


def _is_authority(name: str) -> bool:
    return name.lower() in ("host", ":authority")

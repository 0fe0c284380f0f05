"""Rules for single values: hosts, ports, protocols, durations, percentages, regular expressions, headers, labels."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta

import re2  # type: ignore[import-untyped]

from galley.exports import EVERYWHERE, NOWHERE, OWN_NAMESPACE
from galley.kinds.values import UNIX_SCHEME
from galley.text.nodes import at_key
from galley.text.recorder import Recorder
from galley.text.wording import quoted

HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"})
TLS_PROTOCOLS = frozenset({"HTTPS", "TLS"})
PROTOCOLS = HTTP_PROTOCOLS | TLS_PROTOCOLS | {"TCP", "UDP", "MONGO", "REDIS", "MYSQL", "HBONE"}

_LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LONGEST_HOST = 255
_LONGEST_REGEX = 1024
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_DURATION = timedelta(days=36_500)  # what counts seconds in 32 bits holds it
_LONGEST_UNIX_PATH = 107  # sun_path of unix(7) without its final NUL
_LARGEST_TOTAL_WEIGHT = 2**32 - 1
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_dns_label(text: str) -> bool:
    """Whether ``text`` is one label of a DNS name (RFC 1123), in either case."""
    return _LABEL.fullmatch(text) is not None


def is_cidr(text: str) -> bool:
    """Whether ``text`` is an address, or an address range such as ``10.0.0.0/8``."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def wrong_with_name(text: str) -> str:
    """What keeps ``text`` from being a DNS name without a wildcard; "" when nothing does."""
    labels = text.removesuffix(".").split(".")
    if not text:
        return "must not be empty"
    if len(text) > _LONGEST_HOST:
        return f"must not be longer than {_LONGEST_HOST} characters"
    if "*" in text:
        return f"must not contain a wildcard, as {quoted(text)} does"
    for label in labels:
        if not is_dns_label(label):
            return f"must be a DNS name; {quoted(label)} in {quoted(text)} cannot be a part of one"
    return f"must not end in a number, as {quoted(text)} does" if len(labels) > 1 and labels[-1].isdigit() else ""


def wrong_with_host(text: str) -> str:
    """What keeps ``text`` from being ``*``, ``*.name`` or a DNS name; "" when nothing does."""
    if text == "*":
        return ""
    if text.startswith("*") and not text.startswith("*."):
        return f"may have a wildcard only as its whole first part (`*.example.com`), not {quoted(text)}"
    return wrong_with_name(text.removeprefix("*."))


def check_host(recorder: Recorder, field: str, text: str) -> None:
    """A DNS name, or a wildcard."""
    if wrong := wrong_with_host(text):
        recorder.error(field, "invalid-host", wrong)


def check_port(recorder: Recorder, field: str, number: int) -> None:
    """A TCP port number."""
    if not 1 <= number <= 65535:
        recorder.error(field, "invalid-port", f"must be a port number from 1 to 65535, not {number}")


def is_port(text: str) -> bool:
    """Whether ``text`` is a port number as one writes it, without sign and leading zeros."""
    return text.isascii() and text.isdecimal() and len(text) <= 5 and text[0] != "0" and 0 < int(text) < 65536


def check_protocol(recorder: Recorder, field: str, protocol: str, *, required: bool = False) -> None:
    """A protocol by its name, in either case; where it is not required, none means that Envoy finds out."""
    if not protocol:
        if required:
            recorder.error(field, "missing-field", "is required", "such as HTTP, HTTPS, GRPC, HTTP2, TCP or TLS")
    elif protocol.upper() not in PROTOCOLS:
        known = "HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP, TLS"
        recorder.error(field, "unknown-protocol", f"{quoted(protocol)} is not a protocol", f"write one of {known}")


def check_duration(recorder: Recorder, field: str, duration: timedelta | None, *, zero: bool = False) -> None:
    """Absent, or from 1ms to a hundred years and of whole milliseconds; zero only where it has a meaning of its own."""
    if duration is None or (zero and not duration):
        return
    if duration < _MILLISECOND:
        hint = "" if duration else "leave it out for no limit"
        recorder.error(field, "invalid-duration", "must be at least 1ms", hint)
    elif duration > _LONGEST_DURATION:
        recorder.error(field, "invalid-duration", f"must be at most {_LONGEST_DURATION.days} days")
    elif duration % _MILLISECOND:
        recorder.error(field, "invalid-duration", "must be of whole milliseconds")


def check_percent(recorder: Recorder, field: str, value: float | None) -> None:
    """A share of a hundred; the finest step that Envoy knows is 0.0001."""
    if value is None:
        return
    if not 0 <= value <= 100:
        recorder.error(field, "invalid-percentage", f"must be from 0 to 100, not {value:g}")
    elif 0 < value < 0.0001:
        recorder.error(field, "invalid-percentage", f"must be 0 or at least 0.0001, not {value:g}")


def check_not_negative(recorder: Recorder, field: str, number: float | None) -> None:
    """Zero or more."""
    if number is not None and number < 0:
        recorder.error(field, "invalid-number", f"must not be negative, as {number:g} is")


def check_regex(recorder: Recorder, field: str, pattern: str) -> None:
    """What Envoy compiles: RE2, not longer than Istio accepts."""
    if not pattern:
        recorder.error(field, "invalid-regex", "must not be empty")
    elif len(pattern) > _LONGEST_REGEX:
        recorder.error(field, "invalid-regex", f"must not be longer than {_LONGEST_REGEX} characters")
    elif reason := _compile(pattern)[1]:
        hint = "RE2 has no lookaround and no backreferences: see https://github.com/google/re2/wiki/Syntax"
        recorder.error(field, "invalid-regex", f"is not a regular expression of RE2: {reason}", hint)


def check_substitution(recorder: Recorder, field: str, substitution: str, pattern: str) -> None:
    """The text that replaces a match of ``pattern``: ``\\1`` names a group of it, ``\\\\`` is a backslash."""
    groups, reason = _compile(pattern)
    if reason:
        return
    for escaped in re.findall(r"\\(.?)", substitution, re.DOTALL):
        if escaped.isdecimal() and escaped.isascii():
            if int(escaped) > groups:
                what = f"names the group `\\{escaped}`, and `match` has {groups}"
                recorder.error(field, "invalid-substitution", what, "put parentheses around what is to be kept")
        elif escaped != "\\":
            what = f"has a backslash before {quoted(escaped) if escaped else 'its end'}"
            recorder.error(field, "invalid-substitution", what, "write \\1 for a group, \\\\ for a backslash")


@functools.lru_cache(maxsize=4096)
def _compile(pattern: str) -> tuple[int, str]:
    """How many groups the pattern has, and what is wrong with it ("" when nothing is).

    Envoy reads the bytes of a pattern as Latin-1: ``\\x{100}`` is refused there, and ``[ä-z]`` is a range upside down.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options).groups, ""
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else "not text"
        return 0, reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def is_header_name(name: str) -> bool:
    """Whether ``name`` is a token, as RFC 9110 asks of a field name."""
    return _TOKEN.fullmatch(name) is not None


def check_header_name(recorder: Recorder, field: str, name: str) -> None:
    """A field name of HTTP."""
    if not is_header_name(name):
        recorder.error(field, "invalid-header", f"{quoted(name)} is not a header name")


def check_header_value(recorder: Recorder, field: str, value: str) -> None:
    """What stands in a header or in the request line: no line breaks and no other control characters than tabs."""
    if _CONTROL.search(value):
        recorder.error(field, "invalid-header", f"{quoted(value)} has characters that a header cannot have")


def check_unix_path(recorder: Recorder, field: str, address: str) -> None:
    """``unix://`` and an absolute path, or ``@`` and an abstract name, of the length that the kernel takes."""
    path = address.removeprefix(UNIX_SCHEME)
    if not path.startswith(("/", "@")) or _CONTROL.search(path):
        what = f"{quoted(address)} must be an absolute path"
        recorder.error(field, "invalid-address", what, "such as unix:///var/run/app.sock")
    elif len(path.encode()) > _LONGEST_UNIX_PATH:
        what = f"must not be longer than {_LONGEST_UNIX_PATH} bytes, which is what a socket's address can hold"
        recorder.error(field, "invalid-address", what)


def check_labels(recorder: Recorder, field: str, labels: Mapping[str, str]) -> None:
    """Kubernetes' syntax of label keys and values."""
    for key, value in labels.items():
        prefix, _, name = key.rpartition("/")
        if not _LABEL_NAME.fullmatch(name) or (prefix and wrong_with_name(prefix)) or key.startswith("/"):
            recorder.error(at_key(field, key), "invalid-label", f"{quoted(key)} is not a label key")
        if value and not _LABEL_NAME.fullmatch(value):
            recorder.error(at_key(field, key), "invalid-label", f"{quoted(value)} is not a label value")


def check_selector(recorder: Recorder, field: str, labels: Mapping[str, str]) -> None:
    """Labels that select workloads: equality only, no wildcard."""
    for key, value in labels.items():
        if not key or "*" in key or "*" in value:
            recorder.error(at_key(field, key), "invalid-selector", "compares whole labels; a wildcard selects nothing")
    check_labels(recorder, field, {key: value for key, value in labels.items() if key and "*" not in key + value})


def check_export_to(
    recorder: Recorder, field: str, export_to: Iterable[str], namespace: str, *, may_hide: bool = False
) -> None:
    """Namespaces, ``.`` (which is ``namespace``), ``*`` alone, and ``~`` alone where a resource may be hidden."""
    values = list(export_to)
    seen: set[str] = set()
    for index, value in enumerate(values):
        inner = f"{field}[{index}]"
        meant = namespace if value == OWN_NAMESPACE else value
        if meant in seen:
            recorder.error(inner, "invalid-export-to", f"{quoted(value)} names a namespace a second time")
        seen.add(meant)
        if value == NOWHERE and not may_hide:
            recorder.error(inner, "invalid-export-to", "`~` is possible for a ServiceEntry only")
        elif value in (EVERYWHERE, NOWHERE) and len(values) > 1:
            recorder.error(inner, "invalid-export-to", f"{quoted(value)} must stand alone")
        elif value not in (EVERYWHERE, NOWHERE, OWN_NAMESPACE) and not is_dns_label(value):
            hint = "write a namespace, `.` for the own one, or `*` for all"
            recorder.error(inner, "invalid-export-to", f"{quoted(value)} is not a namespace", hint)


def check_weights(recorder: Recorder, field: str, weights: Iterable[int]) -> None:
    """Weights of destinations: not negative, of several not all zero, and their sum is one of 32 bits."""
    values = list(weights)
    for index, weight in enumerate(values):
        check_not_negative(recorder, f"{field}[{index}].weight", weight)
    if len(values) > 1 and not any(values):
        recorder.error(field, "invalid-weight", "has several destinations whose weights are all 0", "give them weights")
    if sum(values) > _LARGEST_TOTAL_WEIGHT:
        what = f"has weights that sum to {sum(values):,}, and the limit is {_LARGEST_TOTAL_WEIGHT:,}"
        recorder.error(field, "invalid-weight", what, "make all of them smaller by the same factor")


def check_subnets(recorder: Recorder, field: str, subnets: Iterable[str]) -> None:
    """Addresses or address ranges."""
    for index, subnet in enumerate(subnets):
        if not is_cidr(subnet):
            recorder.error(f"{field}[{index}]", "invalid-address", f"must be an IP range, not {quoted(subnet)}")

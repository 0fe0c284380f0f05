"""Conditions evaluated on a described request, as Envoy evaluates them: for ``pilot authz check``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

import re2  # type: ignore[import-untyped]

from citadel.access.rbac import (
    AllOf,
    AnyOf,
    Anything,
    ClientAddress,
    Condition,
    DestinationAddress,
    DestinationPort,
    FilterMetadata,
    Header,
    Leaf,
    Not,
    Path,
    PathTemplate,
    PeerAddress,
    PeerIdentity,
    RbacPolicy,
    ServerName,
    TextMatch,
    TextMatchKind,
)
from galley.frozen import FrozenMap, frozen


@frozen
class Request:
    """A request, or an opaque connection (``http`` false), as a workload's proxy sees it.

    ``path`` is normalized (``normalize_path``) and may have a query. Names in ``headers`` are in lower case, each with
    the values of all headers of that name; ``claims`` are those of a verified token, None without one. ``identity`` is
    the peer's SPIFFE id, "" without mutual TLS.
    """

    http: bool = True
    method: str = "GET"
    authority: str = ""
    path: str = "/"
    headers: FrozenMap[str, tuple[str, ...]] = FrozenMap()
    claims: Any = None
    identity: str = ""
    peer_address: str = ""
    client_address: str = ""
    destination_address: str = ""
    port: int = 0
    server_name: str = ""

    def header(self, name: str) -> tuple[str, ...]:
        """A header's values, none when it is missing; ``:authority``, ``:method`` and ``:path`` are headers, too."""
        pseudo = {":authority": self.authority, ":method": self.method, ":path": self.path}.get(name)
        return (pseudo,) if pseudo else self.headers.get(name.lower(), ())


def policy_matches(policy: RbacPolicy, request: Request) -> bool:
    """Whether a rule matches: one of its permissions and one of its principals."""
    permitted = any(holds(condition, request) for condition in policy.permissions)
    return permitted and any(holds(condition, request) for condition in policy.principals)


def holds(condition: Condition, request: Request) -> bool:
    """Whether ``condition`` holds for ``request``."""
    match condition:
        case Anything():
            return True
        case AllOf(conditions):
            return all(holds(one, request) for one in conditions)
        case AnyOf(conditions):
            return any(holds(one, request) for one in conditions)
        case Not(negated):
            return not holds(negated, request)
        case _:
            return _leaf_holds(condition, request)


def _leaf_holds(leaf: Leaf, request: Request) -> bool:
    match leaf:
        case DestinationPort(port):
            return request.port == port
        case DestinationAddress() | PeerAddress() | ClientAddress():
            return _is_in(_address(leaf, request), leaf.cidr)
        case ServerName(match):
            return text_matches(match, request.server_name)
        case PeerIdentity(match):
            return bool(request.identity) and text_matches(match, request.identity)
        case _:
            return request.http and _http_leaf_holds(leaf, request)


def _http_leaf_holds(leaf: Header | Path | PathTemplate | FilterMetadata, request: Request) -> bool:
    path = request.path.partition("#")[0].partition("?")[0]
    match leaf:
        case Header(name, match):
            return any(text_matches(match, value) for value in request.header(name))
        case Path(match):
            return text_matches(match, path)
        case PathTemplate(template):
            return _fits(template, path)
        case FilterMetadata():
            return _noted(leaf, request.claims)


def text_matches(match: TextMatch, text: str) -> bool:
    """Whether a comparison accepts ``text``, which is there."""
    wanted, given = (match.text.lower(), text.lower()) if match.ignore_case else (match.text, text)
    match match.kind:
        case TextMatchKind.EXACT:
            return given == wanted
        case TextMatchKind.PREFIX:
            return given.startswith(wanted)
        case TextMatchKind.SUFFIX:
            return given.endswith(wanted)
        case TextMatchKind.REGEX:
            return re2.fullmatch(wanted, given) is not None
        case TextMatchKind.PRESENT:
            return True


def _address(leaf: DestinationAddress | PeerAddress | ClientAddress, request: Request) -> str:
    match leaf:
        case DestinationAddress():
            return request.destination_address
        case PeerAddress():
            return request.peer_address
        case ClientAddress():
            return request.client_address or request.peer_address


def _is_in(address: str, cidr: str) -> bool:
    if not address:
        return False
    return ip_address(address) in ip_network(cidr, strict=False)


def _noted(leaf: FilterMetadata, claims: Any) -> bool:
    """Whether the claim is what is asked for. Of other filters' metadata nothing is known here."""
    value = {"payload": claims} if claims is not None else None
    for key in leaf.path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, list):
        return leaf.lists and any(isinstance(one, str) and _any_text(leaf, one) for one in value)
    return leaf.single and isinstance(value, str) and _any_text(leaf, value)


def _any_text(leaf: FilterMetadata, text: str) -> bool:
    return any(text_matches(match, text) for match in leaf.texts)


@functools.lru_cache(maxsize=1024)
def _template_pattern(template: str) -> str:
    """Envoy's URI template as a regular expression: ``*`` is a segment that is not empty, ``**`` is any rest."""
    segment, rest = r"[A-Za-z0-9\-._~%!$&'()+,;:@=]+", r"[A-Za-z0-9\-._~%!$&'()+,;:@=/]*"
    parts = (rest if part == "**" else segment if part == "*" else re2.escape(part) for part in template.split("/"))
    return "/".join(parts)


def _fits(template: str, path: str) -> bool:
    return re2.fullmatch(_template_pattern(template), path) is not None

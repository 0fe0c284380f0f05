"""How the values of an AuthorizationPolicy are compared: exact, ``prefix*``, ``*suffix``, or ``*`` for "there is one".

Names are quoted wherever they become part of a regular expression, so that a name matches only itself.
"""

from __future__ import annotations

import re

from citadel.access.rbac import AllOf, Condition, FilterMetadata, PathTemplate, PeerIdentity, TextMatch, TextMatchKind
from citadel.ir import SPIFFE

ANY_TEXT = TextMatch(TextMatchKind.REGEX, ".+")
JWT_FILTER = "envoy.filters.http.jwt_authn"
JWT_PAYLOAD = "payload"
"""Where the filter that verifies tokens leaves their claims."""

_META = re.compile(r"[.+*?()|\[\]{}^$\\]")


def quote(text: str) -> str:
    """``text`` as a regular expression that matches only it (RE2)."""
    return _META.sub(lambda found: "\\" + found[0], text)


def text_match(value: str, *, ignore_case: bool = False) -> TextMatch:
    """The comparison that a value of a policy asks for."""
    if value == "*":
        return ANY_TEXT
    if value.startswith("*"):
        return TextMatch(TextMatchKind.SUFFIX, value[1:], ignore_case)
    if value.endswith("*"):
        return TextMatch(TextMatchKind.PREFIX, value[:-1], ignore_case)
    return TextMatch(TextMatchKind.EXACT, value, ignore_case)


def header_match(value: str, *, ignore_case: bool = False) -> TextMatch:
    """The same for headers, of which ``*`` only asks that they are there."""
    return TextMatch(TextMatchKind.PRESENT) if value == "*" else text_match(value, ignore_case=ignore_case)


def path_template(value: str) -> PathTemplate | None:
    """``value`` as a URI template of Envoy, when it has ``{*}`` or ``{**}`` in it."""
    if "{*}" not in value and "{**}" not in value:
        return None
    return PathTemplate(value.replace("{**}", "**").replace("{*}", "*"))


def principal(value: str) -> PeerIdentity:
    """A principal such as ``cluster.local/ns/default/sa/reviews``, with Istio's wildcards."""
    if value == "*":
        return PeerIdentity(ANY_TEXT)
    if value.startswith("*"):
        return PeerIdentity(TextMatch(TextMatchKind.REGEX, f"{SPIFFE}.*{quote(value[1:])}"))
    if value.endswith("*"):
        return PeerIdentity(TextMatch(TextMatchKind.PREFIX, f"{SPIFFE}{value[:-1]}"))
    return PeerIdentity(TextMatch(TextMatchKind.EXACT, f"{SPIFFE}{value}"))


def namespace(value: str) -> PeerIdentity:
    """The peers of a namespace; ``*`` stands for any text, anywhere."""
    return PeerIdentity(TextMatch(TextMatchKind.REGEX, f".*/ns/{_with_wildcards(value, '.*')}/.*"))


def service_account(value: str, own_namespace: str) -> PeerIdentity:
    """The peers of a service account, ``name`` in the policy's own namespace or ``namespace/name``."""
    owner, slash, account = value.rpartition("/")
    owner = quote(owner if slash else own_namespace)
    return PeerIdentity(TextMatch(TextMatchKind.REGEX, f"{SPIFFE}.+/ns/{owner}/(.+/|)sa/{quote(account)}(/.+)?"))


def trust_domain(value: str) -> PeerIdentity:
    """The peers of a trust domain."""
    if value == "*":
        return PeerIdentity(TextMatch(TextMatchKind.PREFIX, SPIFFE))
    if "*" in value:
        return PeerIdentity(TextMatch(TextMatchKind.REGEX, f"{SPIFFE}{_with_wildcards(value, '[^/]*')}/.*"))
    return PeerIdentity(TextMatch(TextMatchKind.PREFIX, f"{SPIFFE}{value}/"))


def _with_wildcards(value: str, wildcard: str) -> str:
    return wildcard.join(quote(part) for part in value.split("*"))


def claim(path: tuple[str, ...], values: tuple[str, ...]) -> FilterMetadata:
    """A claim of the token, a text or a list of texts, that one of ``values`` accepts."""
    return FilterMetadata(JWT_FILTER, (JWT_PAYLOAD, *path), tuple(text_match(value) for value in values))


def request_principal(value: str) -> Condition:
    """Issuer and subject of the token, ``issuer/subject``; split at the last slash, for issuers are URLs (Istio)."""
    issuer, slash, subject = value.rpartition("/")
    if not slash:
        issuer, subject = value, ""
    return AllOf((_claim_is("iss", _issuer(value, issuer, slash)), _claim_is("sub", _subject(value, subject, slash))))


def _issuer(value: str, issuer: str, slash: str) -> TextMatch:
    if value == "*":
        return ANY_TEXT
    if value.startswith("*"):
        return TextMatch(TextMatchKind.SUFFIX, issuer[1:]) if slash and issuer != "*" else ANY_TEXT
    if value.endswith("*") and not slash:
        return TextMatch(TextMatchKind.PREFIX, value[:-1])
    return TextMatch(TextMatchKind.EXACT, issuer)


def _subject(value: str, subject: str, slash: str) -> TextMatch:
    if value == "*":
        return ANY_TEXT
    if value.startswith("*"):  # tested first, as Istio does: a second wildcard, at the end, is literal then
        return TextMatch(TextMatchKind.EXACT, subject) if slash else TextMatch(TextMatchKind.SUFFIX, value[1:])
    if value.endswith("*"):
        return TextMatch(TextMatchKind.PREFIX, subject[:-1]) if slash and subject != "*" else ANY_TEXT
    return TextMatch(TextMatchKind.EXACT, subject)


def _claim_is(name: str, match: TextMatch) -> FilterMetadata:
    return FilterMetadata(JWT_FILTER, (JWT_PAYLOAD, name), (match,), lists=False)

"""Decisions about access, as values: who may do what (RBAC), and the conditions that such rules are made of.

A condition is a tree whose leaves ask one question about a connection or a request. It is what Envoy's RBAC filters
can express, so it renders without loss, and it can be evaluated on a described request.
"""

from __future__ import annotations

from enum import StrEnum

from galley.frozen import frozen
from galley.meta import ResourceKey


class TextMatchKind(StrEnum):
    """How a text is compared. PRESENT accepts any, but for headers it must be there; ``regex`` is of the whole text."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    REGEX = "regex"
    PRESENT = "present"


@frozen
class TextMatch:
    """A comparison with ``text``."""

    kind: TextMatchKind
    text: str = ""
    ignore_case: bool = False


@frozen
class Anything:
    """Always true."""


@frozen
class Header:
    """A request header, or one of ``:authority`` and ``:method``."""

    name: str
    match: TextMatch


@frozen
class Path:
    """The path of a request, normalized, without query and fragment."""

    match: TextMatch


@frozen
class PathTemplate:
    """The path of a request by Envoy's URI template: ``*`` is one segment, ``**`` any number of them."""

    template: str


@frozen
class DestinationPort:
    """The port that the connection went to."""

    port: int


@frozen
class DestinationAddress:
    """The address that the connection went to, in ``cidr``."""

    cidr: str


@frozen
class ServerName:
    """The name that the client asked for in TLS (SNI)."""

    match: TextMatch


@frozen
class PeerAddress:
    """The address at the other end of the connection, in ``cidr``."""

    cidr: str


@frozen
class ClientAddress:
    """The address of the client, as trusted proxies tell it, in ``cidr``."""

    cidr: str


@frozen
class PeerIdentity:
    """The identity in the peer's certificate, with ``spiffe://``. Without mutual TLS there is none, and no match."""

    match: TextMatch


@frozen
class FilterMetadata:
    """What a filter has noted under ``path``: a text that one of ``texts`` accepts, a list with such a text in it,
    or (``lists`` and ``single``) either."""

    filter: str
    path: tuple[str, ...]
    texts: tuple[TextMatch, ...]
    lists: bool = True
    single: bool = True


@frozen
class AllOf:
    """All of ``conditions`` hold."""

    conditions: tuple[Condition, ...]


@frozen
class AnyOf:
    """At least one of ``conditions`` holds."""

    conditions: tuple[Condition, ...]


@frozen
class Not:
    """``condition`` does not hold, be it for lack of what it asks about."""

    condition: Condition


Leaf = (
    Header
    | Path
    | PathTemplate
    | DestinationPort
    | DestinationAddress
    | ServerName
    | PeerAddress
    | ClientAddress
    | PeerIdentity
    | FilterMetadata
)
Condition = Anything | Leaf | AllOf | AnyOf | Not

NEVER = Not(Anything())
"""Never true."""


class RbacAction(StrEnum):
    """What a filter does when one of its policies matches; LOG only marks the request."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    LOG = "LOG"


@frozen
class RbacPolicy:
    """One rule: matches when one of ``permissions`` (what) and one of ``principals`` (who) does. ``path`` is the
    field of ``origin`` that it was made from, such as ``spec.rules[0]``."""

    name: str
    permissions: tuple[Condition, ...]
    principals: tuple[Condition, ...]
    origin: ResourceKey
    path: str = ""


@frozen
class RbacRules:
    """The rules of one action. ALLOW admits only what a policy matches, so without policies it admits nothing."""

    action: RbacAction
    policies: tuple[RbacPolicy, ...]


@frozen
class RbacPlan:
    """An RBAC filter: ``rules`` are enforced; the result of ``shadow_rules`` is only noted, under
    ``shadow_prefix``."""

    rules: RbacRules | None = None
    shadow_rules: RbacRules | None = None
    shadow_prefix: str = ""

    @property
    def origins(self) -> tuple[ResourceKey, ...]:
        """The policies behind it, without repetition."""
        sets = (rules for rules in (self.rules, self.shadow_rules) if rules is not None)
        return tuple(dict.fromkeys(policy.origin for rules in sets for policy in rules.policies))

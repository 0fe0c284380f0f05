"""AuthorizationPolicy: who may do what to a workload (security.istio.io)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

from galley.frozen import frozen
from galley.kinds.attachment import Attachment, Precedence, RootSelector
from galley.kinds.values import AttachedPolicy, named

METADATA_PREFIX = "experimental.envoy.filters."
"""Conditions on what some filter of Envoy has noted: ``experimental.envoy.filters.NAME[KEY]``."""

_PLAIN_KEYS = frozenset(
    {
        "source.ip",
        "remote.ip",
        "source.namespace",
        "source.principal",
        "source.serviceAccount",
        "source.trustDomain",
        "request.auth.principal",
        "request.auth.audiences",
        "request.auth.presenter",
        "destination.ip",
        "destination.port",
        "connection.sni",
    }
)
_BRACKETED = re.compile(r"([A-Za-z0-9_.-]+)((?:\[[^\[\]]+\])+)")


class AuthorizationAction(StrEnum):
    """What becomes of a request that a rule matches. AUDIT only marks it; CUSTOM asks an authorization server."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    AUDIT = "AUDIT"
    CUSTOM = "CUSTOM"


@frozen
class Source:
    """Who calls. Fields are all to hold, the values of one field are alternatives; a ``not`` field excludes each of
    its values. ``ip_blocks`` are about the peer of the connection, ``remote_ip_blocks`` about the client behind it."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()


@frozen
class Operation:
    """What is called; read like ``Source``. All but ``ports`` exist in HTTP only."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


@frozen
class RuleFrom:
    """An entry of ``from``."""

    source: Source | None = None


@frozen
class RuleTo:
    """An entry of ``to``."""

    operation: Operation | None = None


@frozen
class Condition:
    """An entry of ``when``: the attribute ``key`` has one of ``values`` and none of ``not_values``."""

    key: str = ""
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


@frozen
class ConditionKey:
    """The key of a condition: ``name``, and what stands in brackets behind it, outermost first."""

    name: str
    brackets: tuple[str, ...] = ()


def condition_key(text: str) -> ConditionKey | None:
    """The key that ``text`` writes (Istio, "Authorization Policy Conditions"); None for one that does not exist."""
    if text in _PLAIN_KEYS:
        return ConditionKey(text)
    found = _BRACKETED.fullmatch(text)
    if found is None:
        return None
    name, brackets = found[1], tuple(found[2][1:-1].split("]["))
    if name == "request.auth.claims" or (name == "request.headers" and len(brackets) == 1):
        return ConditionKey(name, brackets)
    if name.startswith(METADATA_PREFIX) and name != METADATA_PREFIX and len(brackets) == 1:
        return ConditionKey(name, brackets)
    return None


@frozen
class AuthorizationRule:
    """Matches when one of ``sources``, one of ``operations`` and every one of ``when`` does; empty lists always do."""

    sources: tuple[RuleFrom, ...] = named("from", ())
    operations: tuple[RuleTo, ...] = named("to", ())
    when: tuple[Condition, ...] = ()


@frozen
class ExtensionProviderReference:
    """Names an ``extensionProviders`` entry of MeshConfig."""

    name: str = ""


@frozen
class AuthorizationPolicy(AttachedPolicy):
    """Rules for the workloads or the targets that it is attached to. Without rules ALLOW matches nothing, so that it
    lets nobody in."""

    attachment: ClassVar[Attachment[AuthorizationPolicy]] = Attachment(
        precedence=Precedence.TOGETHER,
        selector=lambda spec: spec.selector,
        targets=lambda spec: spec.targets,
        root_selector=RootSelector.WHOLE_MESH,
    )

    rules: tuple[AuthorizationRule, ...] = ()
    action: AuthorizationAction = AuthorizationAction.ALLOW
    provider: ExtensionProviderReference | None = None

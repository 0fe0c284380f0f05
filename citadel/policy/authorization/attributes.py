"""The attributes that rules of an AuthorizationPolicy ask about, one row each: fields of ``from`` and ``to``, and the
keys of ``when`` (Istio, "Authorization Policy Conditions")."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from citadel.access.rbac import (
    AnyOf,
    ClientAddress,
    Condition,
    DestinationAddress,
    DestinationPort,
    FilterMetadata,
    Header,
    Path,
    PeerAddress,
    ServerName,
)
from citadel.policy.authorization.texts import (
    claim,
    header_match,
    namespace,
    path_template,
    principal,
    request_principal,
    service_account,
    text_match,
    trust_domain,
)
from citadel.policy.authorization.trust_domains import expand_principals, expand_trust_domains
from galley.frozen import frozen
from galley.kinds.security.authorization_policy import METADATA_PREFIX, condition_key


class RuleSide(Enum):
    """Envoy's two halves of a policy: who asks, and what for."""

    PRINCIPAL = "principal"
    PERMISSION = "permission"


@frozen
class PolicyContext:
    """What the meaning of a value depends on besides: the policy's namespace, and the trust domains of the mesh."""

    namespace: str
    trust_domains: tuple[str, ...] = ()


Compare = Callable[[tuple[str, ...], PolicyContext], Condition]
"""From the alternatives that a user wrote to one condition."""


@frozen
class Attribute:
    """One attribute: on which side of a policy it stands, whether only HTTP has it, and how values are compared."""

    side: RuleSide
    compare: Compare
    http_only: bool = False


def attribute_of(key: str) -> Attribute | None:
    """The attribute that a ``when`` names by ``key``; None for one that does not exist."""
    parsed = condition_key(key)
    if parsed is None:
        return None
    if parsed.name == "request.headers":
        return Attribute(RuleSide.PRINCIPAL, _headers(parsed.brackets[0]), http_only=True)
    if parsed.name == "request.auth.claims":
        return Attribute(RuleSide.PRINCIPAL, lambda values, _: claim(parsed.brackets, values), http_only=True)
    if parsed.name.startswith(METADATA_PREFIX):
        return Attribute(RuleSide.PERMISSION, _metadata(parsed.name.removeprefix("experimental."), parsed.brackets[0]))
    return _WHEN[parsed.name]


def _each(make: Callable[[str], Condition]) -> Compare:
    """One condition for each value; they are alternatives."""
    return lambda values, _: AnyOf(tuple(make(value) for value in values))


def _headers(name: str) -> Compare:
    return _each(lambda value: Header(name, header_match(value)))


def _metadata(filter_name: str, key: str) -> Compare:
    def compare(value: str) -> Condition:
        in_list = value.startswith("[") and value.endswith("]")
        text = text_match(value.strip("[]") if in_list else value)
        return FilterMetadata(filter_name, (key,), (text,), lists=in_list, single=not in_list)

    return _any_or_one(compare)


def _any_or_one(make: Callable[[str], Condition]) -> Compare:
    def compare(values: tuple[str, ...], _: PolicyContext) -> Condition:
        made = tuple(make(value) for value in values)
        return made[0] if len(made) == 1 else AnyOf(made)

    return compare


def _principals(values: tuple[str, ...], context: PolicyContext) -> Condition:
    return AnyOf(tuple(principal(value) for value in expand_principals(values, context.trust_domains)))


def _trust_domains(values: tuple[str, ...], context: PolicyContext) -> Condition:
    return AnyOf(tuple(trust_domain(value) for value in expand_trust_domains(values, context.trust_domains)))


def _service_accounts(values: tuple[str, ...], context: PolicyContext) -> Condition:
    return AnyOf(tuple(service_account(value, context.namespace) for value in values))


def _path(value: str) -> Condition:
    return path_template(value) or Path(text_match(value))


def _host(value: str) -> Condition:
    return Header(":authority", header_match(value, ignore_case=True))


PRINCIPALS = Attribute(RuleSide.PRINCIPAL, _principals)
REQUEST_PRINCIPALS = Attribute(RuleSide.PRINCIPAL, _any_or_one(request_principal), http_only=True)
SERVICE_ACCOUNTS = Attribute(RuleSide.PRINCIPAL, _service_accounts)
TRUST_DOMAINS = Attribute(RuleSide.PRINCIPAL, _trust_domains)
NAMESPACES = Attribute(RuleSide.PRINCIPAL, _each(namespace))
PEER_ADDRESSES = Attribute(RuleSide.PRINCIPAL, _each(PeerAddress))
CLIENT_ADDRESSES = Attribute(RuleSide.PRINCIPAL, _each(ClientAddress))
HOSTS = Attribute(RuleSide.PERMISSION, _each(_host), http_only=True)
METHODS = Attribute(RuleSide.PERMISSION, _each(lambda value: Header(":method", header_match(value))), http_only=True)
PATHS = Attribute(RuleSide.PERMISSION, _each(_path), http_only=True)
PORTS = Attribute(RuleSide.PERMISSION, _each(lambda value: DestinationPort(int(value))))

SOURCE = {
    "principals": PRINCIPALS,
    "request_principals": REQUEST_PRINCIPALS,
    "service_accounts": SERVICE_ACCOUNTS,
    "trust_domains": TRUST_DOMAINS,
    "namespaces": NAMESPACES,
    "remote_ip_blocks": CLIENT_ADDRESSES,
    "ip_blocks": PEER_ADDRESSES,
}
"""The fields of ``source``, in the order in which istiod writes them."""

OPERATION = {"hosts": HOSTS, "methods": METHODS, "paths": PATHS, "ports": PORTS}
"""The fields of ``operation``, likewise."""

_WHEN = {
    "source.ip": PEER_ADDRESSES,
    "remote.ip": CLIENT_ADDRESSES,
    "source.namespace": NAMESPACES,
    "source.principal": PRINCIPALS,
    "source.serviceAccount": SERVICE_ACCOUNTS,
    "source.trustDomain": TRUST_DOMAINS,
    "request.auth.principal": REQUEST_PRINCIPALS,
    "request.auth.audiences": Attribute(RuleSide.PRINCIPAL, lambda values, _: claim(("aud",), values), http_only=True),
    "request.auth.presenter": Attribute(RuleSide.PRINCIPAL, lambda values, _: claim(("azp",), values), http_only=True),
    "destination.ip": Attribute(RuleSide.PERMISSION, _each(DestinationAddress)),
    "destination.port": PORTS,
    "connection.sni": Attribute(RuleSide.PERMISSION, _each(lambda value: ServerName(text_match(value)))),
}
"""The keys of ``when`` that have no brackets."""

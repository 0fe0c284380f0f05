"""Istio's authorization by its documentation, without any of our code: policies are plain mappings as users write them.

An answer of this and one of ours must be equal for every policy and request.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Policy = Mapping[str, Any]
"""``{"namespace": …, "name": …, "spec": …, "dryRun": bool}``"""
Request = Mapping[str, Any]

HTTP_FIELDS = {"hosts", "methods", "paths", "requestPrincipals"}


def allowed(policies: Sequence[Policy], request: Request, trust_domains: Sequence[str] = ()) -> bool:
    """Whether the workload takes the request: no DENY rule matches, and an ALLOW rule does where there is any."""
    enforced = [policy for policy in policies if not policy.get("dryRun")]
    if any(matches(policy, request, trust_domains) for policy in enforced if action(policy) == "DENY"):
        return False
    admitting = [policy for policy in enforced if action(policy) == "ALLOW"]
    return not admitting or any(matches(policy, request, trust_domains) for policy in admitting)


def action(policy: Policy) -> str:
    return str(policy["spec"].get("action", "ALLOW"))


def matches(policy: Policy, request: Request, trust_domains: Sequence[str]) -> bool:
    return any(_rule(policy, rule, request, trust_domains) for rule in policy["spec"].get("rules", ()))


def _rule(policy: Policy, rule: Mapping[str, Any], request: Request, trust_domains: Sequence[str]) -> bool:
    asked = [*_asked_names(rule)]
    opaque = not request["http"]
    if opaque and action(policy) == "ALLOW" and any(_needs_http(name) for name in asked):
        return False

    def part(fields: Mapping[str, Sequence[str]]) -> bool:
        return all(_field(policy, name, values, request, trust_domains) for name, values in fields.items())

    sources = [part(entry["source"]) for entry in rule.get("from", ())]
    operations = [part(entry["operation"]) for entry in rule.get("to", ())]
    return (
        (not sources or any(sources))
        and (not operations or any(operations))
        and all(_condition(policy, condition, request, trust_domains) for condition in rule.get("when", ()))
    )


def _asked_names(rule: Mapping[str, Any]) -> list[str]:
    names = [name for entry in rule.get("from", ()) for name in entry["source"]]
    names += [name for entry in rule.get("to", ()) for name in entry["operation"]]
    return [_positive(name) for name in names] + [condition["key"] for condition in rule.get("when", ())]


def _positive(name: str) -> str:
    return name[3].lower() + name[4:] if name.startswith("not") else name


def _needs_http(name: str) -> bool:
    return name in HTTP_FIELDS or name.startswith(("request.headers[", "request.auth."))


def _field(policy: Policy, name: str, values: Sequence[str], request: Request, trust_domains: Sequence[str]) -> bool:
    positive = _positive(name)
    if not request["http"] and _needs_http(positive):
        return True  # the field does not exist, and the rest of the rule counts
    found = any(_VALUES[positive](policy, value, request, trust_domains) for value in values)
    return found == (positive == name)


def _condition(policy: Policy, condition: Mapping[str, Any], request: Request, trust_domains: Sequence[str]) -> bool:
    key = condition["key"]
    if not request["http"] and _needs_http(key):
        return True

    def holds(value: str) -> bool:
        if key.startswith("request.headers["):
            given = request["headers"].get(key[len("request.headers[") : -1].lower())
            return given is not None and (value == "*" or _text(value, given))
        if key.startswith("request.auth.claims["):
            return _claim(key[len("request.auth.claims[") : -1].split("]["), value, request)
        return _VALUES[_KEYS[key]](policy, value, request, trust_domains)

    if condition.get("values") and not any(holds(value) for value in condition["values"]):
        return False
    return not any(holds(value) for value in condition.get("notValues", ()))


def _text(pattern: str, value: str) -> bool:
    if pattern == "*":
        return value != ""
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def _principal(_: Policy, pattern: str, request: Request, trust_domains: Sequence[str]) -> bool:
    mine = request["principal"]
    if not mine:
        return False
    domain, rest = pattern.partition("/")[::2]
    candidates = [pattern]
    if pattern.count("/") == 4 and (domain in trust_domains or domain == "cluster.local"):
        candidates = [f"{known}/{rest}" for known in trust_domains]
    return any(_text(candidate, mine) for candidate in candidates)


def _namespace(_: Policy, pattern: str, request: Request, __: Sequence[str]) -> bool:
    parts = request["principal"].split("/")
    return len(parts) == 5 and fnmatch.fnmatchcase(parts[2], pattern.replace("[", "[[]").replace("?", "[?]"))


def _account(policy: Policy, value: str, request: Request, __: Sequence[str]) -> bool:
    parts = request["principal"].split("/")
    wanted = value if "/" in value else f"{policy['namespace']}/{value}"
    return len(parts) == 5 and f"{parts[2]}/{parts[4]}" == wanted


def _trust_domain(_: Policy, pattern: str, request: Request, trust_domains: Sequence[str]) -> bool:
    mine = request["principal"].partition("/")[0]
    return any(mine and _text(value, mine) for value in (trust_domains if pattern in trust_domains else [pattern]))


def _token(_: Policy, pattern: str, request: Request, __: Sequence[str]) -> bool:
    claims = request["claims"]
    if claims is None:
        return False
    issuer, subject = claims.get("iss", ""), claims.get("sub", "")
    if not isinstance(issuer, str) or not isinstance(subject, str):
        return False
    return _issuer_and_subject(pattern, issuer, subject) and "sub" in claims


def _issuer_and_subject(pattern: str, issuer: str, subject: str) -> bool:
    head, slash, tail = pattern.rpartition("/")
    if not slash:
        return _issuer_or_subject(pattern, issuer, subject)
    if pattern[0] == "*":
        return bool(issuer if head == "*" else issuer.endswith(head[1:])) and subject == tail
    if tail[-1:] == "*":
        return issuer == head and bool(subject if tail == "*" else subject.startswith(tail[:-1]))
    return (issuer, subject) == (head, tail)


def _issuer_or_subject(pattern: str, issuer: str, subject: str) -> bool:
    if pattern == "*":
        return bool(issuer and subject)
    if pattern[0] == "*":
        return bool(issuer) and subject.endswith(pattern[1:])
    if pattern[-1] == "*":
        return issuer.startswith(pattern[:-1]) and bool(subject)
    return (issuer, subject) == (pattern, "")


def _claim(path: Sequence[str], pattern: str, request: Request) -> bool:
    value: Any = request["claims"]
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    values = value if isinstance(value, list) else [value]
    return any(isinstance(one, str) and _text(pattern, one) for one in values)


def _address(name: str) -> Callable[[Policy, str, Request, Sequence[str]], bool]:
    def holds(_: Policy, block: str, request: Request, __: Sequence[str]) -> bool:
        return ipaddress.ip_address(request[name]) in ipaddress.ip_network(block, strict=False)

    return holds


def _host(_: Policy, pattern: str, request: Request, __: Sequence[str]) -> bool:
    return pattern == "*" or _text(pattern.lower(), request["host"].lower())


def _path(_: Policy, pattern: str, request: Request, __: Sequence[str]) -> bool:
    path = request["path"].partition("?")[0]
    return _segments(pattern.split("/"), path.split("/")) if "{" in pattern else _text(pattern, path)


def _segments(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "{**}":
        return bool(path) and any(_segments(pattern[1:], path[skip:]) for skip in range(1, len(path) + 1))
    if not path or (pattern[0] == "{*}" and not path[0]) or (pattern[0] != "{*}" and pattern[0] != path[0]):
        return False
    return _segments(pattern[1:], path[1:])


_VALUES: dict[str, Callable[[Policy, str, Request, Sequence[str]], bool]] = {
    "principals": _principal,
    "namespaces": _namespace,
    "serviceAccounts": _account,
    "trustDomains": _trust_domain,
    "requestPrincipals": _token,
    "audiences": lambda _, value, request, __: _claim(["aud"], value, request),
    "presenter": lambda _, value, request, __: _claim(["azp"], value, request),
    "ipBlocks": _address("peer"),
    "remoteIpBlocks": _address("client"),
    "destination.ip": _address("destination"),
    "hosts": _host,
    "methods": lambda _, value, request, __: value == "*" or _text(value, request["method"]),
    "paths": _path,
    "ports": lambda _, value, request, __: int(value) == request["port"],
    "sni": lambda _, value, request, __: _text(value, request["sni"]),
}
_KEYS = {
    "source.ip": "ipBlocks",
    "remote.ip": "remoteIpBlocks",
    "source.namespace": "namespaces",
    "source.principal": "principals",
    "source.serviceAccount": "serviceAccounts",
    "source.trustDomain": "trustDomains",
    "request.auth.principal": "requestPrincipals",
    "request.auth.audiences": "audiences",
    "request.auth.presenter": "presenter",
    "destination.ip": "destination.ip",
    "destination.port": "ports",
    "connection.sni": "sni",
}

"""Rules of AuthorizationPolicy, as Istio's validation has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from galley.kinds.checks.attachment import check_attachment
from galley.kinds.checks.scalars import is_cidr
from galley.kinds.security.authorization_policy import (
    AuthorizationAction,
    AuthorizationPolicy,
    AuthorizationRule,
    Condition,
    Operation,
    Source,
    condition_key,
)
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted

DRY_RUN = "istio.io/dry-run"
_BOOLEANS = frozenset({"1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False"})
"""What Go's strconv.ParseBool takes, by which Istio reads the annotation."""
_SPARE_PATH = re.compile(r"[A-Za-z0-9\-._~!$&'()+,;:@=/%*]*")
"""The characters that Envoy's URI templates take literally."""
_MOST_ACCOUNTS, _LONGEST_ACCOUNT = 16, 320
_NOT_FOR_CUSTOM = ("principals", "requestPrincipals", "namespaces", "serviceAccounts", "trustDomains")
_IDENTITY_FIELDS = ("principals", "namespaces", "serviceAccounts", "trustDomains")
_IDENTITY_KEYS = ("source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal")

_Check = Callable[[Recorder, str, str], None]


def check_authorization_policy(recorder: Recorder, resource: Resource[AuthorizationPolicy]) -> None:
    """All that is wrong with one AuthorizationPolicy."""
    spec = resource.spec
    check_attachment(recorder, "spec", spec)
    _check_action(recorder, resource)
    for index, rule in enumerate(spec.rules):
        _check_rule(recorder, f"spec.rules[{index}]", rule, spec.action)


def _check_action(recorder: Recorder, resource: Resource[AuthorizationPolicy]) -> None:
    spec, action = resource.spec, resource.spec.action
    if action in (AuthorizationAction.DENY, AuthorizationAction.CUSTOM) and not spec.rules:
        what = f"needs rules: without any, {action} would never be triggered"
        recorder.error("spec.rules", "missing-field", what, "write `rules: [{}]` to mean every request")
    provider = spec.provider.name if spec.provider is not None else ""
    if action is AuthorizationAction.CUSTOM and not provider:
        recorder.error("spec.provider.name", "missing-field", "is required with action CUSTOM")
    elif action is not AuthorizationAction.CUSTOM and spec.provider is not None:
        recorder.error("spec.provider", "exclusive-fields", f"goes with action CUSTOM, not with {action}")
    dry_run = resource.annotations.get(DRY_RUN)
    if dry_run is None:
        return
    field = f'metadata.annotations["{DRY_RUN}"]'
    if dry_run not in _BOOLEANS:
        recorder.error(field, "invalid-value", f'must be "true" or "false", not {quoted(dry_run)}')
    elif action not in (AuthorizationAction.ALLOW, AuthorizationAction.DENY):
        recorder.error(field, "invalid-value", f"is possible with ALLOW and DENY only, not with {action}")


def _check_rule(recorder: Recorder, path: str, rule: AuthorizationRule, action: AuthorizationAction) -> None:
    custom = action is AuthorizationAction.CUSTOM
    for index, entry in enumerate(rule.sources):
        field = f"{path}.from[{index}].source"
        if entry.source is None or entry.source == Source():
            recorder.error(field, "missing-field", "must say something", "leave `from` out for any source")
        else:
            _check_source(recorder, field, entry.source, custom=custom)
            _check_identities(recorder, field, _identity_fields(entry.source), action)
    for index, target in enumerate(rule.operations):
        field = f"{path}.to[{index}].operation"
        if target.operation is None or target.operation == Operation():
            recorder.error(field, "missing-field", "must say something", "leave `to` out for any operation")
        else:
            _check_operation(recorder, field, target.operation)
    for index, condition in enumerate(rule.when):
        _check_condition(recorder, f"{path}.when[{index}]", condition, custom=custom)
        asked = ["values"] if condition.key in _IDENTITY_KEYS and condition.values else []
        _check_identities(recorder, f"{path}.when[{index}]", asked, action)
    if action is AuthorizationAction.DENY and _denies_all_tcp(rule):
        what = "asks only for what HTTP has: on ports of TCP it denies every connection"
        recorder.warn(path, "denies-all-tcp", what, "add `ports` to its operations")


def _denies_all_tcp(rule: AuthorizationRule) -> bool:
    if rule.operations:
        parts = [entry.operation for entry in rule.operations if entry.operation is not None]
        return any(not part.ports and not part.not_ports for part in parts)
    sources = [entry.source for entry in rule.sources if entry.source is not None]
    return bool(sources) and all(
        source
        == Source(
            request_principals=source.request_principals,
            not_request_principals=source.not_request_principals,
        )
        for source in sources
    )


def _check_source(recorder: Recorder, path: str, source: Source, *, custom: bool) -> None:
    for name, check in _SOURCE_CHECKS.items():
        for field in (name, _negated(name)):
            values: tuple[str, ...] = getattr(source, _attribute(field))
            _check_values(recorder, f"{path}.{field}", values, check)
            if custom and values and name in _NOT_FOR_CUSTOM:
                what = "is not possible with action CUSTOM, which is decided before tokens are read"
                recorder.error(f"{path}.{field}", "exclusive-fields", what)
    accounts = (*source.service_accounts, *source.not_service_accounts)
    named = (*source.principals, *source.not_principals, *source.namespaces, *source.not_namespaces)
    if accounts and named:
        what = "is not possible together with principals or namespaces"
        recorder.error(f"{path}.serviceAccounts", "exclusive-fields", what)
    for field, listed in (
        ("serviceAccounts", source.service_accounts),
        ("notServiceAccounts", source.not_service_accounts),
    ):
        if len(listed) > _MOST_ACCOUNTS:
            recorder.error(f"{path}.{field}", "too-many-values", f"has more than {_MOST_ACCOUNTS} entries")


def _identity_fields(source: Source) -> list[str]:
    return [name for name in _IDENTITY_FIELDS if getattr(source, _attribute(name))]


def _check_identities(recorder: Recorder, path: str, fields: Iterable[str], action: AuthorizationAction) -> None:
    """Who calls is known by certificates alone: without identities a rule that asks for one matches nobody."""
    if recorder.identities:
        return
    for name in fields:
        field, what = f"{path}.{name}", "the mesh issues no identities, so the rule matches nobody"
        if action is AuthorizationAction.DENY:
            recorder.unenforced_at(recorder.origin_of(field), f"`{field}` cannot be enforced: {what}", field)
        else:
            recorder.warn(field, "no-identities", f"asks for an identity; {what}")


def _check_operation(recorder: Recorder, path: str, operation: Operation) -> None:
    for name, check in _OPERATION_CHECKS.items():
        for field in (name, _negated(name)):
            values: tuple[str, ...] = getattr(operation, _attribute(field))
            _check_values(recorder, f"{path}.{field}", values, check)


def _check_condition(recorder: Recorder, path: str, condition: Condition, *, custom: bool) -> None:
    key = condition_key(condition.key)
    if key is None:
        what = f"{quoted(condition.key)} is not an attribute that can be asked about"
        recorder.error(f"{path}.key", "unknown-attribute", what)
        return
    if not condition.values and not condition.not_values:
        recorder.error(path, "missing-field", f"needs `values` or `notValues` for {quoted(condition.key)}")
    if custom and (key.name in _IDENTITY_KEYS or key.name.startswith("request.auth.")):
        what = f"{quoted(condition.key)} is not possible with action CUSTOM"
        recorder.error(f"{path}.key", "exclusive-fields", what)
    check = _KEY_CHECKS.get(key.name, _any_text)
    _check_values(recorder, f"{path}.values", condition.values, check)
    _check_values(recorder, f"{path}.notValues", condition.not_values, check)


def _check_values(recorder: Recorder, path: str, values: Iterable[str], check: _Check) -> None:
    for index, value in enumerate(values):
        field = f"{path}[{index}]"
        if not value:
            recorder.error(field, "missing-value", "must not be empty")
        elif not value.isprintable():
            recorder.error(field, "invalid-value", "must not hold control characters")
        else:
            check(recorder, field, value)


def _any_text(recorder: Recorder, field: str, value: str) -> None:
    pass


def _address(recorder: Recorder, field: str, value: str) -> None:
    if not is_cidr(value):
        recorder.error(field, "invalid-address", f"must be an IP address or range, not {quoted(value)}")


def _port(recorder: Recorder, field: str, value: str) -> None:
    if not (value.isascii() and value.isdecimal() and len(value) <= 5 and int(value) <= 65535):
        recorder.error(field, "invalid-port", f"must be a number from 0 to 65535, not {quoted(value)}")


def _account(recorder: Recorder, field: str, value: str) -> None:
    parts = value.split("/")
    if len(parts) > 2 or not all(parts) or "*" in value or len(value) > _LONGEST_ACCOUNT:
        what = f"must be ACCOUNT or NAMESPACE/ACCOUNT without wildcards, not {quoted(value)}"
        recorder.error(field, "invalid-value", what)


def _trust_domain(recorder: Recorder, field: str, value: str) -> None:
    if "/" in value or value.count("*") > 1 or "*" in value[1:-1]:
        what = f"must be a trust domain, with a wildcard at one end at most, not {quoted(value)}"
        recorder.error(field, "invalid-value", what)


def _path(recorder: Recorder, field: str, value: str) -> None:
    if "{" not in value and "}" not in value:
        return
    segments = value.split("/")
    wild = [index for index, segment in enumerate(segments) if segment in ("{*}", "{**}")]
    rest = "/".join(segment for index, segment in enumerate(segments) if index not in wild)
    double = [index for index in wild if segments[index] == "{**}"]
    if "{" in rest or "}" in rest:
        hint = "{*} and {**} stand for whole segments: /users/{*}/orders/{**}"
        recorder.error(field, "invalid-path", f"{quoted(value)} has braces beyond a path template", hint)
    elif len(double) > 1 or (double and wild[-1] != double[0]):
        recorder.error(field, "invalid-path", f"in {quoted(value)} {{**}} must be the last of the wildcards")
    elif not value.startswith("/") or "*" in rest or not _SPARE_PATH.fullmatch(rest):
        recorder.error(field, "invalid-path", f"{quoted(value)} is not a path template")


def _attribute(field: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", field)


def _negated(name: str) -> str:
    return f"not{name[0].upper()}{name[1:]}"


_SOURCE_CHECKS: dict[str, _Check] = {
    "principals": _any_text,
    "requestPrincipals": _any_text,
    "namespaces": _any_text,
    "ipBlocks": _address,
    "remoteIpBlocks": _address,
    "serviceAccounts": _account,
    "trustDomains": _trust_domain,
}
_OPERATION_CHECKS: dict[str, _Check] = {"hosts": _any_text, "ports": _port, "methods": _any_text, "paths": _path}
_KEY_CHECKS: dict[str, _Check] = {
    "source.ip": _address,
    "remote.ip": _address,
    "destination.ip": _address,
    "destination.port": _port,
    "source.serviceAccount": _account,
    "source.trustDomain": _trust_domain,
}

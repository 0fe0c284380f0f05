"""Policies about access that no known workload has, and such that ask what nobody can answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from galley.frozen import frozen
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.service_entry import ServiceEntry, WorkloadEntry, WorkloadGroup
from galley.kinds.security.authorization_policy import AuthorizationAction, AuthorizationPolicy, condition_key
from galley.kinds.security.request_authentication import RequestAuthentication
from galley.kinds.values import AttachedPolicy
from galley.meta import NO_LABELS, Labels, Resource, recorder_of
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.wording import quoted


def find_idle_access_policies(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Selectors of AuthorizationPolicies and RequestAuthentications that none of the known workloads can satisfy
    (IST0127)."""
    known = KnownWorkloads.of(config)
    policies: list[_Policy] = [*config.of(AuthorizationPolicy), *config.of(RequestAuthentication)]
    for policy in policies:
        scope, labels = _reach(policy, config)
        if labels and not known.may_have(scope, labels):
            wanted = ",".join(f"{name}={value}" for name, value in labels.items())
            recorder = recorder_of(policy)
            what = f"no workload that the configuration knows of has the labels {wanted} (IST0127)"
            recorder.warn("spec.selector", "no-workloads", what, "compare them with those of the workloads")
            yield from recorder.diagnostics


def find_lost_providers(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Authorization servers that MeshConfig does not know: what should be asked of them is denied."""
    providers = {provider.name: provider for provider in config.mesh.extension_providers}
    for policy in config.of(AuthorizationPolicy):
        if policy.spec.action is not AuthorizationAction.CUSTOM or policy.spec.provider is None:
            continue
        name = policy.spec.provider.name
        provider = providers.get(name)
        if provider is not None and provider.authorization is not None:
            continue
        lacking = "is no authorization server" if provider is not None else "is not in MeshConfig's extensionProviders"
        known = ", ".join(one.name for one in providers.values() if one.authorization is not None)
        recorder = recorder_of(policy)
        what = f"{quoted(name)} {lacking}: what the rules match is denied"
        recorder.warn("spec.provider.name", "unknown-provider", what, f"there is {known}" if known else "")
        yield from recorder.diagnostics


def find_rival_providers(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """CUSTOM policies of different providers that one workload may have: as in Istio no server is asked then, and what
    the rules of any of them match is denied."""
    earlier: dict[tuple[str, _Reach], Resource[AuthorizationPolicy]] = {}
    for policy in config.of(AuthorizationPolicy):
        if policy.spec.action is not AuthorizationAction.CUSTOM or policy.spec.provider is None:
            continue
        provider, reach = policy.spec.provider.name, _reach(policy, config)
        rivals = (one for (other, there), one in earlier.items() if other != provider and _meet(*reach, *there))
        if (rival := next(rivals, None)) is not None:
            recorder = recorder_of(policy)
            what = f"{quoted(provider)} is not the provider of {rival.key} at {rival.origin}"
            hint = "name one provider: a workload with both denies what the rules of either match"
            recorder.warn("spec.provider.name", "rival-providers", what, hint)
            yield from recorder.diagnostics
        earlier.setdefault((provider, reach), policy)


def find_rules_without_tokens(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Rules about tokens for workloads at which none is verified, so that no request has any."""
    readers = [_reach(one, config) for one in config.of(RequestAuthentication) if one.spec.jwt_rules]
    for policy in config.of(AuthorizationPolicy):
        scope, labels = _reach(policy, config)
        if any(_meet(scope, labels, other, selector) for other, selector in readers):
            continue
        recorder = recorder_of(policy)
        for field, negated in _asks_for_tokens(policy.spec):
            outcome = "excludes nobody" if negated else "never matches"
            what = f"{outcome}: no RequestAuthentication reaches these workloads, so no request has a verified token"
            recorder.warn(field, "no-tokens", what, "add a RequestAuthentication with the issuer of the tokens")
        yield from recorder.diagnostics


def _asks_for_tokens(spec: AuthorizationPolicy) -> Iterator[tuple[str, bool]]:
    """The fields that ask about tokens, and whether they exclude."""
    for number, rule in enumerate(spec.rules):
        for index, entry in enumerate(rule.sources):
            path = f"spec.rules[{number}].from[{index}].source"
            if entry.source is not None and entry.source.request_principals:
                yield f"{path}.requestPrincipals", False
            if entry.source is not None and entry.source.not_request_principals:
                yield f"{path}.notRequestPrincipals", True
        for index, condition in enumerate(rule.when):
            key = condition_key(condition.key)
            if key is not None and key.name.startswith("request.auth."):
                yield f"spec.rules[{number}].when[{index}].key", not condition.values


_Policy = Resource[AuthorizationPolicy] | Resource[RequestAuthentication]
_Reach = tuple[str, Labels]
_EVERYWHERE = ""
"""The scope of a policy in the root namespace; that of any other is its namespace."""


def _reach(policy: _Policy, config: ConfigSnapshot) -> _Reach:
    spec: AttachedPolicy = policy.spec
    scope = _EVERYWHERE if policy.namespace == config.mesh.root_namespace else policy.namespace
    return scope, spec.selector.match_labels if spec.selector is not None else NO_LABELS


def _meet(scope: str, labels: Labels, other: str, selector: Labels) -> bool:
    """Whether some workload may have both policies."""
    return (scope == other or _EVERYWHERE in (scope, other)) and _agree(labels, selector)


def _agree(labels: Labels, others: Labels) -> bool:
    """Whether one workload may have all of both: no label has two values."""
    return all(others.get(name, value) == value for name, value in labels.items())


@frozen
class _Known:
    """Workloads by labels that they have: ``complete`` where they have no others. ``namespace`` None is any."""

    namespace: str | None
    labels: Labels
    complete: bool


@dataclass(frozen=True, slots=True)
class KnownWorkloads:
    """What the configuration tells of workloads. Those that register themselves are known by what selects them."""

    _known: tuple[_Known, ...]

    @classmethod
    def of(cls, config: ConfigSnapshot) -> KnownWorkloads:
        """All that ``config`` tells."""
        return cls(tuple(_workloads(config)))

    def may_have(self, namespace: str, labels: Labels) -> bool:
        """Whether some workload of ``namespace`` ("": of any) may have ``labels``; true where none is known at all.

        Gateways, which may be anywhere, are not taken for knowledge of a namespace's workloads.
        """
        somewhere = [one for one in self._known if one.namespace is not None]
        here = [one for one in somewhere if namespace in (_EVERYWHERE, one.namespace)]
        if not here:
            return True
        elsewhere = [one for one in self._known if one.namespace is None]
        return any(
            labels.selects(one.labels) if one.complete else _agree(labels, one.labels) for one in (*here, *elsewhere)
        )


def _workloads(config: ConfigSnapshot) -> Iterator[_Known]:
    for entry in config.of(WorkloadEntry):
        yield _Known(entry.namespace, entry.spec.labels, complete=True)
    for service in config.of(ServiceEntry):
        for endpoint in service.spec.endpoints:
            yield _Known(service.namespace, endpoint.labels, complete=True)
    yield from _selected(config)


def _selected(config: ConfigSnapshot) -> Iterable[_Known]:
    found: list[tuple[str | None, Labels]] = []
    found += [(one.namespace, one.spec.selector) for one in config.of(KubernetesService)]
    found += [
        (one.namespace, one.spec.workload_selector.match_labels)
        for one in config.of(ServiceEntry)
        if one.spec.workload_selector is not None
    ]
    found += [(None, one.spec.selector) for one in config.of(Gateway)]
    found += [
        (one.namespace, one.spec.metadata.labels) for one in config.of(WorkloadGroup) if one.spec.metadata is not None
    ]
    return (_Known(namespace, labels, complete=False) for namespace, labels in found if labels)

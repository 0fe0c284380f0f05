"""Rules of an EnvoyFilter."""

from __future__ import annotations

from galley.kinds.checks.scalars import check_regex, check_selector
from galley.kinds.networking.envoy_filter import (
    LISTENER_PARTS,
    PATCHED_MESSAGES,
    ROUTE_PARTS,
    ApplyTo,
    EnvoyConfigObjectMatch,
    EnvoyConfigObjectPatch,
    EnvoyFilter,
    ListenerMatch,
    PatchOperation,
)
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_HCM = "envoy.filters.network.http_connection_manager"
_NO_EFFECT = {
    ApplyTo.BOOTSTRAP: "bootstraps are written before a proxy connects: put it into the bootstrap",
    ApplyTo.EXTENSION_CONFIG: "extension configurations are not served: write the filter's typed_config in its place",
}


def check_envoy_filter(recorder: Recorder, resource: Resource[EnvoyFilter]) -> None:
    """All that is wrong with one EnvoyFilter."""
    spec = resource.spec
    if spec.workload_selector is not None and not spec.workload_selector.is_empty:
        check_selector(recorder, "spec.workloadSelector.labels", spec.workload_selector.match_labels)
    if spec.workload_selector is not None and spec.target_refs:
        recorder.error("spec.targetRefs", "exclusive-fields", "is not possible together with workloadSelector")
    for index, one in enumerate(spec.config_patches):
        _check_patch(recorder, f"spec.configPatches[{index}]", one)


def _check_patch(recorder: Recorder, path: str, one: EnvoyConfigObjectPatch) -> None:
    if one.apply_to is ApplyTo.INVALID:
        recorder.error(f"{path}.applyTo", "missing-field", "is required", "such as HTTP_FILTER")
        return
    if one.patch is None or one.patch.operation is PatchOperation.INVALID:
        recorder.error(f"{path}.patch.operation", "missing-field", "is required", "such as MERGE")
        return
    if one.patch.value is None and one.patch.operation is not PatchOperation.REMOVE:
        what = f"is required for {one.patch.operation}"
        recorder.error(f"{path}.patch.value", "missing-field", what)
        return
    if one.match.proxy is not None and one.match.proxy.proxy_version:
        check_regex(recorder, f"{path}.match.proxy.proxyVersion", one.match.proxy.proxy_version)
    if one.apply_to in _NO_EFFECT:
        recorder.warn(f"{path}.applyTo", "not-supported-yet", f"has no effect: {_NO_EFFECT[one.apply_to]}")
        return
    _check_match(recorder, f"{path}.match", one.apply_to, one.match)
    _check_operation(recorder, path, one)
    _check_value(recorder, f"{path}.patch.value", one)


def _check_match(recorder: Recorder, path: str, apply_to: ApplyTo, match: EnvoyConfigObjectMatch) -> None:
    found = {
        "listener": (match.listener, LISTENER_PARTS),
        "routeConfiguration": (match.route_configuration, ROUTE_PARTS),
        "cluster": (match.cluster, frozenset({ApplyTo.CLUSTER})),
    }
    for field, (value, kinds) in found.items():
        if value is not None and apply_to not in kinds:
            recorder.error(f"{path}.{field}", "wrong-match", f"is not what a patch of {apply_to} is matched by")
    if match.listener is not None:
        _check_listener_match(recorder, f"{path}.listener", apply_to, match.listener)


def _check_listener_match(recorder: Recorder, path: str, apply_to: ApplyTo, match: ListenerMatch) -> None:
    wanted = match.filter_chain.filter if match.filter_chain is not None else None
    if wanted is None:
        return
    path = f"{path}.filterChain.filter"
    if not wanted.name:
        recorder.error(f"{path}.name", "missing-field", "is required")
    if apply_to not in (ApplyTo.NETWORK_FILTER, ApplyTo.HTTP_FILTER):
        recorder.warn(path, "no-effect", f"has no effect on a patch of {apply_to}")
    sub_filter = wanted.sub_filter
    if sub_filter is None:
        return
    if apply_to is not ApplyTo.HTTP_FILTER:
        recorder.error(f"{path}.subFilter", "wrong-match", "is possible for HTTP_FILTER only")
    elif wanted.name and wanted.name != _HCM:
        recorder.error(f"{path}.name", "wrong-match", f"must be {_HCM} for subFilter")
    if not sub_filter.name:
        recorder.error(f"{path}.subFilter.name", "missing-field", "is required")
    if sub_filter.name.startswith("istio."):
        what = f"{quoted(sub_filter.name)} is a filter of Istio's own Envoys: nothing here has it, so nothing matches"
        recorder.warn(f"{path}.subFilter.name", "no-effect", what, "match envoy.filters.http.router")


def _check_operation(recorder: Recorder, path: str, one: EnvoyConfigObjectPatch) -> None:
    assert one.patch is not None
    operation = one.patch.operation
    if one.apply_to is ApplyTo.ROUTE_CONFIGURATION and not operation.merges:
        what = "has no effect on a ROUTE_CONFIGURATION, of which there is only MERGE"
        recorder.warn(f"{path}.patch.operation", "no-effect", what)
    if one.apply_to is ApplyTo.HTTP_FILTER and operation is PatchOperation.ADD:
        what = "puts the filter behind the router, where no request comes and Envoy refuses it"
        recorder.warn(f"{path}.patch.operation", "filter-after-router", what, "INSERT_BEFORE envoy.filters.http.router")


def _check_value(recorder: Recorder, path: str, one: EnvoyConfigObjectPatch) -> None:
    """Whether the value is a message of Envoy: what cannot be encoded could not be sent."""
    assert one.patch is not None
    if one.patch.value is None:
        return
    from envoycodec.upb import parse_json  # noqa: PLC0415 - the schema of Envoy takes long to import

    try:
        parse_json(PATCHED_MESSAGES[one.apply_to], one.patch.value)
    except ValueError as wrong:
        what = f"is not what Envoy takes for a {one.apply_to}: {wrong}"
        recorder.error(path, "invalid-patch", what)

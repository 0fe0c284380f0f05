"""VirtualServices that hand routes on: to nobody, or to one that is no delegate; and delegates that nobody names."""

from __future__ import annotations

from collections.abc import Iterator

from galley.exports import resolve_exports
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource, ResourceKey, recorder_of
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def find_lost_delegates(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Routes that lead to no delegate, and delegates to which no route leads."""
    named: set[ResourceKey] = set()
    for root in config.of(VirtualService):
        recorder = recorder_of(root)
        for index, route in enumerate(root.spec.http):
            if route.delegate is None or not root.spec.hosts:
                continue
            key = ResourceKey("VirtualService", route.delegate.namespace or root.namespace, route.delegate.name)
            named.add(key)
            _check_delegate(recorder, f"spec.http[{index}].delegate", key, root, config)
        yield from recorder.diagnostics
    for delegate in config.of(VirtualService):
        if not delegate.spec.hosts and delegate.key not in named:
            recorder = recorder_of(delegate)
            what = "is missing, and no VirtualService hands routes on to this one: it has no effect"
            recorder.warn("spec.hosts", "idle-delegate", what)
            yield from recorder.diagnostics


def _check_delegate(
    recorder: Recorder, field: str, key: ResourceKey, root: Resource[VirtualService], config: ConfigSnapshot
) -> None:
    delegate, name = config.get(key), quoted(f"{key.namespace}/{key.name}")
    if delegate is None:
        recorder.warn(field, "unknown-delegate", f"{name} does not exist: nothing is routed here")
        return
    if delegate.spec.hosts:
        what = f"{name} ({delegate.origin}) has hosts, so it is no delegate: nothing is routed here"
        recorder.warn(field, "unknown-delegate", what, "remove its hosts and gateways")
        return
    exports = resolve_exports(
        delegate.spec.export_to, config.mesh.default_virtual_service_export_to, delegate.namespace
    )
    if not (exports.everywhere or exports.includes(root.namespace)):
        what = f"{name} ({delegate.origin}) is not exported to namespace {root.namespace}: nothing is routed here"
        recorder.warn(field, "unknown-delegate", what)

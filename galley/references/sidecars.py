"""Sidecars that import what does not exist, or compete for the same workloads."""

from __future__ import annotations

from collections.abc import Iterator

from galley.exports import EVERYWHERE, NOWHERE
from galley.hosts.scoped import read_egress_hosts
from galley.kinds.networking.sidecar import Sidecar
from galley.meta import NO_LABELS, Labels, Resource, recorder_of
from galley.references.known_hosts import KnownHosts
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_sidecars(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Unknown egress hosts, and two Sidecars with one selector in one namespace (IST0110, IST0111)."""
    selected: dict[tuple[str, Labels], Resource[Sidecar]] = {}
    for sidecar in config.of(Sidecar):
        recorder = recorder_of(sidecar)
        selector = sidecar.spec.workload_selector
        labels = selector.match_labels if selector is not None else NO_LABELS
        first = selected.setdefault((sidecar.namespace, labels), sidecar)
        if first is not sidecar:
            code = "IST0110" if labels else "IST0111"
            what = f"selects the same workloads as {first.key} at {first.origin}, which counts ({code})"
            recorder.warn("spec.workloadSelector", "conflicting-sidecars", what, "put both into one Sidecar")
        _check_egress_hosts(recorder, sidecar, hosts, config.mesh.root_namespace)
        yield from recorder.diagnostics


def _check_egress_hosts(recorder: Recorder, sidecar: Resource[Sidecar], hosts: KnownHosts, root_namespace: str) -> None:
    # In the root namespace `.` stands for the namespace of each proxy.
    namespace = EVERYWHERE if sidecar.namespace == root_namespace else sidecar.namespace
    for index, listener in enumerate(sidecar.spec.egress):
        for number, text in enumerate(listener.hosts):
            _, _, host = text.partition("/")
            if text.startswith(NOWHERE) or host == "*" or hosts.are_imported(read_egress_hosts((text,), namespace)):
                continue
            what = f"{quoted(text)} imports no service"
            hint = hosts.hint(host, sidecar.namespace)
            if not hint and "." not in host:
                hint = "write the full name: names are not completed here"
            recorder.warn(f"spec.egress[{index}].hosts[{number}]", "unknown-host", what, hint)

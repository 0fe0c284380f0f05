"""Sidecars and policies whose workloads have another one already, or that no workload can have."""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.meta import NO_LABELS, Labels, Resource, recorder_of
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic


def find_rival_sidecars(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Of two Sidecars with one selector in one namespace the older counts (IST0110, IST0111)."""
    selected: dict[tuple[str, Labels], Resource[Sidecar]] = {}
    for sidecar in config.of(Sidecar):
        selector = sidecar.spec.workload_selector
        labels = selector.match_labels if selector is not None else NO_LABELS
        first = selected.setdefault((sidecar.namespace, labels), sidecar)
        if first is not sidecar:
            recorder = recorder_of(sidecar)
            code = "IST0110" if labels else "IST0111"
            what = f"selects the same workloads as {first.key} at {first.origin}, which counts ({code})"
            recorder.warn("spec.workloadSelector", "conflicting-sidecars", what, "put both into one Sidecar")
            yield from recorder.diagnostics


def find_idle_peer_authentications(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Selectors in the root namespace, which has no workloads; several policies for one scope: the oldest counts."""
    first_of: dict[tuple[str, Labels], Resource[PeerAuthentication]] = {}
    for policy in config.of(PeerAuthentication):
        recorder, selector = recorder_of(policy), policy.spec.selector
        if policy.spec.selects_workloads and policy.namespace == config.mesh.root_namespace:
            what = f"has no effect in {policy.namespace}, the root namespace: a policy there is for the whole mesh"
            recorder.warn("spec.selector", "ignored-selector", what, "move it to the namespace of the workloads")
            yield from recorder.diagnostics
            continue
        labels = selector.match_labels if selector is not None else NO_LABELS
        first = first_of.setdefault((policy.namespace, labels), policy)
        if first is not policy:
            what = f"is for the same workloads as {first.key} at {first.origin}, which is older and counts"
            recorder.warn("spec", "conflicting-policies", what, "put both into one PeerAuthentication")
        yield from recorder.diagnostics

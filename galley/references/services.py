"""Services that are defined more than once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from galley.hosts.names import service_host
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.networking.service_entry import ServiceEntry
from galley.meta import Resource, recorder_of
from galley.references.known_hosts import are_seen_together
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def find_duplicate_services(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Hosts of ServiceEntries that a Kubernetes Service or an older ServiceEntry has already."""
    native = {
        service_host(service.name, service.namespace, config.domain): service
        for service in config.of(KubernetesService)
    }
    owners: dict[str, list[Resource[ServiceEntry]]] = {}
    defaults = config.mesh.default_service_export_to
    for entry in config.of(ServiceEntry):
        recorder = recorder_of(entry)
        for index, name in enumerate(entry.spec.hosts):
            host, field = name.lower(), f"spec.hosts[{index}]"
            if (service := native.get(host)) is not None:
                _warn_of_owner(recorder, field, name, service)
            earlier = owners.setdefault(host, [])
            first = next((one for one in earlier if are_seen_together(one, entry, defaults)), None)
            if first is not None:
                _warn_of_owner(recorder, field, name, first)
                _compare_protocols(recorder, entry, first)
            earlier.append(entry)
        yield from recorder.diagnostics


def _warn_of_owner(recorder: Recorder, field: str, host: str, first: Resource[Any]) -> None:
    what = f"{quoted(host)} is defined by {first.key} at {first.origin} already"
    recorder.warn(field, "duplicate-host", what, "the older one counts where they differ; keep one of them")


def _compare_protocols(recorder: Recorder, entry: Resource[ServiceEntry], first: Resource[ServiceEntry]) -> None:
    known = {port.number: port.protocol.upper() for port in first.spec.ports}
    for index, port in enumerate(entry.spec.ports):
        protocol = known.get(port.number, port.protocol.upper())
        if protocol != port.protocol.upper():
            what = f"{port.protocol} differs from {protocol} for port {port.number} in {first.key} (IST0177)"
            recorder.warn(f"spec.ports[{index}].protocol", "conflicting-protocol", what, f"see {first.origin}")

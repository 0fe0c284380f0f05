"""Hosts that several resources define or rule, where one of them counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from galley.hosts.names import MESH_GATEWAY, service_host
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.service_entry import ServiceEntry
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource, recorder_of
from galley.references.known_hosts import KnownHosts, are_seen_together
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def find_duplicate_rules(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Hosts in the mesh that several rules claim (the oldest has them), or that are no service's."""
    owners: dict[str, list[Resource[VirtualService]]] = {}
    defaults = config.mesh.default_virtual_service_export_to
    for rule in config.of(VirtualService):
        if rule.spec.gateways and MESH_GATEWAY not in rule.spec.gateways:
            continue
        recorder = recorder_of(rule)
        for index, name in enumerate(rule.spec.hosts):
            field, host = f"spec.hosts[{index}]", hosts.full_name(name, rule)
            earlier = owners.setdefault(host, [])
            first = next((one for one in earlier if are_seen_together(one, rule, defaults)), None)
            if first is rule:
                what = f"{quoted(name)} is `{host}`, which this rule lists already"
                recorder.warn(field, "duplicate-host", what, "remove one of the two")
            elif first is not None:
                what = f"{quoted(name)} is ruled by {first.key} at {first.origin} already, so this rule has no effect"
                recorder.warn(field, "duplicate-host", f"{what} (IST0109)", "put both rules into one VirtualService")
            elif not hosts.matches(host) and (hint := hosts.hint(name, rule.namespace)):
                recorder.warn(field, "unknown-host", f"{quoted(name)} is not the host of a service", hint)
            earlier.append(rule)
        yield from recorder.diagnostics


def find_duplicate_policies(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Of several rules of one namespace for one host the subsets are united; the oldest policy counts."""
    first: dict[tuple[str, str, object], Resource[DestinationRule]] = {}
    for rule in config.of(DestinationRule):
        claim = (rule.namespace, hosts.full_name(rule.spec.host, rule), rule.spec.workload_selector)
        earlier = first.setdefault(claim, rule)
        if earlier is rule:
            continue
        recorder = recorder_of(rule)
        what = f"{quoted(rule.spec.host)} has the rule {earlier.key} at {earlier.origin} already"
        hint = "put both into one DestinationRule: of a trafficPolicy or a subset given twice the older one counts"
        recorder.warn("spec.host", "duplicate-host", what, hint)
        yield from recorder.diagnostics


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

"""Where rules lead: hosts, subsets and ports that no service has."""

from __future__ import annotations

from collections.abc import Iterator

from galley.exports import EVERYWHERE, NOWHERE
from galley.hosts.scoped import read_egress_hosts
from galley.hosts.wildcards import HostIndex
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.networking.virtual_service import VirtualService, destinations_of
from galley.kinds.values import Destination
from galley.meta import recorder_of
from galley.references.known_hosts import KnownHosts
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def find_lost_routes(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Routes of VirtualServices to hosts, subsets and ports that nothing defines."""
    subsets: dict[str, set[str]] = {}
    for rule in config.of(DestinationRule):
        names = subsets.setdefault(hosts.full_name(rule.spec.host, rule), set())
        names.update(subset.name for subset in rule.spec.subsets)
    index = HostIndex(subsets)
    for virtual_service in config.of(VirtualService):
        recorder = recorder_of(virtual_service)
        for field, destination in destinations_of(virtual_service.spec):
            host = hosts.full_name(destination.host, virtual_service)
            if hosts.find(host) is None:
                what = f"{quoted(destination.host)} is not the host of a service (IST0101): requests will fail with 503"
                hint = hosts.hint(destination.host, virtual_service.namespace)
                recorder.warn(f"{field}.host", "unknown-host", what, hint)
            else:
                _check_port(recorder, field, destination, host, hosts)
                _check_subset(recorder, field, destination, host, index)
        yield from recorder.diagnostics


def _check_port(recorder: Recorder, field: str, destination: Destination, host: str, hosts: KnownHosts) -> None:
    service = hosts.find(host)
    ports = service.ports if service is not None else ()
    if destination.port is not None:
        if ports and destination.port.number not in ports:
            what = f"{destination.port.number} is not a port of {host} (IST0101)"
            hint = f"its ports are {', '.join(map(str, ports))}"
            recorder.warn(f"{field}.port.number", "unknown-port", what, hint)
    elif len(ports) > 1:
        what = f"does not say which port, and {host} has several (IST0112)"
        hint = f"add port: {{number: …}}, one of {', '.join(map(str, ports))}"
        recorder.warn(field, "missing-port", what, hint)


def _check_subset(
    recorder: Recorder, field: str, destination: Destination, host: str, subsets: HostIndex[set[str]]
) -> None:
    if destination.subset and destination.subset not in (known := set().union(*subsets.find_all(host))):
        what = f"{quoted(destination.subset)} is not a subset of {host} in any DestinationRule (IST0101)"
        hint = f"its subsets are {', '.join(sorted(known))}" if known else "define it in a DestinationRule"
        recorder.warn(f"{field}.subset", "unknown-subset", what, hint)


def find_idle_rules(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """DestinationRules for hosts that no service has, which do nothing."""
    for rule in config.of(DestinationRule):
        if not hosts.has_within(hosts.full_name(rule.spec.host, rule)):
            recorder = recorder_of(rule)
            what = f"{quoted(rule.spec.host)} is not the host of a service, so this rule has no effect (IST0174)"
            recorder.warn("spec.host", "unknown-host", what, hosts.hint(rule.spec.host, rule.namespace))
            yield from recorder.diagnostics


def find_lost_imports(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Egress hosts of Sidecars that import no service."""
    for sidecar in config.of(Sidecar):
        recorder = recorder_of(sidecar)
        # In the root namespace `.` stands for the namespace of each proxy.
        namespace = EVERYWHERE if sidecar.namespace == config.mesh.root_namespace else sidecar.namespace
        for index, listener in enumerate(sidecar.spec.egress):
            for number, text in enumerate(listener.hosts):
                _, _, host = text.partition("/")
                imported = read_egress_hosts((text,), namespace)
                if text.startswith(NOWHERE) or host == "*" or hosts.are_imported(imported):
                    continue
                hint = hosts.hint(host, sidecar.namespace)
                if not hint and "." not in host:
                    hint = "write the full name: names are not completed here"
                field = f"spec.egress[{index}].hosts[{number}]"
                recorder.warn(field, "unknown-host", f"{quoted(text)} imports no service", hint)
        yield from recorder.diagnostics

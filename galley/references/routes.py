"""Where the routes of VirtualServices lead: hosts, subsets and ports that exist, or do not."""

from __future__ import annotations

from galley.hosts.wildcards import HostIndex
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.virtual_service import VirtualService, destinations_of
from galley.kinds.values import Destination
from galley.meta import Resource, recorder_of
from galley.references.known_hosts import KnownHosts
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


class RouteReferences:
    """Checks destinations against what one snapshot defines."""

    def __init__(self, config: ConfigSnapshot, hosts: KnownHosts) -> None:
        self._hosts = hosts
        subsets: dict[str, set[str]] = {}
        for rule in config.of(DestinationRule):
            subsets.setdefault(hosts.full_name(rule.spec.host, rule), set()).update(
                one.name for one in rule.spec.subsets
            )
        self._subsets = HostIndex(subsets)

    def check(self, rule: Resource[VirtualService]) -> list[Diagnostic]:
        """What is wrong with the destinations of one VirtualService."""
        recorder = recorder_of(rule)
        for field, destination in destinations_of(rule.spec):
            self._check_destination(recorder, field, destination, rule)
        return recorder.diagnostics

    def _check_destination(
        self, recorder: Recorder, field: str, destination: Destination, rule: Resource[VirtualService]
    ) -> None:
        host = self._hosts.full_name(destination.host, rule)
        service = self._hosts.find(host)
        if service is None:
            what = f"{quoted(destination.host)} is not the host of a service (IST0101): requests will fail with 503"
            recorder.warn(f"{field}.host", "unknown-host", what, self._hosts.hint(destination.host, rule.namespace))
            return
        if destination.port is not None:
            if service.ports and destination.port.number not in service.ports:
                what = f"{destination.port.number} is not a port of {host} (IST0101)"
                hint = f"its ports are {', '.join(map(str, service.ports))}"
                recorder.warn(f"{field}.port.number", "unknown-port", what, hint)
        elif len(service.ports) > 1:
            what = f"does not say which port, and {host} has several (IST0112)"
            hint = f"add port: {{number: …}}, one of {', '.join(map(str, service.ports))}"
            recorder.warn(field, "missing-port", what, hint)
        if destination.subset and destination.subset not in (known := self._subsets_of(host)):
            what = f"{quoted(destination.subset)} is not a subset of {host} in any DestinationRule (IST0101)"
            hint = f"its subsets are {', '.join(sorted(known))}" if known else "define it in a DestinationRule"
            recorder.warn(f"{field}.subset", "unknown-subset", what, hint)

    def _subsets_of(self, host: str) -> set[str]:
        return set().union(*self._subsets.find_all(host))

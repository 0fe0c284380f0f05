"""Where the routes of VirtualServices lead: hosts, subsets and ports that exist, or do not."""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.checks.findings import Findings, shown
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.virtual_service import VirtualService
from galley.kinds.values import Destination
from galley.meta import Resource
from galley.references.known_hosts import KnownHosts, full_host
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic


class RouteReferences:
    """Checks destinations against what one snapshot defines."""

    def __init__(self, config: ConfigSnapshot, hosts: KnownHosts) -> None:
        self._hosts = hosts
        self._subsets: dict[str, set[str]] = {}
        for rule in config.of(DestinationRule):
            subsets = self._subsets.setdefault(full_host(rule.spec.host, rule.namespace), set())
            subsets.update(subset.name for subset in rule.spec.subsets)
        self._wildcard_rules = tuple(host for host in self._subsets if host.startswith("*"))

    def check(self, rule: Resource[VirtualService]) -> list[Diagnostic]:
        """The findings in one VirtualService."""
        findings = Findings(rule)
        for field, destination in _destinations(rule.spec):
            self._check_destination(findings, field, destination, rule.namespace)
        return findings.diagnostics

    def _check_destination(self, findings: Findings, field: str, destination: Destination, namespace: str) -> None:
        host = full_host(destination.host, namespace)
        service = self._hosts.find(host)
        if service is None:
            what = f"{shown(destination.host)} is not the host of a service (IST0101): requests will fail with 503"
            findings.warn(f"{field}.host", "unknown-host", what, self._hosts.hint(destination.host, namespace))
            return
        if destination.port is not None:
            if service.ports and destination.port.number not in service.ports:
                what = f"{destination.port.number} is not a port of {host} (IST0101)"
                hint = f"its ports are {', '.join(map(str, service.ports))}"
                findings.warn(f"{field}.port.number", "unknown-port", what, hint)
        elif len(service.ports) > 1:
            what = f"does not say which port, and {host} has several (IST0112)"
            hint = f"add port: {{number: …}}, one of {', '.join(map(str, service.ports))}"
            findings.warn(field, "missing-port", what, hint)
        if destination.subset and destination.subset not in (known := self._subsets_of(host)):
            what = f"{shown(destination.subset)} is not a subset of {host} in any DestinationRule (IST0101)"
            hint = f"its subsets are {', '.join(sorted(known))}" if known else "define it in a DestinationRule"
            findings.warn(f"{field}.subset", "unknown-subset", what, hint)

    def _subsets_of(self, host: str) -> set[str]:
        found = set(self._subsets.get(host, ()))
        for wildcard in self._wildcard_rules:
            if host.endswith(wildcard[1:]):
                found |= self._subsets[wildcard]
        return found


def _destinations(spec: VirtualService) -> Iterator[tuple[str, Destination]]:
    for index, http in enumerate(spec.http):
        path = f"spec.http[{index}]"
        for number, entry in enumerate(http.route):
            if entry.destination is not None:
                yield f"{path}.route[{number}].destination", entry.destination
        if http.mirror is not None:
            yield f"{path}.mirror", http.mirror
        for number, mirror in enumerate(http.mirrors):
            if mirror.destination is not None:
                yield f"{path}.mirrors[{number}].destination", mirror.destination
    opaque = [*((f"spec.tls[{index}]", route.route) for index, route in enumerate(spec.tls))]
    opaque += ((f"spec.tcp[{index}]", route.route) for index, route in enumerate(spec.tcp))
    for path, targets in opaque:
        for number, target in enumerate(targets):
            if target.destination is not None:
                yield f"{path}.route[{number}].destination", target.destination

"""DestinationRules for services that do not exist, and several for one host."""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.networking.destination_rule import DestinationRule
from galley.meta import Resource, recorder_of
from galley.references.known_hosts import KnownHosts
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.wording import quoted


def check_rule(rule: Resource[DestinationRule], hosts: KnownHosts) -> list[Diagnostic]:
    """A rule for a host that no service has does nothing."""
    recorder = recorder_of(rule)
    if not hosts.has_within(hosts.full_name(rule.spec.host, rule)):
        what = f"{quoted(rule.spec.host)} is not the host of a service, so this rule has no effect (IST0174)"
        recorder.warn("spec.host", "unknown-host", what, hosts.hint(rule.spec.host, rule.namespace))
    return recorder.diagnostics


def find_shared_hosts(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Of several rules of one namespace for one host the subsets are united; the oldest policy counts."""
    first: dict[tuple[str, str, object], Resource[DestinationRule]] = {}
    for rule in config.of(DestinationRule):
        place = (rule.namespace, hosts.full_name(rule.spec.host, rule), rule.spec.workload_selector)
        earlier = first.setdefault(place, rule)
        if earlier is rule:
            continue
        recorder = recorder_of(rule)
        what = f"{quoted(rule.spec.host)} has the rule {earlier.key} at {earlier.origin} already"
        hint = "put both into one DestinationRule: of a trafficPolicy or a subset given twice the older one counts"
        recorder.warn("spec.host", "duplicate-host", what, hint)
        yield from recorder.diagnostics

"""Which services and rules the proxies of a scope may see: exportTo, and the egress hosts of a Sidecar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from galley.exports import resolve_exports
from galley.hosts.names import MESH_GATEWAY
from galley.hosts.scoped import read_egress_hosts
from galley.kinds.networking.sidecar import IstioEgressListener, Sidecar
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.rule_index import RuleIndex
from pilot.registry.catalog import Protocol, Service
from pilot.registry.protocol import protocol_named


@dataclass(frozen=True, slots=True, eq=False)
class ServiceIndex:
    """All services, older first, and by host name (one name may belong to several namespaces)."""

    ordered: tuple[Service, ...]
    by_hostname: dict[str, tuple[Service, ...]]


def index_services(services: Iterable[Service]) -> ServiceIndex:
    """Order and index services."""
    ordered = tuple(sorted(services, key=lambda service: (service.age, service.hostname, service.namespace)))
    by_hostname: dict[str, tuple[Service, ...]] = {}
    for service in ordered:
        by_hostname[service.hostname] = (*by_hostname.get(service.hostname, ()), service)
    return ServiceIndex(ordered=ordered, by_hostname=by_hostname)


@dataclass(frozen=True, slots=True, eq=False)
class EgressServices:
    """What one egress listener of a Sidecar imports; without a Sidecar there is one, with ``listener`` None.

    A listener with a port of its own has its services trimmed to that port (HTTP_PROXY: not trimmed).
    """

    listener: IstioEgressListener | None
    services: tuple[Service, ...]
    rules: tuple[TrafficRule, ...]
    _by_port: dict[int, tuple[Service, ...]] = field(repr=False)

    def on_port(self, number: int) -> tuple[Service, ...]:
        """The services with a port of that number, older first."""
        return self._by_port.get(number, ())


@dataclass(frozen=True, slots=True, eq=False)
class VisibleServices:
    """The services of a scope: one per host name.

    ``extra`` are destinations of imported rules that no egress host names: they get clusters and
    endpoints, but no listener or virtual host of their own.
    """

    services: tuple[Service, ...]
    extra: tuple[Service, ...]
    listeners: tuple[EgressServices, ...]
    rules: tuple[TrafficRule, ...]
    _by_name: dict[str, Service] = field(repr=False)
    _by_port: dict[int, tuple[Service, ...]] = field(repr=False)

    def named(self, hostname: str) -> Service | None:
        """The service of that host name, ``extra`` ones included."""
        return self._by_name.get(hostname)

    def on_port(self, number: int) -> tuple[Service, ...]:
        """The services with a port of that number, older first, without ``extra``."""
        return self._by_port.get(number, ())

    @property
    def port_numbers(self) -> tuple[int, ...]:
        """All service ports, ascending."""
        return tuple(sorted(self._by_port))


def select_visible(
    index: ServiceIndex,
    rules: RuleIndex | None,
    namespace: str,
    export_default: tuple[str, ...],
    sidecar: Sidecar | None,
) -> VisibleServices:
    """What proxies of ``namespace`` with this Sidecar see. Of ``rules`` those bound to the mesh count; gateways, for
    which none do, give none."""
    candidates = rules.candidates(MESH_GATEWAY, namespace) if rules is not None else ()
    exported = tuple(
        service
        for service in index.ordered
        if resolve_exports(service.export_to, export_default, service.namespace).includes(namespace)
    )
    if sidecar is None or not sidecar.egress:
        services = _one_per_hostname(exported, namespace)
        listeners: tuple[EgressServices, ...] = (_egress(None, services, candidates),)
    else:
        listeners = tuple(
            _import(listener, exported, namespace=namespace, rules=candidates) for listener in sidecar.egress
        )
        services = _union(listeners, index)
    chosen = {rule for listener in listeners for rule in listener.rules}
    imported = tuple(rule for rule in candidates if rule in chosen)
    by_name = {service.hostname: service for service in services}
    extra = () if sidecar is None else _destinations(imported, by_name, exported, namespace)
    return VisibleServices(
        services=services,
        extra=extra,
        listeners=listeners,
        rules=imported,
        _by_name=by_name | {service.hostname: service for service in extra},
        _by_port=_index_ports(services),
    )


def _egress(
    listener: IstioEgressListener | None,
    services: tuple[Service, ...],
    rules: tuple[TrafficRule, ...],
) -> EgressServices:
    return EgressServices(
        listener=listener,
        services=services,
        rules=rules,
        _by_port=_index_ports(services),
    )


def _index_ports(services: Iterable[Service]) -> dict[int, tuple[Service, ...]]:
    by_port: dict[int, list[Service]] = {}
    for service in services:
        for port in service.ports:
            by_port.setdefault(port.number, []).append(service)
    return {number: tuple(members) for number, members in by_port.items()}


def _one_per_hostname(services: Iterable[Service], namespace: str) -> tuple[Service, ...]:
    """Of several namespaces with one host name: the proxy's own, else a Kubernetes service, else the oldest."""
    chosen: dict[str, Service] = {}
    for service in services:
        known = chosen.get(service.hostname)
        if known is None or _preference(service, namespace) < _preference(known, namespace):
            chosen[service.hostname] = service
    return tuple(chosen.values())


def _preference(service: Service, namespace: str) -> tuple[bool, bool]:
    return (service.namespace != namespace, not service.kubernetes)


def _import(
    listener: IstioEgressListener,
    exported: tuple[Service, ...],
    *,
    namespace: str,
    rules: tuple[TrafficRule, ...],
) -> EgressServices:
    hosts = read_egress_hosts(listener.hosts, namespace)
    services: Iterable[Service] = (one for one in exported if hosts.imports_service(one.namespace, one.hostname))
    port = listener.port
    if port is not None and protocol_named(port.protocol) is not Protocol.HTTP_PROXY:
        services = (trim_ports(service, {port.number}) for service in services if service.port_numbered(port.number))
    rules = tuple(rule for rule in rules if hosts.imports_rule(rule.namespace, rule.hosts))
    return _egress(listener, _one_per_hostname(services, namespace), rules)


def trim_ports(service: Service, numbers: set[int]) -> Service:
    """The service with only the ports of these numbers; itself when that is all of them."""
    ports = tuple(port for port in service.ports if port.number in numbers)
    return service if ports == service.ports else replace(service, ports=ports)


def _union(listeners: tuple[EgressServices, ...], index: ServiceIndex) -> tuple[Service, ...]:
    """All that the listeners import. The first keeps a host name, but Kubernetes displaces ServiceEntry; ports of
    one service are united."""
    chosen: dict[str, Service] = {}
    numbers: dict[str, set[int]] = {}
    for service in (service for listener in listeners for service in listener.services):
        known = chosen.get(service.hostname)
        if known is None or (service.kubernetes and not known.kubernetes):
            chosen[service.hostname] = service
            numbers[service.hostname] = set()
        if chosen[service.hostname].key == service.key:
            numbers[service.hostname] |= {port.number for port in service.ports}
    order = {service.key: number for number, service in enumerate(index.ordered)}
    whole = [index.ordered[order[service.key]] for service in chosen.values()]
    whole.sort(key=lambda service: order[service.key])
    return tuple(trim_ports(service, numbers[service.hostname]) for service in whole)


def _destinations(
    rules: Iterable[TrafficRule],
    imported: dict[str, Service],
    exported: tuple[Service, ...],
    namespace: str,
) -> tuple[Service, ...]:
    """Services that the rules send traffic to and that are not imported themselves."""
    wanted = {host for rule in rules for host in rule.destinations} - imported.keys()
    wanted |= {service.alias_of for service in exported if service.hostname in wanted and service.alias_of}
    missing = [s for s in exported if s.hostname in wanted and s.hostname not in imported]
    return _one_per_hostname(missing, namespace)

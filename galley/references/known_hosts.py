"""Which hosts the configuration defines, and what a host in a rule stands for."""

from __future__ import annotations

from typing import Any

from galley.exports import Exports, resolve_exports
from galley.frozen import frozen
from galley.hosts.names import resolve_host, service_host
from galley.hosts.scoped import EgressHosts
from galley.hosts.wildcards import HostIndex, hosts_match, is_subset, is_wildcard
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.networking.service_entry import ServiceEntry
from galley.meta import Resource
from galley.snapshot import ConfigSnapshot


@frozen
class KnownService:
    """A service by one of its hosts, with the numbers of its ports."""

    host: str
    namespace: str
    ports: tuple[int, ...]


class KnownHosts:
    """All services that some resource defines, whoever may see them."""

    def __init__(self, config: ConfigSnapshot) -> None:
        self._domain = config.domain
        self._services: dict[str, list[KnownService]] = {}
        self._by_short_name: dict[str, str] = {}
        for service in config.of(KubernetesService):
            host = service_host(service.name, service.namespace, self._domain)
            self._add(KnownService(host, service.namespace, tuple(port.port for port in service.spec.ports)))
        for entry in config.of(ServiceEntry):
            ports = tuple(port.number for port in entry.spec.ports)
            for name in entry.spec.hosts:
                self._add(KnownService(name.lower(), entry.namespace, ports))
        self._index = HostIndex(self._services)

    def _add(self, service: KnownService) -> None:
        self._services.setdefault(service.host, []).append(service)
        if not is_wildcard(service.host):
            self._by_short_name.setdefault(service.host.split(".", 1)[0], service.host)

    def full_name(self, host: str, rule: Resource[Any]) -> str:
        """What a host in ``rule`` stands for."""
        return resolve_host(host, rule.namespace, self._domain)

    def find(self, host: str) -> KnownService | None:
        """The service that a full host stands for, through a wildcard of a ServiceEntry too."""
        services = self._index.find(host)
        return services[0] if services else None

    def matches(self, host: str) -> bool:
        """Whether ``host``, which may be a wildcard, stands for at least one service."""
        if not is_wildcard(host):
            return self.find(host) is not None
        return any(hosts_match(known, host) for known in self._services)

    def has_within(self, host: str) -> bool:
        """Whether some service's own host is within ``host``, which may be a wildcard."""
        if not is_wildcard(host):
            return host in self._services
        return any(is_subset(known, of=host) for known in self._services)

    def are_imported(self, hosts: EgressHosts) -> bool:
        """Whether a Sidecar imports some service by ``hosts``."""
        return any(
            hosts.imports_service(service.namespace, host)
            for host, services in self._services.items()
            for service in services
        )

    def hint(self, host: str, namespace: str) -> str:
        """What was probably meant by a host that no service has."""
        parts = host.split(".")
        completed = service_host(parts[0], parts[1], self._domain) if len(parts) in (2, 3) else ""
        if completed in self._services:
            return f"write {completed}: only names without a dot are completed"
        namesake = self._by_short_name.get(parts[0])
        if namesake is not None and resolve_host(host, namespace, self._domain) != namesake:
            return f"there is {namesake}"
        return ""


def are_seen_together(one: Resource[Any], other: Resource[Any], defaults: tuple[str, ...]) -> bool:
    """Whether some namespace may see both resources, by their ``exportTo``."""
    return _exports(one, defaults).overlap(_exports(other, defaults))


def _exports(resource: Resource[Any], defaults: tuple[str, ...]) -> Exports:
    return resolve_exports(resource.spec.export_to, defaults, resource.namespace)

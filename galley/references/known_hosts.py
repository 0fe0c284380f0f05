"""Which hosts the configuration defines, and what a host in a rule stands for."""

from __future__ import annotations

from typing import Any

from galley.frozen import frozen
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.networking.service_entry import ServiceEntry
from galley.meta import Resource
from galley.snapshot import ConfigSnapshot

CLUSTER_DOMAIN = "cluster.local"


@frozen
class KnownService:
    """A service by one of its hosts, with the numbers of its ports."""

    host: str
    namespace: str
    ports: tuple[int, ...]


class KnownHosts:
    """All services that some resource defines, whoever may see them."""

    def __init__(self, config: ConfigSnapshot) -> None:
        self._exact: dict[str, KnownService] = {}
        self._wildcards: dict[str, KnownService] = {}
        self._by_short_name: dict[str, str] = {}
        for service in config.of(KubernetesService):
            host = kubernetes_host(service)
            ports = tuple(port.port for port in service.spec.ports)
            self._exact.setdefault(host, KnownService(host, service.namespace, ports))
            self._by_short_name.setdefault(service.name, host)
        for entry in config.of(ServiceEntry):
            self._add_entry(entry)

    def _add_entry(self, entry: Resource[ServiceEntry]) -> None:
        ports = tuple(port.number for port in entry.spec.ports)
        for name in entry.spec.hosts:
            host = name.lower()
            service = KnownService(host, entry.namespace, ports)
            if host.startswith("*"):
                self._wildcards.setdefault(host[1:], service)
            else:
                self._exact.setdefault(host, service)
                self._by_short_name.setdefault(host.split(".", 1)[0], host)

    def find(self, host: str) -> KnownService | None:
        """The service that a full host stands for, through a wildcard of a ServiceEntry too."""
        found = self._exact.get(host)
        if found is not None or not self._wildcards:
            return found
        for index, character in enumerate(host):
            if character == "." and (service := self._wildcards.get(host[index:])) is not None:
                return service
        return None

    def matches(self, host: str) -> bool:
        """Whether ``host``, which may be a wildcard, stands for at least one service."""
        if not host.startswith("*"):
            return self.find(host) is not None
        suffix = host[1:]
        wildcards = (known.removeprefix("*") for known in self._wildcards)
        return any(known.endswith(suffix) for known in self._exact) or any(
            known.endswith(suffix) or suffix.endswith(known) for known in wildcards
        )

    def hint(self, host: str, namespace: str) -> str:
        """What was probably meant by a host that no service has."""
        parts = host.split(".")
        completed = f"{parts[0]}.{parts[1]}.svc.{CLUSTER_DOMAIN}" if len(parts) in (2, 3) else ""
        if completed in self._exact:
            return f"write {completed}: only names without a dot are completed"
        namesake = self._by_short_name.get(parts[0])
        if namesake is not None and full_host(host, namespace) != namesake:
            return f"there is {namesake}"
        return ""


def full_host(host: str, namespace: str) -> str:
    """What a host in a rule means: without a dot, a Kubernetes service of the rule's namespace; else itself."""
    host = host.lower()
    if "." in host or "*" in host or ":" in host:
        return host
    return f"{host}.{namespace}.svc.{CLUSTER_DOMAIN}"


def kubernetes_host(service: Resource[KubernetesService]) -> str:
    """The full name of a Kubernetes service."""
    return f"{service.name}.{service.namespace}.svc.{CLUSTER_DOMAIN}"


def is_seen_together(one: Resource[Any], other: Resource[Any], defaults: tuple[str, ...]) -> bool:
    """Whether some namespace may see both resources, by their ``exportTo``."""
    mine, theirs = _exported(one, defaults), _exported(other, defaults)
    return "*" in mine or "*" in theirs or bool(mine & theirs)


def _exported(resource: Resource[Any], defaults: tuple[str, ...]) -> frozenset[str]:
    values = resource.spec.export_to or defaults
    return frozenset(resource.namespace if value == "." else value for value in values)

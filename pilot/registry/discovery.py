"""What a registry found running: instances of services that nobody has to write down, and services made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from galley.frozen import FrozenMap, frozen
from galley.hosts.names import service_host
from galley.meta import NO_LABELS, Labels, Resource, ResourceKey
from galley.text.diagnostics import Origin
from pilot.registry.catalog import EndpointsByPort, Port, Protocol, Service, ServiceResolution, Workload
from pilot.registry.container_labels import name_port
from pilot.registry.endpoints import endpoint_at, sorted_endpoints
from pilot.registry.protocol import kubernetes_protocol
from pilot.registry.workloads import RegisteredWorkload


@frozen
class DiscoveryRegistry:
    """A registry that finds instances while they run. ``name`` is its own, such as ``Docker``, and ``instance`` what it
    calls one of them, such as ``Container``: the kind of the resources that services made of them come from."""

    name: str
    instance: str

    @property
    def instances(self) -> str:
        """The same for several, within a sentence: ``containers``."""
        return f"{self.instance.lower()}s"


@frozen
class DiscoveredInstance:
    """One running instance of a service. Without ``address`` it only tells the ports of its service."""

    id: str
    service: str
    namespace: str
    address: str = ""
    ports: FrozenMap[str, int] = FrozenMap()
    labels: Labels = NO_LABELS
    ready: bool = True
    awaits_proxy: bool = False
    """Whether its traffic is led to a sidecar, which registers itself: until then it can serve nobody."""
    addresses: tuple[str, ...] = ()
    """All its addresses: a proxy that registers at one of them is this instance's."""


@frozen
class Finding:
    """Something that the user should hear of. It is void while a proxy is registered at one of ``addresses``, and
    worth telling only once it has lasted for ``patience`` seconds."""

    text: str
    patience: float = 0.0
    addresses: tuple[str, ...] = ()


@frozen
class Sighting:
    """What became of one instance, for people. ``name`` is the one that its registry knows it by."""

    name: str
    project: str = ""
    service: str = ""
    namespace: str = ""
    address: str = ""
    network: str = ""
    verdict: str = ""


@frozen
class Discovery:
    """Everything that a registry knows at one moment.

    ``withdrawn`` are addresses at which nothing answers well now: workloads there, however they are known, are no
    endpoints.
    """

    instances: tuple[DiscoveredInstance, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()
    sightings: tuple[Sighting, ...] = ()


NOTHING_DISCOVERED = Discovery()


@frozen
class DiscoveredService:
    """A service of a mesh with ``domain`` as the instances that ``registry`` found describe it; ``members`` are
    workloads with their ports by name."""

    registry: DiscoveryRegistry
    name: str
    namespace: str
    domain: str
    ports: tuple[Port, ...]
    members: tuple[tuple[Workload, FrozenMap[str, int]], ...]

    @property
    def hostname(self) -> str:
        """Its full name, as that of a Kubernetes service."""
        return service_host(self.name, self.namespace, self.domain)


def without_withdrawn(
    registered: tuple[RegisteredWorkload, ...], withdrawn: Set[str]
) -> tuple[RegisteredWorkload, ...]:
    """The same workloads, those at ``withdrawn`` addresses as not serving: their own proxies go on knowing them."""
    if not any(workload.address in withdrawn for workload in registered):
        return registered
    return tuple(
        replace(workload, serving=False) if workload.address in withdrawn else workload for workload in registered
    )


def workload_of_instance(instance: DiscoveredInstance) -> Workload:
    """The instance without a proxy of its own: it has no service account, so peers speak plain text to it."""
    return Workload(
        namespace=instance.namespace,
        address=instance.address,
        ports=instance.ports,
        labels=instance.labels,
        id=instance.id,
        serving=instance.ready and not instance.awaits_proxy,
    )


def proxies_by_instance(
    instances: Iterable[DiscoveredInstance], registered: Iterable[Workload]
) -> Mapping[DiscoveredInstance, Workload]:
    """The self-registered workload of each instance that has one: at one of its addresses, in its namespace.

    Of several at one address one that serves counts: the others may be what is left of an earlier proxy there.
    """
    serving_last = sorted(registered, key=lambda workload: workload.serving)
    at = {(workload.namespace, workload.address): workload for workload in serving_last}
    found = {}
    for instance in instances:
        for address in (instance.address, *instance.addresses):
            if address and (workload := at.get((instance.namespace, address))):
                found[instance] = workload
                break
    return found


def group_services(
    registry: DiscoveryRegistry,
    instances: Iterable[DiscoveredInstance],
    workloads: Mapping[DiscoveredInstance, Workload],
    domain: str,
) -> tuple[DiscoveredService, ...]:
    """One service for all ``instances`` of one name and namespace that ``registry`` found.

    ``workloads`` are of those that have an address; ``domain`` is the mesh's.
    """
    grouped: dict[tuple[str, str], list[DiscoveredInstance]] = {}
    for instance in instances:
        grouped.setdefault((instance.namespace, instance.service), []).append(instance)
    return tuple(
        DiscoveredService(
            registry=registry,
            name=name,
            namespace=namespace,
            domain=domain,
            ports=_ports(group),
            members=tuple((workloads[one], one.ports) for one in group if one in workloads),
        )
        for (namespace, name), group in sorted(grouped.items())
    )


def _ports(instances: Sequence[DiscoveredInstance]) -> tuple[Port, ...]:
    """The ports of all instances. Of several names for one number a written one wins, of several numbers for one name
    the smallest: versions may listen elsewhere, and clients need one number."""
    pairs = {(name, number) for instance in instances for name, number in instance.ports.items()}
    names: dict[int, str] = {}
    for name, number in sorted(pairs, key=lambda pair: (pair[0] == name_port(pair[1]), pair[1], pair[0])):
        if number not in names and name not in names.values():
            names[number] = name
    ports = (
        Port(
            number=number,
            name=name,
            protocol=kubernetes_protocol(transport="TCP", app_protocol="", name=name, number=number),
        )
        for number, name in sorted(names.items())
    )
    return tuple(port for port in ports if port.protocol is not Protocol.UDP)


def resource_of_service(service: DiscoveredService) -> Resource[DiscoveredService]:
    """The service in the form in which the catalog keeps what it is made from."""
    key = ResourceKey(service.registry.instance, service.namespace, service.name)
    return Resource(key=key, spec=service, origin=Origin(f"discovered {service.registry.instances}"))


def service_of_discovered(resource: Resource[DiscoveredService]) -> Service:
    """As a Kubernetes Service without a cluster address would be."""
    return Service(
        hostname=resource.spec.hostname,
        namespace=resource.namespace,
        ports=resource.spec.ports,
        origin=resource.key,
        resolution=ServiceResolution.CLIENT_SIDE,
        kubernetes=True,
        age=resource.age,
    )


def endpoints_of_discovered(
    resource: Resource[DiscoveredService], service: Service, selected: tuple[Workload, ...]
) -> EndpointsByPort:
    """Endpoints by port name, where each member serves it; one that does not have the port is none."""
    members = resource.spec.members
    return {
        port.name: sorted_endpoints(
            (
                endpoint_at(workload, number)
                for workload, ports in members
                if (number := _target(port, workload, ports))
            ),
            service.resolution,
        )
        for port in service.ports
    }


def _target(port: Port, workload: Workload, ports: Mapping[str, int]) -> int:
    """What a proxy registered under the port's name, else the instance's port of this name, else of this number."""
    if named := workload.ports.get(port.name) or ports.get(port.name):
        return named
    return port.number if port.number in ports.values() else 0

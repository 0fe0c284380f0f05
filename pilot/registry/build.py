"""Build the catalog of services, and rebuild only what a change touched."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.networking.service_entry import ServiceEntry, WorkloadEntry, WorkloadGroup
from galley.meta import Labels, Resource, ResourceKey
from galley.snapshot import ConfigSnapshot
from pilot.registry.catalog import (
    Contribution,
    Endpoints,
    EndpointsByPort,
    Service,
    ServiceCatalog,
    ServiceKey,
    Workload,
    WorkloadPort,
)
from pilot.registry.discovery import (
    DiscoveredInstance,
    DiscoveredService,
    Discovery,
    DiscoveryRegistry,
    endpoints_of_discovered,
    group_services,
    proxies_by_instance,
    resource_of_service,
    service_of_discovered,
    without_withdrawn,
    workload_of_instance,
)
from pilot.registry.kubernetes_service import endpoints_of_manifest, selector_of_manifest, service_of_manifest
from pilot.registry.merge import merge
from pilot.registry.service_entry import endpoints_of_entry, selector_of_entry, services_of_entry
from pilot.registry.workloads import (
    RegisteredWorkload,
    workload_of_registration,
    workload_of_resource,
)


@dataclass(frozen=True, slots=True)
class _SourceKind:
    """How resources of one kind become services and endpoints."""

    services: Callable[[Resource[Any], str], tuple[Service, ...]]
    """The services of a resource in a mesh with this domain."""
    selector: Callable[[Resource[Any]], Labels | None]
    endpoints: Callable[[Resource[Any], Service, tuple[Workload, ...]], EndpointsByPort]


_ENTRY = _SourceKind(
    services=lambda resource, _domain: services_of_entry(resource),
    selector=selector_of_entry,
    endpoints=endpoints_of_entry,
)
_MANIFEST = _SourceKind(
    services=lambda resource, domain: (service_of_manifest(resource, domain),),
    selector=selector_of_manifest,
    endpoints=endpoints_of_manifest,
)
_DISCOVERED = _SourceKind(
    services=lambda resource, _domain: (service_of_discovered(resource),),
    selector=lambda resource: None,
    endpoints=endpoints_of_discovered,
)


Discovered = Mapping[DiscoveryRegistry, Discovery]
"""What each registry that discovers has found, in the order in which they count."""
NO_REGISTRIES: Discovered = {}


def build_catalog(
    config: ConfigSnapshot,
    workloads: tuple[RegisteredWorkload, ...],
    previous: ServiceCatalog | None = None,
    discovered: Discovered = NO_REGISTRIES,
) -> ServiceCatalog:
    """The services of ``config`` with the endpoints that it, the connected ``workloads`` and the registries in
    ``discovered`` give them, and the services of those registries that ``config`` does not describe.

    A service that several registries know is one, by the rules of ``merge``. What no change touched is the same object
    as in ``previous``; when nothing changed, so is the catalog.
    """
    before = previous or ServiceCatalog()
    withdrawn = frozenset[str]().union(*(discovery.withdrawn for discovery in discovered.values()))
    present = _workloads(config, without_withdrawn(workloads, withdrawn), before.workloads, withdrawn)
    members = _join_instances(discovered, present, before.workloads)
    lost = frozenset(before.workloads[source] for source in before.workloads.keys() - present.keys())
    found = frozenset(present[source] for source in present.keys() - before.workloads.keys())
    gone, come = lost - found, found - lost  # a resource that only moved within its file is in both
    contributions: dict[Resource[Any], Contribution] = {}
    pool, domain = _Pool(present.values()), config.domain
    sources: tuple[tuple[_SourceKind, tuple[Resource[Any], ...]], ...] = (
        (_ENTRY, config.of(ServiceEntry)),
        (_MANIFEST, config.of(KubernetesService)),
    )
    for kind, resources in sources:
        for resource in resources:
            known = before.contributions.get(resource)
            contributions[resource] = (
                _updated(kind, known, gone, come) if known else _contribute(kind, resource, pool, domain)
            )
    for resource in _discovered(discovered, members, contributions, before, domain):
        contributions[resource] = before.contributions.get(resource) or _contribute(_DISCOVERED, resource, pool, domain)
    changed = _changed_services(before.contributions, contributions)
    if previous and not changed and contributions.keys() == previous.contributions.keys() and not (lost or found):
        return previous
    return _assemble(before, contributions, present, changed)


def _workloads(
    config: ConfigSnapshot,
    registered: tuple[RegisteredWorkload, ...],
    before: Mapping[Hashable, Workload],
    withdrawn: frozenset[str],
) -> dict[Hashable, Workload]:
    """Every workload by what it was made from: a WorkloadEntry, or a registration and its group."""
    present: dict[Hashable, Workload] = {}
    for entry in config.of(WorkloadEntry):
        serving = entry.spec.address not in withdrawn
        source: Hashable = entry if serving else (entry, serving)
        present[source] = before.get(source) or replace(workload_of_resource(entry), serving=serving)
    groups: dict[ResourceKey, Resource[WorkloadGroup]] = {group.key: group for group in config.of(WorkloadGroup)}
    for claim in registered:
        group = groups.get(ResourceKey("WorkloadGroup", claim.namespace, claim.group)) if claim.group else None
        source = _Registration(claim, group)
        present[source] = before.get(source) or workload_of_registration(claim, group)
    return present


class _Registration(NamedTuple):
    """What a self-registered workload is made from."""

    claim: RegisteredWorkload
    group: Resource[WorkloadGroup] | None


def _join_instances(
    discovered: Discovered, present: dict[Hashable, Workload], before: Mapping[Hashable, Workload]
) -> Mapping[DiscoveredInstance, Workload]:
    """Add to ``present`` each discovered instance without a proxy that registered itself; the workload of each."""
    registered = (workload for source, workload in present.items() if isinstance(source, _Registration))
    instances = [instance for discovery in discovered.values() for instance in discovery.instances]
    members = dict(proxies_by_instance(instances, registered))
    for instance in instances:
        if instance.address and instance not in members:
            members[instance] = present[instance] = before.get(instance) or workload_of_instance(instance)
    return members


def _discovered(
    discovered: Discovered,
    members: Mapping[DiscoveredInstance, Workload],
    documented: Mapping[Resource[Any], Contribution],
    before: ServiceCatalog,
    domain: str,
) -> Iterator[Resource[DiscoveredService]]:
    """The discovered services that no document describes, each the same object for as long as it is equal."""
    hosts = {service.hostname for contribution in documented.values() for service in contribution.services}
    known = {one.spec: one for one in before.contributions if isinstance(one.spec, DiscoveredService)}
    for registry, discovery in discovered.items():
        for service in group_services(registry, discovery.instances, members, domain):
            if service.hostname not in hosts:
                yield known.get(service) or resource_of_service(service)


class _Pool:
    """Workloads found by selector; indexed by namespace and label when first asked."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        self._workloads = workloads
        self._index: dict[tuple[str, str, str], list[Workload]] | None = None

    def selected(self, namespace: str, selector: Labels) -> tuple[Workload, ...]:
        if self._index is None:
            self._index = {}
            for workload in self._workloads:
                for name, value in workload.labels.items():
                    self._index.setdefault((workload.namespace, name, value), []).append(workload)
        found = [self._index.get((namespace, name, value), []) for name, value in selector.items()]
        return _in_order(workload for workload in min(found, key=len) if selector.selects(workload.labels))


def _in_order(workloads: Iterable[Workload]) -> tuple[Workload, ...]:
    """Of workloads at one address the first is the endpoint, so the order must not depend on who came when."""
    return tuple(sorted(workloads, key=lambda workload: workload.id))


def _contribute(kind: _SourceKind, resource: Resource[Any], pool: _Pool, domain: str) -> Contribution:
    selector = kind.selector(resource)
    selected = pool.selected(resource.namespace, selector) if selector else ()
    services = kind.services(resource, domain)
    return Contribution(
        resource=resource,
        selector=selector,
        selected=selected,
        services=services,
        endpoints=tuple(kind.endpoints(resource, service, selected) for service in services),
    )


def _updated(
    kind: _SourceKind, known: Contribution, gone: frozenset[Workload], come: frozenset[Workload]
) -> Contribution:
    """The same contribution when none of the workloads that went or came is selected; services stay in any case."""
    selector, namespace = known.selector, known.resource.namespace
    if selector is None or not (gone or come):
        return known

    def concerns(workload: Workload) -> bool:
        return workload.namespace == namespace and selector.selects(workload.labels)

    new = tuple(filter(concerns, come))
    if not new and not any(map(concerns, gone)):
        return known
    selected = _in_order((*(workload for workload in known.selected if workload not in gone), *new))
    endpoints = tuple(kind.endpoints(known.resource, service, selected) for service in known.services)
    return Contribution(
        resource=known.resource,
        selector=selector,
        selected=selected,
        services=known.services,
        endpoints=tuple(_reusing(new, old) for new, old in zip(endpoints, known.endpoints, strict=True)),
    )


def _reusing(new: EndpointsByPort, old: EndpointsByPort) -> EndpointsByPort:
    """``new`` with the very objects of ``old`` where they are equal."""
    if not old or new is old:
        return new
    reused = {}
    for name, endpoints in new.items():
        known = {endpoint: endpoint for endpoint in old.get(name, ())}
        same = Endpoints(known.get(endpoint, endpoint) for endpoint in endpoints)
        reused[name] = old[name] if name in old and old[name] == same else same
    return reused


def _changed_services(
    before: Mapping[Resource[Any], Contribution], now: Mapping[Resource[Any], Contribution]
) -> set[ServiceKey]:
    touched = [c for resource, c in now.items() if before.get(resource) is not c]
    touched += [c for resource, c in before.items() if now.get(resource) is not c]
    return {service.key for contribution in touched for service in contribution.services}


def _assemble(
    before: ServiceCatalog,
    contributions: Mapping[Resource[Any], Contribution],
    workloads: Mapping[Hashable, Workload],
    changed: set[ServiceKey],
) -> ServiceCatalog:
    claims: dict[ServiceKey, list[tuple[Service, EndpointsByPort]]] = {}
    for contribution in contributions.values():
        for service, by_port in zip(contribution.services, contribution.endpoints, strict=True):
            if service.key in changed:
                claims.setdefault(service.key, []).append((service, by_port))
    services, endpoints = dict(before.services), dict(before.endpoints)
    for key in changed:
        if key not in claims:
            del services[key], endpoints[key]
            continue
        service, by_port = claims[key][0] if len(claims[key]) == 1 else merge(claims[key])
        services[key] = services[key] if services.get(key) == service else service
        endpoints[key] = _reusing(by_port, endpoints.get(key, {}))
    same_services = services.keys() == before.services.keys() and all(
        services[key] is before.services[key] for key in changed
    )
    return ServiceCatalog(
        services=before.services if same_services else services,
        endpoints=endpoints,
        by_address=_by_address(before, services, endpoints, changed),
        contributions=contributions,
        workloads=workloads,
    )


def _by_address(
    before: ServiceCatalog,
    services: Mapping[ServiceKey, Service],
    endpoints: Mapping[ServiceKey, EndpointsByPort],
    changed: set[ServiceKey],
) -> dict[str, tuple[WorkloadPort, ...]]:
    """Which ports each address serves; of one address the older service first."""
    served: dict[str, list[WorkloadPort]] = {}
    for key in changed:
        for by_port in before.endpoints.get(key, {}).values():
            for endpoint in by_port:
                served[endpoint.address] = []
    for key in changed & services.keys():
        for port in services[key].ports:
            for endpoint in endpoints[key].get(port.name, ()):
                entry = WorkloadPort(service=services[key], port=port, endpoint=endpoint)
                served.setdefault(endpoint.address, []).append(entry)
    by_address = dict(before.by_address)
    for address, entries in served.items():
        kept = [entry for entry in by_address.get(address, ()) if entry.service.key not in changed]
        ordered = sorted([*kept, *entries], key=_seniority)
        if ordered:
            by_address[address] = tuple(ordered)
        else:
            by_address.pop(address, None)
    return by_address


def _seniority(entry: WorkloadPort) -> tuple[Any, ...]:
    return (entry.service.age, entry.service.hostname, entry.port.number, entry.endpoint.port)

"""ServiceEntry → services and their endpoints."""

from __future__ import annotations

from galley.hosts.wildcards import is_wildcard
from galley.kinds.networking.service_entry import Location, Resolution, ServiceEntry, ServicePort
from galley.meta import NO_LABELS, Labels, Resource
from pilot.registry.catalog import (
    Endpoint,
    Endpoints,
    EndpointsByPort,
    Port,
    Protocol,
    Service,
    ServiceResolution,
    Workload,
)
from pilot.registry.endpoints import DNS_RESOLUTIONS, endpoint_at, sorted_endpoints
from pilot.registry.protocol import protocol_named
from pilot.registry.workloads import workload_of_entry

_RESOLUTIONS = {
    Resolution.NONE: ServiceResolution.PASSTHROUGH,
    Resolution.STATIC: ServiceResolution.CLIENT_SIDE,
    Resolution.DNS: ServiceResolution.DNS,
    Resolution.DNS_ROUND_ROBIN: ServiceResolution.DNS_ROUND_ROBIN,
    Resolution.DYNAMIC_DNS: ServiceResolution.CLIENT_SIDE,  # warned about: known, but without endpoints
}


def services_of_entry(resource: Resource[ServiceEntry]) -> tuple[Service, ...]:
    """One service per host, taken literally; UDP ports are left out, for no proxy handles them."""
    entry = resource.spec
    ports = tuple(
        Port(number=port.number, name=port.name, protocol=protocol)
        for port in entry.ports
        if (protocol := protocol_named(port.protocol, port.number)) is not Protocol.UDP
    )
    shifted = tuple((port.number, port.target_port) for port in entry.ports if port.target_port)
    return tuple(
        Service(
            hostname=host.lower(),
            namespace=resource.namespace,
            ports=ports,
            origin=resource.key,
            resolution=_RESOLUTIONS[entry.resolution],
            addresses=entry.addresses,
            mesh_external=entry.location is Location.MESH_EXTERNAL,
            export_to=entry.export_to,
            labels=resource.labels,
            subject_alt_names=entry.subject_alt_names,
            selector=selector_of_entry(resource) or NO_LABELS,
            target_ports=tuple((number, target) for number, target in shifted if number != target),
            age=resource.age,
        )
        for host in entry.hosts
    )


def selector_of_entry(resource: Resource[ServiceEntry]) -> Labels | None:
    """The labels of the workloads that the entry selects in its namespace; None when it selects none."""
    selector = resource.spec.workload_selector
    return selector.match_labels if selector is not None and not selector.is_empty else None


def endpoints_of_entry(
    resource: Resource[ServiceEntry], service: Service, selected: tuple[Workload, ...]
) -> EndpointsByPort:
    """Endpoints by port name: inline ones, else the selected workloads, else (DNS) the host itself."""
    entry = resource.spec
    workloads = tuple(workload_of_entry(inline, resource.namespace) for inline in entry.endpoints) or selected
    known = {port.number for port in service.ports}
    by_itself = service.resolution in DNS_RESOLUTIONS and not workloads and selector_of_entry(resource) is None
    return {
        port.name: _own_name(service, port)
        if by_itself
        else sorted_endpoints(
            (
                endpoint_at(workload, workload.ports.get(port.name) or port.target_port or port.number)
                for workload in workloads
                if workload.address
            ),
            service.resolution,
        )
        for port in entry.ports
        if port.number in known
    }


def _own_name(service: Service, port: ServicePort) -> tuple[Endpoint, ...]:
    if is_wildcard(service.hostname):  # nothing to resolve
        return ()
    return Endpoints((Endpoint(address=service.hostname, port=port.target_port or port.number),))

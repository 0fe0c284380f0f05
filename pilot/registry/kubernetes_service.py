"""Kubernetes Service documents → services and their endpoints."""

from __future__ import annotations

from galley.hosts.names import service_host
from galley.kinds.kubernetes.service import KubernetesService, KubernetesServicePort, ServiceType
from galley.meta import NO_LABELS, Labels, Resource
from pilot.registry.catalog import EndpointsByPort, Port, Protocol, Service, ServiceResolution, Workload
from pilot.registry.endpoints import endpoint_at, sorted_endpoints
from pilot.registry.protocol import kubernetes_protocol

EXPORT_TO_ANNOTATION = "networking.istio.io/exportTo"


def service_of_manifest(resource: Resource[KubernetesService], domain: str) -> Service:
    """The service ``name.namespace.svc.domain``; headless ones go to the original destination, an
    ExternalName is another name for its target. UDP ports are left out, for no proxy handles them."""
    spec = resource.spec
    addresses = tuple(dict.fromkeys(ip for ip in (spec.cluster_ip, *spec.cluster_ips) if ip and ip != "None"))
    shifted = tuple((port.port, port.target_port) for port in spec.ports if isinstance(port.target_port, int))
    return Service(
        hostname=service_host(resource.name, resource.namespace, domain),
        namespace=resource.namespace,
        ports=tuple(port for port in map(_port, spec.ports) if port.protocol is not Protocol.UDP),
        origin=resource.key,
        resolution=_resolution(spec),
        addresses=addresses,
        export_to=tuple(filter(None, map(str.strip, resource.annotations.get(EXPORT_TO_ANNOTATION, "").split(",")))),
        labels=resource.labels,
        selector=selector_of_manifest(resource) or NO_LABELS,
        kubernetes=True,
        headless=spec.cluster_ip == "None",
        alias_of=spec.external_name.rstrip(".").lower() if spec.type is ServiceType.EXTERNAL_NAME else "",
        target_ports=tuple((number, target) for number, target in shifted if number != target and target),
        age=resource.age,
    )


def _resolution(spec: KubernetesService) -> ServiceResolution:
    if spec.type is ServiceType.EXTERNAL_NAME:
        return ServiceResolution.ALIAS
    return ServiceResolution.PASSTHROUGH if spec.cluster_ip == "None" else ServiceResolution.CLIENT_SIDE


def _port(port: KubernetesServicePort) -> Port:
    protocol = kubernetes_protocol(
        transport=port.protocol, app_protocol=port.app_protocol, name=port.name, number=port.port
    )
    return Port(number=port.port, name=port.name, protocol=protocol)


def selector_of_manifest(resource: Resource[KubernetesService]) -> Labels | None:
    """The labels of the Service's workloads; None when it selects none (no selector, or ExternalName)."""
    spec = resource.spec
    return spec.selector if spec.selector and spec.type is not ServiceType.EXTERNAL_NAME else None


def endpoints_of_manifest(
    resource: Resource[KubernetesService], service: Service, selected: tuple[Workload, ...]
) -> EndpointsByPort:
    """Endpoints by port name, at the port where each workload serves it."""
    known = {port.number for port in service.ports}
    return {
        port.name: sorted_endpoints(
            (endpoint_at(workload, _target(port, workload)) for workload in selected if workload.address),
            service.resolution,
        )
        for port in resource.spec.ports
        if port.port in known and port.protocol.upper() != "UDP"
    }


def _target(port: KubernetesServicePort, workload: Workload) -> int:
    """The workload's port of the service port's name, else of the named targetPort, else the numbers as written."""
    if port.name in workload.ports:
        return workload.ports[port.name]
    if isinstance(port.target_port, str):
        return workload.ports.get(port.target_port, port.port)
    return port.target_port or port.port

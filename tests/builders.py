"""Values with good defaults, so that a test shows only what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from citadel.identity import TrustDomain
from galley.frozen import FrozenMap
from galley.kinds.kubernetes.service import KubernetesService, KubernetesServicePort
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule, Subset, TrafficPolicy
from galley.kinds.networking.gateway import Gateway, Server, ServerPort
from galley.kinds.networking.service_entry import Location, Resolution, ServiceEntry, ServicePort, WorkloadEntry
from galley.kinds.networking.sidecar import IstioEgressListener, Sidecar
from galley.kinds.networking.virtual_service import HttpMatchRequest, HttpRoute, HttpRouteDestination, VirtualService
from galley.kinds.security.peer_authentication import MutualTls, MutualTlsMode, PeerAuthentication
from galley.kinds.values import Destination, NetworkingWorkloadSelector, StringMatch, WorkloadSelector
from galley.meta import NO_LABELS, Labels, Resource, ResourceKey
from galley.snapshot import ConfigSnapshot, build_snapshot
from galley.text.diagnostics import Origin
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext, build_push_context
from pilot.mesh.context.scope import AttachedKeys, OutboundScope
from pilot.mesh.rules.model import RuleSettings, TrafficRule
from pilot.mesh.rules.read_virtual_service import read_virtual_service
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from pilot.registry.build import build_catalog
from pilot.registry.catalog import Port, Protocol, Service
from pilot.registry.workloads import RegisteredWorkload


def labels(**values: str) -> Labels:
    return FrozenMap(values)


def a_resource(
    spec: Any,
    name: str,
    *,
    kind: str = "",
    namespace: str = "default",
    metadata_labels: Mapping[str, str] = NO_LABELS,
    annotations: Mapping[str, str] = NO_LABELS,
    created: str = "",
) -> Resource[Any]:
    """``spec`` as a document of its kind; KubernetesService is of kind Service."""
    kind = kind or type(spec).__name__.removeprefix("Kubernetes")
    return Resource(
        key=ResourceKey(kind=kind, namespace=namespace, name=name),
        spec=spec,
        origin=Origin(file=f"{name}.yaml"),
        labels=FrozenMap(metadata_labels),
        annotations=FrozenMap(annotations),
        created=created,
    )


def a_service(
    hostname: str = "reviews.default.svc.cluster.local",
    *,
    port: int = 9080,
    protocol: Protocol = Protocol.HTTP,
    ports: tuple[Port, ...] = (),
    namespace: str = "default",
    **traits: Any,
) -> Service:
    """A catalog service with one HTTP port named ``http``."""
    return Service(
        hostname=hostname,
        namespace=namespace,
        ports=ports or (Port(number=port, name="http", protocol=protocol),),
        origin=ResourceKey(kind="ServiceEntry", namespace=namespace, name=hostname.split(".", maxsplit=1)[0]),
        **traits,
    )


def a_manifest(
    name: str = "reviews",
    *,
    port: int = 9080,
    port_name: str = "http",
    ports: tuple[KubernetesServicePort, ...] = (),
    namespace: str = "default",
    selector: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] = NO_LABELS,
    created: str = "",
    **traits: Any,
) -> Resource[KubernetesService]:
    """A Kubernetes Service document that selects ``app: <name>``."""
    return a_resource(
        KubernetesService(
            ports=ports or (KubernetesServicePort(port=port, name=port_name),),
            selector=FrozenMap({"app": name} if selector is None else selector),
            **traits,
        ),
        name,
        namespace=namespace,
        annotations=annotations,
        created=created,
    )


def a_workload_entry(
    name: str = "reviews-v1",
    address: str = "10.0.0.1",
    *,
    app: str = "reviews",
    version: str = "v1",
    ports: Mapping[str, int] | None = None,
    namespace: str = "default",
    **traits: Any,
) -> Resource[WorkloadEntry]:
    """A WorkloadEntry document with labels ``app`` and ``version``."""
    entry = WorkloadEntry(
        address=address, ports=FrozenMap(ports or {}), labels=labels(app=app, version=version), **traits
    )
    return a_resource(entry, name, namespace=namespace)


def a_service_entry(
    host: str = "reviews.default.svc.cluster.local",
    *,
    port: int = 9080,
    protocol: str = "HTTP",
    ports: tuple[ServicePort, ...] = (),
    addresses: Iterable[str] = ("10.0.0.1",),
    endpoints: tuple[WorkloadEntry, ...] | None = None,
    resolution: Resolution = Resolution.STATIC,
    location: Location = Location.MESH_INTERNAL,
    name: str = "",
    namespace: str = "default",
    created: str = "",
    **traits: Any,
) -> Resource[ServiceEntry]:
    """A STATIC ServiceEntry document for one host; ``addresses`` become endpoints unless ``endpoints`` are given."""
    return a_resource(
        ServiceEntry(
            hosts=(host,),
            ports=ports or (ServicePort(number=port, name=protocol.lower(), protocol=protocol),),
            endpoints=tuple(WorkloadEntry(address=ip) for ip in addresses) if endpoints is None else endpoints,
            resolution=resolution,
            location=location,
            **traits,
        ),
        name or host.split(".", maxsplit=1)[0],
        namespace=namespace,
        created=created,
    )


def a_registered_workload(address: str = "10.0.0.9", *, app: str = "reviews", **traits: Any) -> RegisteredWorkload:
    """A connected proxy's workload with label ``app``."""
    traits.setdefault("labels", labels(app=app))
    return RegisteredWorkload(
        **{"id": f"sidecar~{address}~{app}.default~d", "namespace": "default", "address": address, **traits}
    )


def a_route(
    host: str = "reviews",
    *,
    prefix: str = "",
    subset: str = "",
    weights: Mapping[str, int] | None = None,
    **traits: Any,
) -> HttpRoute:
    """An HTTP route to ``host``: to one subset, or to several by weight; with ``prefix`` only for such paths."""
    shares = weights or {subset: 0}
    match = (HttpMatchRequest(uri=StringMatch(prefix=prefix)),) if prefix else ()
    return HttpRoute(
        **{"match": match, **traits},
        route=tuple(
            HttpRouteDestination(destination=Destination(host=host, subset=name), weight=weight)
            for name, weight in shares.items()
        ),
    )


def a_virtual_service(
    *hosts: str,
    routes: tuple[HttpRoute, ...] | None = None,
    name: str = "",
    namespace: str = "default",
    created: str = "",
    **traits: Any,
) -> Resource[VirtualService]:
    """A VirtualService document for ``hosts`` (default ``reviews``) that routes to the first of them."""
    hosts = hosts or ("reviews",)
    spec = VirtualService(hosts=hosts, http=(a_route(hosts[0]),) if routes is None else routes, **traits)
    return a_resource(spec, name or hosts[0], namespace=namespace, created=created)


def a_rule(*hosts: str, **traits: Any) -> TrafficRule:
    """The rule that is read from a VirtualService document (see ``a_virtual_service``)."""
    (rule,) = read_virtual_service(a_virtual_service(*hosts, **traits), (), RuleSettings())
    return rule


def a_subset(name: str = "v1", policy: TrafficPolicy | None = None) -> Subset:
    """The endpoints with label ``version: <name>``."""
    return Subset(name=name, labels=labels(version=name), traffic_policy=policy)


def a_destination_rule(
    host: str = "reviews",
    *,
    policy: TrafficPolicy | None = None,
    subsets: tuple[Subset, ...] = (),
    name: str = "",
    namespace: str = "default",
    created: str = "",
    export_to: tuple[str, ...] = (),
) -> Resource[DestinationRule]:
    """A DestinationRule document."""
    spec = DestinationRule(host=host, traffic_policy=policy, subsets=subsets, export_to=export_to)
    return a_resource(spec, name or host, namespace=namespace, created=created)


def a_gateway(
    name: str = "bookinfo-gateway",
    *,
    hosts: tuple[str, ...] = ("*",),
    port: int = 8080,
    protocol: str = "HTTP",
    servers: tuple[Server, ...] = (),
    selector: Mapping[str, str] | None = None,
    namespace: str = "default",
    created: str = "",
) -> Resource[Gateway]:
    """A Gateway document with one HTTP server, for proxies labelled ``istio: ingressgateway``."""
    server = Server(port=ServerPort(number=port, protocol=protocol, name=protocol.lower()), hosts=hosts)
    spec = Gateway(servers=servers or (server,), selector=FrozenMap(selector or {"istio": "ingressgateway"}))
    return a_resource(spec, name, namespace=namespace, created=created)


def a_sidecar(
    *egress_hosts: str,
    name: str = "default",
    namespace: str = "default",
    selector: Mapping[str, str] | None = None,
    created: str = "",
    **traits: Any,
) -> Resource[Sidecar]:
    """A Sidecar document with one catch-all egress listener that imports ``egress_hosts``."""
    if egress_hosts:
        traits.setdefault("egress", (IstioEgressListener(hosts=egress_hosts),))
    if selector is not None:
        traits["workload_selector"] = NetworkingWorkloadSelector(match_labels=FrozenMap(selector))
    return a_resource(Sidecar(**traits), name, namespace=namespace, created=created)


def a_peer_policy(
    mode: str = "STRICT",
    *,
    name: str = "default",
    namespace: str = "default",
    selector: Mapping[str, str] | None = None,
    ports: Mapping[int, str] | None = None,
    created: str = "",
) -> Resource[PeerAuthentication]:
    """A PeerAuthentication document; with namespace ``istio-system`` it is for the whole mesh."""
    spec = PeerAuthentication(
        selector=None if selector is None else WorkloadSelector(match_labels=FrozenMap(selector)),
        mtls=MutualTls(mode=MutualTlsMode(mode)) if mode else None,
        port_level_mtls=FrozenMap(
            {str(port): MutualTls(mode=MutualTlsMode(each)) for port, each in (ports or {}).items()}
        ),
    )
    return a_resource(spec, name, namespace=namespace, created=created)


def a_config(*resources: Resource[Any], mesh: MeshConfig | None = None) -> ConfigSnapshot:
    """A snapshot of ``resources``, with ``mesh`` as the MeshConfig."""
    settings = [a_resource(mesh, "mesh", namespace="istio-system")] if mesh else []
    config, diagnostics = build_snapshot([*resources, *settings])
    assert diagnostics == ()
    return config


def a_context(
    *resources: Resource[Any],
    mesh: MeshConfig | None = None,
    workloads: tuple[RegisteredWorkload, ...] = (),
    previous: PushContext | None = None,
    trust_domain: str = "",
) -> PushContext:
    """The context of a configuration; with ``previous`` it is built as the next one after it, with ``trust_domain``
    workloads have identities."""
    config = a_config(*resources, mesh=mesh)
    catalog = build_catalog(config, workloads, previous.catalog if previous else None)
    domain = TrustDomain(trust_domain) if trust_domain else None
    return build_push_context(config, catalog, previous, trust_domain=domain)


def a_scope(
    *,
    kind: ProxyKind = ProxyKind.SIDECAR,
    namespace: str = "default",
    interception: Interception = Interception.REDIRECT,
    **traits: Any,
) -> OutboundScope:
    """The outbound scope of a sidecar in namespace ``default``."""
    domain = traits.pop("dns_domain", f"{namespace}.svc.cluster.local")
    return OutboundScope(kind=kind, namespace=namespace, dns_domain=domain, interception=interception, **traits)


def attached(*policies: ResourceKey) -> AttachedKeys:
    """These policies as what counts for a workload, by kind."""
    kinds = dict.fromkeys(policy.kind for policy in policies)
    return FrozenMap({kind: tuple(policy for policy in policies if policy.kind == kind) for kind in kinds})


def opening(context: PushContext, scope: OutboundScope) -> OutboundScope:
    """The scope of a gateway that opens the Gateways of ``context`` which ask for its labels."""
    gateways = context.attached[Gateway].in_namespace(scope.namespace).reaching(scope.labels)
    return replace(scope, attached=attached(*(gateway.key for gateway in gateways)))


def a_gateway_scope(**traits: Any) -> OutboundScope:
    """The outbound scope of an ingress gateway, which lives in ``istio-system``."""
    traits.setdefault("labels", labels(istio="ingressgateway"))
    return a_scope(**{"kind": ProxyKind.GATEWAY, "namespace": "istio-system", **traits})


def a_proxy(
    *,
    address: str = "10.0.0.1",
    kind: ProxyKind = ProxyKind.SIDECAR,
    namespace: str = "default",
    name: str = "reviews-1",
    **traits: Any,
) -> Proxy:
    """A sidecar in namespace ``default`` in interception mode REDIRECT."""
    domain = f"{namespace}.svc.cluster.local"
    defaults = {
        "id": f"{kind}~{address}~{name}.{namespace}~{domain}",
        "addresses": (address,),
        "dns_domain": domain,
    }
    return Proxy(kind=kind, namespace=namespace, name=name, **{**defaults, **traits})

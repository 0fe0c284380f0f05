"""From a proxy to its scopes: everything about it that decides what it receives, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from galley.frozen import FrozenMap
from galley.kinds.networking.sidecar import CaptureMode, IstioIngressListener, Sidecar
from galley.kinds.telemetry import WorkloadMode
from galley.kinds.values import UNIX_SCHEME
from galley.meta import NO_LABELS, Labels, Resource, ResourceKey
from pilot.ir.proxy import WithheldPatches
from pilot.mesh.clusters.mutual_tls import TLS_MODE_LABEL
from pilot.mesh.context.access_servers import access_servers
from pilot.mesh.context.attached_kinds import ATTACHED_KINDS, LabelsOf, Side
from pilot.mesh.context.patching import patches_in_force
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import (
    AttachedKeys,
    Certificates,
    InboundPort,
    InboundScope,
    ListenerScope,
    OutboundScope,
    ProxyScope,
)
from pilot.mesh.context.telemetry import telemetry_of
from pilot.mesh.rules.destination_rules import named_labels
from pilot.node.locality import NOWHERE, Locality, locality_of_labels
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from pilot.registry.catalog import WorkloadPort
from pilot.registry.protocol import protocol_named
from pilot.registry.workloads import RegisteredWorkload, workload_of_registration


def proxy_scope(context: PushContext, proxy: Proxy, withheld: WithheldPatches = frozenset()) -> ProxyScope:
    """The scope of ``proxy``, which has refused some resources with patches. Gateways have no inbound side."""
    gateway = proxy.kind is ProxyKind.GATEWAY
    return ProxyScope(
        listeners=listener_scope(context, proxy),
        inbound=None if gateway else inbound_scope(context, proxy),
        patches=patches_in_force(context, proxy, workload_labels(context, proxy)),
        withheld=withheld,
    )


def registered_workload(proxy: Proxy) -> RegisteredWorkload | None:
    """What a proxy that registers itself says of its workload; None for one that does not."""
    if not proxy.self_register:
        return None
    return RegisteredWorkload(
        id=proxy.id,
        namespace=proxy.namespace,
        address=proxy.addresses[0],
        ports=proxy.ports,
        labels=proxy.labels if proxy.identified else FrozenMap({**proxy.labels, TLS_MODE_LABEL: "disabled"}),
        network=proxy.network,
        locality=proxy.locality,
        # An account that nobody has proven must not become one that clients accept.
        service_account=proxy.service_account if proxy.identified else "",
        group=proxy.workload_group,
        proxied_ports=_proxied_ports(proxy),
        identified=proxy.identified,
    )


def _proxied_ports(proxy: Proxy) -> tuple[int, ...] | None:
    """The ports at which the proxy stands before the workload; None for all, as where traffic is redirected.

    One without identity takes mutual TLS at none of them. A gateway opens what Gateways say, and in mode NONE
    applications may listen themselves. A port that has a name only in some service is taken for one that the proxy
    opens.
    """
    if proxy.kind is ProxyKind.GATEWAY or not proxy.identified:
        return ()
    if proxy.interception is not Interception.NONE or not proxy.app_ports.keys() <= proxy.ports.keys():
        return None
    return tuple(sorted(number for name, number in proxy.ports.items() if name in proxy.app_ports))


def served_ports(context: PushContext, proxy: Proxy) -> tuple[WorkloadPort, ...]:
    """The service ports that the proxy's workload serves: endpoints at its addresses, of services of its namespace."""
    return tuple(
        entry
        for address in proxy.addresses
        for entry in context.catalog.by_address.get(address, ())
        if entry.service.namespace == proxy.namespace
    )


def workload_labels(context: PushContext, proxy: Proxy) -> Labels:
    """The labels that the node claims; a node without any has those that the registry knows for its address."""
    if proxy.labels:
        return proxy.labels
    return next((entry.endpoint.labels for entry in served_ports(context, proxy)), NO_LABELS)


def endpoint_labels(context: PushContext, proxy: Proxy) -> Labels:
    """The labels of the workload's endpoints, in which clients see them, with those that its node claims over them.

    So a label that only the registry or a WorkloadGroup knows is not lost, and with it the policy.
    """
    registered = registered_workload(proxy)
    if registered is None:
        known = next((entry.endpoint.labels for entry in served_ports(context, proxy)), NO_LABELS)
        return FrozenMap({**known, **proxy.labels})
    key = ResourceKey(kind="WorkloadGroup", namespace=proxy.namespace, name=proxy.workload_group)
    return workload_of_registration(registered, context.config.get(key)).labels


def attached_keys(context: PushContext, proxy: Proxy, side: Side) -> AttachedKeys:
    """The policies that count for ``proxy`` on one side, by kind."""
    found = {}
    for row in ATTACHED_KINDS:
        if proxy.kind in row.proxies and side in row.sides and (context.mtls is not None or not row.needs_identities):
            policies = context.attached[row.kind].in_namespace(proxy.namespace)
            if policies.is_empty:
                continue
            labels = (workload_labels if row.labels_of is LabelsOf.NODE else endpoint_labels)(context, proxy)
            reaching = policies.reaching(labels)
            if reaching:
                found[row.name] = tuple(policy.key for policy in reaching)
    return FrozenMap(found)


def access_keys(context: PushContext, proxy: Proxy) -> AttachedKeys:
    """The policies that count on the side where ``proxy`` decides who is let in: a gateway has one side only."""
    return attached_keys(context, proxy, Side.OUTBOUND if proxy.kind is ProxyKind.GATEWAY else Side.INBOUND)


def outbound_scope(context: PushContext, proxy: Proxy) -> OutboundScope:
    """What clusters, endpoints and routes of ``proxy`` depend on."""
    labels = workload_labels(context, proxy)
    gateway = proxy.kind is ProxyKind.GATEWAY
    setting = context.mesh.locality_lb_setting
    asks_place = context.policies.prefers_localities or bool(setting.distribute)
    priority_labels = sorted({*context.policies.priority_labels, *named_labels(setting)})
    return OutboundScope(
        kind=proxy.kind,
        namespace=proxy.namespace,
        dns_domain=proxy.dns_domain,
        interception=proxy.interception,
        labels=FrozenMap({name: labels[name] for name in context.rules.source_labels if name in labels}),
        attached=attached_keys(context, proxy, Side.OUTBOUND),
        own_target_ports=_own_target_ports(context, proxy) if gateway else FrozenMap(),
        ipv6=proxy.ipv6,
        dual_stack=proxy.dual_stack,
        http_proxy=_http_proxy_port(context, proxy) > 0,
        certificates=_certificates(context, proxy),
        auto_addresses=proxy.captures_dns and proxy.auto_addresses,
        locality=_locality(context, proxy, labels) if asks_place else NOWHERE,
        network=proxy.network if priority_labels else "",
        priority_labels=FrozenMap({name: labels[name] for name in priority_labels if name in labels}),
    )


def _locality(context: PushContext, proxy: Proxy, labels: Labels) -> Locality:
    """Where the workload is: as its labels say, its node, or the registry of its address."""
    by_labels = locality_of_labels(labels)
    if by_labels != NOWHERE or proxy.locality != NOWHERE:
        return by_labels if by_labels != NOWHERE else proxy.locality
    return next((entry.endpoint.locality for entry in served_ports(context, proxy)), NOWHERE)


def _own_target_ports(context: PushContext, proxy: Proxy) -> FrozenMap[int, int]:
    """Declared port → listener port, from the services that the gateway itself belongs to; the oldest decides.

    A gateway that is no endpoint of any service belongs to those that would select it.
    """
    served = sorted(served_ports(context, proxy), key=lambda entry: entry.service.age)
    pairs = [(entry.port.number, entry.endpoint.port) for entry in served] or [
        (port.number, service.target_port(port.number))
        for service in context.services.ordered
        if service.namespace == proxy.namespace and service.selector and service.selector.selects(proxy.labels)
        for port in service.ports
    ]
    targets = dict(reversed(pairs))  # the first pair of a number stands
    return FrozenMap({number: target for number, target in targets.items() if number != target})


def listener_scope(context: PushContext, proxy: Proxy) -> ListenerScope:
    """What outbound and gateway listeners of ``proxy`` depend on."""
    unredirected = proxy.kind is ProxyKind.SIDECAR and proxy.interception is Interception.NONE
    inbound = inbound_scope(context, proxy).ports if unredirected else ()
    outbound, labels = outbound_scope(context, proxy), workload_labels(context, proxy)
    return ListenerScope(
        outbound=outbound,
        bind_address=proxy.bind_address if unredirected else "",
        http_proxy_port=_http_proxy_port(context, proxy),
        accept_http_10=proxy.accept_http_10,
        dns_capture=proxy.captures_dns,
        inbound_ports=tuple(sorted({(port.listen_address, port.listen_port) for port in inbound if port.bound})),
        telemetry=telemetry_of(context, proxy, labels, WorkloadMode.CLIENT, lambda: outbound),
    )


def _http_proxy_port(context: PushContext, proxy: Proxy) -> int:
    """Where a sidecar's HTTP forward proxy listens; 0 for nowhere."""
    return (proxy.http_proxy_port or context.mesh.proxy_http_port) if proxy.kind is ProxyKind.SIDECAR else 0


def inbound_scope(context: PushContext, proxy: Proxy) -> InboundScope:
    """What inbound listeners and clusters of a sidecar depend on: a Sidecar's ingress, else the ports it serves."""
    served = served_ports(context, proxy)
    attached = attached_keys(context, proxy, Side.INBOUND)
    resource = context.sidecar_of(attached)
    if resource is not None and resource.spec.ingress:
        ports = tuple(_ingress_ports(resource, proxy, served))
    elif proxy.interception is Interception.NONE:
        ports = tuple(_bound_ports(proxy, served))
    else:
        ports = tuple(_captured_ports(served))
    return InboundScope(
        namespace=proxy.namespace,
        interception=proxy.interception,
        ports=_one_per_socket(ports),
        attached=attached,
        servers=access_servers(context, lambda: outbound_scope(context, proxy), attached),
        telemetry=telemetry_of(
            context,
            proxy,
            workload_labels(context, proxy),
            WorkloadMode.SERVER,
            lambda: outbound_scope(context, proxy),
        ),
        accept_http_10=proxy.accept_http_10,
        ipv6=proxy.ipv6,
        dual_stack=proxy.dual_stack,
        certificates=_certificates(context, proxy),
    )


def _certificates(context: PushContext, proxy: Proxy) -> Certificates:
    """Where nobody has an identity, neither having none nor an agent makes a difference."""
    if context.mtls is None or (proxy.identified and not proxy.has_agent):
        return Certificates.CONTROL_PLANE
    return Certificates.AGENT if proxy.identified else Certificates.NONE


def _one_per_socket(ports: Iterable[InboundPort]) -> tuple[InboundPort, ...]:
    """Of several services at one port of the workload the first, which is the oldest, supplies protocol and names."""
    chosen: dict[tuple[str, int], InboundPort] = {}
    for port in ports:
        chosen.setdefault((port.listen_address, port.listen_port), port)
    return tuple(chosen[socket] for socket in sorted(chosen))


def _captured_ports(served: Iterable[WorkloadPort]) -> Iterator[InboundPort]:
    """Redirected traffic: matched by the port where it was going, forwarded to where it was going."""
    for entry in served:
        if entry.endpoint.port:
            yield _inbound_port(entry, listen_port=entry.endpoint.port)


def _bound_ports(proxy: Proxy, served: Iterable[WorkloadPort]) -> Iterator[InboundPort]:
    """Interception NONE: peers connect to the proxy at PORTS[name], the application listens at APP_PORTS[name].

    This is our own extension for several workloads on one host; in Istio such a proxy has no inbound listener
    without a Sidecar's ingress. Nothing is bound for ports of which APP_PORTS says nothing, for there the
    application listens itself.
    """
    own_names = {number: name for name, number in proxy.ports.items()}
    for entry in served:
        own_name = own_names.get(entry.endpoint.port)
        if own_name is None:
            continue  # another workload at the same address
        app_port = proxy.app_ports.get(entry.port.name) or proxy.app_ports.get(own_name)
        if app_port:
            yield _inbound_port(
                entry,
                listen_port=entry.endpoint.port,
                listen_address=entry.endpoint.address,
                app_address=entry.endpoint.address,
                app_port=app_port,
                bound=True,
            )


def _inbound_port(
    entry: WorkloadPort,
    *,
    listen_port: int,
    listen_address: str = "",
    app_address: str = "",
    app_port: int = 0,
    bound: bool = False,
) -> InboundPort:
    return InboundPort(
        protocol=entry.port.protocol.value,
        service_host=entry.service.hostname,
        service_port=entry.port.number,
        listen_port=listen_port,
        listen_address=listen_address,
        app_address=app_address,
        app_port=app_port,
        bound=bound,
        origins=entry.service.origins,
    )


def _ingress_ports(
    resource: Resource[Sidecar], proxy: Proxy, served: tuple[WorkloadPort, ...]
) -> Iterator[InboundPort]:
    """A Sidecar's ingress listeners replace those made from services."""
    by_port: Mapping[int, WorkloadPort] = {entry.endpoint.port: entry for entry in reversed(served)}
    for listener in resource.spec.ingress:
        if listener.port is None:
            continue
        number = listener.port.number
        entry = by_port.get(number)
        bound = proxy.interception is Interception.NONE or listener.capture_mode is CaptureMode.NONE
        app_address, app_port = _default_endpoint(listener, proxy)
        yield InboundPort(
            protocol=protocol_named(listener.port.protocol, number).value,
            service_host=entry.service.hostname if entry else "",
            service_port=entry.port.number if entry else number,
            listen_port=number,
            listen_address=listener.bind or (proxy.addresses[0] if bound else ""),
            app_address=app_address,
            app_port=app_port,
            bound=bound,
            origins=(resource.key, *(entry.service.origins if entry else ())),
        )


def _default_endpoint(listener: IstioIngressListener, proxy: Proxy) -> tuple[str, int]:
    """Address and port of ``defaultEndpoint``; ``0.0.0.0`` and ``[::]`` mean the instance's own address."""
    written = listener.default_endpoint
    if not written or written.startswith(UNIX_SCHEME):
        return written, 0
    address, _, port = written.rpartition(":")
    address = address.strip("[]")
    if address in ("0.0.0.0", "::"):
        address = proxy.addresses[0]
    return address, int(port)

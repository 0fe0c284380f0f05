"""What a proxy reports of its traffic: the Telemetry resources that reach its workload, the servers within reach."""

from __future__ import annotations

from collections.abc import Callable

from galley.frozen import FrozenMap
from galley.kinds.extension_provider import ExtensionProvider
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.telemetry import Telemetry, WorkloadMode
from galley.meta import Labels
from pilot.ir.telemetry import NO_TELEMETRY, TelemetryPlan
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.naming import outbound_cluster
from pilot.mesh.telemetry.inputs import Collector, Collectors, ReportingWorkload, TelemetryInputs
from pilot.mesh.telemetry.plan import plan_telemetry
from pilot.node.node_id import ProxyKind
from pilot.registry.catalog import Service

_SERVICE_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISION_LABELS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")


def telemetry_of(
    context: PushContext, proxy: Proxy, labels: Labels, side: WorkloadMode, scope: Callable[[], OutboundScope]
) -> TelemetryPlan:
    """What the listeners of ``side`` report, of a proxy with these labels; a gateway's are on the CLIENT side.

    ``scope`` is the outbound one of the proxy, worked out only where something is reported at all.
    """
    attached = context.attached[Telemetry].in_namespace(proxy.namespace)
    if attached.is_empty and not _reports(context.mesh):
        return NO_TELEMETRY
    outbound = scope()
    inputs = TelemetryInputs(
        mesh=context.mesh,
        workload=_reporting_workload(proxy, labels),
        side=side,
        policies=attached.reaching(labels),
        collectors=_collectors(context, outbound),
        legacy_collector=_legacy_collector(context, outbound),
        gateway=proxy.kind is ProxyKind.GATEWAY,
    )
    return context.memo(plan_telemetry, inputs)


def _reports(mesh: MeshConfig) -> bool:
    """Whether MeshConfig alone lets proxies report something."""
    return bool(mesh.default_providers.tracing) or mesh.default_config.tracing.zipkin is not None


def _reporting_workload(proxy: Proxy, labels: Labels) -> ReportingWorkload:
    """Canonical names are those of labels, as Istio's injector chooses among them."""
    service = next(filter(None, map(labels.get, _SERVICE_LABELS)), proxy.workload_name or "unknown")
    return ReportingWorkload(
        service=service,
        revision=next(filter(None, map(labels.get, _REVISION_LABELS)), "latest"),
        namespace=proxy.namespace,
        node_cluster=proxy.node_cluster or f"{service}.{proxy.namespace}",
        mesh_id=proxy.texts.get("MESH_ID") or "unknown",
        cluster_id=proxy.texts.get("CLUSTER_ID") or "unknown",
    )


def _collectors(context: PushContext, scope: OutboundScope) -> Collectors:
    found = {one.name: _collector(context, scope, one) for one in context.mesh.extension_providers}
    return FrozenMap({name: collector for name, collector in found.items() if collector is not None})


def _collector(context: PushContext, scope: OutboundScope, provider: ExtensionProvider) -> Collector | None:
    server = provider.collector
    if server is None:
        return None
    namespace, _, host = server.service.rpartition("/")
    service = _service_at(context, scope, host.lower(), server.port)
    if service is None or (namespace and service.namespace != namespace):
        return None
    return Collector(outbound_cluster(port=server.port, host=service.hostname), service.hostname)


def _service_at(context: PushContext, scope: OutboundScope, host: str, port: int) -> Service | None:
    """The service of ``host``, where proxies of ``scope`` see one that has ``port``; an alias has no clusters."""
    visible = context.visible_services(scope)
    service = visible.named(host)
    if service is not None and service.alias_of:
        service = visible.named(service.alias_of)
    return service if service is not None and any(one.number == port for one in service.ports) else None


def _legacy_collector(context: PushContext, scope: OutboundScope) -> Collector | None:
    """A name without the mesh's domain is completed, as resolvers in a cluster do it."""
    zipkin = context.mesh.default_config.tracing.zipkin
    if zipkin is None:
        return None
    host, _, port = zipkin.address.lower().rpartition(":")
    for name in (host, f"{host}.svc.{context.config.domain}"):
        service = _service_at(context, scope, name, int(port))
        if service is not None:
            return Collector(outbound_cluster(port=int(port), host=service.hostname), service.hostname)
    return None

"""Plan tracing: the entries of all resources that reach a workload, one over the other, then the mesh's settings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from galley.frozen import frozen
from galley.kinds.extension_provider import provider_named
from galley.kinds.mesh_config import DEFAULT_SAMPLING, MeshConfig
from galley.kinds.telemetry import NO_TAGS, CustomTag, CustomTags, Tracing, WorkloadMode
from galley.kinds.telemetry_provider import ProviderHeader, TraceContextOption, ZipkinTracing
from pilot.ir.telemetry import Headers, TagPlan, TagSource, TracerPlan, TracingPlan, ZipkinPlan
from pilot.mesh.telemetry.inputs import Collector, ReportingWorkload, TelemetryInputs

ZIPKIN_PATH = "/api/v2/spans"
EXPORT_TIMEOUT = timedelta(seconds=5)
"""How long sending spans may take where the provider does not say it (Istio's value)."""

_DRY_RUN_TAGS = tuple(
    TagPlan(f"istio.authorization.dry_run.{action}_policy.{part}", TagSource.RBAC_METADATA, f"{prefix}{key}")
    for action, prefix in (("allow", "istio_dry_run_allow_"), ("deny", "istio_dry_run_deny_"))
    for part, key in (("name", "shadow_effective_policy_id"), ("result", "shadow_engine_result"))
)
"""What policies that are tried out would have done; a request about which they say nothing has no such tag."""


@frozen
class TracingSettings:
    """What one side of a workload's traffic is to report, after all that was said about it; None: nobody said it."""

    provider: str = ""
    disabled: bool = False
    sampling: float | None = None
    tags: CustomTags = NO_TAGS
    by_request_id: bool = True
    istio_tags: bool = True


def plan_tracing(inputs: TelemetryInputs) -> TracingPlan | None:
    """The spans of one side; None where there are none: without provider, or with one that is not within reach."""
    entries = tuple(entry for policy in inputs.policies for entry in policy.spec.tracing)
    if not entries and not inputs.mesh.default_providers.tracing:
        return _plan_from_proxy_config(inputs)
    settings = merge_tracing(inputs.mesh, entries, inputs.side)
    provider = provider_named(inputs.mesh.extension_providers, settings.provider)
    collector = inputs.collectors.get(provider.name) if provider is not None else None
    if settings.disabled or provider is None or provider.tracing is None or collector is None:
        return None
    server = provider.tracing
    return _plan(inputs, settings, _plan_zipkin(server, collector), server.max_tag_length)


def merge_tracing(mesh: MeshConfig, entries: Iterable[Tracing], side: WorkloadMode) -> TracingSettings:
    """The settings of ``side``: what an entry does not say stays as those before it have it."""
    default = mesh.default_providers.tracing
    settings = TracingSettings(provider=default[0] if default else "")
    for entry in entries:
        if not entry.match.mode.includes(side):
            continue
        sampling = entry.random_sampling_percentage
        settings = TracingSettings(
            provider=entry.providers[0].name if entry.providers else settings.provider,
            disabled=_said(entry.disable_span_reporting, settings.disabled),
            sampling=settings.sampling if sampling is None else sampling,
            tags=entry.custom_tags or settings.tags,
            by_request_id=_said(entry.use_request_id_for_trace_sampling, settings.by_request_id),
            istio_tags=_said(entry.enable_istio_tags, settings.istio_tags),
        )
    return settings


def _said(own: bool | None, before: bool) -> bool:
    return before if own is None else own


def _plan_from_proxy_config(inputs: TelemetryInputs) -> TracingPlan | None:
    """Before there were Telemetry resources: the Zipkin of ``defaultConfig.tracing``, while ``enableTracing`` is on."""
    if inputs.legacy_collector is None or not inputs.mesh.enable_tracing:
        return None
    istio_tags = inputs.mesh.default_config.tracing.enable_istio_tags
    settings = TracingSettings(istio_tags=istio_tags is not False)
    return _plan(inputs, settings, _plan_zipkin(ZipkinTracing(), inputs.legacy_collector))


def _plan(inputs: TelemetryInputs, settings: TracingSettings, tracer: TracerPlan, max_length: int = 0) -> TracingPlan:
    said = inputs.mesh.default_config.tracing
    default = said.sampling if 0 < said.sampling <= 100 else DEFAULT_SAMPLING
    return TracingPlan(
        tracer=tracer,
        sampling=default if settings.sampling is None else settings.sampling,
        tags=_plan_tags(settings, said.custom_tags, inputs.workload),
        max_path_length=max_length or said.max_path_tag_length or None,
        upstream_spans=inputs.gateway,
        by_request_id=settings.by_request_id,
    )


def _plan_zipkin(server: ZipkinTracing, collector: Collector) -> ZipkinPlan:
    return ZipkinPlan(
        cluster=collector.cluster,
        uri=f"http://{collector.host}{server.path or ZIPKIN_PATH}",
        timeout=server.timeout or EXPORT_TIMEOUT,
        headers=_plan_headers(server.headers),
        trace_id_128bit=not server.enable64bit_trace_id,
        w3c=server.trace_context_option is TraceContextOption.USE_B3_WITH_W3C_PROPAGATION,
    )


def _plan_headers(headers: tuple[ProviderHeader, ...]) -> Headers:
    return tuple((header.name, header.value) for header in headers)


def _plan_tags(settings: TracingSettings, inherited: CustomTags, workload: ReportingWorkload) -> tuple[TagPlan, ...]:
    """Those of a user over Istio's own ones of the same name, by name."""
    tags = {tag.name: tag for tag in (*_istio_tags(workload), *_DRY_RUN_TAGS)} if settings.istio_tags else {}
    for name, custom in (settings.tags or inherited).items():
        tag = _plan_tag(name, custom)
        if tag is not None:
            tags[name] = tag
    return tuple(tags[name] for name in sorted(tags))


def _plan_tag(name: str, tag: CustomTag) -> TagPlan | None:
    if tag.literal is not None:
        return TagPlan(name, TagSource.LITERAL, tag.literal.value)
    if tag.environment is not None:
        return TagPlan(name, TagSource.ENVIRONMENT, tag.environment.name, tag.environment.default_value)
    if tag.header is not None:
        return TagPlan(name, TagSource.HEADER, tag.header.name, tag.header.default_value)
    return None


def _istio_tags(workload: ReportingWorkload) -> tuple[TagPlan, ...]:
    values = {
        "istio.canonical_revision": workload.revision,
        "istio.canonical_service": workload.service,
        "istio.cluster_id": workload.cluster_id,
        "istio.mesh_id": workload.mesh_id,
        "istio.namespace": workload.namespace,
    }
    return tuple(TagPlan(name, TagSource.LITERAL, value) for name, value in values.items())

"""Tracing: what a connection manager says of spans, and to whom."""

from __future__ import annotations

from functools import cache

from envoy_data_plane.envoy.config.core.v3 import (
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    HttpService,
    HttpUri,
)
from envoy_data_plane.envoy.config.trace.v3 import (
    TracingHttp,
    ZipkinConfig,
    ZipkinConfigCollectorEndpointVersion,
    ZipkinConfigTraceContextOption,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerTracing,
    RequestIdExtension,
)
from envoy_data_plane.envoy.extensions.request_id.uuid.v3 import UuidRequestIdConfig
from envoy_data_plane.envoy.type.metadata.v3 import (
    MetadataKey,
    MetadataKeyPathSegment,
    MetadataKind,
    MetadataKindRequest,
)
from envoy_data_plane.envoy.type.tracing.v3 import (
    CustomTag,
    CustomTagEnvironment,
    CustomTagHeader,
    CustomTagLiteral,
    CustomTagMetadata,
)
from envoy_data_plane.envoy.type.v3 import Percent

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.ir.telemetry import Headers, TagPlan, TagSource, TracingPlan, ZipkinPlan

_tracing = maker(HttpConnectionManagerTracing)
_provider = maker(TracingHttp)
_zipkin = maker(ZipkinConfig)
_http_service = maker(HttpService)
_http_uri = maker(HttpUri)
_header_option = maker(HeaderValueOption)
_header = maker(HeaderValue)
_request_id_extension = maker(RequestIdExtension)
_uuid_request_id = maker(UuidRequestIdConfig)
_custom_tag = maker(CustomTag)
_literal = maker(CustomTagLiteral)
_environment = maker(CustomTagEnvironment)
_request_header = maker(CustomTagHeader)
_metadata = maker(CustomTagMetadata)
_metadata_key = maker(MetadataKey)
_path_segment = maker(MetadataKeyPathSegment)
_metadata_kind = maker(MetadataKind)
_of_request = maker(MetadataKindRequest)
_percent = maker(Percent)

_ZIPKIN = "envoy.tracers.zipkin"
_RBAC = "envoy.filters.http.rbac"


def add_tracing(manager: HttpConnectionManager, plan: TracingPlan) -> None:
    """Have ``manager`` make spans. Clients that ask for a span always get it: what is sampled is decided once."""
    manager.tracing = _tracing(
        client_sampling=_percent(value=100.0),
        random_sampling=_percent(value=plan.sampling),
        overall_sampling=_percent(value=100.0),
        custom_tags=[_render_tag(tag) for tag in plan.tags],
        max_path_tag_length=plan.max_path_length,
        provider=_provider(name=_ZIPKIN, typed_config=pack(_render_zipkin(plan.tracer))),
        spawn_upstream_span=True if plan.upstream_spans else None,
    )
    manager.request_id_extension = _request_id(plan.by_request_id)


@cache
def _request_id(by_request_id: bool) -> RequestIdExtension:
    config = _uuid_request_id(use_request_id_for_trace_sampling=by_request_id)
    return _request_id_extension(typed_config=pack(config))


def _render_zipkin(plan: ZipkinPlan) -> ZipkinConfig:
    options = ZipkinConfigTraceContextOption
    return _zipkin(
        collector_service=_http_service(
            http_uri=_http_uri(uri=plan.uri, cluster=plan.cluster, timeout=plan.timeout),
            request_headers_to_add=_render_headers(plan.headers),
        ),
        collector_endpoint_version=ZipkinConfigCollectorEndpointVersion.HTTP_JSON,
        trace_id_128bit=plan.trace_id_128bit,
        # Each proxy has spans of its own: two that share one would hide where the time goes.
        shared_span_context=False,
        trace_context_option=options.USE_B3_WITH_W3C_PROPAGATION if plan.w3c else options.USE_B3,
    )


def _render_headers(headers: Headers) -> list[HeaderValueOption]:
    action = HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
    return [_header_option(header=_header(key=name, value=value), append_action=action) for name, value in headers]


def _render_tag(tag: TagPlan) -> CustomTag:
    match tag.source:
        case TagSource.LITERAL:
            return _custom_tag(tag=tag.name, literal=_literal(value=tag.text))
        case TagSource.ENVIRONMENT:
            return _custom_tag(tag=tag.name, environment=_environment(name=tag.text, default_value=tag.default))
        case TagSource.HEADER:
            return _custom_tag(tag=tag.name, request_header=_request_header(name=tag.text, default_value=tag.default))
        case TagSource.RBAC_METADATA:
            key = _metadata_key(key=_RBAC, path=[_path_segment(key=tag.text)])
            kind = _metadata_kind(request=_of_request())
            return _custom_tag(tag=tag.name, metadata=_metadata(kind=kind, metadata_key=key))

"""External authorization filters, for requests and for opaque connections."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import (
    ApiVersion,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    HeaderValue,
    HttpUri,
)
from envoy_data_plane.envoy.extensions.filters.http.ext_authz.v3 import (
    AuthorizationRequest,
    AuthorizationResponse,
    BufferSettings,
    ExtAuthz,
    HttpService,
)
from envoy_data_plane.envoy.extensions.filters.network.ext_authz.v3 import ExtAuthz as NetworkExtAuthz
from envoy_data_plane.envoy.type.matcher.v3 import ListStringMatcher
from envoy_data_plane.envoy.type.v3 import HttpStatus, StatusCode

from citadel.access.ext_authz import ExtAuthzPlan, GrpcAuthorizationService, HttpAuthorizationService, RequestBody
from citadel.access.rbac import TextMatch
from citadel.envoy.matchers import render_metadata, render_text_match
from envoycodec.construct import maker

_ext_authz = maker(ExtAuthz)
_network_ext_authz = maker(NetworkExtAuthz)
_http_service = maker(HttpService)
_http_uri = maker(HttpUri)
_authorization_request = maker(AuthorizationRequest)
_authorization_response = maker(AuthorizationResponse)
_buffer_settings = maker(BufferSettings)
_grpc_service = maker(GrpcService)
_envoy_grpc = maker(GrpcServiceEnvoyGrpc)
_header_value = maker(HeaderValue)
_texts = maker(ListStringMatcher)
_http_status = maker(HttpStatus)


def render_http_ext_authz(plan: ExtAuthzPlan) -> ExtAuthz:
    """The filter for requests."""
    service = plan.service
    http = service if isinstance(service, HttpAuthorizationService) else None
    return _ext_authz(
        http_service=_render_http_service(http, plan) if http is not None else None,
        grpc_service=_render_grpc_service(service, plan) if isinstance(service, GrpcAuthorizationService) else None,
        allowed_headers=_render_texts(http.request_headers) if http is not None else None,
        transport_api_version=ApiVersion.V3,
        failure_mode_allow=plan.fail_open,
        status_on_error=_http_status(code=StatusCode(plan.status_on_error)) if plan.status_on_error else None,
        clear_route_cache=plan.clear_route_cache,
        with_request_body=_render_body(plan.body) if plan.body is not None else None,
        filter_enabled_metadata=render_metadata(plan.enabled_by),
    )


def render_network_ext_authz(plan: ExtAuthzPlan) -> NetworkExtAuthz:
    """The filter for opaque connections, which only a gRPC server can be asked about."""
    service = plan.service
    if not isinstance(service, GrpcAuthorizationService):
        raise TypeError("an HTTP authorization server cannot be asked about an opaque connection")
    return _network_ext_authz(
        stat_prefix="tcp.",
        grpc_service=_render_grpc_service(service, plan),
        transport_api_version=ApiVersion.V3,
        failure_mode_allow=plan.fail_open,
        filter_enabled_metadata=render_metadata(plan.enabled_by),
    )


def _render_http_service(service: HttpAuthorizationService, plan: ExtAuthzPlan) -> HttpService:
    headers = [_header_value(key=name, value=value) for name, value in service.added_headers.items()]
    answers = (service.upstream_headers, service.allowed_response_headers, service.denied_response_headers)
    return _http_service(
        server_uri=_http_uri(uri=service.uri, cluster=service.cluster, timeout=plan.timeout),
        path_prefix=service.path_prefix,
        authorization_request=_authorization_request(headers_to_add=headers) if headers else None,
        authorization_response=_authorization_response(
            allowed_upstream_headers=_render_texts(service.upstream_headers),
            allowed_client_headers_on_success=_render_texts(service.allowed_response_headers),
            allowed_client_headers=_render_texts(service.denied_response_headers),
        )
        if any(answers)
        else None,
    )


def _render_grpc_service(service: GrpcAuthorizationService, plan: ExtAuthzPlan) -> GrpcService:
    return _grpc_service(
        envoy_grpc=_envoy_grpc(cluster_name=service.cluster, authority=service.authority), timeout=plan.timeout
    )


def _render_texts(matches: tuple[TextMatch, ...]) -> ListStringMatcher | None:
    return _texts(patterns=[render_text_match(match) for match in matches]) if matches else None


def _render_body(body: RequestBody) -> BufferSettings:
    return _buffer_settings(
        max_request_bytes=body.max_bytes, allow_partial_message=body.allow_partial, pack_as_bytes=body.as_bytes
    )

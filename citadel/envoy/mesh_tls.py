"""TLS contexts with the identities of the mesh: certificates by SDS, over the xDS stream or from an agent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    AggregatedConfigSource,
    ApiConfigSource,
    ApiConfigSourceApiType,
    ApiVersion,
    ConfigSource,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    TransportSocket,
)
from envoy_data_plane.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCombinedCertificateValidationContext,
    DownstreamTlsContext,
    SdsSecretConfig,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher

from citadel.envoy.secrets import ROOTS_SECRET, WORKLOAD_SECRET
from citadel.ir import MeshClientTls, MeshServerTls, MeshTls
from envoycodec.construct import maker
from envoycodec.encode import pack

_upstream_tls_context = maker(UpstreamTlsContext)
_downstream_tls_context = maker(DownstreamTlsContext)
_common_tls_context = maker(CommonTlsContext)
_combined_context = maker(CommonTlsContextCombinedCertificateValidationContext)
_validation_context = maker(CertificateValidationContext)
_san_matcher = maker(SubjectAltNameMatcher)
_string_matcher = maker(StringMatcher)
_tls_parameters = maker(TlsParameters)
_sds_secret_config = maker(SdsSecretConfig)
_config_source = maker(ConfigSource)
_aggregated_config_source = maker(AggregatedConfigSource)
_api_config_source = maker(ApiConfigSource)
_grpc_service = maker(GrpcService)
_envoy_grpc = maker(GrpcServiceEnvoyGrpc)
_transport_socket = maker(TransportSocket)
_raw_buffer = maker(RawBuffer)

AGENT_CLUSTER = "sds-grpc"
"""The cluster of an agent's socket in the bootstrap that the agent writes; Istio's name for it."""
# Istio's; those without elliptic curves are for old clients of gateways.
_CIPHER_SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
)


def render_mesh_server_tls(tls: MeshServerTls) -> DownstreamTlsContext:
    """TLS that a proxy terminates in the name of its workload: every client shows an identity of the mesh."""
    matchers = [_prefix(prefix) for prefix in tls.mesh.prefixes]
    return _downstream_tls_context(
        common_tls_context=_render_common(tls.mesh, matchers, alpn=tls.alpn, cipher_suites=_CIPHER_SUITES),
        require_client_certificate=True,
    )


def render_mesh_client_tls(tls: MeshClientTls) -> UpstreamTlsContext:
    """TLS that a proxy originates in the name of its workload, towards one of the expected identities."""
    matchers = [_exactly(name) for name in tls.subject_alt_names] or [_prefix(one) for one in tls.mesh.prefixes]
    return _upstream_tls_context(common_tls_context=_render_common(tls.mesh, matchers, alpn=tls.alpn), sni=tls.sni)


def plain_text_socket() -> TransportSocket:
    """The transport socket without TLS."""
    return _transport_socket(name="envoy.transport_sockets.raw_buffer", typed_config=pack(_raw_buffer()))


def _render_common(
    mesh: MeshTls, matchers: list[SubjectAltNameMatcher], *, alpn: Iterable[str], cipher_suites: Iterable[str] = ()
) -> CommonTlsContext:
    return _common_tls_context(
        # Envoy's own maximum for clients is TLS 1.2.
        tls_params=_tls_parameters(
            tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2,
            tls_maximum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
            cipher_suites=list(cipher_suites),
        ),
        tls_certificate_sds_secret_configs=[_secret(WORKLOAD_SECRET, mesh)],
        combined_validation_context=_combined_context(
            default_validation_context=_validation_context(match_typed_subject_alt_names=matchers),
            validation_context_sds_secret_config=_secret(ROOTS_SECRET, mesh),
        ),
        alpn_protocols=list(alpn),
    )


def _secret(name: str, mesh: MeshTls) -> SdsSecretConfig:
    """A timeout of 0: no listener opens, and no cluster is used, before there is an identity."""
    source = _config_source(initial_fetch_timeout=timedelta(0), resource_api_version=ApiVersion.V3)
    if mesh.from_agent:
        source.api_config_source = _api_config_source(
            api_type=ApiConfigSourceApiType.GRPC,
            transport_api_version=ApiVersion.V3,
            set_node_on_first_message_only=True,
            grpc_services=[_grpc_service(envoy_grpc=_envoy_grpc(cluster_name=AGENT_CLUSTER))],
        )
    else:
        source.ads = _aggregated_config_source()
    return _sds_secret_config(name=name, sds_config=source)


def _exactly(name: str) -> SubjectAltNameMatcher:
    kind = SubjectAltNameMatcherSanType
    return _san_matcher(
        san_type=kind.URI if "://" in name else kind.DNS,
        matcher=_string_matcher(exact=name),
    )


def _prefix(prefix: str) -> SubjectAltNameMatcher:
    return _san_matcher(san_type=SubjectAltNameMatcherSanType.URI, matcher=_string_matcher(prefix=prefix))

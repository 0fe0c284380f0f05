"""TLS contexts: what a connection must prove and what a proxy presents."""

from __future__ import annotations

from ipaddress import ip_address

from envoy_data_plane.envoy.config.core.v3 import DataSource, TransportSocket
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CertificateValidationContextTrustChainVerification,
    CommonTlsContext,
    DownstreamTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher

from citadel.envoy.mesh_tls import render_mesh_client_tls, render_mesh_server_tls
from citadel.ir import KeyPairFiles, MeshClientTls, MeshServerTls, ServerTls, UpstreamTls
from envoycodec.construct import maker
from envoycodec.encode import pack
from galley.kinds.networking.gateway import TlsProtocol

_upstream_tls_context = maker(UpstreamTlsContext)
_downstream_tls_context = maker(DownstreamTlsContext)
_common_tls_context = maker(CommonTlsContext)
_validation_context = maker(CertificateValidationContext)
_san_matcher = maker(SubjectAltNameMatcher)
_string_matcher = maker(StringMatcher)
_tls_certificate = maker(TlsCertificate)
_tls_parameters = maker(TlsParameters)
_data_source = maker(DataSource)
_transport_socket = maker(TransportSocket)

_PROTOCOLS = {
    TlsProtocol.TLS_AUTO: TlsParametersTlsProtocol.TLS_AUTO,
    TlsProtocol.TLSV1_0: TlsParametersTlsProtocol.TLSv1_0,
    TlsProtocol.TLSV1_1: TlsParametersTlsProtocol.TLSv1_1,
    TlsProtocol.TLSV1_2: TlsParametersTlsProtocol.TLSv1_2,
    TlsProtocol.TLSV1_3: TlsParametersTlsProtocol.TLSv1_3,
}
SYSTEM_ROOTS_FILE = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian, Ubuntu, Alpine and Envoy's own images keep the system's roots.

Envoy has a field ``system_root_certs``, but only gRPC implements it: Envoy accepts it and verifies nothing. A file
that is not there makes Envoy refuse the cluster instead.
"""

_NO_CERTIFICATE_HAS_THIS_HASH = "00" * 32


def downstream_tls_socket(tls: ServerTls | MeshServerTls) -> TransportSocket:
    """The transport socket of a filter chain that terminates TLS."""
    context = render_downstream_tls(tls) if isinstance(tls, ServerTls) else render_mesh_server_tls(tls)
    return _transport_socket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def upstream_tls_socket(tls: UpstreamTls | MeshClientTls) -> TransportSocket:
    """The transport socket of a cluster that originates TLS.

    Without ``tls.sni`` the cluster must also ask for ``auto_sni`` (and, if the decision says so, for
    ``auto_san_validation``) among its upstream HTTP protocol options.
    """
    context = render_upstream_tls(tls) if isinstance(tls, UpstreamTls) else render_mesh_client_tls(tls)
    return _transport_socket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def render_downstream_tls(tls: ServerTls) -> DownstreamTlsContext:
    """TLS that a server terminates."""
    parameters = _tls_parameters(
        tls_minimum_protocol_version=_PROTOCOLS[tls.min_version],
        tls_maximum_protocol_version=_PROTOCOLS[tls.max_version],
        cipher_suites=list(tls.cipher_suites),
    )
    common = _common_tls_context(
        tls_params=parameters,
        tls_certificates=[_render_key_pair(files) for files in tls.certificates],
        validation_context=_render_client_validation(tls),
        alpn_protocols=list(tls.alpn),
    )
    return _downstream_tls_context(common_tls_context=common, require_client_certificate=tls.require_client_certificate)


def render_upstream_tls(tls: UpstreamTls) -> UpstreamTlsContext:
    """TLS that a client originates."""
    common = _common_tls_context(
        # Envoy's own maximum for clients is TLS 1.2.
        tls_params=_tls_parameters(
            tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2,
            tls_maximum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
        ),
        tls_certificates=[_render_key_pair(tls.client_certificate)] if tls.client_certificate else [],
        validation_context=_render_server_validation(tls),
        alpn_protocols=list(tls.alpn),
    )
    return _upstream_tls_context(common_tls_context=common, sni=tls.sni)


def _render_client_validation(tls: ServerTls) -> CertificateValidationContext | None:
    verification = CertificateValidationContextTrustChainVerification
    context = _validation_context(
        verify_certificate_spki=list(tls.verify_certificate_spki),
        verify_certificate_hash=list(tls.verify_certificate_hash),
    )
    if tls.ca_file:
        context.trusted_ca = _file(tls.ca_file)
        context.crl = _file(tls.crl_file) if tls.crl_file else None
        context.match_typed_subject_alt_names = [_render_san(name) for name in tls.subject_alt_names]
    if tls.insecure_skip_verify:
        context.trust_chain_verification = verification.ACCEPT_UNTRUSTED
        return context
    if tls.ca_file or tls.verify_certificate_spki or tls.verify_certificate_hash:
        return context
    if tls.require_client_certificate:
        # With nothing to verify it against, Envoy would take any certificate for good.
        context.verify_certificate_hash = [_NO_CERTIFICATE_HAS_THIS_HASH]
        return context
    return None


def _render_server_validation(tls: UpstreamTls) -> CertificateValidationContext | None:
    if tls.insecure_skip_verify:
        return None
    return _validation_context(
        trusted_ca=_file(SYSTEM_ROOTS_FILE if tls.ca_file is None else tls.ca_file),
        match_typed_subject_alt_names=[_render_san(name) for name in tls.subject_alt_names],
        crl=_file(tls.crl_file) if tls.crl_file else None,
    )


def _render_san(name: str) -> SubjectAltNameMatcher:
    return _san_matcher(san_type=_san_type(name), matcher=_string_matcher(exact=name))


def _san_type(name: str) -> SubjectAltNameMatcherSanType:
    """Istio's API names no type: it shows in the name itself."""
    if "://" in name:
        return SubjectAltNameMatcherSanType.URI
    try:
        ip_address(name)
    except ValueError:
        return SubjectAltNameMatcherSanType.EMAIL if "@" in name else SubjectAltNameMatcherSanType.DNS
    return SubjectAltNameMatcherSanType.IP_ADDRESS


def _render_key_pair(files: KeyPairFiles) -> TlsCertificate:
    return _tls_certificate(certificate_chain=_file(files.certificate), private_key=_file(files.private_key))


def _file(path: str) -> DataSource:
    return _data_source(filename=path)

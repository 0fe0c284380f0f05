"""HTTP connection managers: the end of a filter chain that forwards requests."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import Http1ProtocolOptions
from envoy_data_plane.envoy.config.core.v3 import HttpProtocolOptions as CommonOptions
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerForwardClientCertDetails,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerSetCurrentClientCertDetails,
    HttpConnectionManagerUpgradeConfig,
    Rds,
)

from envoycodec.construct import maker
from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from pilot.envoy.core import ads
from pilot.envoy.filters.access_log import render_access_logs
from pilot.envoy.filters.http import render_http_filter
from pilot.envoy.route import render_route_config
from pilot.ir.network_filters import HttpConnectionPlan

_connection_manager = maker(HttpConnectionManager)
_rds = maker(Rds)
_upgrade = maker(HttpConnectionManagerUpgradeConfig)
_client_cert_details = maker(HttpConnectionManagerSetCurrentClientCertDetails)
_common_options = maker(CommonOptions)
_http1_options = maker(Http1ProtocolOptions)

HTTP_CONNECTION_MANAGER = "envoy.filters.network.http_connection_manager"

_FORWARD = HttpConnectionManagerForwardClientCertDetails
_FORWARD_CLIENT_CERT = {
    ForwardClientCertDetails.SANITIZE: _FORWARD.SANITIZE,
    ForwardClientCertDetails.FORWARD_ONLY: _FORWARD.FORWARD_ONLY,
    ForwardClientCertDetails.APPEND_FORWARD: _FORWARD.APPEND_FORWARD,
    ForwardClientCertDetails.SANITIZE_SET: _FORWARD.SANITIZE_SET,
    ForwardClientCertDetails.ALWAYS_FORWARD_ONLY: _FORWARD.ALWAYS_FORWARD_ONLY,
}
_WRITING = (_FORWARD.APPEND_FORWARD, _FORWARD.SANITIZE_SET)


def render_http_connection_manager(plan: HttpConnectionPlan) -> HttpConnectionManager:
    """The connection manager, with its routes inline or by RDS."""
    manager = _connection_manager(
        stat_prefix=plan.stat_prefix,
        http_filters=[render_http_filter(each) for each in plan.filters],
        use_remote_address=plan.use_remote_address,
        xff_num_trusted_hops=plan.xff_num_trusted_hops,
        server_name=plan.server_name,
        stream_idle_timeout=timedelta(0),
        upgrade_configs=[_upgrade(upgrade_type="websocket")],
        access_log=render_access_logs(plan.settings.access_log, denials=plan.reports_denials, http=True),
    )
    if plan.route_config is not None:
        manager.route_config = render_route_config(plan.route_config)
    else:
        manager.rds = _rds(config_source=ads(), route_config_name=plan.route_name)
    if plan.allow_absolute_url or plan.settings.accept_http_10:
        manager.http_protocol_options = _http1_options(
            allow_absolute_url=plan.allow_absolute_url or None, accept_http_10=plan.settings.accept_http_10
        )
    if plan.idle_timeout is not None:
        manager.common_http_protocol_options = _common_options(idle_timeout=plan.idle_timeout)
    if plan.settings.tracing is not None:
        from pilot.envoy.filters.tracing import add_tracing  # noqa: PLC0415 - for meshes that trace alone

        add_tracing(manager, plan.settings.tracing)
    _add_normalization(manager, plan.settings.normalization)
    _add_client_certificate(manager, plan)
    return manager


def _add_normalization(manager: HttpConnectionManager, kind: NormalizationType) -> None:
    """Istio's ``meshConfig.pathNormalization``; policies see the normalized path."""
    action = HttpConnectionManagerPathWithEscapedSlashesAction
    decode = kind is NormalizationType.DECODE_AND_MERGE_SLASHES
    manager.normalize_path = kind is not NormalizationType.NONE
    manager.merge_slashes = decode or kind is NormalizationType.MERGE_SLASHES
    manager.path_with_escaped_slashes_action = action.UNESCAPE_AND_FORWARD if decode else action.KEEP_UNCHANGED


def _add_client_certificate(manager: HttpConnectionManager, plan: HttpConnectionPlan) -> None:
    """What ``x-forwarded-client-cert`` says; an edge, which hides the client from those behind, adds the
    certificate itself."""
    if plan.forward_client_cert is None:
        return
    details = _FORWARD_CLIENT_CERT[plan.forward_client_cert]
    manager.forward_client_cert_details = details
    if details in _WRITING:
        manager.set_current_client_cert_details = _client_cert_details(
            subject=True, uri=True, dns=True, cert=plan.use_remote_address
        )

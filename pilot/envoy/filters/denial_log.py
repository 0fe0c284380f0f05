"""The access log of what filters refused, which goes to the control plane over its own port.

Envoy takes a log whose cluster it does not know, and loses its entries; requests pass all the same.
"""

from __future__ import annotations

from functools import cache

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog, AccessLogFilter, ExtensionFilter
from envoy_data_plane.envoy.config.core.v3 import ApiVersion, GrpcService, GrpcServiceEnvoyGrpc
from envoy_data_plane.envoy.extensions.access_loggers.filters.cel.v3 import ExpressionFilter
from envoy_data_plane.envoy.extensions.access_loggers.grpc.v3 import (
    CommonGrpcAccessLogConfig,
    HttpGrpcAccessLogConfig,
    TcpGrpcAccessLogConfig,
)

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.node.ports import XDS_CLUSTER

_access_log = maker(AccessLog)
_filter = maker(AccessLogFilter)
_extension = maker(ExtensionFilter)
_expression = maker(ExpressionFilter)
_common = maker(CommonGrpcAccessLogConfig)
_http = maker(HttpGrpcAccessLogConfig)
_tcp = maker(TcpGrpcAccessLogConfig)
_service = maker(GrpcService)
_cluster = maker(GrpcServiceEnvoyGrpc)

DENIALS = "denials"
"""The name under which the entries come."""

_REFUSED = " || ".join(
    (
        *(
            f'response.code_details.startsWith("{start}")'
            for start in ("rbac_access_denied", "jwt_authn_access_denied", "ext_authz_")
        ),
        'connection.termination_details.startsWith("rbac_access_denied")',
    )
)
"""What the filters write down when they refuse. An attribute that is not there makes its part an error, which counts
as false beside one that is true."""


@cache
def render_denial_log(*, http: bool) -> AccessLog:
    """The log of a connection manager, or of a TCP proxy."""
    service = _service(envoy_grpc=_cluster(cluster_name=XDS_CLUSTER))
    common = _common(log_name=DENIALS, grpc_service=service, transport_api_version=ApiVersion.V3)
    config = _http(common_config=common) if http else _tcp(common_config=common)
    only = _extension(
        name="envoy.access_loggers.extension_filters.cel", typed_config=pack(_expression(expression=_REFUSED))
    )
    return _access_log(
        name=f"envoy.access_loggers.{'http' if http else 'tcp'}_grpc",
        filter=_filter(extension_filter=only),
        typed_config=pack(config),
    )

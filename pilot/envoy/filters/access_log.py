"""Access logs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import betterproto2
from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog
from envoy_data_plane.envoy.config.core.v3 import DataSource, SubstitutionFormatString
from envoy_data_plane.envoy.extensions.access_loggers.file.v3 import FileAccessLog
from envoy_data_plane.envoy.extensions.access_loggers.stream.v3 import StderrAccessLog, StdoutAccessLog

from envoycodec.construct import maker
from envoycodec.encode import pack
from envoycodec.wellknown import struct
from pilot.ir.network_filters import AccessLogPlan

_access_log = maker(AccessLog)
_file_access_log = maker(FileAccessLog)
_stdout_access_log = maker(StdoutAccessLog)
_stderr_access_log = maker(StderrAccessLog)
_format_string = maker(SubstitutionFormatString)
_data_source = maker(DataSource)

# Istio's default formats: https://istio.io/latest/docs/tasks/observability/logs/access-log/
_OPERATORS: Mapping[str, str] = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
    "upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%",
    "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
    "route_name": "%ROUTE_NAME%",
}
_TEXT_LAYOUT = """\
[{start_time}] "{method} {path} {protocol}" {response_code} {response_flags} {response_code_details} \
{connection_termination_details} "{upstream_transport_failure_reason}" {bytes_received} {bytes_sent} {duration} \
{upstream_service_time} "{x_forwarded_for}" "{user_agent}" "{request_id}" "{authority}" "{upstream_host}" \
{upstream_cluster} {upstream_local_address} {downstream_local_address} {downstream_remote_address} \
{requested_server_name} {route_name}
"""
DEFAULT_TEXT_FORMAT = _TEXT_LAYOUT.format_map(_OPERATORS)


def render_access_logs(plan: AccessLogPlan | None, *, denials: bool = False, http: bool = True) -> list[AccessLog]:
    """The access logs of a connection manager (``http``) or TCP proxy; with ``denials`` also that of what filters
    refuse, to the control plane."""
    logs = [_render_access_log(plan)] if plan is not None else []
    if denials:
        from pilot.envoy.filters.denial_log import render_denial_log  # noqa: PLC0415 - for meshes with policies alone

        logs.append(render_denial_log(http=http))
    return logs


# All listeners of a mesh log alike.
@lru_cache(maxsize=64)
def _render_access_log(plan: AccessLogPlan) -> AccessLog:
    log_format = _render_format(plan)
    match plan.path:
        # Opened as files, the standard streams fail where they belong to another user, as in containers.
        case "/dev/stdout":
            return _named("envoy.access_loggers.stdout", _stdout_access_log(log_format=log_format))
        case "/dev/stderr":
            return _named("envoy.access_loggers.stderr", _stderr_access_log(log_format=log_format))
        case path:
            return _named("envoy.access_loggers.file", _file_access_log(path=path, log_format=log_format))


def _named(name: str, config: betterproto2.Message) -> AccessLog:
    return _access_log(name=name, typed_config=pack(config))


def _render_format(plan: AccessLogPlan) -> SubstitutionFormatString:
    if plan.json:
        return _format_string(json_format=struct(json.loads(plan.format) if plan.format else _OPERATORS))
    text = plan.format or DEFAULT_TEXT_FORMAT
    line = text if text.endswith("\n") else text + "\n"
    return _format_string(text_format_source=_data_source(inline_string=line))

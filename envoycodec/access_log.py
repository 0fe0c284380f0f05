"""What an access log service reads: entries of requests and of connections, as small values of our own.

The first message of a stream has the node of its Envoy, some 60 KB; it is turned into a value only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from envoycodec.discovery import Node, node_of
from envoycodec.upb import decode_upb

_MESSAGE = "envoy.service.accesslog.v3.StreamAccessLogsMessage"
"""By name: its classes are imported with the first message."""
_EXTERNAL_SERVICE, _BY_SERVER = 1, "ext_authz_denied"
# envoy.config.core.v3.RequestMethod, in the order of its numbers.
_METHODS = ("", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request, or one connection (then ``method``, ``authority`` and ``path`` are "" and ``code`` is 0).

    ``time`` is when it began, in seconds since the epoch. ``details`` are Envoy's words about how it ended: those of
    the response, else those of the connection. ``principal`` is the URI in the client's certificate, "" without one;
    ``peer`` the address at the other end of the connection, ``client`` the client's, as trusted proxies tell it.
    """

    time: float
    method: str
    authority: str
    path: str
    code: int
    details: str
    principal: str
    peer: str
    client: str
    request_id: str


@dataclass(frozen=True, slots=True)
class LogMessage:
    """What one message brings. ``node`` is None unless it is there and asked for."""

    node: Node | None
    entries: tuple[LogEntry, ...]


def decode_log_message(data: bytes, *, with_node: bool) -> LogMessage:
    """A message of ``StreamAccessLogs``. ValueError if malformed."""
    message = decode_upb(_MESSAGE, data)
    identified = with_node and message.HasField("identifier")
    return LogMessage(
        node=node_of(message.identifier) if identified else None,
        entries=tuple(_entries(message)),
    )


def _entries(message: Any) -> Iterator[LogEntry]:
    for entry in message.http_logs.log_entry:
        request, response = entry.request, entry.response
        yield _entry(
            entry.common_properties,
            method=_METHODS[request.request_method] if request.request_method < len(_METHODS) else "",
            authority=request.authority,
            path=request.original_path or request.path,
            code=response.response_code.value,
            details=response.response_code_details,
            request_id=request.request_id,
        )
    for entry in message.tcp_logs.log_entry:
        common = entry.common_properties
        # Of what an external server refused there is a flag alone.
        by_server = common.response_flags.unauthorized_details.reason == _EXTERNAL_SERVICE
        yield _entry(common, details=common.connection_termination_details or (_BY_SERVER if by_server else ""))


def _entry(
    common: Any,
    *,
    method: str = "",
    authority: str = "",
    path: str = "",
    code: int = 0,
    details: str = "",
    request_id: str = "",
) -> LogEntry:
    names = common.tls_properties.peer_certificate_properties.subject_alt_name
    return LogEntry(
        time=common.start_time.seconds + common.start_time.nanos / 1e9,
        method=method,
        authority=authority,
        path=path,
        code=code,
        details=details,
        principal=next((name.uri for name in names if name.uri), ""),
        peer=common.downstream_direct_remote_address.socket_address.address,
        client=common.downstream_remote_address.socket_address.address,
        request_id=request_id,
    )

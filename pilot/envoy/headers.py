"""Header mutations, and Envoy's command operators, such as ``%REQ(x-id)%``, as header values may hold them.

Sources: Envoy's documentation, "Substitution format operators"; what is listed here was given to Envoy 1.36, 1.38 and
1.40, and all three accept it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption, HeaderValueOptionHeaderAppendAction

from envoycodec.construct import maker
from pilot.ir.route import HeaderMutationPlan

_header_value_option = maker(HeaderValueOption)
_header_value = maker(HeaderValue)

_BARE = """
    ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_SENT CONNECTION_ID CONNECTION_TERMINATION_DETAILS DURATION EMIT_TIME
    DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_PORT
    DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT
    DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN
    DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_DNS_SAN
    DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_IP_SAN DOWNSTREAM_PEER_ISSUER
    DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_URI_SAN
    DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT
    DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON
    GRPC_STATUS GRPC_STATUS_NUMBER HOSTNAME PROTOCOL REQUESTED_SERVER_NAME REQUEST_DURATION RESPONSE_CODE
    RESPONSE_CODE_DETAILS RESPONSE_DURATION RESPONSE_FLAGS RESPONSE_FLAGS_LONG ROUNDTRIP_DURATION ROUTE_NAME START_TIME
    STREAM_ID TRACE_ID UNIQUE_ID UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID UPSTREAM_HOST
    UPSTREAM_HOST_NAME UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
    UPSTREAM_LOCAL_PORT UPSTREAM_PEER_URI_SAN UPSTREAM_PROTOCOL UPSTREAM_REMOTE_ADDRESS
    UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TLS_VERSION
    UPSTREAM_TRANSPORT_FAILURE_REASON VIRTUAL_CLUSTER_NAME
"""
BARE_OPERATORS = frozenset(_BARE.split())
"""Operators that stand alone."""

_HEADER = r"[A-Za-z0-9_:.-]+(?:\?[A-Za-z0-9_:.-]+)?\)(?::[1-9][0-9]{0,3})?"
_PATH = r"[^:()%\s]+(?::[^:()%\s]+)*\)"
_WITH_ARGUMENT = {
    "REQ": _HEADER,
    "RESP": _HEADER,
    "TRAILER": _HEADER,
    "DYNAMIC_METADATA": _PATH,
    "UPSTREAM_METADATA": _PATH,
    "FILTER_STATE": r"[^:()%\s]+(?::(?:PLAIN|TYPED))?\)",
    "START_TIME": r"(?:%[A-Za-z0-9]|[^%()\s])+\)",
    "ENVIRONMENT": r"[A-Za-z0-9_]+\)",
}
_ALTERNATIVES = "|".join(rf"{operator}\({argument}" for operator, argument in _WITH_ARGUMENT.items())
_PERCENT = re.compile(rf"%%|%(?:{_ALTERNATIVES}|(?P<bare>[A-Z][A-Z0-9_]*))%|%")


class HeaderMutation(NamedTuple):
    """Header changes as Envoy's route, virtual host and weighted cluster take them."""

    add: list[HeaderValueOption]
    remove: list[str]


def render_header_mutation(*plans: HeaderMutationPlan) -> HeaderMutation:
    """The changes of all ``plans`` in turn: what is set comes before what is added, in each of them."""
    overwrite = HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
    append = HeaderValueOptionHeaderAppendAction.APPEND_IF_EXISTS_OR_ADD
    options = []
    for plan in plans:
        options += [_render_option(name, value, overwrite) for name, value in plan.set]
        options += [_render_option(name, value, append) for name, value in plan.add]
    return HeaderMutation(add=options, remove=[name for plan in plans for name in plan.remove])


def _render_option(name: str, value: str, action: HeaderValueOptionHeaderAppendAction) -> HeaderValueOption:
    header = _header_value(key=name, value=escape_percent(value))
    return _header_value_option(header=header, append_action=action)


def escape_percent(value: str) -> str:
    """``value`` with ``%%`` for every percent sign that begins none of Envoy's command operators.

    Header values go through Envoy's formatter, as in Istio: ``%REQ(x-id)%`` and ``%%`` mean there what they say. A
    lone sign or an unknown operator would make Envoy refuse the whole route configuration; it becomes literal text.
    """
    return _PERCENT.sub(_kept_or_escaped, value) if "%" in value else value


def _kept_or_escaped(found: re.Match[str]) -> str:
    unknown = found["bare"] is not None and found["bare"] not in BARE_OPERATORS
    return found[0].replace("%", "%%") if found[0] == "%" or unknown else found[0]

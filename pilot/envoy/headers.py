"""Header mutations, and what a header's value may say."""

from __future__ import annotations

import re
from typing import NamedTuple

from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption, HeaderValueOptionHeaderAppendAction

from envoycodec.construct import maker
from pilot.ir.route import HeaderMutationPlan

_header_value_option = maker(HeaderValueOption)
_header_value = maker(HeaderValue)


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


_BARE = """
    PROTOCOL REQUESTED_SERVER_NAME ROUTE_NAME VIRTUAL_CLUSTER_NAME HOSTNAME STREAM_ID CONNECTION_ID
    UPSTREAM_CLUSTER UPSTREAM_HOST UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT
    UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT
    DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT
    DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_PORT
    DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT
    DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_PEER_SUBJECT
    DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_FINGERPRINT_256
    DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CERT_V_END
    DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON
    UPSTREAM_TRANSPORT_FAILURE_REASON RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_FLAGS RESPONSE_FLAGS_LONG
    UPSTREAM_REQUEST_ATTEMPT_COUNT BYTES_RECEIVED BYTES_SENT DURATION START_TIME
"""
_WITH_ARGUMENT = "REQ RESP TRAILER DYNAMIC_METADATA UPSTREAM_METADATA FILTER_STATE START_TIME ENVIRONMENT"
_BARE_OPERATORS = frozenset(_BARE.split())
_OPERATORS_WITH_ARGUMENT = frozenset(_WITH_ARGUMENT.split())
_PERCENT = re.compile(r"%%|%(?P<operator>[A-Z][A-Z0-9_]*)(?:\((?P<argument>[^()%]+)\))?(?::[1-9][0-9]{0,4})?%|%")


def escape_percent(value: str) -> str:
    """``value`` with ``%%`` for every percent sign that begins none of Envoy's command operators.

    Header values go through Envoy's formatter, as in Istio: ``%REQ(x-id)%`` and ``%%`` mean there what they say. A
    lone sign or an unknown operator would make Envoy refuse the whole route configuration; it becomes literal text.
    """
    return _PERCENT.sub(_kept_or_escaped, value) if "%" in value else value


def _kept_or_escaped(found: re.Match[str]) -> str:
    text, operator, argument = found[0], found["operator"], found["argument"]
    known = _BARE_OPERATORS if argument is None else _OPERATORS_WITH_ARGUMENT
    return text if text == "%%" or operator in known else text.replace("%", "%%")

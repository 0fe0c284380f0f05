"""Header mutations."""

from __future__ import annotations

from typing import NamedTuple

from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption, HeaderValueOptionHeaderAppendAction

from envoycodec.construct import maker
from pilot.envoy.substitution import escape_percent
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

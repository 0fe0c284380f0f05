"""Istio's traffic annotations, which are labels in a compose file, as flags of `pilot redirect`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from pilot.inject.options import INTERCEPTION_MODE, TRAFFIC_PREFIX
from pilot.node.metadata import Interception
from pilot.redirect.options import EVERYTHING, parse_interception, parse_interfaces, parse_networks, parse_ports


def _or_everything(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: (EVERYTHING,) if text.strip() == EVERYTHING else parse(text)


_FLAGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "includeInboundPorts": ("--include-inbound-ports", _or_everything(parse_ports)),
    "excludeInboundPorts": ("--exclude-inbound-ports", parse_ports),
    "includeOutboundPorts": ("--include-outbound-ports", parse_ports),
    "excludeOutboundPorts": ("--exclude-outbound-ports", parse_ports),
    "includeOutboundIPRanges": ("--include-outbound-cidrs", _or_everything(parse_networks)),
    "excludeOutboundIPRanges": ("--exclude-outbound-cidrs", parse_networks),
    "excludeInterfaces": ("--exclude-interfaces", parse_interfaces),
    "kubevirtInterfaces": ("--virtual-interfaces", parse_interfaces),
}
"""By annotation name, in the order in which flags are written."""

TRAFFIC_ANNOTATIONS = tuple(_FLAGS)


def capture_flags(annotations: Mapping[str, str], defaults: Mapping[str, str]) -> list[str]:
    """The flags that ``annotations`` ask for, and ``defaults`` where those say nothing.

    Raises ValueError, naming the annotation, for a value that is none and for a name that nobody knows.
    """
    given = {**defaults, **_traffic(annotations)}
    flags: list[str] = []
    for name, (flag, parse) in _FLAGS.items():
        if name not in given:
            continue
        try:
            values = parse(given[name])
        except ValueError as error:
            raise ValueError(f"{TRAFFIC_PREFIX}{name}: {error}") from None
        flags.append(f"{flag}={','.join(map(str, values))}")
    return flags


def interception_of(annotations: Mapping[str, str], default: Interception) -> Interception:
    """How inbound connections are captured. Raises ValueError for another word."""
    text = annotations.get(INTERCEPTION_MODE, default.value)
    try:
        return parse_interception(text)
    except ValueError as error:
        raise ValueError(f"{INTERCEPTION_MODE}: {error}") from None


def _traffic(annotations: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for annotation, value in annotations.items():
        if not annotation.startswith(TRAFFIC_PREFIX):
            continue
        name = annotation.removeprefix(TRAFFIC_PREFIX)
        if name not in _FLAGS:
            near = difflib.get_close_matches(name, _FLAGS, n=1, cutoff=0)[0]
            raise ValueError(f"{annotation} is unknown; did you mean {TRAFFIC_PREFIX}{near}?")
        found[name] = value
    return found

"""Chain matches that do not overlap: Envoy refuses a listener in which two chains could take one connection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_network

from pilot.ir.listener import ChainMatchPlan, FilterChainPlan


@dataclass(slots=True)
class ChainClaims:
    """What the chains of one listener match so far; the first chain keeps a name or an address range."""

    _claimed: set[tuple[object, ...]] = field(default_factory=set)

    def claim(self, chain: FilterChainPlan) -> FilterChainPlan | None:
        """The chain with what earlier chains left to it; None when that is nothing."""
        match = chain.match
        if not match.server_names and not match.prefix_ranges and not match.application_protocols:
            whole = (match.destination_port, match.transport_protocol, "", "", "")
            if whole in self._claimed:
                return None
            self._claimed.add(whole)
            return chain
        names = tuple(name for name in match.server_names or ("",) if self._is_free(match, name, match.prefix_ranges))
        ranges = _distinct(match.prefix_ranges)
        if not match.server_names and ranges:
            ranges = tuple(one for one in ranges if self._is_free(match, "", (one,)))
            names = ("",) if ranges else ()
        if not names:
            return None
        for name in names:
            self._claimed.update(_combinations(match, name, ranges))
        if (len(names), len(ranges)) == (len(match.server_names or ("",)), len(match.prefix_ranges)):
            return chain
        return replace(chain, match=replace(match, server_names=names if names != ("",) else (), prefix_ranges=ranges))

    def _is_free(self, match: ChainMatchPlan, name: str, ranges: tuple[str, ...]) -> bool:
        return self._claimed.isdisjoint(_combinations(match, name, ranges))


def _combinations(match: ChainMatchPlan, name: str, ranges: tuple[str, ...]) -> list[tuple[object, ...]]:
    """One entry for each way in which a connection can be matched."""
    return [
        (match.destination_port, match.transport_protocol, protocol, name, _network(one))
        for protocol in match.application_protocols or ("",)
        for one in ranges or ("",)
    ]


def _distinct(ranges: tuple[str, ...]) -> tuple[str, ...]:
    networks: dict[str, str] = {}
    for one in ranges:
        networks.setdefault(_network(one), one)
    return tuple(networks.values())


def _network(text: str) -> str:
    """Address ranges are equal when they name the same network, however they are written."""
    try:
        return str(ip_network(text, strict=False)) if text else ""
    except ValueError:
        return text

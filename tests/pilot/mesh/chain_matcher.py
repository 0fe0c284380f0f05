"""Which filter chain a connection gets, as Envoy finds it (its ``filter_chain_manager_impl.cc``).

Made independently of what plans chains: by port, address, server name, transport and protocols, exactly before any.
There is no way back: a branch that is entered is not left when nothing in it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, TlsInspectorPlan


@dataclass(frozen=True)
class Connection:
    """What a client sends. ``http`` is what an inspector of plain text would call it, "" for no HTTP."""

    port: int
    address: str = "10.0.0.1"
    is_tls: bool = False
    alpn: tuple[str, ...] = ()
    sni: str = ""
    http: str = ""


def chain_for(listener: TcpListenerPlan, connection: Connection) -> FilterChainPlan | None:
    """The chain that takes ``connection`` after the listener's filters; None where it is reset."""
    sees_tls = connection.is_tls and _looks(listener, TlsInspectorPlan, connection.port)
    sees_http = not connection.is_tls and bool(connection.http) and _looks(listener, HttpInspectorPlan, connection.port)
    transport = "tls" if sees_tls else "raw_buffer"
    protocols = connection.alpn if sees_tls else (connection.http,) if sees_http else ()
    found = _narrow(listener.chains, lambda chain: chain.match.destination_port, (connection.port, 0))
    found = _by_address(found, connection.address)
    found = _by_name(found, connection.sni if sees_tls else "")
    found = _narrow(found, lambda chain: chain.match.transport_protocol, (transport, ""))
    taken = [chain for name in protocols for chain in found if name in chain.match.application_protocols]
    taken += [chain for chain in found if not chain.match.application_protocols]
    return taken[0] if taken else listener.default_chain


def _looks(listener: TcpListenerPlan, kind: type[TlsInspectorPlan | HttpInspectorPlan], port: int) -> bool:
    return any(isinstance(one, kind) and port not in one.excluded_ports for one in listener.listener_filters)


def _narrow(
    chains: Iterable[FilterChainPlan], key: Callable[[FilterChainPlan], object], wanted: tuple[object, ...]
) -> list[FilterChainPlan]:
    chains = list(chains)
    return next((found for one in wanted if (found := [chain for chain in chains if key(chain) == one])), [])


def _by_address(chains: list[FilterChainPlan], address: str) -> list[FilterChainPlan]:
    found = ip_address(address)
    lengths = {
        network.prefixlen
        for chain in chains
        for network in map(ip_network, chain.match.prefix_ranges)
        if found in network
    }
    if not lengths:
        return [chain for chain in chains if not chain.match.prefix_ranges]
    narrowest = ip_network(f"{address}/{max(lengths)}", strict=False)
    return [chain for chain in chains if str(narrowest) in chain.match.prefix_ranges]


def _by_name(chains: list[FilterChainPlan], sni: str) -> list[FilterChainPlan]:
    labels = sni.split(".")
    wanted = [sni, *("*." + ".".join(labels[cut:]) for cut in range(1, len(labels)))] if sni else []
    for name in wanted:
        if found := [chain for chain in chains if name in chain.match.server_names]:
            return found
    return [chain for chain in chains if not chain.match.server_names]

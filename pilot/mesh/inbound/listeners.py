"""Inbound listeners of sidecars: virtualInbound, or in mode NONE a bound listener for each port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from citadel.ir import MtlsMode, PeerModes
from citadel.policy.peer import effective_modes, read_peer_policy
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.values import UNIX_SCHEME
from galley.meta import ResourceKey
from pilot.ir.listener import ChainMatchPlan, Direction, FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, OriginalDstPlan, OriginalSrcPlan, TlsInspectorPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import Certificates, InboundPort, InboundScope
from pilot.mesh.filters import plan_attached_filters, plan_filter_chain
from pilot.mesh.inbound.chains import InboundSettings, plan_passthrough_chains, plan_port_chains
from pilot.mesh.inbound.matches import TLS
from pilot.mesh.listener_settings import listener_settings
from pilot.mesh.naming import (
    BLACK_HOLE_CLUSTER,
    VIRTUAL_INBOUND,
    listener_name,
)
from pilot.mesh.rules.tcp_routes import single_cluster_proxy
from pilot.node.metadata import Interception

PLAIN_TEXT_ONLY = PeerModes(mode=MtlsMode.DISABLE)
"""What workloads without identities accept."""


def plan_inbound_listeners(context: PushContext, scope: InboundScope, memo: Memo) -> tuple[TcpListenerPlan, ...]:
    """virtualInbound with a chain for each captured port, then the bound listeners. In mode NONE only the latter."""
    settings = _settings(context, scope, memo)
    captured = tuple(port for port in scope.ports if not port.bound)
    peers = _accepted(context, scope)
    listeners = tuple(memo(plan_bound_listener, port, settings, peers) for port in scope.ports if port.bound)
    if scope.interception is Interception.NONE:
        return listeners
    return (memo(plan_virtual_inbound, captured, settings, peers), *listeners)


def _accepted(context: PushContext, scope: InboundScope) -> PeerModes:
    """What the workload accepts: without a certificate of its own no mutual TLS, so that STRICT leaves nothing."""
    if context.mtls is None:
        return PLAIN_TEXT_ONLY
    peers = effective_modes(map(read_peer_policy, context.attached_to(scope.attached, PeerAuthentication)))
    return peers.without_certificate() if scope.certificates is Certificates.NONE else peers


def _settings(context: PushContext, scope: InboundScope, memo: Memo) -> InboundSettings:
    return InboundSettings(
        wildcard="::" if scope.ipv6 else "0.0.0.0",
        listen_port=context.mesh.proxy_inbound_listen_port,
        transparent=scope.interception is Interception.TPROXY,
        dual_stack=scope.dual_stack,
        shared=listener_settings(
            context.mesh,
            accept_http_10=scope.accept_http_10,
            attached=plan_attached_filters(context, scope.attached, scope.servers, memo),
            telemetry=scope.telemetry,
        ),
        mtls=context.mtls_for(scope.certificates),
    )


def plan_virtual_inbound(
    ports: tuple[InboundPort, ...], settings: InboundSettings, peers: PeerModes = PLAIN_TEXT_ONLY
) -> TcpListenerPlan:
    """The listener that all inbound connections are redirected to; chains are chosen by the original port."""
    loop = plan_filter_chain(
        single_cluster_proxy(BLACK_HOLE_CLUSTER, settings.shared.access_log),
        ChainMatchPlan(destination_port=settings.listen_port),
        name=f"{VIRTUAL_INBOUND}-blackhole",
    )
    served: dict[int, tuple[FilterChainPlan, ...]] = {}
    for port in ports:
        served.setdefault(port.listen_port, plan_port_chains(port, settings, peers.at(port.listen_port)))
    # Ports of which policies speak and no service.
    for number, mode in peers.ports.items():
        if number not in served:
            served[number] = plan_passthrough_chains(settings, mode, number)
    others = plan_passthrough_chains(settings, peers.mode)
    chains = (loop, *others, *(chain for number in served for chain in served[number]))
    # TPROXY keeps the client's address, and so does the connection to the application.
    source = (OriginalSrcPlan(),) if settings.transparent else ()
    # Where none is terminated TLS stays unrecognized and passes as the bytes that it is.
    no_tls = (settings.listen_port, *_ports_without(_is_tls, served))
    no_http = (settings.listen_port, *_ports_without(_is_sniffed_http, served))
    inspectors = (TlsInspectorPlan(no_tls),) if any(map(_is_tls, chains)) else ()
    return TcpListenerPlan(
        name=VIRTUAL_INBOUND,
        address=settings.wildcard,
        port=settings.listen_port,
        chains=chains,
        direction=Direction.INBOUND,
        listener_filters=(OriginalDstPlan(), *source, *inspectors, HttpInspectorPlan(no_http)),
        transparent=settings.transparent,
        dual_stack=settings.dual_stack,
        listener_filters_timeout=settings.shared.detection_timeout,
        continue_on_listener_filters_timeout=True,
        origins=_origins(ports, peers, settings),
    )


def _is_tls(chain: FilterChainPlan) -> bool:
    """Whether a chain takes what the TLS inspector recognizes."""
    return chain.match.transport_protocol == TLS


def _is_sniffed_http(chain: FilterChainPlan) -> bool:
    """Whether a chain takes what the HTTP inspector recognizes."""
    return bool(chain.match.application_protocols) and not _is_tls(chain)


def _ports_without(
    wanted: Callable[[FilterChainPlan], bool], chains: Mapping[int, tuple[FilterChainPlan, ...]]
) -> tuple[int, ...]:
    return tuple(sorted(number for number, ends in chains.items() if not any(map(wanted, ends))))


def plan_bound_listener(
    port: InboundPort, settings: InboundSettings, peers: PeerModes = PLAIN_TEXT_ONLY
) -> TcpListenerPlan:
    """A listener with a socket of its own, to which peers connect."""
    chains, default = plan_port_chains(port, settings, peers.at(port.listen_port)), None
    if len(chains) > 1 and chains[-1].match.is_match_all:
        chains, default = chains[:-1], chains[-1]
    tls = (TlsInspectorPlan(),) if any(map(_is_tls, chains)) else ()
    http = (HttpInspectorPlan(),) if any(map(_is_sniffed_http, chains)) else ()
    address = port.listen_address or settings.wildcard
    unix = address.startswith(UNIX_SCHEME)
    return TcpListenerPlan(
        name=address if unix else listener_name(address, port.listen_port),
        address=address,
        port=0 if unix else port.listen_port,
        chains=chains,
        direction=Direction.INBOUND,
        default_chain=default,
        listener_filters=(*tls, *http),
        listener_filters_timeout=settings.shared.detection_timeout if tls or http else timedelta(0),
        continue_on_listener_filters_timeout=True,
        origins=_origins((port,), peers, settings),
    )


def _origins(ports: tuple[InboundPort, ...], peers: PeerModes, settings: InboundSettings) -> tuple[ResourceKey, ...]:
    of_ports = (origin for port in ports for origin in port.origins)
    return tuple(
        dict.fromkeys((*of_ports, *peers.origins, *settings.shared.attached.origins, *settings.shared.origins))
    )

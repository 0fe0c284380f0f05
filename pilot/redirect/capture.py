"""Istio's capture rules: from the options of one workload to the rules of one address family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from galley.frozen import frozen
from pilot.node.metadata import Interception
from pilot.node.ports import OWN_PORTS
from pilot.redirect.dns import plan_dns_chains, plan_dns_jumps, plan_dns_zones
from pilot.redirect.options import CaptureOptions, Ports
from pilot.redirect.ruleset import (
    ISTIO_DIVERT,
    ISTIO_DROP,
    ISTIO_IN_REDIRECT,
    ISTIO_INBOUND,
    ISTIO_OUTPUT,
    ISTIO_REDIRECT,
    ISTIO_TPROXY,
    OUTPUT,
    PREROUTING,
    Chain,
    ConnectionMark,
    Family,
    Jump,
    Owner,
    Redirect,
    Rule,
    Ruleset,
    SetMark,
    Table,
    TransparentProxy,
    Verdict,
)

LOOPBACK_INTERFACE = "lo"
RETURN = Verdict.RETURN


@frozen
class LocalAddresses:
    """``loopback``: how processes of one machine reach one another. ``passthrough``: the source address of
    connections from an inbound proxy to its own application."""

    loopback: str
    passthrough: str


LOCAL = {
    Family.IPV4: LocalAddresses(loopback="127.0.0.1/32", passthrough="127.0.0.6/32"),
    Family.IPV6: LocalAddresses(loopback="::1/128", passthrough="::6/128"),
}


def plan_capture(options: CaptureOptions, family: Family) -> Ruleset:
    """All rules of one address family."""
    local = LOCAL[family]
    tables = (
        Table("raw", tuple(plan_dns_zones(options, family, plan_owners(options)))),
        Table("mangle", tuple(_mangle_chains(options, local))),
        Table("nat", tuple(_nat_chains(options, family, local))),
    )
    return Ruleset(family=family, tables=tuple(table for table in tables if table.chains))


def plan_owners(options: CaptureOptions) -> tuple[Owner, ...]:
    """The proxy's identities: what its sockets belong to."""
    return (*(Owner(uid=uid) for uid in options.proxy_uids), *(Owner(gid=gid) for gid in options.proxy_gids))


def _nat_chains(options: CaptureOptions, family: Family, local: LocalAddresses) -> Iterator[Chain]:
    redirects_inbound = options.captures_inbound and options.interception is Interception.REDIRECT
    prerouting = list(_virtual_machine_jumps(options, family))
    if redirects_inbound:
        prerouting.append(Rule(Jump(ISTIO_INBOUND), protocol="tcp"))
    if prerouting:
        yield Chain(PREROUTING, tuple(prerouting))
    yield Chain(OUTPUT, (*plan_dns_jumps(options), Rule(Jump(ISTIO_OUTPUT), protocol="tcp")))
    if redirects_inbound:
        yield Chain(ISTIO_INBOUND, (*_inbound_exclusions(options), *_inbound_redirects(options)))
    yield Chain(ISTIO_IN_REDIRECT, (Rule(Redirect(options.inbound_port), protocol="tcp"),))
    yield Chain(ISTIO_OUTPUT, tuple(_output_rules(options, family, local)))
    yield Chain(ISTIO_REDIRECT, (Rule(Redirect(options.outbound_port), protocol="tcp"),))
    yield from plan_dns_chains(options, family, plan_owners(options), tuple(group_rules(options)))


def _virtual_machine_jumps(options: CaptureOptions, family: Family) -> Iterator[Rule]:
    for interface in options.virtual_interfaces:
        for network in _included_networks(options, family):
            yield Rule(Jump(ISTIO_REDIRECT), in_interface=interface, destination=network, first=True)


def _inbound_exclusions(options: CaptureOptions) -> Iterator[Rule]:
    for interface in options.exclude_interfaces:
        yield Rule(RETURN, in_interface=interface)
    excluded = (options.tunnel_port, *OWN_PORTS, *options.exclude_inbound_ports)
    for port in dict.fromkeys(excluded):
        yield Rule(RETURN, protocol="tcp", destination_port=port)


def _inbound_redirects(options: CaptureOptions) -> Iterator[Rule]:
    for port in _captured_inbound_ports(options):
        yield Rule(Jump(ISTIO_IN_REDIRECT), protocol="tcp", destination_port=port)


def _captured_inbound_ports(options: CaptureOptions) -> Ports:
    """The ports, or 0 for all."""
    return (0,) if isinstance(options.inbound_ports, str) else options.inbound_ports


def _output_rules(options: CaptureOptions, family: Family, local: LocalAddresses) -> Iterator[Rule]:
    for interface in options.exclude_interfaces:
        yield Rule(RETURN, out_interface=interface)
    for port in options.exclude_outbound_ports:  # before connections to the workload itself are redirected
        yield Rule(RETURN, protocol="tcp", destination_port=port)
    yield Rule(RETURN, source=local.passthrough, out_interface=LOOPBACK_INTERFACE)
    yield from _proxy_rules(options, local)
    yield from group_rules(options)
    # Who says localhost means the process next door, not the mesh.
    yield Rule(RETURN, destination=local.loopback)
    for network in options.exclude_outbound_networks:
        if _is_of(family, str(network)):
            yield Rule(RETURN, destination=str(network))
    for port in options.outbound_ports:
        yield Rule(Jump(ISTIO_REDIRECT), protocol="tcp", destination_port=port)
    for included in _included_networks(options, family):
        yield Rule(Jump(ISTIO_REDIRECT), destination=included)


def _proxy_rules(options: CaptureOptions, local: LocalAddresses) -> Iterator[Rule]:
    """What the proxy sends, and what others say to their own machine."""
    proxies = plan_owners(options)
    if options.interception is Interception.REDIRECT:
        # The application calls its own service, and the outbound proxy chose this very workload: in by the front
        # door. With TPROXY the outbound mark does the same, and a redirection here would catch the inbound proxy's
        # connections to its application too, whose source address is the client's.
        dns = (53,) if options.dns is not None else ()
        for owner in proxies:
            yield Rule(
                Jump(ISTIO_IN_REDIRECT),
                not_destination=local.loopback,
                out_interface=LOOPBACK_INTERFACE,
                protocol="tcp",
                not_destination_ports=(*dns, options.tunnel_port),
                owners=(owner,),
            )
    if not options.captures_loopback:
        nobody_of_the_proxy = tuple(replace(owner, other=True) for owner in proxies)
        yield Rule(RETURN, out_interface=LOOPBACK_INTERFACE, owners=nobody_of_the_proxy)
    for owner in proxies:
        yield Rule(RETURN, owners=(owner,))


def group_rules(options: CaptureOptions) -> Iterator[Rule]:
    """Leave alone what processes of other groups send."""
    if not isinstance(options.owner_groups, str):
        others = tuple(Owner(gid=gid, other=True) for gid in options.owner_groups)
        yield Rule(RETURN, owners=others)
        return
    for gid in options.exclude_owner_groups:
        yield Rule(RETURN, owners=(Owner(gid=gid),))


def _included_networks(options: CaptureOptions, family: Family) -> tuple[str, ...]:
    """The ranges of ``family``; one empty text stands for all addresses."""
    if isinstance(options.outbound_networks, str):
        return ("",)
    networks = (network for network in options.outbound_networks if _is_of(family, str(network)))
    return tuple(str(network) if network.prefixlen else "" for network in networks)


def _is_of(family: Family, address: str) -> bool:
    return (":" in address) == (family is Family.IPV6)


def _mangle_chains(options: CaptureOptions, local: LocalAddresses) -> Iterator[Chain]:
    prerouting: list[Rule] = []
    if options.drop_invalid:
        prerouting.append(Rule(Jump(ISTIO_DROP), states=("INVALID",)))
    if options.uses_tproxy:
        prerouting.append(Rule(Jump(ISTIO_INBOUND), protocol="tcp"))
    if prerouting:
        yield Chain(PREROUTING, tuple(prerouting))
    if options.uses_tproxy:
        yield from _tproxy_chains(options, local)
    if options.drop_invalid:
        yield Chain(ISTIO_DROP, (Rule(Verdict.DROP),))


def _tproxy_chains(options: CaptureOptions, local: LocalAddresses) -> Iterator[Chain]:
    """Inbound with TPROXY. Marked packets are routed to the loopback interface, whatever address they are for."""
    mark = options.inbound_mark
    yield Chain(OUTPUT, (Rule(Jump(ISTIO_OUTPUT), protocol="tcp"),))
    yield Chain(ISTIO_DIVERT, (Rule(SetMark(mark)), Rule(Verdict.ACCEPT)))
    to_proxy = TransparentProxy(options.inbound_port, mark)
    yield Chain(ISTIO_TPROXY, (Rule(to_proxy, not_destination=local.loopback, protocol="tcp"),))
    yield Chain(ISTIO_INBOUND, tuple(_tproxy_inbound(options, local)))
    yield Chain(ISTIO_OUTPUT, tuple(_tproxy_output(options, local)))


def _tproxy_inbound(options: CaptureOptions, local: LocalAddresses) -> Iterator[Rule]:
    mark, lo = options.inbound_mark, LOOPBACK_INTERFACE
    # From the inbound proxy to its application, with the client's address. The connection remembers the mark, by
    # which the application's answers find back to the proxy instead of leaving for the client.
    yield Rule(ConnectionMark.SAVE, protocol="tcp", mark=mark)
    yield Rule(RETURN, protocol="tcp", mark=mark)
    yield Rule(RETURN, source=local.passthrough, in_interface=lo, protocol="tcp")
    # Over loopback only what the outbound proxy sent: the application may call itself undisturbed.
    yield Rule(RETURN, in_interface=lo, protocol="tcp", not_mark=options.outbound_mark)
    yield from _inbound_exclusions(options)
    for port in _captured_inbound_ports(options):
        established = ("RELATED", "ESTABLISHED")
        yield Rule(Jump(ISTIO_DIVERT), protocol="tcp", destination_port=port, states=established)
        yield Rule(Jump(ISTIO_TPROXY), protocol="tcp", destination_port=port)


def _tproxy_output(options: CaptureOptions, local: LocalAddresses) -> Iterator[Rule]:
    mark, lo = options.inbound_mark, LOOPBACK_INTERFACE
    yield Rule(RETURN, out_interface=lo, protocol="tcp", mark=mark)
    for owner in plan_owners(options):
        # The outbound proxy chose this very workload (see _proxy_rules).
        yield Rule(
            SetMark(options.outbound_mark),
            not_destination=local.loopback,
            out_interface=lo,
            protocol="tcp",
            owners=(owner,),
        )
    yield Rule(ConnectionMark.RESTORE, protocol="tcp", connection_mark=mark)

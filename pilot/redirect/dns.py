"""Capture of the application's DNS queries."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from pilot.redirect.options import CaptureOptions, DnsCapture
from pilot.redirect.ruleset import (
    ISTIO_INBOUND_DNS,
    ISTIO_OUTPUT_DNS,
    OUTPUT,
    PREROUTING,
    Chain,
    ConntrackZone,
    Family,
    Jump,
    Owner,
    Redirect,
    Rule,
    Verdict,
)

QUERY_PORT = 53
PROXY_ZONE, APPLICATION_ZONE = ConntrackZone(1), ConntrackZone(2)


def plan_dns_jumps(options: CaptureOptions) -> tuple[Rule, ...]:
    """The way into ISTIO_OUTPUT_DNS: before the rules of others, for Docker leads its resolver's queries away."""
    if options.dns is None:
        return ()
    return tuple(
        Rule(Jump(ISTIO_OUTPUT_DNS), protocol=protocol, destination_port=QUERY_PORT, first=True)
        for protocol in _protocols(options.dns)
    )


def plan_dns_chains(
    options: CaptureOptions, family: Family, proxies: tuple[Owner, ...], group_rules: tuple[Rule, ...]
) -> Iterator[Chain]:
    """ISTIO_OUTPUT_DNS of the nat table: everybody's queries but the proxy's own."""
    dns = options.dns
    if dns is None:
        return
    excluded = tuple(Rule(Verdict.RETURN, out_interface=interface) for interface in options.exclude_interfaces)
    own = tuple(Rule(Verdict.RETURN, owners=(owner,)) for owner in proxies)
    captured = tuple(
        Rule(Redirect(dns.port), destination=server, protocol=protocol, destination_port=QUERY_PORT)
        for protocol in _protocols(dns)
        for server in _servers(dns, family)
    )
    yield Chain(ISTIO_OUTPUT_DNS, (*excluded, *own, *group_rules, *captured))


def plan_dns_zones(options: CaptureOptions, family: Family, proxies: tuple[Owner, ...]) -> Iterator[Chain]:
    """The raw table: UDP between proxy and resolvers in one zone, between application and proxy in another.

    A query of the proxy may have the source port of an application's query, for both ask port 53 of one resolver.
    """
    dns = options.dns
    servers = _servers(dns, family) if dns is not None and dns.split_zones else ()
    if dns is None or not servers:
        return
    yield Chain(PREROUTING, (Rule(Jump(ISTIO_INBOUND_DNS), protocol="udp", source_port=QUERY_PORT),))
    yield Chain(OUTPUT, (Rule(Jump(ISTIO_OUTPUT_DNS), protocol="udp"),))
    yield Chain(ISTIO_INBOUND_DNS, tuple(Rule(PROXY_ZONE, source=server, protocol="udp") for server in servers))
    to_resolvers = [
        Rule(PROXY_ZONE, destination=server, protocol="udp", destination_port=QUERY_PORT, owners=(proxy,))
        for proxy in proxies
        for server in servers
    ]
    answers = [Rule(APPLICATION_ZONE, protocol="udp", source_port=dns.port, owners=(proxy,)) for proxy in proxies]
    # A zone once chosen stays, so the proxy's own queries do not change theirs here.
    queries = [
        Rule(APPLICATION_ZONE, destination=server, protocol="udp", destination_port=QUERY_PORT) for server in servers
    ]
    yield Chain(ISTIO_OUTPUT_DNS, (*to_resolvers, *answers, *queries))


def _protocols(dns: DnsCapture) -> tuple[str, ...]:
    return ("udp", "tcp") if dns.tcp else ("udp",)


def _servers(dns: DnsCapture, family: Family) -> tuple[str, ...]:
    """The resolvers of ``family``; one empty text stands for all."""
    if isinstance(dns.servers, str):
        return ("",)
    version, bits = (4, 32) if family is Family.IPV4 else (6, 128)
    return tuple(f"{server}/{bits}" for server in dns.servers if ip_address(server).version == version)

"""The table of names that a sidecar answers its application's DNS queries from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.listener import DnsListenerPlan, DnsNamePlan
from pilot.memo import Memo
from pilot.mesh.context.auto_addressing import AddressFamilies
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ListenerScope
from pilot.mesh.outbound.bind_addresses import is_headless
from pilot.mesh.outbound.virtual_hosts import short_names
from pilot.node.ports import DNS_PORT
from pilot.registry.catalog import Endpoint, Service, ServiceResolution

DNS_LISTENER = "dns"
"""Where `pilot redirect` and Istio's rules lead queries."""

TTL = timedelta(seconds=30)
"""How long an application may keep an answer from the table (Istio's value)."""


@frozen
class ServiceNames:
    """What one service gives to the table: its own name, and the short forms that a resolver may be asked for."""

    own: DnsNamePlan
    short: tuple[DnsNamePlan, ...] = ()


def plan_dns_listener(context: PushContext, scope: ListenerScope, memo: Memo) -> DnsListenerPlan:
    """The listener for queries that are led away from resolvers on either loopback address.

    An application that lives in IPv6 alone may still ask a resolver at 127.0.0.53, so that 127.0.0.1 always listens.
    """
    outbound = scope.outbound
    services = context.visible_services(outbound).services
    by_host = {service.hostname: service for service in services}
    planned: list[ServiceNames] = []
    named: list[ResourceKey] = []
    for service in services:
        target = by_host.get(service.alias_of) if service.resolution is ServiceResolution.ALIAS else service
        if target is None:
            continue
        endpoints = _endpoints(context, target) if is_headless(target) else ()
        names = memo(plan_service_names, service.hostname, target, endpoints, outbound.dns_domain, outbound.families)
        if names is not None:
            planned.append(names)
            named += service.origins
    return DnsListenerPlan(
        name=DNS_LISTENER,
        addresses=("127.0.0.1", "::1") if outbound.families.ipv6 else ("127.0.0.1",),
        port=DNS_PORT,
        names=memo(plan_dns_names, tuple(planned)),
        origins=tuple(named),
    )


def _endpoints(context: PushContext, service: Service) -> tuple[tuple[Endpoint, ...], ...]:
    return tuple(context.catalog.endpoints_of(service.key, port.name) for port in service.ports)


def plan_service_names(
    hostname: str,
    service: Service,
    endpoints: tuple[tuple[Endpoint, ...], ...],
    dns_domain: str,
    families: AddressFamilies,
) -> ServiceNames | None:
    """``hostname`` with the addresses of ``service``; None without any, and then other resolvers are asked.

    A service is known by its addresses, or, if its clients choose among its ``endpoints``, by theirs. An address range
    is none that could be connected to.
    """
    found = (
        (address for address in service.addresses if "/" not in address) if service.addresses else _serving(endpoints)
    )
    addresses = tuple(dict.fromkeys(filter(families.hold, found)))
    if not addresses:
        return None
    short = tuple(DnsNamePlan(name, addresses, TTL) for name in short_names(hostname, dns_domain))
    return ServiceNames(own=DnsNamePlan(hostname, addresses, TTL), short=short)


def _serving(endpoints: Iterable[tuple[Endpoint, ...]]) -> Iterator[str]:
    return (endpoint.address for on_port in endpoints for endpoint in on_port if endpoint.serving and endpoint.port)


def plan_dns_names(services: tuple[ServiceNames, ...]) -> tuple[DnsNamePlan, ...]:
    """All names once, by name. A service's own name beats another's short form; else the older service has it."""
    table: dict[str, DnsNamePlan] = {}
    for names in services:
        table.setdefault(names.own.name, names.own)
    for names in services:
        for short in names.short:
            table.setdefault(short.name.lower(), short)
    return tuple(table[name] for name in sorted(table))

"""Virtual hosts of sidecars: the domains of a service, and a route configuration without a domain twice."""

from __future__ import annotations

from dataclasses import replace

from galley.frozen import frozen
from galley.hosts.wildcards import is_wildcard
from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode
from galley.meta import ResourceKey
from pilot.ir.http_filters import RouteFilterPlan
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)
from pilot.mesh.naming import PASSTHROUGH_CLUSTER, authority, virtual_host_name
from pilot.registry.catalog import Service, ServiceResolution

ALLOW_ANY = VirtualHostPlan(
    name="allow_any",
    domains=("*",),
    routes=(
        RoutePlan(
            match=RouteMatchPlan(),
            action=ForwardPlan(clusters=(WeightedClusterPlan(cluster=PASSTHROUGH_CLUSTER, weight=1),)),
            name="allow_any",
        ),
    ),
)
BLOCK_ALL = VirtualHostPlan(
    name="block_all",
    domains=("*",),
    routes=(RoutePlan(match=RouteMatchPlan(), action=DirectResponsePlan(status=502), name="block_all"),),
)


def catch_all_host(mode: OutboundTrafficPolicyMode) -> VirtualHostPlan:
    """Where requests for unknown hosts end."""
    return BLOCK_ALL if mode is OutboundTrafficPolicyMode.REGISTRY_ONLY else ALLOW_ANY


@frozen
class HostNaming:
    """How domains are written for some proxies: their own domain, and whether authorities must name the port."""

    dns_domain: str
    ports_in_domains: bool = False


def plan_service_host(
    service: Service, aliases: tuple[str, ...], port: int, naming: HostNaming, routes: tuple[RoutePlan, ...]
) -> VirtualHostPlan:
    """The virtual host of one service on one port, with the routes of a rule or the default ones."""
    domains = service_domains(service, aliases, naming.dns_domain)
    return VirtualHostPlan(
        name=virtual_host_name(service.hostname, port),
        domains=_with_port(domains, port) if naming.ports_in_domains else domains,
        routes=routes,
        origins=(*_rules_of(routes), *service.origins),
    )


def plan_sniffed_host(service: Service, port: int, routes: tuple[RoutePlan, ...]) -> VirtualHostPlan:
    """The virtual host of a listener that only this service has: the address says who is meant, not the authority."""
    return VirtualHostPlan(
        name=virtual_host_name(service.hostname, port),
        domains=("*",),
        routes=routes,
        origins=(*_rules_of(routes), *service.origins),
    )


def plan_bare_host(host: str, port: int, naming: HostNaming, routes: tuple[RoutePlan, ...]) -> VirtualHostPlan:
    """The virtual host of a rule's host that no service has."""
    return VirtualHostPlan(
        name=virtual_host_name(host, port),
        domains=_with_port((authority(host),), port) if naming.ports_in_domains else (authority(host),),
        routes=routes,
        origins=_rules_of(routes),
    )


def _rules_of(routes: tuple[RoutePlan, ...]) -> tuple[ResourceKey, ...]:
    return tuple(dict.fromkeys(route.rule for route in routes if route.rule is not None))


def service_domains(service: Service, aliases: tuple[str, ...], dns_domain: str) -> tuple[str, ...]:
    """All authorities under which clients in ``dns_domain`` know the service, its own host name first."""
    domains: list[str] = []
    for host in (service.hostname, *aliases):
        domains.append(host)
        if not is_wildcard(host):
            domains.append(f"{host}.")
        domains += short_names(host, dns_domain)
    if service.kubernetes and service.resolution is ServiceResolution.PASSTHROUGH:
        # Pods of a headless service have names of their own below the service's.
        domains += [f"*.{domain}" for domain in domains if not is_wildcard(domain)]
    # An address range is for listeners, never an authority.
    domains += [authority(address) for address in service.addresses if "/" not in address]
    return tuple(dict.fromkeys(domain.lower() for domain in domains))


def short_names(host: str, dns_domain: str) -> tuple[str, ...]:
    """What the resolver of a proxy in ``dns_domain`` completes to ``host`` (Istio's alternative hosts)."""
    if is_wildcard(host):
        return ()
    if ".svc." in dns_domain:
        return _kubernetes_short_names(host, dns_domain.partition(".svc.")[0])
    labels, domain = host.split("."), dns_domain.split(".")
    shared = 0
    while shared < min(len(labels) - 1, len(domain)) and labels[-1 - shared] == domain[-1 - shared]:
        shared += 1
    if not shared:
        return ()
    unique = labels[:-shared]
    names = [".".join(unique)]
    if len(unique) == 2:  # name and namespace; the next label, as in foo.bar.svc, is in common use too
        names.append(".".join([*unique, labels[-shared]]))
    return tuple(names)


def _kubernetes_short_names(host: str, namespace: str) -> tuple[str, ...]:
    name_and_namespace, separator, _ = host.partition(".svc.")
    name, _, host_namespace = name_and_namespace.partition(".")
    if not separator or not host_namespace:
        return ()
    names = (f"{name_and_namespace}.svc", name_and_namespace)
    return (name, *names) if host_namespace == namespace else names


def _with_port(domains: tuple[str, ...], port: int) -> tuple[str, ...]:
    """Port 80 is what an authority without a port means."""
    named = tuple(f"{domain}:{port}" for domain in domains)
    return domains + named if port == 80 else named


def assemble_route_config(
    name: str,
    hosts: tuple[VirtualHostPlan, ...],
    catch_all: VirtualHostPlan | None,
    ignore_port: bool,
    filters: tuple[RouteFilterPlan, ...] = (),
) -> RouteConfigPlan:
    """A route configuration of ``hosts``, given in the order in which they claim domains.

    ``filters`` are what all routes say to HTTP filters.

    Envoy rejects a domain that occurs twice. The first claimant keeps it, but a derived short form never displaces
    the real name (the first domain) of another host. A host left without domains is dropped.
    """
    real_names = {host.domains[0] for host in hosts}
    claimed: set[str] = set()
    names: set[str] = set()
    kept = []
    for host in (*hosts, catch_all) if catch_all else hosts:
        own = host.domains[0]
        domains = tuple(d for d in host.domains if d not in claimed and (d == own or d not in real_names))
        if not domains or host.name in names:
            continue
        claimed.update(domains)
        names.add(host.name)
        kept.append(host if len(domains) == len(host.domains) else replace(host, domains=domains))
    last = [host for host in kept if host is catch_all]
    ordered = sorted((host for host in kept if host is not catch_all), key=lambda host: host.name)
    return RouteConfigPlan(name=name, virtual_hosts=(*ordered, *last), ignore_port=ignore_port, filters=filters)

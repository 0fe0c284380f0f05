"""Where the connections of an opaque or sniffed service port arrive: its addresses, or an address that it shares."""

from __future__ import annotations

from galley.frozen import frozen
from pilot.mesh.naming import virtual_host_name
from pilot.registry.catalog import Service, ServiceResolution


@frozen
class BindAddress:
    """An address to listen on for a service port. ``route_name`` is that of requests which are found there by sniffing.

    ``prefix_ranges`` are the destinations that mean the service; ``by_name`` says that only a name (SNI) tells
    services apart there.
    """

    address: str
    route_name: str
    prefix_ranges: tuple[str, ...] = ()
    by_name: bool = False


def is_headless(service: Service) -> bool:
    """Whether clients connect to the service's endpoints themselves, whose addresses are all that it has."""
    return service.resolution is ServiceResolution.PASSTHROUGH and not service.addresses


def has_own_address(service: Service) -> bool:
    """Whether there may be listeners that belong to the service alone."""
    return is_headless(service) or any("/" not in address for address in service.addresses)


def has_shared_address(service: Service) -> bool:
    """Whether the service may have to share the wildcard address with others on its port."""
    if is_headless(service):
        return not service.kubernetes
    return not service.addresses or any("/" in address for address in service.addresses)


def opaque_bind_addresses(
    service: Service, port: int, *, shared: str, wildcard: str, endpoints: tuple[str, ...]
) -> tuple[BindAddress, ...]:
    """The bind addresses of one service port.

    With ``shared`` everything arrives at that address (interception mode NONE, or ``bind`` of a Sidecar). Otherwise
    at each of the service's addresses; address ranges and services without address share ``wildcard``. A headless
    service has the addresses of its ``endpoints``; the workload's own is among them, which is harmless.
    """
    if shared:
        return (BindAddress(address=shared, route_name=str(port), by_name=True),)
    own_route = virtual_host_name(service.hostname, port)
    ranges = tuple(address for address in service.addresses if "/" in address)
    addresses = endpoints if is_headless(service) else tuple(a for a in service.addresses if "/" not in a)
    own = tuple(BindAddress(address=address, route_name=own_route) for address in addresses)
    if ranges:
        return (*own, BindAddress(address=wildcard, route_name=str(port), prefix_ranges=ranges, by_name=True))
    if own or (is_headless(service) and service.kubernetes):
        return own
    return (BindAddress(address=wildcard, route_name=str(port), by_name=True),)

"""Services as proxies with a DNS of the mesh see them: those without an address have an automatic one."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from galley.frozen import frozen
from pilot.mesh.context.visibility import ServiceIndex, index_services
from pilot.registry.auto_addresses import AutoAddress, allocate_addresses
from pilot.registry.catalog import Service


@frozen
class AddressFamilies:
    """The families in which a proxy has addresses, and so its application uses services."""

    ipv4: bool
    ipv6: bool

    def hold(self, address: str) -> bool:
        """Whether ``address``, an IP, is of one of them."""
        return self.ipv6 if ":" in address else self.ipv4


def give_addresses(index: ServiceIndex, families: AddressFamilies) -> ServiceIndex:
    """The same services with automatic addresses of ``families`` where they have none of their own."""
    allocated = allocate_addresses(index.ordered)
    return index_services(
        _addressed(service, allocated[service.key], families) if service.key in allocated else service
        for service in index.ordered
    )


@lru_cache(maxsize=2**14)
def _addressed(service: Service, auto: AutoAddress, families: AddressFamilies) -> Service:
    """The same object as before for the same service: what is planned from it is found faster then."""
    addresses = tuple(address for address in (auto.ipv4, auto.ipv6) if address and families.hold(address))
    return replace(service, addresses=addresses)

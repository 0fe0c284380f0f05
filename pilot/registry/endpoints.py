"""Endpoints from workloads: one address and port each, without duplicates, in a stable order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from galley.kinds.values import UNIX_SCHEME
from pilot.registry.catalog import Endpoint, Endpoints, ServiceResolution, Workload

DNS_RESOLUTIONS = (ServiceResolution.DNS, ServiceResolution.DNS_ROUND_ROBIN)


def endpoint_at(workload: Workload, port: int) -> Endpoint:
    """The endpoint of ``workload`` at ``port``; a Unix socket has no port."""
    unix = workload.address.startswith(UNIX_SCHEME)
    return Endpoint(
        address=workload.address.removeprefix(UNIX_SCHEME) if unix else workload.address,
        port=0 if unix else port,
        labels=workload.labels,
        locality=workload.locality,
        weight=workload.weight,
        network=workload.network,
        service_account=workload.service_account,
        serving=workload.serving,
        proxied=workload.proxied_ports is None or port in workload.proxied_ports,
    )


def sorted_endpoints(endpoints: Iterable[Endpoint], resolution: ServiceResolution) -> Endpoints:
    """Sorted by address and port; of several at one address and port the first given stays.

    Host names stay only where Envoy resolves them: one in a load assignment of EDS would be rejected whole.
    """
    by_address: dict[tuple[str, int], Endpoint] = {}
    for endpoint in endpoints:
        if resolution not in DNS_RESOLUTIONS and not is_ip_or_socket(endpoint.address):
            continue
        by_address.setdefault((endpoint.address, endpoint.port), endpoint)
    return Endpoints(by_address[address] for address in sorted(by_address))


_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IS_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}").fullmatch


def is_ip_or_socket(address: str) -> bool:
    """Whether Envoy takes the address as it is; anything else would have to be resolved."""
    if _IS_IPV4(address) or address.startswith("/"):  # nearly all; ip_address takes ten times as long
        return True
    try:
        ip_address(address)
    except ValueError:
        return False
    return True

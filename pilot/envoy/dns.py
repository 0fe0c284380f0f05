"""The listener that answers DNS queries: Envoy's DNS filter with a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    DnsResolverOptions,
    SocketAddress,
    SocketAddressProtocol,
    TypedExtensionConfig,
)
from envoy_data_plane.envoy.config.listener.v3 import AdditionalAddress, Listener, ListenerFilter, UdpListenerConfig
from envoy_data_plane.envoy.data.dns.v3 import (
    DnsTable,
    DnsTableAddressList,
    DnsTableDnsEndpoint,
    DnsTableDnsVirtualDomain,
)
from envoy_data_plane.envoy.extensions.filters.udp.dns_filter.v3 import (
    DnsFilterConfig,
    DnsFilterConfigClientContextConfig,
)
from envoy_data_plane.envoy.extensions.network.dns_resolver.cares.v3 import CaresDnsResolverConfig
from envoy_data_plane.google.protobuf import Any as AnyMessage

from envoycodec.construct import maker
from envoycodec.encode import encode, length_delimited, pack, type_url
from pilot.ir.listener import DnsListenerPlan, DnsNamePlan

_listener = maker(Listener)
_additional_address = maker(AdditionalAddress)
_address = maker(Address)
_socket_address = maker(SocketAddress)
_listener_filter = maker(ListenerFilter)
_filter_config = maker(DnsFilterConfig)
_client_config = maker(DnsFilterConfigClientContextConfig)
_typed_config = maker(TypedExtensionConfig)
_resolver = maker(CaresDnsResolverConfig)
_resolver_options = maker(DnsResolverOptions)
_table = maker(DnsTable)
_virtual_domain = maker(DnsTableDnsVirtualDomain)
_endpoint = maker(DnsTableDnsEndpoint)
_address_list = maker(DnsTableAddressList)
_udp = maker(UdpListenerConfig)
_any = maker(AnyMessage)

# Field numbers of what is joined from parts.
_SERVER_CONFIG = 2  # of a DnsFilterConfig
_INLINE_TABLE = 1  # of its ServerContextConfig
_VIRTUAL_DOMAINS = 2  # of a DnsTable

_RESOLVER_TIMEOUT = timedelta(seconds=5)
_PENDING_LOOKUPS = 1024
"""Envoy refuses to have more; its own default is none."""


def render_dns_listener(plan: DnsListenerPlan, encode_name: Callable[[DnsNamePlan], bytes]) -> Listener:
    """The listener. Its table is put together from encoded names, so that one more name does not encode all again."""
    first, *others = (_udp_address(address, plan.port) for address in plan.addresses)
    return _listener(
        name=plan.name,
        address=first,
        additional_addresses=[_additional_address(address=address) for address in others],
        udp_listener_config=_udp(),
        listener_filters=[
            _listener_filter(
                name="envoy.filters.udp.dns_filter",
                typed_config=_any(type_url=type_url(DnsFilterConfig), value=_filter(plan, encode_name)),
            )
        ],
    )


def render_dns_name(plan: DnsNamePlan) -> DnsTableDnsVirtualDomain:
    """One name of the table, with its addresses."""
    return _virtual_domain(
        name=plan.name,
        endpoint=_endpoint(address_list=_address_list(address=list(plan.addresses))),
        answer_ttl=plan.ttl,
    )


def _filter(plan: DnsListenerPlan, encode_name: Callable[[DnsNamePlan], bytes]) -> bytes:
    table = b"".join(
        [
            encode(_table(external_retry_count=1)),
            *[length_delimited(_VIRTUAL_DOMAINS, encode_name(name)) for name in plan.names],
        ]
    )
    return b"".join(
        [
            encode(_filter_config(stat_prefix=plan.name)),
            length_delimited(_SERVER_CONFIG, length_delimited(_INLINE_TABLE, table)),
            encode(_filter_config(client_config=_upstream())),
        ]
    )


def _upstream() -> DnsFilterConfigClientContextConfig:
    """Other names: asked of the servers in the host's resolv.conf, which is c-ares's default.

    Search domains are the application's affair: what arrives here has them already, or must not have them.
    """
    resolver = _resolver(dns_resolver_options=_resolver_options(no_default_search_domain=True))
    return _client_config(
        resolver_timeout=_RESOLVER_TIMEOUT,
        max_pending_lookups=_PENDING_LOOKUPS,
        typed_dns_resolver_config=_typed_config(name="envoy.network.dns_resolver.cares", typed_config=pack(resolver)),
    )


def _udp_address(address: str, port: int) -> Address:
    return _address(
        socket_address=_socket_address(protocol=SocketAddressProtocol.UDP, address=address, port_value=port)
    )

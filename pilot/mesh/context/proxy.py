"""The proxy at the other end of a stream, as its xDS node describes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from galley.frozen import FrozenMap, frozen
from galley.meta import NO_LABELS, Labels
from galley.text.wording import shortened
from pilot.node.locality import NOWHERE, Locality
from pilot.node.metadata import (
    MAX_ENTRIES,
    MAX_TEXT,
    Interception,
    NodeMetadata,
    check_address,
    check_text,
    read_metadata,
)
from pilot.node.node_id import NodeError, NodeId, ProxyKind


@frozen
class Proxy:
    """One Envoy, or (``is_agent``) the agent beside it on a stream of its own.

    ``ports`` and ``app_ports`` map port names to numbers: where peers reach the workload, and (in interception mode
    NONE) where the application itself listens. ``has_agent``: certificates come from an agent beside it, not from here.
    An agent registers nothing: that is its Envoy's to do, once that is there. ``identified`` is false for one that has
    proven nothing to a control plane that asks for proof.
    """

    id: str
    kind: ProxyKind
    addresses: tuple[str, ...]
    name: str
    namespace: str
    dns_domain: str
    labels: Labels = NO_LABELS
    service_account: str = ""
    workload_name: str = ""
    workload_group: str = ""
    interception: Interception = Interception.REDIRECT
    http_proxy_port: int = 0
    ports: FrozenMap[str, int] = FrozenMap()
    app_ports: FrozenMap[str, int] = FrozenMap()
    self_register: bool = False
    network: str = ""
    locality: Locality = NOWHERE
    accept_http_10: bool = False
    has_agent: bool = False
    is_agent: bool = False
    agent_id: str = ""
    """The same for an agent and its Envoy, where their ids may differ: by the addresses from which each is seen."""
    identified: bool = True
    dns_capture: bool = False
    auto_addresses: bool = True
    """Whether it may use the automatic addresses of services; matters only with ``dns_capture``."""
    envoy_version: tuple[int, int, int] | None = None
    node_cluster: str = ""
    """The cluster that the node says it is of; tracers take it for the name of the service."""
    texts: FrozenMap[str, str] = FrozenMap()
    """The metadata of the node that are texts, which EnvoyFilters may ask for; among them ISTIO_VERSION."""

    @property
    def captures_dns(self) -> bool:
        """Whether the application's DNS queries are led here: for sidecars, and not where nothing is redirected."""
        return self.dns_capture and self.kind is ProxyKind.SIDECAR and self.interception is not Interception.NONE

    @property
    def ipv6(self) -> bool:
        """Whether it lives in IPv6 alone."""
        return _families_of(self.addresses) == {6}

    @property
    def dual_stack(self) -> bool:
        """Whether it has addresses of both families."""
        return _families_of(self.addresses) == {4, 6}

    @property
    def bind_address(self) -> str:
        """Where listeners of mode NONE bind: the proxy's own address if it is a loopback one, else 127.0.0.1.

        Several workloads of one host each live on a loopback address of their own, so they must not share a bind.
        """
        own = self.addresses[0]
        return own if ip_address(own).is_loopback else "127.0.0.1"


@lru_cache(maxsize=4096)
def _families_of(addresses: tuple[str, ...]) -> frozenset[int]:
    """The IP versions, 4 and 6: asked of every proxy at every push."""
    return frozenset(ip_address(address).version for address in addresses)


def read_proxy(
    *,
    node_id: str,
    metadata: Mapping[str, Any],
    locality: Locality = NOWHERE,
    envoy_version: tuple[int, int, int] | None = None,
    node_cluster: str = "",
) -> Proxy:
    """The proxy that an xDS node describes: id, cluster, metadata, and what Envoy adds of itself.

    The namespace is that of the metadata, else of the id. Raises ``NodeError`` when the id has another form, its kind
    is not served, or something it says is none, or could make what others are sent invalid.
    """
    parsed = NodeId.parse(node_id)
    try:
        for text in (node_id, node_cluster, locality.region, locality.zone, locality.sub_zone):
            check_text(text)
        described = read_metadata(metadata)
        addresses = _addresses(described, parsed)
    except NodeError as error:
        raise NodeError(f"node {shortened(repr(node_id), 300)}: {error}") from None
    return Proxy(
        id=node_id,
        kind=parsed.kind,
        addresses=addresses,
        name=parsed.name,
        namespace=described.namespace or parsed.domain_namespace or parsed.namespace or "default",
        dns_domain=parsed.domain,
        labels=described.labels,
        service_account=described.service_account,
        workload_name=described.workload_name,
        workload_group=described.workload_group,
        interception=described.interception or Interception.REDIRECT,
        http_proxy_port=described.http_proxy_port,
        ports=described.ports,
        app_ports=described.app_ports,
        self_register=(described.self_register or bool(described.workload_group)) and not described.is_agent,
        network=described.network,
        locality=locality,
        accept_http_10=described.accept_http_10,
        has_agent=described.has_agent,
        is_agent=described.is_agent,
        agent_id=described.agent_id,
        dns_capture=described.dns_capture,
        auto_addresses=described.auto_addresses,
        envoy_version=envoy_version,
        node_cluster=node_cluster,
        texts=_texts(metadata),
    )


def _texts(metadata: Mapping[str, Any]) -> FrozenMap[str, str]:
    texts = {key: value for key, value in metadata.items() if isinstance(value, str) and len(value) <= MAX_TEXT}
    return FrozenMap(texts if len(texts) <= MAX_ENTRIES else {})


def _addresses(metadata: NodeMetadata, node_id: NodeId) -> tuple[str, ...]:
    if not metadata.addresses:
        check_address(node_id.address)
    return metadata.addresses or (node_id.address,)

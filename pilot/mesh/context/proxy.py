"""The proxy at the other end of a stream, as its xDS node describes it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from galley.frozen import FrozenMap, frozen
from galley.meta import NO_LABELS, Labels
from pilot.registry.catalog import Locality

NOWHERE = Locality()


class ProxyKind(StrEnum):
    """Istio's node types that are served."""

    SIDECAR = "sidecar"
    GATEWAY = "router"


class Interception(StrEnum):
    """How traffic reaches a sidecar: redirected by the kernel, or (NONE) by connecting to its listeners."""

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


class NodeError(ValueError):
    """A node that cannot be served; the text says what a node id looks like."""


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

    @property
    def captures_dns(self) -> bool:
        """Whether the application's DNS queries are led here: for sidecars, and not where nothing is redirected."""
        return self.dns_capture and self.kind is ProxyKind.SIDECAR and self.interception is not Interception.NONE

    @property
    def ipv6(self) -> bool:
        """Whether it lives in IPv6 alone."""
        return self._families == {6}

    @property
    def dual_stack(self) -> bool:
        """Whether it has addresses of both families."""
        return self._families == {4, 6}

    @property
    def _families(self) -> set[int]:
        return {ip_address(address).version for address in self.addresses}

    @property
    def bind_address(self) -> str:
        """Where listeners of mode NONE bind: the proxy's own address if it is a loopback one, else 127.0.0.1.

        Several workloads of one host each live on a loopback address of their own, so they must not share a bind.
        """
        own = self.addresses[0]
        return own if ip_address(own).is_loopback else "127.0.0.1"


_KINDS = {kind.value: kind for kind in ProxyKind}


def read_proxy(
    *,
    node_id: str,
    metadata: Mapping[str, Any],
    locality: Locality = NOWHERE,
    envoy_version: tuple[int, int, int] | None = None,
) -> Proxy:
    """The proxy that an xDS node describes (node id ``type~ip~name.namespace~domain``, Istio's metadata names).

    Raises ``NodeError`` when the id has another form or the kind is not served.
    """
    kind, address, full_name, domain = _parts(node_id)
    addresses = _addresses(metadata, address)
    name, _, id_namespace = full_name.rpartition(".")
    is_agent = _flag(metadata.get("AGENT"))
    registers = _flag(metadata.get("SELF_REGISTER")) or bool(metadata.get("AUTO_REGISTER_GROUP"))
    return Proxy(
        id=node_id,
        kind=_KINDS[kind],
        addresses=addresses,
        name=name or full_name,
        namespace=str(metadata.get("NAMESPACE") or domain.split(".")[0] or id_namespace or "default"),
        dns_domain=domain,
        labels=FrozenMap({str(k): str(v) for k, v in _mapping(metadata, "LABELS").items()}),
        service_account=str(metadata.get("SERVICE_ACCOUNT") or ""),
        workload_name=str(metadata.get("WORKLOAD_NAME") or ""),
        workload_group=str(metadata.get("AUTO_REGISTER_GROUP") or ""),
        interception=_interception(metadata, node_id),
        http_proxy_port=_port(metadata.get("HTTP_PROXY_PORT"), node_id),
        ports=_ports(metadata, "PORTS", node_id),
        app_ports=_ports(metadata, "APP_PORTS", node_id),
        self_register=registers and not is_agent,
        network=str(metadata.get("NETWORK") or ""),
        locality=locality,
        accept_http_10=str(metadata.get("HTTP10") or "") == "1",
        has_agent=_flag(metadata.get("AGENT_SECRETS")),
        is_agent=is_agent,
        agent_id=str(metadata.get("AGENT_ID") or ""),
        dns_capture=_flag(metadata.get("DNS_CAPTURE")),
        auto_addresses=str(metadata.get("DNS_AUTO_ALLOCATE")).lower() != "false",
        envoy_version=envoy_version,
    )


def _parts(node_id: str) -> tuple[str, str, str, str]:
    parts = node_id.split("~")
    if len(parts) != 4 or parts[0] not in _KINDS:
        raise NodeError(
            f"node id {node_id!r} is not of the form sidecar~IP~NAME.NAMESPACE~DOMAIN or router~…; "
            "write the bootstrap with `pilot bootstrap`"
        )
    kind, address, full_name, domain = parts
    return kind, address, full_name, domain


def _interception(metadata: Mapping[str, Any], node_id: str) -> Interception:
    mode = str(metadata.get("INTERCEPTION_MODE") or "REDIRECT")
    if mode not in Interception.__members__:
        raise NodeError(f"node {node_id!r}: INTERCEPTION_MODE {mode!r} is not REDIRECT, TPROXY or NONE")
    return Interception(mode)


def _addresses(metadata: Mapping[str, Any], from_id: str) -> tuple[str, ...]:
    listed = tuple(part.strip() for part in str(metadata.get("INSTANCE_IPS") or "").split(",") if part.strip())
    addresses = listed or (from_id,)
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            raise NodeError(f"{address!r} in the node id or INSTANCE_IPS is not an IP address") from None
    return addresses


def _mapping(metadata: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = metadata.get(key)
    return value if isinstance(value, Mapping) else {}


def _ports(metadata: Mapping[str, Any], key: str, node_id: str) -> FrozenMap[str, int]:
    return FrozenMap({str(name): _port(number, node_id) for name, number in _mapping(metadata, key).items()})


def _port(value: Any, node_id: str) -> int:
    if value in (None, ""):
        return 0
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise NodeError(f"node {node_id!r}: {value!r} is not a port number") from None
    if not 0 < number < 65536:
        raise NodeError(f"node {node_id!r}: {number} is not a port number")
    return number


def _flag(value: Any) -> bool:
    """Istio writes booleans in metadata as strings."""
    return value is True or str(value).lower() == "true"

"""The metadata of a node: the one table of its keys, each with its type, its reader and its writer.

Most names are Istio's, so that a bootstrap made for Istio means the same here; ``SELF_REGISTER``, ``AGENT_SECRETS``,
``AGENT_ID``, ``AGENT``, ``PORTS`` and ``APP_PORTS`` are ours. Booleans and numbers are written as strings, as Istio's
agent does, except in the last two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Generic, TypeVar

from galley.frozen import FrozenMap, frozen
from galley.meta import NO_LABELS, Labels
from galley.text.wording import shortened
from pilot.node.node_id import NodeError

T = TypeVar("T")

_BROADCAST = IPv4Address("255.255.255.255")


class Interception(StrEnum):
    """How traffic reaches a sidecar: redirected by the kernel, or (NONE) by connecting to its listeners.

    TPROXY keeps the client's address, also for the application.
    """

    REDIRECT = "REDIRECT"
    TPROXY = "TPROXY"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class _Type(Generic[T]):
    """How values of one type are written, and read again; ``read`` raises NodeError for a value that is none."""

    write: Callable[[T], Any]
    read: Callable[[Any], T]


MAX_ADDRESSES, MAX_ENTRIES, MAX_TEXT = 64, 1_000, 1_024
"""Addresses of one workload; entries of a mapping; characters of a text. No proxy has reason to say more, and what one
says becomes part of what others are sent."""


def _read_text(written: Any) -> str:
    if written is None:
        return ""
    check_text(written)
    return str(written)


def _read_flag(written: Any) -> bool:
    return written is True or str(written).lower() == "true"


def _read_addresses(written: Any) -> tuple[str, ...]:
    if written is not None and not isinstance(written, str):
        raise NodeError(f"{_shown(written)} is not a text")
    addresses = tuple(part.strip() for part in (written or "").split(",") if part.strip())
    if len(addresses) > MAX_ADDRESSES:
        raise NodeError(f"these are {len(addresses):,} addresses, and {MAX_ADDRESSES} are the most")
    for address in addresses:
        check_address(address)
    return addresses


def _read_port(written: Any) -> int:
    if written in (None, ""):
        return 0
    try:
        number = int(written)
    except (TypeError, ValueError, OverflowError):
        raise NodeError(f"{_shown(written)} is not a port number") from None
    is_whole = isinstance(written, str) or (number == written and not isinstance(written, bool))
    if not is_whole or not 0 < number < 65536:
        raise NodeError(f"{_shown(written)} is not a port number")
    return number


def _read_interception(written: Any) -> Interception | None:
    if written in (None, ""):
        return None
    if str(written) not in Interception.__members__:
        raise NodeError(f"{_shown(written)} is not REDIRECT, TPROXY or NONE")
    return Interception(str(written))


def _read_mapping(written: Any) -> Mapping[str, Any]:
    if written in (None, ""):
        return {}
    if not isinstance(written, Mapping):
        raise NodeError(f"{_shown(written)} is not a mapping")
    if len(written) > MAX_ENTRIES:
        raise NodeError(f"these are {len(written):,} entries, and {MAX_ENTRIES:,} are the most")
    for key in written:
        check_text(key)
    return written


def _read_ports(written: Any) -> Iterator[tuple[str, int]]:
    """Names and numbers; 0 for a port of which nothing is said."""
    for name, port in _read_mapping(written).items():
        yield name, _read_port(port)


def _shown(written: Any) -> str:
    return shortened(repr(written), 100)


_TEXT = _Type(str, _read_text)
_FLAG: _Type[bool] = _Type(lambda value: "true" if value else "false", _read_flag)
_FLAG_UNLESS_FALSE: _Type[bool] = _Type(_FLAG.write, lambda written: str(written).lower() != "false")
_ONE: _Type[bool] = _Type(lambda value: "1" if value else "0", lambda written: str(written or "") == "1")
_ADDRESSES: _Type[tuple[str, ...]] = _Type(",".join, _read_addresses)
_LABELS: _Type[Labels] = _Type(
    dict, lambda written: FrozenMap({k: _read_text(v) for k, v in _read_mapping(written).items()})
)
_PORT: _Type[int] = _Type(str, _read_port)
_PORTS: _Type[FrozenMap[str, int]] = _Type(
    dict, lambda written: FrozenMap({name: port for name, port in _read_ports(written) if port})
)
_INTERCEPTION: _Type[Interception | None] = _Type(str, _read_interception)


def _key(name: str, kind: _Type[T], default: T) -> T:
    """A key of the metadata. It is left out for the ``default``, which is what its absence means."""
    declared: T = field(default=default, metadata={"key": name, "type": kind})
    return declared


@frozen
class NodeMetadata:
    """One Envoy and its workload, as the metadata of a node describes them; "" and 0 stand for keys that are absent.

    ``ports`` and ``app_ports`` map port names to numbers: where peers reach the workload, and (with interception NONE)
    where the application itself listens. ``interception`` is None for a gateway.
    """

    name: str = _key("NAME", _TEXT, "")
    namespace: str = _key("NAMESPACE", _TEXT, "")
    service_account: str = _key("SERVICE_ACCOUNT", _TEXT, "")
    workload_name: str = _key("WORKLOAD_NAME", _TEXT, "")
    addresses: tuple[str, ...] = _key("INSTANCE_IPS", _ADDRESSES, ())
    labels: Labels = _key("LABELS", _LABELS, NO_LABELS)
    interception: Interception | None = _key("INTERCEPTION_MODE", _INTERCEPTION, None)
    http_proxy_port: int = _key("HTTP_PROXY_PORT", _PORT, 0)
    dns_capture: bool = _key("DNS_CAPTURE", _FLAG, False)
    auto_addresses: bool = _key("DNS_AUTO_ALLOCATE", _FLAG_UNLESS_FALSE, True)
    """Older versions of Istio wanted this to be "true", newer ones do not ask."""
    self_register: bool = _key("SELF_REGISTER", _FLAG, False)
    has_agent: bool = _key("AGENT_SECRETS", _FLAG, False)
    """Certificate and roots come from an agent beside this Envoy, and no key is made for it."""
    is_agent: bool = _key("AGENT", _FLAG, False)
    """This is no Envoy, but the agent beside it on a stream of its own."""
    agent_id: str = _key("AGENT_ID", _TEXT, "")
    workload_group: str = _key("AUTO_REGISTER_GROUP", _TEXT, "")
    cluster_id: str = _key("CLUSTER_ID", _TEXT, "")
    network: str = _key("NETWORK", _TEXT, "")
    mesh_id: str = _key("MESH_ID", _TEXT, "")
    accept_http_10: bool = _key("HTTP10", _ONE, False)
    ports: FrozenMap[str, int] = _key("PORTS", _PORTS, FrozenMap())
    app_ports: FrozenMap[str, int] = _key("APP_PORTS", _PORTS, FrozenMap())


_TABLE: tuple[tuple[str, str, _Type[Any], Any], ...] = tuple(
    (one.metadata["key"], one.name, one.metadata["type"], one.default) for one in fields(NodeMetadata)
)
"""Key, field, type and default."""


def write_metadata(metadata: NodeMetadata) -> dict[str, Any]:
    """The metadata as JSON; keys whose value is what their absence means are left out."""
    values = ((key, kind, getattr(metadata, name), default) for key, name, kind, default in _TABLE)
    return {key: kind.write(value) for key, kind, value, default in values if value != default}


def read_metadata(written: Mapping[str, Any]) -> NodeMetadata:
    """The metadata of a node; other keys are passed over. NodeError names the key whose value is none."""
    found: dict[str, Any] = {}
    for key, name, kind, _ in _TABLE:
        if key in written:
            try:
                found[name] = kind.read(written[key])
            except NodeError as error:
                raise NodeError(f"{key}: {error}") from None
    return NodeMetadata(**found)


def check_address(text: str) -> None:
    """NodeError unless ``text`` is an IP address that a single host may have, or an unspecified one, which is left
    open. Envoy refuses endpoints with a zone, all of them together."""
    try:
        address = ip_address(text)
    except ValueError:
        raise NodeError(f"{_shown(text)} is not an IP address") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise NodeError(f"{_shown(text)} has a zone, which means nothing to another host")
    if address.is_multicast or address == _BROADCAST:
        raise NodeError(f"{_shown(text)} is not the address of a host")


def check_text(value: Any) -> None:
    """NodeError unless ``value`` is a printable text of bounded length."""
    if not isinstance(value, str) or not value.isprintable():
        raise NodeError(f"{_shown(value)} is not a printable text")
    if len(value) > MAX_TEXT:
        raise NodeError(f"{_shown(value)} is longer than {MAX_TEXT:,} characters")


def with_addresses(written: Mapping[str, Any], addresses: tuple[str, ...]) -> dict[str, Any]:
    """The same metadata, of an Envoy that has ``addresses``; all other keys stay as they are written."""
    return {**written, **write_metadata(NodeMetadata(addresses=addresses))}

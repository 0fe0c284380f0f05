"""Who was sent what, who acknowledged it and who said no: the values behind ``pilot proxy-status``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from envoycodec.discovery import Node
from galley.attribution import attribute_error
from galley.meta import ResourceKey
from galley.snapshot import ConfigSnapshot
from pilot.node.node_id import NodeError, NodeId
from pilot.xds.events import Acked, Nacked, Respond
from pilot.xds.resources import PUSH_ORDER, SHORT_NAMES, TypeUrl


class SyncState(StrEnum):
    """How far one proxy is with one type."""

    SYNCED = "SYNCED"
    STALE = "STALE"
    NOT_SENT = "NOT SENT"
    NACK = "NACK"


@dataclass(frozen=True, slots=True)
class Rejection:
    """One resource that an Envoy refused: in which version, why in Envoy's words, and what it was made from.

    ``time`` is in seconds since the epoch. ``doubtful``: it was refused together with others, and may itself be good.
    """

    name: str
    version: str
    message: str
    origins: tuple[Hashable, ...]
    time: float
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """One type on one stream. ``sent_at`` is in seconds since the epoch, 0 when nothing was sent."""

    state: SyncState
    sent_version: str
    acked_version: str
    nonce: str
    sent_at: float
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """One stream. ``connected_at`` is in seconds since the epoch; ``protocol`` is ``SotW`` or ``delta``.

    ``identity`` is what it has proven, "" for nothing, None where nobody can prove anything.
    """

    connection: int
    node: Node
    peer: str
    protocol: str
    connected_at: float
    types: Mapping[TypeUrl, TypeStatus]
    identity: str | None = None


FleetStatus = tuple[ProxyStatus, ...]


@dataclass(slots=True)
class TypeProgress:
    """The running account of one type on one stream."""

    sent_version: str = ""
    acked_version: str = ""
    nonce: str = ""
    sent_at: float = 0.0
    settled: bool = True
    rejections: dict[str, Rejection] = field(default_factory=dict)

    def sent(self, response: Respond, now: float) -> None:
        """``response`` was written at ``now``, in seconds since the epoch."""
        self.sent_version, self.nonce, self.sent_at, self.settled = response.version, response.nonce, now, False

    def acked(self, command: Acked) -> None:
        """The proxy has accepted a response, or has what it kept from an earlier stream."""
        self.acked_version, self.settled = command.version, True
        if command.response is None:
            self.sent_version = command.version

    def nacked(self, command: Nacked, now: float) -> tuple[Rejection, ...]:
        """The proxy has rejected a response at ``now``, in seconds since the epoch: one rejection for each resource."""
        refused = tuple(
            Rejection(r.name, r.version, command.error, r.origins, now, r.name in command.doubtful)
            for r in command.failing
        )
        self.rejections.update((rejection.name, rejection) for rejection in refused)
        return refused

    def status(self, rejected: Mapping[str, str]) -> TypeStatus:
        """The account as a value; only ``rejected`` names are still refused, the others were repaired or removed."""
        self.rejections = {name: r for name, r in self.rejections.items() if name in rejected}
        return TypeStatus(
            state=self._state(),
            sent_version=self.sent_version,
            acked_version=self.acked_version,
            nonce=self.nonce,
            sent_at=self.sent_at,
            rejections=tuple(self.rejections.values()),
        )

    def _state(self) -> SyncState:
        if self.rejections:
            return SyncState.NACK
        if not self.sent_version:
            return SyncState.NOT_SENT
        return SyncState.SYNCED if self.settled else SyncState.STALE


def origins_of(rejection: Rejection, config: ConfigSnapshot | None) -> tuple[str, ...]:
    """``file:line:column field`` of what in ``config`` may have caused ``rejection``, most likely first.

    None when it was made of nothing that a user wrote, or of what is in the configuration no longer.
    """
    keys = [origin for origin in rejection.origins if isinstance(origin, ResourceKey)]
    resources = [found for key in keys if config is not None and (found := config.get(key)) is not None]
    likely = attribute_error(resources, error=rejection.message, subject=rejection.name)
    return tuple(f"{origin} {origin.field}".rstrip() for origin in likely)


def describe_fleet(
    fleet: FleetStatus, *, now: float, origins: Callable[[Rejection], Iterable[str]]
) -> list[dict[str, Any]]:
    """The status as JSON, the form of ``/debug/syncz``; ``origins`` says where to look for the cause of a rejection."""
    return [_describe_proxy(proxy, now, origins) for proxy in sorted(fleet, key=lambda p: (p.node.id, p.connection))]


def _describe_proxy(proxy: ProxyStatus, now: float, origins: Callable[[Rejection], Iterable[str]]) -> dict[str, Any]:
    name, namespace = _name_of(proxy.node.id)
    version = proxy.node.user_agent_version
    ordered = [t for t in PUSH_ORDER if t in proxy.types] + [t for t in proxy.types if t not in PUSH_ORDER]
    return {
        "id": proxy.node.id,
        "name": name,
        "namespace": namespace,
        "cluster": proxy.node.cluster,
        "envoyVersion": ".".join(map(str, version)) if version else "",
        "peer": proxy.peer,
        "protocol": proxy.protocol,
        "identity": proxy.identity,
        "connectedSeconds": round(max(0.0, now - proxy.connected_at), 3),
        "types": {SHORT_NAMES.get(t, t): _describe_type(proxy.types[t], origins) for t in ordered},
    }


def _name_of(node_id: str) -> tuple[str, str]:
    """Name and namespace of an instance; an id of another form is its name."""
    try:
        parsed = NodeId.parse(node_id)
    except NodeError:
        return node_id, ""
    return parsed.name, parsed.namespace


def _describe_type(status: TypeStatus, origins: Callable[[Rejection], Iterable[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "status": status.state.value,
        "sentVersion": status.sent_version,
        "ackedVersion": status.acked_version,
        "nonce": status.nonce,
        "sentAt": status.sent_at,
    }
    if status.rejections:
        newest = max(status.rejections, key=lambda rejection: rejection.time)
        found["error"] = {
            "message": newest.message,
            "version": newest.version,
            "resources": [rejection.name for rejection in status.rejections],
            "origins": list(dict.fromkeys(origin for r in status.rejections for origin in origins(r))),
            "time": newest.time,
        }
    return found

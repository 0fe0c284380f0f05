"""Which containers there are, from inspections and events; a state machine without sockets and clocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

from pilot.registry.docker.containers import Container, read_container

EVENT_TYPES = ("container", "network")
EVENTS = ("create", "start", "die", "kill", "pause", "unpause", "rename", "destroy", "update", "health_status",
          "connect", "disconnect")  # fmt: skip
"""What the Engine is asked to tell: without ``exec_…``, of which every health check makes three."""


class Containers:
    """The containers of one Engine.

    An event changes at once what it proves; for the rest it names the container to inspect.
    """

    def __init__(self) -> None:
        self._known: dict[str, Container] = {}
        self._heard = 0
        self._listed_at = 0
        self._revisions: dict[str, int] = {}
        """What was heard last of the containers of which something was heard since the listing."""

    @property
    def all(self) -> tuple[Container, ...]:
        """All containers, by name."""
        return tuple(sorted(self._known.values(), key=lambda container: (container.name, container.id)))

    def revision(self, container_id: str) -> int:
        """When something was last heard of the container: an inspection is out of date when this has changed since."""
        return self._revisions.get(container_id, self._listed_at)

    def list(self, inspected: Iterable[Mapping[str, Any]], unclear: Set[str] = frozenset()) -> None:
        """These are all containers that there are; of the ``unclear`` ones counts what was known."""
        self._heard += 1
        self._listed_at = self._heard
        self._revisions.clear()
        seen = {*unclear, *(self.inspect(one).id for one in inspected)}
        self._known = {key: container for key, container in self._known.items() if key in seen}

    def inspect(self, inspected: Mapping[str, Any]) -> Container:
        """One container as it is now."""
        container = read_container(inspected)
        before = self._known.get(container.id)
        if before is not None:
            same_life = before.started == container.started and container.status == "running"
            container = replace(
                container,
                killed=before.killed and (same_life or container.status == "exited"),
                attachments=_remembered(before, container),
            )
            if container == before:
                return before
        self._known[container.id] = container
        return container

    def forget(self, container_id: str) -> None:
        """The Engine does not know it any more."""
        self._known.pop(container_id, None)
        self._revisions.pop(container_id, None)

    def outlived(self, container_id: str, started: str) -> None:
        """The container has not ended in the time that it had for it: it ignores the signal and goes on working."""
        known = self._known.get(container_id)
        if known is not None and known.started == started and known.status == "running":
            self._known[container_id] = replace(known, killed=False)

    def stopping(self, container_id: str) -> Container | None:
        """The container, if it runs still and has been sent a signal that is to end it."""
        known = self._known.get(container_id)
        return known if known is not None and known.killed and known.status == "running" else None

    def note(self, event: Mapping[str, Any]) -> str:
        """Take in an event; the id of the container to inspect, or "" for none."""
        action = str(event.get("Action") or event.get("status") or "")
        actor = event.get("Actor") or {}
        attributes: Mapping[str, Any] = actor.get("Attributes") or {}
        of_network = event.get("Type") == "network"
        if of_network and action not in ("connect", "disconnect"):
            return ""
        container_id = str((attributes.get("container") if of_network else actor.get("ID") or event.get("id")) or "")
        if not container_id:
            return ""
        self._heard += 1
        self._revisions[container_id] = self._heard
        if of_network:
            return container_id
        if action == "destroy":
            self.forget(container_id)
            return ""
        known = self._known.get(container_id)
        if known is not None:
            self._known[container_id] = _after(known, action, attributes)
        return container_id


def _after(container: Container, action: str, attributes: Mapping[str, Any]) -> Container:
    """What ``action`` proves of the container, before it can be inspected."""
    match action:
        case "kill" if str(attributes.get("signal")) in {str(number) for number in container.stop_signals}:
            return replace(container, killed=True)
        case "die":
            code = str(attributes.get("exitCode") or "0")
            return replace(container, status="exited", exit_code=int(code) if code.isdigit() else 1)
        case "pause":
            return replace(container, status="paused")
        case "health_status: unhealthy":
            return replace(container, health="unhealthy")
    return container


def _remembered(before: Container, now: Container) -> tuple[Any, ...]:
    """A container that stopped has no addresses; those it had tell which workload is gone with it."""
    had = any(attachment.address for attachment in before.attachments)
    has = any(attachment.address for attachment in now.attachments)
    return before.attachments if had and not has and now.status not in ("running", "paused") else now.attachments

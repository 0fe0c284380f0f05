"""A container as the Docker Engine describes it, reduced to what discovery asks."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from typing import Any

from galley.frozen import FrozenMap, frozen
from galley.meta import Labels

_COMPOSE_PROJECT = "com.docker.compose.project"
_COMPOSE_SERVICE = "com.docker.compose.service"
_COMPOSE_ONE_OFF = "com.docker.compose.oneoff"
_SHARED = "container:"

_ALWAYS_STOPS = frozenset({int(signal.SIGTERM), int(signal.SIGKILL)})

_STOP_TIMEOUT = 10.0
"""What the Engine gives a container that says nothing else."""


@frozen
class NetworkAttachment:
    """A container's place in one network; an address that it has not (yet) is ""."""

    network: str
    ipv4: str = ""
    ipv6: str = ""

    @property
    def address(self) -> str:
        """The address by which others reach the container here, IPv4 before IPv6; "" without any."""
        return self.ipv4 or self.ipv6


@frozen
class Container:
    """One container at one moment. ``health`` is "" without a health check."""

    id: str
    name: str
    image: str = ""
    labels: Labels = FrozenMap()
    status: str = "running"
    health: str = ""
    exit_code: int = 0
    restarts: bool = False
    """Whether the Engine starts it again whatever its exit status was."""
    started: str = ""
    stop_signals: frozenset[int] = _ALWAYS_STOPS
    stop_timeout: float = _STOP_TIMEOUT
    """Seconds that it has to end after a stop signal before the Engine ends it."""
    network_mode: str = ""
    attachments: tuple[NetworkAttachment, ...] = ()
    """By name of the network."""
    exposed: tuple[int, ...] = ()
    """TCP ports of the image's or the user's EXPOSE, and the container's side of published ones."""
    killed: bool = False
    """Whether a signal has been sent since its start that is to end it."""

    @property
    def project(self) -> str:
        """The Compose project, or ""."""
        return self.labels.get(_COMPOSE_PROJECT, "")

    @property
    def service_name(self) -> str:
        """The name of the Compose service, else of the container."""
        return self.labels.get(_COMPOSE_SERVICE) or self.name

    @property
    def one_off(self) -> bool:
        """Whether ``compose run`` made it: a person's errand, no instance of its service."""
        return self.labels.get(_COMPOSE_ONE_OFF, "").lower() == "true"

    @property
    def namespace_of(self) -> str:
        """The id of the container whose network namespace it shares, or ""."""
        return self.network_mode.removeprefix(_SHARED) if self.network_mode.startswith(_SHARED) else ""

    @property
    def running(self) -> bool:
        """Whether it runs and nobody has asked it to stop."""
        return self.status == "running" and not self.killed

    @property
    def unready(self) -> str:
        """Why nobody should be sent there now, or ""; a health check must have succeeded."""
        if not self.running:
            return "stopping" if self.killed and self.status == "running" else self.status
        return self.health if self.health in ("starting", "unhealthy") else ""


def read_container(inspected: Mapping[str, Any]) -> Container:
    """What ``GET /containers/{id}/json`` answered, for any version of its API from 1.24 on."""
    state, config = inspected.get("State") or {}, inspected.get("Config") or {}
    host = inspected.get("HostConfig") or {}
    health = str((state.get("Health") or {}).get("Status") or "")
    return Container(
        id=str(inspected["Id"]),
        name=str(inspected.get("Name") or "").lstrip("/"),
        image=str(config.get("Image") or ""),
        labels=FrozenMap({str(k): str(v) for k, v in (config.get("Labels") or {}).items()}),
        status=str(state.get("Status") or ("running" if state.get("Running") else "exited")),
        health="" if health == "none" else health,
        exit_code=int(state.get("ExitCode") or 0),
        restarts=(host.get("RestartPolicy") or {}).get("Name") in ("always", "unless-stopped"),
        started=str(state.get("StartedAt") or ""),
        stop_signals=_ALWAYS_STOPS | _signal_number(str(config.get("StopSignal") or "")),
        stop_timeout=float(_STOP_TIMEOUT if config.get("StopTimeout") is None else config["StopTimeout"]),
        network_mode=str(host.get("NetworkMode") or ""),
        attachments=_attachments((inspected.get("NetworkSettings") or {}).get("Networks") or {}),
        exposed=_tcp_ports((*(config.get("ExposedPorts") or {}), *(host.get("PortBindings") or {}))),
    )


def _attachments(networks: Mapping[str, Mapping[str, Any] | None]) -> tuple[NetworkAttachment, ...]:
    return tuple(
        NetworkAttachment(
            network=name,
            ipv4=str((networks[name] or {}).get("IPAddress") or ""),
            ipv6=str((networks[name] or {}).get("GlobalIPv6Address") or ""),
        )
        for name in sorted(networks)
    )


def _tcp_ports(written: Iterable[str]) -> tuple[int, ...]:
    """The numbers of ``80/tcp`` and the like; UDP is for no proxy."""
    pairs = (port.partition("/") for port in written)
    return tuple(sorted({int(n) for n, _, protocol in pairs if n.isdigit() and protocol in ("", "tcp")}))


def _signal_number(text: str) -> frozenset[int]:
    """``SIGQUIT``, ``QUIT``, ``RTMIN+3`` or ``3`` as a set of one; empty when there is none or it is unknown."""
    if text.isdigit():
        return frozenset({int(text)})
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    base, sign, offset = name.partition("-" if "-" in name else "+")
    try:
        return frozenset({int(signal.Signals[base]) + int(f"{sign}{offset}" or 0)})
    except (KeyError, ValueError):
        return frozenset()

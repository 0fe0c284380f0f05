"""Answers of ``GET /containers/{id}/json`` in the shape that Engine 20.10 gives them, reduced to what matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def an_id(name: str) -> str:
    """The id of the container called ``name``: 64 hex digits."""
    return name.encode().hex().ljust(64, "0")[:64]


def an_inspection(
    name: str,
    *,
    project: str = "shop",
    service: str = "",
    labels: Mapping[str, str] | None = None,
    networks: Mapping[str, str] | None = None,
    ports: tuple[str, ...] = ("9080/tcp",),
    published: tuple[str, ...] = (),
    mode: str = "shop_default",
    state: Mapping[str, Any] | None = None,
    health: str = "",
    image: str = "python:3.11-slim",
    stop_signal: str = "",
    restart: str = "no",
    started: str = "2026-01-01T00:00:00Z",
) -> dict[str, Any]:
    """A running container of Compose project ``shop``; ``networks`` are addresses by name of the network."""
    compose = {"com.docker.compose.project": project, "com.docker.compose.service": service or name} if project else {}
    running = {"Status": "running", "Running": True, "ExitCode": 0, "StartedAt": started, **(state or {})}
    return {
        "Id": an_id(name),
        "Name": f"/{name}",
        "State": {**running, **({"Health": {"Status": health}} if health else {})},
        "Config": {
            "Image": image,
            "Labels": {**compose, **(labels or {})},
            "ExposedPorts": {port: {} for port in ports} or None,
            **({"StopSignal": stop_signal} if stop_signal else {}),
        },
        "HostConfig": {
            "NetworkMode": mode,
            "PortBindings": {port: [{"HostIp": "", "HostPort": "8080"}] for port in published},
            "RestartPolicy": {"Name": restart, "MaximumRetryCount": 0},
        },
        "NetworkSettings": {
            "Networks": {
                network: {"IPAddress": "" if ":" in address else address,
                          "GlobalIPv6Address": address if ":" in address else ""}
                for network, address in ({"shop_default": "172.18.0.2"} if networks is None else networks).items()
            }
        },
    }  # fmt: skip


def a_member(name: str, of: str, **traits: Any) -> dict[str, Any]:
    """A container in the network namespace of ``of``."""
    return an_inspection(name, mode=f"container:{an_id(of)}", networks={}, **traits)


def an_event(action: str, name: str, **attributes: str) -> dict[str, Any]:
    """A container event of API 1.41."""
    actor = {"ID": an_id(name), "Attributes": {"name": name, **attributes}}
    return {"Type": "container", "Action": action, "Actor": actor, "scope": "local", "time": 1}

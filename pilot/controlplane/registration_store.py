"""Self-registered workloads on disk, so that a control plane that starts again knows them before they reconnect.

Without it the first proxy to come back would be told that all other instances are gone, and traffic would fail.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from galley.atomic_write import write_atomically
from galley.frozen import FrozenMap
from galley.text.wording import printable, shortened
from pilot.node.locality import Locality
from pilot.node.metadata import check_address, check_text
from pilot.registry.workloads import RegisteredWorkload

log = logging.getLogger("pilot")

_NAME = "registrations.json"
_VERSION = 1


class RegistrationStore:
    """One JSON file in ``directory``, replaced whole at every change."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / _NAME

    def read(self) -> tuple[RegisteredWorkload, ...]:
        """What was written last; nothing when there is no file or it cannot be understood.

        A lost file costs endpoints for the moments until their proxies reconnect, so it is no reason not to start.
        """
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored["version"] != _VERSION:
                return ()
            return tuple(self._usable(stored["workloads"]))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("registrations in %s cannot be read (%s: %s): workloads register anew when they reconnect",
                        self.path, type(error).__name__, shortened(str(error), 200))  # fmt: skip
            return ()

    def _usable(self, entries: Iterable[Any]) -> Iterator[RegisteredWorkload]:
        """The entries that say what a proxy might say of itself; the others are told and left out."""
        for entry in entries:
            try:
                workload = _workload(entry)
                check_address(workload.address)
                for text in (workload.id, workload.namespace, *workload.labels, *workload.labels.values()):
                    check_text(text)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                log.warning("a registration in %s is passed over (%s: %s)",
                            self.path, type(error).__name__, shortened(printable(str(error)), 200))  # fmt: skip
                continue
            yield workload

    def write(self, workloads: tuple[RegisteredWorkload, ...]) -> None:
        """Replace the file. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = json.dumps({"version": _VERSION, "workloads": [_entry(workload) for workload in workloads]})
        write_atomically(self.path, content.encode())


def _entry(workload: RegisteredWorkload) -> dict[str, Any]:
    locality = workload.locality
    return {
        "id": workload.id,
        "namespace": workload.namespace,
        "address": workload.address,
        "ports": dict(workload.ports),
        "labels": dict(workload.labels),
        "network": workload.network,
        "locality": [locality.region, locality.zone, locality.sub_zone],
        "service_account": workload.service_account,
        "group": workload.group,
        "serving": workload.serving,
        "proxied_ports": workload.proxied_ports,
        "identified": workload.identified,
    }


def _port(stored: Any) -> int:
    if type(stored) is not int or not 0 < stored < 65536:
        raise ValueError(f"{stored!r} is not a port number")
    return stored


def _workload(entry: Mapping[str, Any]) -> RegisteredWorkload:
    region, zone, sub_zone = entry["locality"]
    proxied = entry.get("proxied_ports")  # files of earlier versions do not say
    return RegisteredWorkload(
        id=str(entry["id"]),
        namespace=str(entry["namespace"]),
        address=str(entry["address"]),
        ports=FrozenMap({str(name): _port(port) for name, port in entry["ports"].items()}),
        labels=FrozenMap({str(name): str(value) for name, value in entry["labels"].items()}),
        network=str(entry["network"]),
        locality=Locality(region=str(region), zone=str(zone), sub_zone=str(sub_zone)),
        service_account=str(entry["service_account"]),
        group=str(entry["group"]),
        serving=entry["serving"] is True,
        proxied_ports=None if proxied is None else tuple(_port(port) for port in proxied),
        # Nor this; but only of those who had proven it an account was kept.
        identified=entry.get("identified", bool(entry["service_account"])) is True,
    )

"""The file services.yaml in the directory of rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

from galley.atomic_write import write_atomically
from pilot.inject.compose.layout import ComposeWorkload
from pilot.inject.options import InjectError
from pilot.inject.service_documents import NamespacedName, update_services, written_services
from pilot.registry.catalog import Protocol
from pilot.registry.container_labels import PORTS_LABEL
from pilot.registry.protocol import kubernetes_protocol

FILE = "services.yaml"


def tell_of_ports(workloads: tuple[ComposeWorkload, ...], say: Callable[[str], None], *, addresses: bool) -> None:
    """Tell of what the mesh cannot know. ``addresses`` says whether services have addresses of their own."""
    for workload in workloads:
        if not workload.ports and workload.settings.ports is None:
            say(
                f"service {workload.service}: no port is known, so others reach it past the mesh's rules; if it serves "
                f'any, say so by `expose` or the label {PORTS_LABEL}: "http=8080"'
            )
    if not addresses:
        _tell_of_shared_ports(workloads, say)


def write_services(directory: Path, workloads: tuple[ComposeWorkload, ...], say: Callable[[str], None]) -> None:
    """Bring ``directory/services.yaml`` up to date. Raises OSError, and InjectError for a file that is broken."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    text = path.read_text() if path.exists() else ""
    try:
        new = update_services(text, workloads, _elsewhere(directory))
    except yaml.YAMLError as error:
        raise InjectError(0, f"{path} is broken; mend or remove it: {error}") from None
    if new != text:
        write_atomically(path, new.encode(), mode=None)
        say(f"wrote {path}")


def _elsewhere(directory: Path) -> frozenset[NamespacedName]:
    found: set[NamespacedName] = set()
    for path in sorted(directory.rglob("*")):
        if path.suffix in (".yaml", ".yml", ".json") and path != directory / FILE:
            try:
                found |= written_services(path.read_text()).keys()
            except (yaml.YAMLError, UnicodeDecodeError):
                continue  # the control plane complains of it
    return frozenset(found)


def _tell_of_shared_ports(workloads: tuple[ComposeWorkload, ...], say: Callable[[str], None]) -> None:
    """Without addresses of services, a TCP connection is told by its port alone."""
    count = Counter((number, workload.settings.service) for workload in workloads for number in _opaque(workload))
    for port, several in Counter(number for number, _ in count).items():
        if several > 1:
            names = ", ".join(sorted(service for number, service in count if number == port))
            say(
                f"services {names} all serve port {port} with a protocol that names no host: connections to it cannot "
                "be told apart; use --dns-capture, or give them different ports"
            )


def _opaque(workload: ComposeWorkload) -> list[int]:
    return [number for name, number in workload.ports.items() if _protocol(name, number) in _OPAQUE]


def _protocol(name: str, number: int) -> Protocol:
    return kubernetes_protocol(transport="TCP", app_protocol="", name=name, number=number)


_OPAQUE = (Protocol.TCP, Protocol.MONGO, Protocol.REDIS, Protocol.MYSQL)

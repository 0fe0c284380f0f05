"""Where everything of the demo listens: chosen before the start, among what is free on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pilot.node.ports import CONTROL_PLANE_ADMIN_PORT, ENVOY_ADMIN_PORT, XDS_PORT
from samples.bookinfo.demo.rules import EVERY_ADDRESS, Entrance

GATEWAY_PORT = 8080
SERVICE_PORT = 9080
APP_PORT = 19080
PROXY_PORT = 15080
LOOPBACK = "127.0.0.1"
BLOCKS = range(1, 60)


@dataclass(frozen=True)
class Place:
    """The addresses of one Envoy: its own, and for a workload also those of the application beside it."""

    name: str
    host: str
    admin_port: int
    labels: Mapping[str, str]
    module: str = ""
    arguments: tuple[str, ...] = ()
    port: int = 0
    app_port: int = 0
    proxy_port: int = 0

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(port for port in (self.admin_port, self.port, self.app_port, self.proxy_port) if port)


@dataclass(frozen=True)
class Layout:
    """All addresses of one demo. ``notes`` are sentences about ports that are not the usual ones."""

    xds_port: int
    admin_port: int
    entrance: Entrance
    gateway: Place
    workloads: tuple[Place, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def visited(self) -> str:
        """The address at which the gateway can be reached from this machine."""
        return LOOPBACK if self.entrance.address in (EVERY_ADDRESS, "::") else self.entrance.address

    @property
    def url(self) -> str:
        """The address of the page, for a browser on this machine."""
        shown = "localhost" if self.visited == LOOPBACK else self.visited
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.entrance.port}/productpage"


class NoFreePortError(Exception):
    """Nothing free was found; the message says where it was looked for."""


_WORKLOADS: tuple[tuple[str, str, str], ...] = (
    ("details", "v1", "details"),
    ("ratings", "v1", "ratings"),
    ("reviews", "v1", "reviews"),
    ("reviews", "v2", "reviews"),
    ("reviews", "v3", "reviews"),
    ("productpage", "v1", "productpage"),
)
_USUAL_PORTS = (ENVOY_ADMIN_PORT, SERVICE_PORT, APP_PORT, PROXY_PORT)
_GATEWAY_LABELS = {"istio": "ingressgateway", "app": "istio-ingressgateway"}


def choose_layout(wanted: Entrance | None = None, *, one_address: bool | None = None) -> Layout:
    """Pick free addresses. ``wanted`` is where the gateway is to listen, on another port when that is taken.
    ``one_address`` puts everything on 127.0.0.1; None does so only where it must be.

    Raises NoFreePortError.
    """
    wanted = wanted or Entrance(LOOPBACK, GATEWAY_PORT)
    notes: list[str] = []
    single = not can_listen("127.0.1.1", 0) if one_address is None else one_address
    gateway, *workloads = _on_one_address() if single else _on_own_addresses(notes)
    return Layout(
        xds_port=_usual_or_other(XDS_PORT, LOOPBACK, "xDS", notes),
        admin_port=_usual_or_other(CONTROL_PLANE_ADMIN_PORT, LOOPBACK, "the control plane's admin interface", notes),
        entrance=Entrance(wanted.address, _usual_or_other(wanted.port, wanted.address, "the gateway", notes)),
        gateway=gateway,
        workloads=tuple(workloads),
        notes=tuple(notes),
    )


def _on_own_addresses(notes: list[str]) -> list[Place]:
    """Workload N at 127.0.B.N with the usual ports, for the first B where all are free."""
    for block in BLOCKS:
        gateway = Place("ingressgateway", f"127.0.{block}.{len(_WORKLOADS) + 1}", ENVOY_ADMIN_PORT, _GATEWAY_LABELS)
        places = [gateway] + [
            _place(index, f"127.0.{block}.{index + 1}", _USUAL_PORTS) for index in range(len(_WORKLOADS))
        ]
        if all(can_listen(place.host, port) for place in places for port in place.ports):
            if block != BLOCKS[0]:
                notes.append(f"127.0.{BLOCKS[0]}.x is in use; the workloads are at 127.0.{block}.x")
            return places
    raise NoFreePortError(f"ports {SERVICE_PORT}, {APP_PORT} and {PROXY_PORT} are taken on 127.0.1.x to 127.0.59.x")


def _on_one_address() -> list[Place]:
    """Everything on 127.0.0.1, each with ports of its own: for systems with no more loopback addresses."""
    ports = _free_ports(20_000, 1 + 4 * len(_WORKLOADS))
    gateway = Place("ingressgateway", LOOPBACK, ports[0], _GATEWAY_LABELS)
    rest = ports[1:]
    return [gateway] + [_place(index, LOOPBACK, rest[4 * index : 4 * index + 4]) for index in range(len(_WORKLOADS))]


def _place(index: int, host: str, ports: Sequence[int]) -> Place:
    admin_port, port, app_port, proxy_port = ports
    app, version, module = _WORKLOADS[index]
    return Place(
        name=f"{app}-{version}",
        host=host,
        admin_port=admin_port,
        labels={"app": app, "version": version},
        module=f"samples.bookinfo.{module}",
        arguments=("--version", version) if app == "reviews" else (),
        port=port,
        app_port=app_port,
        proxy_port=proxy_port,
    )


def _usual_or_other(usual: int, host: str, what: str, notes: list[str]) -> int:
    if can_listen(host, usual):
        return usual
    (other,) = _free_ports(usual + 1, 1, host)
    notes.append(f"port {usual} is in use; {what} is on {other}")
    return other


def _free_ports(first: int, count: int, host: str = LOOPBACK) -> list[int]:
    found: list[int] = []
    for port in range(first, min(first + 2_000, 32_768)):
        if can_listen(host, port):
            found.append(port)
        if len(found) == count:
            return found
    raise NoFreePortError(f"fewer than {count} free ports above {first} on {host}")


def can_listen(host: str, port: int) -> bool:
    """Whether a server could listen there. A port taken on all addresses is taken on each, and the reverse."""
    for address in _overlapping(host):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                # Where SO_REUSEADDR lets two bind, only one may listen.
                probe.listen(1)
            except OSError:
                return False
    return True


def _overlapping(host: str) -> Iterable[str]:
    return (host, LOOPBACK) if host == EVERY_ADDRESS else (host,)

"""A small mesh in one test: a control plane, workloads with their sidecars, gateways; all on loopback, all stopped."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.frozen import FrozenMap
from pilot.dataplane.bootstrap import BootstrapOptions, SocketAddress
from pilot.node.locality import Locality
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from pilot.node.ports import ENVOY_ADMIN_PORT
from tests.e2e.harness.addresses import Addresses
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.control_plane import ControlPlane
from tests.e2e.harness.envoys import Envoy, keep_dumps
from tests.e2e.harness.upstreams import GrpcEcho, HttpEcho, TcpEcho

SERVICE_PORT = 9080
APP_PORT = 19080
PROXY_PORT = 15080

Upstream = HttpEcho | TcpEcho | GrpcEcho


@dataclass
class Workload:
    """One application with its sidecar, both at the address ``host``."""

    name: str
    host: str
    app: Upstream
    sidecar: Envoy

    @property
    def http(self) -> HttpEcho:
        """The application, when it speaks HTTP."""
        assert isinstance(self.app, HttpEcho), f"{self.name} is not an HTTP application"
        return self.app

    def call(self, url: str, **details: Any) -> Answer:
        """What the application gets when it asks for ``url`` through its sidecar, as an HTTP proxy."""
        return request((self.host, PROXY_PORT), url, **details)

    def stop(self) -> None:
        """End sidecar and application, as when an instance is taken away."""
        self.sidecar.stop()
        self.app.stop()


class Mesh:
    """Everything that one test starts. Stopped in reverse order at the end."""

    def __init__(self, home: Path, addresses: Addresses, envoy: Path, *, delta: bool = True) -> None:
        self.home, self.addresses, self.envoy, self.delta = home, addresses, envoy, delta
        self.control_plane = ControlPlane(home, host=addresses.host())
        self._stack = ExitStack()
        self._envoys: list[Envoy] = []

    def __enter__(self) -> Mesh:
        self._stack.callback(self.control_plane.stop)
        return self

    def __exit__(self, *exception: object) -> None:
        self._keep_dumps()
        self._stack.close()

    def _keep_dumps(self) -> None:
        """What Envoys and the control plane show of themselves goes to files, for the search at the end."""
        dumps = self.home / "dumps"
        dumps.mkdir(exist_ok=True)
        for number, envoy in enumerate(self._envoys):
            keep_dumps(envoy, dumps / f"{number}-{envoy.options.name}")
        if isinstance(self.control_plane, ControlPlane) and self.control_plane.pid is not None:
            self.control_plane.keep_pages(dumps)

    def write(self, name: str, text: str) -> Path:
        """Save a configuration file (see `ControlPlane.write`)."""
        return self.control_plane.write(name, text)

    def serve(self, *arguments: str) -> None:
        """Start the control plane."""
        self.control_plane.start(arguments)

    def workload(
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        app: type[Upstream] = HttpEcho,
        port_name: str = "http",
        port: int = SERVICE_PORT,
        ready: bool = True,
        xds: SocketAddress | None = None,
        **options: Any,
    ) -> Workload:
        """Start an application and its sidecar in mode NONE: others reach it at ``port``, it listens 10000 above.

        The sidecar registers it with every service that selects ``labels``. ``options`` go to `BootstrapOptions`.
        """
        host = self.addresses.host()
        upstream = app(name, host, port + 10_000)
        self._stack.callback(_stop_quietly, upstream)
        sidecar = self._start(
            BootstrapOptions(
                kind=ProxyKind.SIDECAR,
                name=name,
                ip=host,
                labels=FrozenMap(labels),
                interception=Interception.NONE,
                ports=FrozenMap({port_name: port}),
                app_ports=FrozenMap({port_name: port + 10_000}),
                http_proxy_port=PROXY_PORT,
                self_register=True,
                xds=xds or self._xds,
                delta=self.delta,
                admin=SocketAddress(host, ENVOY_ADMIN_PORT),
                **options,
            ),
            ready=ready,
        )
        return Workload(name=name, host=host, app=upstream, sidecar=sidecar)

    def client(self, name: str = "client", **options: Any) -> Workload:
        """A workload that no service selects: for sending requests into the mesh."""
        return self.workload(name, {"app": name}, **options)

    def gateway(
        self,
        name: str = "ingress",
        labels: Mapping[str, str] | None = None,
        *,
        ready: bool = True,
        namespace: str = "istio-system",
        locality: Locality | None = None,
        envoy: Path | None = None,
    ) -> Envoy:
        """Start a gateway Envoy; by default the one that ``istio: ingressgateway`` selects."""
        host = self.addresses.host()
        return self._start(
            BootstrapOptions(
                kind=ProxyKind.GATEWAY,
                name=name,
                namespace=namespace,
                ip=host,
                labels=FrozenMap(labels or {"istio": "ingressgateway"}),
                locality=locality or Locality(),
                xds=self._xds,
                delta=self.delta,
                admin=SocketAddress(host, ENVOY_ADMIN_PORT),
            ),
            ready=ready,
            binary=envoy,
        )

    def start(self, envoy: Envoy) -> None:
        """Start an Envoy that a test made itself. It may never become ready."""
        envoy.start()
        self._envoys.append(envoy)
        self._stack.callback(envoy.stop)

    def report(self) -> str:
        """The ends of all logs, for a test that failed."""
        parts = [f"--- {self.control_plane.log_file}\n{self.control_plane.log_tail()}"]
        for log in sorted((self.home / "envoys").glob("*.log")):
            tail = log.read_text(errors="replace").splitlines()[-15:]
            parts.append(f"--- {log}\n" + "\n".join(tail))
        return "\n".join(parts)

    @property
    def _xds(self) -> SocketAddress:
        return SocketAddress(*self.control_plane.xds)

    def _start(self, options: BootstrapOptions, *, ready: bool, binary: Path | None = None) -> Envoy:
        envoy = Envoy(binary or self.envoy, options, self.home / "envoys")
        self.start(envoy)
        if ready:
            envoy.wait_ready()
        return envoy


def _stop_quietly(upstream: Upstream) -> None:
    try:
        upstream.stop()
    except (OSError, RuntimeError):
        return  # the test stopped it before

"""The processes of the demo: a control plane, a gateway, and for each workload its application and its sidecar."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from galley.frozen import FrozenMap
from pilot.commands.bootstrap import format_bootstrap
from pilot.dataplane.bootstrap import BootstrapOptions, SocketAddress
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess
from pilot.dataplane.supervisor import EnvoySupervisor
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from samples.bookinfo.demo.admin import AdminInterface, NoAnswerError
from samples.bookinfo.demo.layout import LOOPBACK, Layout, Place
from samples.bookinfo.demo.rules import SAMPLE

START_SECONDS = 30.0
KEPT_RULES_SECONDS = 5.0
"""How long the page may take with rules that the user left: they may mean that there is none."""

PLACES_FILE = "places.json"
POLL_SECONDS = 0.05

Tell = Callable[[str], None]


class StageError(Exception):
    """Something did not start. The message says what, with the end of its log."""


class Stage:
    """All processes, with their files in ``home``: rules, accepted state, bootstraps and logs."""

    def __init__(self, layout: Layout, home: Path, envoy: Path, tell: Tell) -> None:
        self.layout = layout
        self.rules = home / "rules"
        self.logs = home / "logs"
        self.pilot_log = self.logs / "pilot.log"
        self.admin = AdminInterface(LOOPBACK, layout.admin_port)
        self._home, self._envoy, self._tell = home, envoy, tell
        self._pilot: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._apps: list[subprocess.Popen[bytes]] = []
        self._envoys: dict[str, EnvoySupervisor] = {}

    def prepare(self, *, keep_state: bool) -> None:
        """Lay out what each start makes anew: logs and bootstraps, and without ``keep_state`` what was accepted."""
        for name in ("logs", "envoy", *(() if keep_state else ("state",))):
            shutil.rmtree(self._home / name, ignore_errors=True)
        # Addresses may be others than the last time.
        (self._home / "state" / "registrations.json").unlink(missing_ok=True)
        for directory in (self.logs, self._home / "envoy"):
            directory.mkdir(parents=True)
        envoys = {place.name: f"{place.host}:{place.admin_port}" for place in self.places}
        entrance = {"host": self.layout.visited, "port": self.layout.entrance.port}
        text = json.dumps({"entrance": entrance, "admin": str(self.admin), "envoys": envoys}, indent=2)
        (self._home / PLACES_FILE).write_text(text + "\n")

    @property
    def places(self) -> tuple[Place, ...]:
        """All Envoys, the gateway first."""
        return (self.layout.gateway, *self.layout.workloads)

    def start(self) -> None:
        """Start everything and wait until all Envoys serve. Raises StageError."""
        self._watcher = self._spawn(
            [sys.executable, "-m", "samples.bookinfo.demo.leftovers", str(self._home)], self.logs / "watcher.log", {}
        )
        self._start_pilot()
        for place in self.layout.workloads:
            self._start_app(place)
        try:
            for place in self.places:
                self._start_envoy(place)
            for place in (*self.layout.workloads, self.layout.gateway):
                self._envoys[place.name].process.wait_ready(START_SECONDS)
                self._tell(f"{place.name} at {place.host}")
        except EnvoyError as error:
            raise StageError(str(error)) from error

    def await_page(self, seconds: float = START_SECONDS) -> None:
        """Wait until the page is there. Raises StageError after ``seconds``."""
        self._await("the product page", self._page_answers, seconds)

    def stop(self) -> None:
        """End everything that was started. Applications and control plane get five seconds."""
        for supervisor in self._envoys.values():
            supervisor.stop()
        children = [*self._apps, *([self._pilot] if self._pilot else [])]
        for child in children:
            if child.poll() is None:
                child.terminate()
        if self._watcher is not None and self._watcher.stdin is not None:
            children.append(self._watcher)  # it ends when its standard input closes, and finds nothing left
            self._watcher.stdin.close()
        deadline = time.monotonic() + 5.0
        for child in children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdin is not None:
                child.stdin.close()

    def check_alive(self) -> None:
        """Raises StageError when the control plane has ended."""
        if self._pilot is not None and self._pilot.poll() is not None:
            raise StageError(f"the control plane ended with status {self._pilot.returncode}:\n{self._pilot_tail()}")

    def _start_pilot(self) -> None:
        command = [
            *(sys.executable, "-m", "pilot", "serve"),
            *("--config", str(self.rules), "--state", str(self._home / "state"), "--accept-partial"),
            *("--xds-address", f"{LOOPBACK}:{self.layout.xds_port}"),
            *("--admin-address", f"{LOOPBACK}:{self.layout.admin_port}"),
        ]
        self._pilot = self._spawn(command, self.pilot_log, {})
        self._await("the control plane", self._pilot_answers)
        self._tell(f"control plane at {LOOPBACK}:{self.layout.xds_port}")

    def _start_app(self, place: Place) -> None:
        command = [
            *(sys.executable, "-m", place.module, "--stop-with-stdin"),
            *("--host", place.host, "--port", str(place.app_port), *place.arguments),
        ]
        proxy = {"http_proxy": f"http://{place.host}:{place.proxy_port}", "no_proxy": ""}
        self._apps.append(self._spawn(command, self.logs / f"{place.name}.app.log", proxy))

    def _spawn(self, command: list[str], log_file: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with log_file.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=SAMPLE.parents[1],
                # Held open: it closes with this process, however that ends, and applications and watcher see that.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**inherited, **environment, "PYTHONUNBUFFERED": "1"},
                # Ctrl-C in the terminal reaches this process alone, which ends the others in order.
                start_new_session=True,
            )

    def _start_envoy(self, place: Place) -> None:
        config = self._home / "envoy" / f"{place.name}.yaml"
        options = _bootstrap(place, self.layout)
        config.write_text(format_bootstrap(options, output_format="yaml"))
        command = EnvoyCommand(
            binary=self._envoy,
            config=config,
            log_file=self.logs / f"{place.name}.envoy.log",
            admin=options.admin,
            arguments=("--file-flush-interval-msec", "200"),  # the access log is there to be watched
        )
        supervisor = EnvoySupervisor(
            EnvoyProcess(command),
            lambda reason, pause: self._tell(f"{place.name}: Envoy ended, starts again in {pause:g} s ({reason})"),
        )
        self._envoys[place.name] = supervisor
        supervisor.start()

    def _await(self, what: str, condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.check_alive()
            if time.monotonic() > deadline:
                raise StageError(f"{what} did not answer within {seconds:g} s; logs are in {self.logs}")
            time.sleep(POLL_SECONDS)

    def _pilot_answers(self) -> bool:
        return _answers(self.admin, "/healthz")

    def _page_answers(self) -> bool:
        return _answers(AdminInterface(self.layout.visited, self.layout.entrance.port), "/productpage")

    def _pilot_tail(self) -> str:
        return "\n".join(self.pilot_log.read_text(errors="replace").splitlines()[-20:])


def _bootstrap(place: Place, layout: Layout) -> BootstrapOptions:
    gateway = BootstrapOptions(
        kind=ProxyKind.GATEWAY,
        name=place.name,
        namespace="istio-system",
        ip=place.host,
        labels=FrozenMap(place.labels),
        xds=SocketAddress(LOOPBACK, layout.xds_port),
        admin=SocketAddress(place.host, place.admin_port),
    )
    if not place.module:
        return gateway
    return replace(
        gateway,
        kind=ProxyKind.SIDECAR,
        namespace="default",
        service_account=f"bookinfo-{place.labels['app']}",
        interception=Interception.NONE,
        ports=FrozenMap({"http": place.port}),
        app_ports=FrozenMap({"http": place.app_port}),
        http_proxy_port=place.proxy_port,
        self_register=True,
    )


def _answers(place: AdminInterface, path: str) -> bool:
    try:
        place.text(path, timeout=2.0)
    except NoAnswerError:
        return False
    return True

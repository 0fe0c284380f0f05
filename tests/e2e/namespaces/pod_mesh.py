"""A mesh of pods: `pilot serve` in one, applications in others, some with a transparent sidecar in front."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from citadel.__main__ import main as citadel_main
from galley.frozen import FrozenMap
from pilot.__main__ import main
from pilot.dataplane.bootstrap import BootstrapOptions, PipeAddress, SocketAddress, XdsTls
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.control_plane import ControlPlane
from tests.e2e.harness.envoys import Envoy
from tests.e2e.harness.upstreams import GrpcEcho, HttpEcho, TcpEcho
from tests.e2e.namespaces.netns import command_inside, command_with_files
from tests.e2e.namespaces.network import Pod, PodNetwork

PROXY_UID = 1337
STATUS_PORT = 15021

App = TypeVar("App", HttpEcho, TcpEcho, GrpcEcho)


@dataclass(eq=False)
class MeshPod:
    """One pod of the mesh. ``address`` is the one that the control plane knows; ``sidecar`` None: not in the mesh.

    ``files`` are those that its processes see other contents of than the host has (see ``command_with_files``).
    """

    pod: Pod
    address: str
    sidecar: Envoy | None = None
    files: Mapping[Path, Path] = field(default_factory=dict)
    stack: ExitStack = field(default_factory=ExitStack)

    def app(self, kind: type[App], name: str, port: int, *, both_families: bool = False) -> App:
        """Start an application, as root: what the packet filter sees is any user but the proxy's.

        It listens in the family of the pod's address, or at one socket for both.
        """
        with self.pod.namespace.entered():
            started = kind(name, "::" if both_families or ":" in self.address else "0.0.0.0", port)
        self.stack.callback(started.stop)
        return started

    def call(self, address: str, port: int, host: str = "", target: str = "/", **details: object) -> Answer:
        """What a process of the pod gets when it connects to ``address`` and asks for ``host``."""
        with self.pod.namespace.entered():
            return request((address, port), target, host=host or None, timeout=10.0, **details)  # type: ignore[arg-type]

    def on_exit(self, end: Callable[[], None]) -> None:
        """Do this when the pod goes."""
        self.stack.callback(end)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program of the application: root's, in the pod, with the pod's files."""
        return self.pod.namespace.run(*command_with_files(self.files, *command), check=check)

    @property
    def envoy(self) -> Envoy:
        """Its sidecar."""
        assert self.sidecar is not None, f"{self.pod.name} has no sidecar"
        return self.sidecar

    def access_log(self) -> list[str]:
        """The lines of its sidecar's access log."""
        return [line for line in self.envoy.lines() if line.startswith("[20") and "]" in line[:32]]


class PodMesh:
    """Everything that one test module starts in pods. Addresses are the same in every mesh; none sees another."""

    def __init__(self, envoy: Path, *, ipv6: bool = False) -> None:
        self.ipv6, self.identities = ipv6, False
        self.pods: dict[str, MeshPod] = {}
        self._stack = ExitStack()
        # Not pytest's directory, into which only root may look: the proxies are another user.
        self.home = Path(tempfile.mkdtemp(prefix="pilothouse-pods-"))
        self._stack.callback(shutil.rmtree, self.home, ignore_errors=True)
        self.home.chmod(0o755)
        self.network = self._stack.enter_context(PodNetwork())
        self._binary = _readable(envoy, self.home)
        self._control_pod = self.network.pod("control")
        self.control_plane = ControlPlane(
            self.home / "control",
            host=self._address(self._control_pod),
            inside=command_inside(self._control_pod.namespace),
        )
        self.control_plane.admin = ("127.0.0.1", self.control_plane.admin[1])  # which has no authentication

    def __enter__(self) -> PodMesh:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def write(self, name: str, text: str) -> None:
        """Save a configuration file."""
        self.control_plane.write(name, text)

    def serve(self, *, identities: bool = False) -> None:
        """Start the control plane; with ``identities`` it speaks TLS, and every sidecar gets a certificate."""
        self._stack.callback(self.control_plane.stop)
        self.identities = identities
        state = str(self.control_plane.state)
        if identities:
            run_command(citadel_main, "init", "--state", state)
        with self._control_pod.namespace.entered():  # from where its health can be asked
            self.control_plane.start(["--citadel", state] if identities else ["--insecure"])

    def plain(self, name: str, *, files: Mapping[Path, Path] | None = None) -> MeshPod:
        """A pod without sidecar."""
        pod = self.network.pod(name)
        self.pods[name] = MeshPod(pod=pod, address=self._address(pod), files=files or {})
        self._stack.callback(self.pods[name].stack.close)
        return self.pods[name]

    def injected(
        self,
        name: str,
        mode: Interception,
        *,
        ports: Mapping[str, int] | None = None,
        flags: str = "",
        dual_stack: bool = False,
        dns_capture: bool = False,
        files: Mapping[Path, Path] | None = None,
    ) -> MeshPod:
        """A pod whose traffic is captured (by `pilot redirect` with ``flags``), and its sidecar.

        The packet filter leads both families to the sidecar; with ``dual_stack`` it also listens in both.
        """
        made = self.plain(name, files=files)
        command = f"--mode {mode} {flags}"
        if made.files:  # its own process, which finds the pod's resolvers
            made.run(sys.executable, "-m", "pilot", "redirect", *shlex.split(command))
        else:
            redirect(made.pod, command)
        options = BootstrapOptions(
            kind=ProxyKind.SIDECAR,
            name=name,
            ip=made.address,
            other_ips=(made.pod.ipv6,) if dual_stack else (),
            labels=FrozenMap({"app": name}),
            service_account=name,
            interception=mode,
            dns_capture=dns_capture,
            ports=FrozenMap(ports or {}),
            self_register=True,
            xds=SocketAddress(*self.control_plane.xds),
            xds_tls=self._xds_tls(name) if self.identities else None,
            # A file is reachable from every namespace.
            admin=PipeAddress(str(self.home / name / "admin")),
            status_port=STATUS_PORT,
        )
        made.sidecar = self._start(made, options, transparent=mode is Interception.TPROXY)
        return made

    def _xds_tls(self, service_account: str) -> XdsTls:
        """What a sidecar proves itself by, and knows its control plane by."""
        state = self.control_plane.state
        flags = ("--namespace", "default", "--service-account", service_account, "--ttl", "1h")
        token = run_command(citadel_main, "token", "create", *flags, "--state", str(state)).strip()
        roots = (state / "citadel" / "root-cert.pem").read_text()
        return XdsTls(roots=roots, names=(self.control_plane.xds[0],), token=token)

    def _start(self, made: MeshPod, options: BootstrapOptions, *, transparent: bool) -> Envoy:
        home = self.home / options.name
        home.mkdir()
        os.chown(home, PROXY_UID, PROXY_UID)
        # Root opens the log, and the proxy opens it again when it writes its access log to /dev/stdout.
        log = home / f"{options.name}.log"
        log.touch()
        log.chmod(0o666)
        inside = command_inside(
            made.pod.namespace,
            str(self._binary),
            uid=PROXY_UID,
            # For transparent sockets and marked packets.
            keep=("net_admin",) if transparent else (),
        )
        inside = command_with_files(made.files, *inside)
        starter = home / "start-envoy"
        starter.write_text(f'#!/bin/sh\nexec {shlex.join(inside)} "$@"\n')
        starter.chmod(0o755)
        envoy = Envoy(starter, options, home)
        envoy.start()
        self._stack.callback(envoy.stop)
        envoy.wait_ready()
        return envoy

    def _address(self, pod: Pod) -> str:
        return pod.ipv6 if self.ipv6 else pod.ipv4

    def report(self) -> str:
        """The ends of all logs, for a test that failed."""
        parts = [f"--- pilot serve\n{self.control_plane.log_tail()}"]
        for name, made in self.pods.items():
            if made.sidecar is not None:
                parts.append(f"--- {name}\n{made.sidecar.log_tail(40)}")
        return "\n".join(parts)


def redirect(pod: Pod, flags: str) -> str:
    """Run `pilot redirect` in the pod; what it prints. Raises AssertionError when it fails."""
    with pod.namespace.entered():
        return run_command(main, "redirect", *shlex.split(flags))


def run_command(command: Callable[[list[str]], int], *arguments: str) -> str:
    """Run one of our commands in this process; what it prints. Raises AssertionError when it fails."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        status = command(list(arguments))
    assert status == 0, written.getvalue()
    return written.getvalue()


def _readable(binary: Path, home: Path) -> Path:
    """The binary, or a copy of it where other users may not reach it (a checkout in root's home)."""
    resolved = binary.resolve()
    if all(part.stat().st_mode & 0o001 for part in (resolved, *resolved.parents)):
        return resolved
    copy = home / "envoy"
    shutil.copy(resolved, copy)
    copy.chmod(0o755)
    return copy

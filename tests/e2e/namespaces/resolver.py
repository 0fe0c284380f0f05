"""A DNS server in a pod, such as the network's own, and the files by which a pod's programs find it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pilot.redirect.system import SYSTEM_PATH
from tests.e2e.harness.conditions import eventually
from tests.e2e.namespaces.netns import command_inside
from tests.e2e.namespaces.network import Pod


@dataclass(frozen=True)
class Resolver:
    """A running dnsmasq. ``log`` has a line for every query that reached it."""

    process: subprocess.Popen[bytes]
    log: Path

    def asked_for(self, name: str) -> int:
        """How many queries for ``name`` have arrived."""
        return sum(f" {name} from " in line for line in self.log.read_text().splitlines() if "query[" in line)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def start_resolver(
    pod: Pod, log: Path, records: Iterable[str], *, addresses: Iterable[str] = (), forward_to: str = ""
) -> Resolver:
    """Start dnsmasq in ``pod``, with ``records`` (its own flags), for queries to ``addresses`` (default: all).

    What it does not know does not exist, or is asked of ``forward_to``.
    """
    log.touch()
    listen = [f"--listen-address={address}" for address in addresses]
    words = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--user=root"]
    words += ["--cache-size=0", "--log-queries", f"--log-facility={log}", "--bind-interfaces", "--pid-file="]
    words += [f"--server={forward_to}"] if forward_to else ["--local=//"]
    process = subprocess.Popen(
        command_inside(pod.namespace, *words, *listen, *records),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": SYSTEM_PATH},
    )
    resolver = Resolver(process, log)
    eventually(lambda: "started" in log.read_text(), 10, what="dnsmasq")
    return resolver


def name_files(directory: Path, *, nameserver: str, search: str = "") -> dict[Path, Path]:
    """The files of a pod whose names come from ``nameserver`` alone."""
    contents = {
        "resolv.conf": f"nameserver {nameserver}\n" + (f"search {search}\n" if search else ""),
        "hosts": "127.0.0.1 localhost\n",
        "nsswitch.conf": "hosts: files dns\n",
    }
    for name, content in contents.items():
        (directory / name).write_text(content)
        (directory / name).chmod(0o644)
    return {Path("/etc", name): directory / name for name in contents}

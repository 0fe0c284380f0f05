"""The machine below: its packet filter tools, their outputs, and what to do when they say no."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

NET_ADMIN = 12
"""The number of CAP_NET_ADMIN (linux/capability.h)."""

SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Users' search paths often lack the directories of administration tools."""

GLOBAL_SCOPE = "00"
PROC_STATUS = Path("/proc/self/status")


class RedirectError(RuntimeError):
    """The capture could not be changed; the text says what to do about it."""


def run(command: Sequence[str], text: str | None = None, *, accept: tuple[int, ...] = (0,)) -> str:
    """Run one tool, ``text`` on its standard input; its standard output. Raises RedirectError with its own words."""
    path = find_tool(command[0])
    if path is None:
        raise RedirectError(f"{command[0]} is not installed: {install_hint(command[0])}")
    try:
        done = subprocess.run([path, *command[1:]], input=text, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RedirectError(f"{' '.join(command)}: {error}") from error
    if done.returncode not in accept:
        output = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise RedirectError(f"{' '.join(command)} failed: {output}")
    return done.stdout


def find_tool(name: str) -> str | None:
    """The path of a tool, or None."""
    return shutil.which(name, path=SYSTEM_PATH)


def install_hint(tool: str) -> str:
    """How to get ``tool``."""
    package = {"ip": "iproute2", "nft": "nftables"}.get(tool, "iptables")
    return f"apt-get install {package} (Debian, Ubuntu), apk add {package} (Alpine), dnf install {package} (Fedora)"


def check_privilege() -> None:
    """Raises RedirectError unless this process may change the packet filter of its network namespace."""
    try:
        status = PROC_STATUS.read_text()
    except OSError:
        raise RedirectError(
            "traffic is captured with the packet filter of Linux, which is not here; without it run the sidecar with "
            "`pilot bootstrap sidecar --mode NONE`"
        ) from None
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    if not int(effective, 16) >> NET_ADMIN & 1:
        raise RedirectError(
            "changing the packet filter needs root or CAP_NET_ADMIN: run this with sudo, in a container with "
            "`cap_add: [NET_ADMIN]` and `user: root`; `--dry-run` shows the rules without it"
        )


def has_ipv6(if_inet6: str) -> bool:
    """Whether some interface besides loopback has a global address, by the text of /proc/net/if_inet6."""
    rows = (line.split() for line in if_inet6.splitlines())
    return any(len(row) == 6 and row[3] == GLOBAL_SCOPE and row[5] != "lo" for row in rows)


def read_if_inet6() -> str:
    """The IPv6 addresses of the calling thread's network namespace; "" where there is no IPv6."""
    try:
        return Path("/proc/thread-self/net/if_inet6").read_text()
    except OSError:
        return ""


def nameservers(resolv_conf: str) -> tuple[str, ...]:
    """The resolvers in the text of a resolv.conf, without zone ids."""
    rows = (line.split() for line in resolv_conf.splitlines())
    return tuple(dict.fromkeys(row[1].partition("%")[0] for row in rows if len(row) > 1 and row[0] == "nameserver"))

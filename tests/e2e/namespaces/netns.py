"""One network namespace, held by a file descriptor; threads enter and leave it."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pilot.redirect.system import SYSTEM_PATH

CLONE_NEWNET = 0x40000000
TOOLS = ("ip", "iptables-restore", "ip6tables-restore", "nft", "nsenter", "setpriv", "unshare")


class Namespace:
    """A network namespace of its own. It ends when it is closed and its last process has ended.

    Sockets belong to the namespace in which they were made, whichever thread uses them later; a new thread or
    process starts in the namespace of the thread that started it.
    """

    def __init__(self) -> None:
        self.fd = _in_thread(_new_namespace)

    @property
    def path(self) -> str:
        """Where other processes of this machine find it."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread into the namespace, for the time of the block."""
        before = _own_namespace()
        _set(self.fd)
        try:
            yield
        finally:
            _set(before)
            os.close(before)

    def run(self, *command: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in it and read what it writes. Raises AssertionError with its words when it fails."""
        environment = {**os.environ, "PATH": SYSTEM_PATH}
        with self.entered():
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, check=False, timeout=30, env=environment
            )
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done

    def ip(self, *lines: str) -> None:
        """Run several commands of `ip` at once."""
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")

    def write_setting(self, name: str, value: str) -> None:
        """Set one kernel setting of the namespace, such as ``ipv4/ip_forward``."""
        with self.entered():
            Path("/proc/sys/net", name).write_text(value)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def command_inside(namespace: Namespace, *command: str, uid: int | None = None, keep: Sequence[str] = ()) -> list[str]:
    """A command that enters the namespace by itself, for processes that another thread starts.

    With ``uid`` it becomes that user and group, keeping only the capabilities ``keep`` (such as ``net_admin``). It
    ends with the thread that starts it, even when that is killed.
    """
    words = [_tool("nsenter"), f"--net={namespace.path}"]
    words += [_tool("setpriv"), "--pdeathsig=KILL"]
    if uid is not None:
        kept = ",".join(f"+{name}" for name in keep)
        capabilities = [f"--inh-caps={kept}", f"--ambient-caps={kept}"] if keep else []
        words += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *capabilities]
    return [*words, "--", *command]


def command_with_files(files: Mapping[Path, Path], *command: str) -> list[str]:
    """A command that finds the contents of others in some files, such as a pod's own /etc/resolv.conf.

    ``files`` maps what it opens to what it finds there. Nobody else sees a difference.
    """
    if not files:
        return list(command)
    mounts = "".join(f"mount --bind {shlex.quote(str(put))} {shlex.quote(str(at))} && " for at, put in files.items())
    return [_tool("unshare"), "--mount", "--propagation=private", "sh", "-c", mounts + 'exec "$@"', "sh", *command]


@contextmanager
def sockets_of(uid: int, gid: int) -> Iterator[None]:
    """Sockets that the calling thread makes in the block belong to ``uid`` and ``gid``, for the packet filter.

    It looks at the file system ids, which a thread may have of its own; the thread itself stays what it is.
    """
    _libc().setfsuid(uid), _libc().setfsgid(gid)
    try:
        yield
    finally:
        _libc().setfsgid(os.getegid()), _libc().setfsuid(os.geteuid())


@cache
def unavailable() -> str:
    """Why there can be no namespaces here; "" when there can."""
    if sys.platform != "linux":
        return "network namespaces are a feature of Linux"
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=SYSTEM_PATH) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (packages iproute2, iptables, nftables, util-linux)"
    try:
        Namespace().close()
    except OSError as error:
        return f"network namespaces cannot be made here: {error}"
    return ""


def has_ipv6() -> bool:
    """Whether the kernel speaks IPv6."""
    return Path("/proc/net/if_inet6").exists()


def _tool(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    assert found, f"{name} is not installed"
    return found


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _own_namespace() -> int:
    return os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _set(fd: int) -> None:
    _checked(_libc().setns(fd, CLONE_NEWNET), "setns")


def _new_namespace() -> int:
    _checked(_libc().unshare(CLONE_NEWNET), "unshare")
    return _own_namespace()


def _in_thread(make: Callable[[], int]) -> int:
    """Run ``make`` in a thread of its own, which keeps this one where it is."""
    results: list[int | OSError] = []

    def target() -> None:
        try:
            results.append(make())
        except OSError as error:
            results.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    (result,) = results
    if isinstance(result, OSError):
        raise result
    return result

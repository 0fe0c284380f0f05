"""Pods on a bridge that has a namespace of its own: no packet of theirs meets the host's network or its rules."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

from tests.e2e.namespaces.netns import Namespace, has_ipv6

GATEWAY = 254
"""The bridge's own address. What no pod has is refused there at once ("unreachable")."""


@dataclass(frozen=True)
class Pod:
    """A namespace with eth0. ``ipv6`` is "" where the kernel has none."""

    name: str
    namespace: Namespace
    ipv4: str
    ipv6: str


class PodNetwork:
    """Some pods that reach one another, and nothing else. Everything goes with `close`, or with the process.

    Any number of networks may exist at once, with the same addresses: they know nothing of each other.
    """

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self._stack = ExitStack()
        self._numbers = count(11)
        self._switch = self._namespace()
        self._switch.ip(
            "link set lo up",
            "link add br0 type bridge",
            f"addr add 198.18.0.{GATEWAY}/24 dev br0",
            *((f"addr add fd00:18::{GATEWAY}/64 dev br0 nodad",) if has_ipv6() else ()),
            "link set br0 up",
        )
        # With forwarding and no way onward, the bridge tells senders so; without, they would wait.
        self._switch.write_setting("ipv4/ip_forward", "1")
        self._switch.write_setting("ipv4/icmp_ratelimit", "0")
        if has_ipv6():
            self._switch.write_setting("ipv6/conf/all/forwarding", "1")
            self._switch.write_setting("ipv6/icmp/ratelimit", "0")

    def __enter__(self) -> PodNetwork:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def pod(self, name: str) -> Pod:
        """Add a pod."""
        namespace, number = self._namespace(), next(self._numbers)
        ipv4, ipv6 = f"198.18.0.{number}", f"fd00:18::{number}" if has_ipv6() else ""
        port = f"port{number}"
        self._switch.ip(
            f"link add {port} type veth peer name eth0 netns {namespace.path}", f"link set {port} master br0 up"
        )
        namespace.ip(
            "link set lo up",
            f"addr add {ipv4}/24 dev eth0",
            *((f"addr add {ipv6}/64 dev eth0 nodad",) if ipv6 else ()),
            "link set eth0 up",
            f"route add default via 198.18.0.{GATEWAY}",
            *((f"route add default via fd00:18::{GATEWAY}",) if ipv6 else ()),
        )
        self.pods[name] = Pod(name=name, namespace=namespace, ipv4=ipv4, ipv6=ipv6)
        return self.pods[name]

    def close(self) -> None:
        """Let go of all namespaces."""
        self._stack.close()

    def _namespace(self) -> Namespace:
        namespace = Namespace()
        self._stack.callback(namespace.close)
        if has_ipv6():  # nobody else can have the addresses, so there is no need to ask and wait
            namespace.write_setting("ipv6/conf/default/accept_dad", "0")
        return namespace

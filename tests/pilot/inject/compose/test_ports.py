from __future__ import annotations

from typing import Any

import pytest

from pilot.inject.compose.ports import declared_ports, has_host_port


@pytest.mark.parametrize(
    ("service", "ports"),
    [
        ({"expose": ["8000"], "ports": ["80:81"]}, {"port-8000": 8000}),
        ({"ports": ["8080:80", 5432, "127.0.0.1:1:2"]}, {"port-80": 80, "tcp-postgres": 5432, "port-2": 2}),
        ({"ports": ["53:53/udp", {"target": 90, "protocol": "udp"}, {"target": 91}]}, {"port-91": 91}),
        ({"ports": ["${A:-8080}:${B:-80}"]}, {"port-80": 80}),
        ({"ports": ["3000-3001:4000-4001"]}, {"port-4000": 4000, "port-4001": 4001}),
        ({"image": "docker.io/library/redis:7@sha256:0"}, {"tcp-redis": 6379}),
        ({"image": "${IMAGE:-postgres}:16"}, {"tcp-postgres": 5432}),
        ({"image": "own/thing"}, {}),
        ({"ports": ["${B}"], "expose": ["10000-20000", "x"]}, {}),
    ],
)
def test_the_ports_of_a_service(service: dict[str, Any], ports: dict[str, int]) -> None:
    assert dict(declared_ports(service)) == ports


@pytest.mark.parametrize(
    ("entry", "host"),
    [("80:80", True), ("80", False), (80, False), ({"target": 80}, False), ({"target": 80, "published": 1}, True)],
)
def test_which_ports_claim_one_of_the_host(entry: Any, host: bool) -> None:
    assert has_host_port(entry) is host

"""The numbers by which the parts of a sidecar find one another are written once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from galley.kinds.mesh_config import MeshConfig
from galley.kinds.values import UNIX_SCHEME
from pilot.dataplane.bootstrap import BootstrapOptions
from pilot.node import ports
from pilot.node.node_id import ProxyKind
from pilot.redirect.options import CaptureOptions

ROOT = Path(__file__).parents[3]
OTHERS = {("pilot/server/transport.py", 15_000)}
"""Milliseconds."""
HOMES = {"pilot/node/ports.py", "galley/kinds/mesh_config.py", "galley/kinds/values.py"}
NUMBERS = frozenset(value for value in vars(ports).values() if isinstance(value, int) and value > 1000)


def literals(package: str) -> Iterator[tuple[str, object]]:
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Constant):
                yield str(file.relative_to(ROOT)), node.value


@pytest.mark.parametrize("package", ["galley", "citadel", "pilot", "envoycodec"])
def test_no_other_module_has_one_of_the_numbers(package: str) -> None:
    assert {place for place in literals(package) if place[1] in NUMBERS and place[0] not in HOMES} <= OTHERS


@pytest.mark.parametrize("package", ["galley", "pilot"])
def test_no_other_module_has_the_scheme_of_unix_sockets(package: str) -> None:
    assert {place for place in literals(package) if place[1] == UNIX_SCHEME and place[0] not in HOMES} == set()


def test_they_are_istios() -> None:
    assert (ports.OUTBOUND_PORT, ports.INBOUND_PORT, ports.TUNNEL_PORT, ports.DNS_PORT) == (15001, 15006, 15008, 15053)
    mesh = MeshConfig()
    assert (mesh.proxy_listen_port, mesh.proxy_inbound_listen_port) == (ports.OUTBOUND_PORT, ports.INBOUND_PORT)
    assert ports.OWN_PORTS == (15020, 15021, 15090)
    assert (ports.XDS_PORT, ports.XDS_TLS_PORT, ports.CONTROL_PLANE_ADMIN_PORT) == (15010, 15012, 15014)
    capture = CaptureOptions()
    assert (capture.proxy_uids, capture.proxy_gids, capture.inbound_mark, capture.route_table) == (
        (1337,),
        (1337,),
        1337,
        133,
    )
    assert str(BootstrapOptions(ProxyKind.SIDECAR, "a", "10.0.0.7").admin) == "127.0.0.1:15000"

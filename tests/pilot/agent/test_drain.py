"""When a drain is over, by what an Envoy's statistics say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pilot.agent.drain import active_connections
from pilot.dataplane.bootstrap import SocketAddress
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess


class Asked(EnvoyProcess):
    """An Envoy of which only the answer of its admin interface is known."""

    def __init__(self, answer: str) -> None:
        super().__init__(EnvoyCommand(Path("envoy"), Path("c"), Path("l"), SocketAddress("127.0.0.1", 1)))
        self.answer = answer

    def admin(self, path: str) -> str:
        return self.answer


def stats(**values: int) -> Asked:
    listed = [{"name": f"listener.{name}.downstream_cx_active", "value": value} for name, value in values.items()]
    return Asked(json.dumps({"stats": listed}))


def test_connections_of_probes_and_of_the_admin_interface_do_not_count() -> None:
    found = stats(
        **{"127.0.0.1_9080": 3, "127.0.0.1_9080.worker_0": 3, "admin": 1, "0.0.0.0_15021": 2, "[__]_15090": 1}
    )
    assert active_connections(found, (15021, 15090)) == 3
    assert active_connections(stats(admin=1), ()) == 0


def test_an_answer_that_is_none_is_an_error() -> None:
    with pytest.raises(EnvoyError, match="cannot be understood"):
        active_connections(Asked("<html>"), ())

"""What is read from an inspection."""

from __future__ import annotations

import pytest

from pilot.registry.docker.containers import NetworkAttachment, read_container
from tests.pilot.registry.docker.inspections import a_member, an_id, an_inspection


def test_a_running_container_of_compose() -> None:
    container = read_container(
        an_inspection("shop_web_1", service="web", ports=("9080/tcp", "53/udp"), published=("8443/tcp",))
    )
    assert (container.name, container.project, container.service_name) == ("shop_web_1", "shop", "web")
    assert container.exposed == (8443, 9080)
    assert container.attachments == (NetworkAttachment(network="shop_default", ipv4="172.18.0.2"),)
    assert container.running
    assert container.unready == ""


@pytest.mark.parametrize(
    ("state", "health", "why"),
    [
        ({}, "healthy", ""),
        ({}, "none", ""),
        ({}, "starting", "starting"),
        ({}, "unhealthy", "unhealthy"),
        ({"Status": "paused"}, "healthy", "paused"),
        ({"Status": "restarting"}, "", "restarting"),
        ({"Status": "created"}, "", "created"),
        ({"Status": "exited", "Running": False}, "healthy", "exited"),
    ],
)
def test_when_nobody_should_be_sent_there(state: dict[str, object], health: str, why: str) -> None:
    assert read_container(an_inspection("web", state=state, health=health)).unready == why


@pytest.mark.parametrize(
    ("written", "number"), [("", 15), ("SIGTERM", 15), ("SIGQUIT", 3), ("quit", 3), ("2", 2), ("SIGNONSENSE", 9)]
)
def test_the_signals_that_stop_it(written: str, number: int) -> None:
    assert read_container(an_inspection("web", stop_signal=written)).stop_signals == {9, 15, number}


def test_who_shares_a_network_namespace() -> None:
    assert read_container(a_member("app", of="web-pod")).namespace_of == an_id("web-pod")
    assert read_container(an_inspection("web")).namespace_of == ""


def test_an_engine_may_leave_out_nearly_everything() -> None:
    container = read_container({"Id": "a", "Config": {"Labels": None, "ExposedPorts": None}, "NetworkSettings": {}})
    assert container.attachments == ()
    assert container.exposed == ()

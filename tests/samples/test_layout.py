"""The demo finds free addresses, and says which are not the usual ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from samples.bookinfo.demo import layout
from samples.bookinfo.demo.layout import NoFreePortError, choose_layout
from samples.bookinfo.demo.rules import Entrance


class Host:
    """A machine on which some addresses are taken."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, int]] = set()
        self.only_one_address = False

    def can_bind(self, host: str, port: int) -> bool:
        if self.only_one_address and host not in {"127.0.0.1", "0.0.0.0"}:
            return False
        return (host, port) not in self.taken and ("*", port) not in self.taken


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    machine = Host()
    monkeypatch.setattr(layout, "can_listen", machine.can_bind)
    return machine


@pytest.mark.usefixtures("host")
def test_each_workload_has_an_address_of_its_own_with_the_usual_ports() -> None:
    chosen = choose_layout()
    assert [place.host for place in chosen.workloads] == [f"127.0.1.{n}" for n in range(1, 7)]
    assert chosen.gateway.host == "127.0.1.7"
    assert {place.ports for place in chosen.workloads} == {(15000, 9080, 19080, 15080)}
    assert chosen.url == "http://localhost:8080/productpage"
    assert chosen.notes == ()


def test_taken_ports_are_replaced_and_named(host: Host) -> None:
    host.taken = {("127.0.0.1", 8080), ("127.0.0.1", 8081), ("127.0.0.1", 15010), ("127.0.1.3", 9080)}
    chosen = choose_layout()
    assert (chosen.entrance.port, chosen.xds_port, chosen.admin_port) == (8082, 15011, 15014)
    assert chosen.workloads[0].host == "127.0.2.1"
    assert chosen.notes == (
        "127.0.1.x is in use; the workloads are at 127.0.2.x",
        "port 15010 is in use; xDS is on 15011",
        "port 8080 is in use; the gateway is on 8082",
    )


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("wanted", "visited", "url"),
    [
        (Entrance("127.0.0.1", 8080), "127.0.0.1", "http://localhost:8080/productpage"),
        (Entrance("0.0.0.0", 8090), "127.0.0.1", "http://localhost:8090/productpage"),
        (Entrance("192.0.2.7", 8080), "192.0.2.7", "http://192.0.2.7:8080/productpage"),
        (Entrance("::1", 8080), "::1", "http://[::1]:8080/productpage"),
    ],
)
def test_the_gateway_is_where_it_is_wanted(wanted: Entrance, visited: str, url: str) -> None:
    chosen = choose_layout(wanted)
    assert (chosen.entrance, chosen.visited, chosen.url) == (wanted, visited, url)


def test_where_there_is_one_loopback_address_all_ports_differ(host: Host) -> None:
    host.only_one_address = True
    host.taken = {("127.0.0.1", 20_003)}
    chosen = choose_layout()
    places = (chosen.gateway, *chosen.workloads)
    ports = [port for place in places for port in place.ports]
    assert {place.host for place in places} == {"127.0.0.1"}
    assert len(set(ports)) == len(ports) == 25
    assert 20_003 not in ports


def test_a_port_taken_everywhere_ends_in_a_clear_error(host: Host) -> None:
    host.taken = {("*", 9080)}
    with pytest.raises(NoFreePortError, match="ports 9080, 19080 and 15080 are taken on"):
        choose_layout()


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.e2e
def test_a_real_listener_makes_its_port_taken(listener: int) -> None:
    assert not layout.can_listen("127.0.0.1", listener)
    assert not layout.can_listen("0.0.0.0", listener)
    assert layout.can_listen("127.0.0.2", listener)

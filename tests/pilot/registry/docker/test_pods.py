"""Containers that share a network namespace, and the choice among several networks."""

from __future__ import annotations

from typing import Any

import pytest

from pilot.registry.docker.containers import read_container
from pilot.registry.docker.pods import NetworkChoice, Pod, choose_address, own_networks, pods_of
from tests.pilot.registry.docker.inspections import a_member, an_id, an_inspection

NETWORKS = {"shop_back": "10.1.0.2", "shop_front": "10.2.0.2", "zone": "10.0.0.2"}


def pod(*inspected: dict[str, Any]) -> Pod:
    (found,) = pods_of(read_container(one) for one in inspected)
    return found


@pytest.mark.parametrize(
    ("choice", "network"),
    [
        (NetworkChoice(), "shop_back"),
        (NetworkChoice(own=("bridge", "zone")), "zone"),
        (NetworkChoice(flags=("shop_front",), own=("zone",)), "shop_front"),
        (NetworkChoice(flags=("front",), own=("zone",)), "shop_front"),
        (NetworkChoice(flags=("other", "zone")), "zone"),
        (NetworkChoice(flags=("other",)), "shop_back"),
    ],
)
def test_which_of_several_networks_counts(choice: NetworkChoice, network: str) -> None:
    place = choose_address(read_container(an_inspection("web", networks=NETWORKS)), choice)
    assert place is not None
    assert (place.network, place.address) == (network, NETWORKS[network])


def test_ipv6_counts_where_there_is_no_ipv4() -> None:
    only6 = read_container(an_inspection("web", networks={"a": "fd00::2", "b": ""}))
    both = read_container(an_inspection("web", networks={"a": "fd00::2", "b": "10.0.0.2"}))
    assert [choose_address(one, NetworkChoice()).address for one in (only6, both)] == [  # type: ignore[union-attr]
        "fd00::2",
        "10.0.0.2",
    ]


def test_no_network_is_no_address() -> None:
    assert choose_address(read_container(an_inspection("web", networks={}, mode="host")), NetworkChoice()) is None


@pytest.mark.parametrize("hint", [an_id("pilot"), an_id("pilot")[:12]])
def test_the_control_plane_finds_its_own_networks(hint: str) -> None:
    containers = {
        one.id: one
        for one in (read_container(an_inspection("pilot", networks=NETWORKS)), read_container(an_inspection("web")))
    }
    assert own_networks(containers, ("host", hint)) == tuple(sorted(NETWORKS))
    assert own_networks(containers, ("host", "")) == ()


def test_a_holder_called_pod_waits_for_its_application() -> None:
    holder = an_inspection("web-pod")
    assert pod(holder).application is None
    assert pod(holder).unready == "waits for its application web"
    started = pod(holder, a_member("web", of="web-pod"), a_member("web-sidecar", of="web-pod"))
    assert started.application is not None
    assert started.application.name == "web"
    assert [one.name for one in started.sidecars] == ["web-sidecar"]
    assert started.unready == ""


def test_the_application_may_hold_the_namespace_itself() -> None:
    found = pod(an_inspection("web"), a_member("proxy", of="web", image="envoyproxy/envoy:v1.40.0"))
    assert found.application is found.holder
    assert [one.name for one in found.sidecars] == ["proxy"]


@pytest.mark.parametrize(
    ("traits", "why"),
    [
        ({"state": {"Status": "exited", "ExitCode": 0}}, ""),
        ({"state": {"Status": "exited", "ExitCode": 1}}, "step is exited"),
        ({"state": {"Status": "exited", "ExitCode": 0}, "restart": "always"}, "step is exited"),
        ({"state": {"Status": "exited", "ExitCode": 1}, "labels": {"pilothouse.io/discover": "false"}}, ""),
        ({"state": {"Status": "exited", "ExitCode": 1}, "project": "other"}, ""),
        ({"state": {"Status": "exited", "ExitCode": 1}, "labels": {"com.docker.compose.oneoff": "True"}}, ""),
        ({"health": "unhealthy"}, "step is unhealthy"),
        ({"state": {"Status": "created"}}, "step is created"),
        ({"started": "2025-12-31T00:00:00Z"}, "step is in a network namespace that is gone: restart it"),
    ],
)
def test_what_a_member_does_to_its_pod(traits: dict[str, Any], why: str) -> None:
    assert pod(an_inspection("web"), a_member("step", of="web", **traits)).unready == why


@pytest.mark.parametrize("name", ["web", "web-sidecar"])
def test_application_and_sidecar_are_never_done(name: str) -> None:
    gone = {"Status": "exited", "ExitCode": 0}
    members = [a_member(one, of="web-pod", state=gone if one == name else {}) for one in ("web", "web-sidecar")]
    assert pod(an_inspection("web-pod"), *members).unready == f"{name} is exited"


def test_members_of_a_holder_that_is_gone_are_nowhere() -> None:
    assert pods_of([read_container(a_member("app", of="gone"))]) == ()

"""Which containers there are, event by event."""

from __future__ import annotations

import pytest

from pilot.registry.docker.containers import Container
from pilot.registry.docker.tracking import Containers
from tests.pilot.registry.docker.inspections import an_event, an_id, an_inspection


def tracking(*names: str, **traits: object) -> Containers:
    containers = Containers()
    containers.list([an_inspection(name, **traits) for name in names])  # type: ignore[arg-type]
    return containers


def only(containers: Containers) -> Container:
    (container,) = containers.all
    return container


def test_a_listing_replaces_what_was_known() -> None:
    containers = tracking("a", "b")
    containers.list([an_inspection("b"), an_inspection("c")])
    assert [container.name for container in containers.all] == ["b", "c"]


def test_an_unchanged_container_is_the_same_object() -> None:
    containers = tracking("a")
    before = only(containers)
    containers.list([an_inspection("a")])
    assert only(containers) is before


@pytest.mark.parametrize(("signal", "stops"), [("15", True), ("9", True), ("1", False), ("10", False), ("3", False)])
def test_a_signal_that_stops_takes_it_out_before_it_ends(signal: str, stops: bool) -> None:
    containers = tracking("a")
    assert containers.note(an_event("kill", "a", signal=signal)) == an_id("a")
    assert only(containers).unready == ("stopping" if stops else "")
    containers.inspect(an_inspection("a"))  # it is still running, and still about to end
    assert only(containers).unready == ("stopping" if stops else "")


def test_the_stop_signal_of_the_image_counts() -> None:
    containers = tracking("a", stop_signal="SIGQUIT")
    containers.note(an_event("kill", "a", signal="3"))
    assert only(containers).unready == "stopping"


def test_a_new_life_forgets_the_kill() -> None:
    containers = tracking("a")
    containers.note(an_event("kill", "a", signal="15"))
    containers.note(an_event("die", "a", exitCode="0"))
    assert only(containers).unready == "exited"
    containers.inspect(an_inspection("a", started="2026-01-01T00:01:00Z"))
    assert only(containers).unready == ""


def test_death_pause_and_ill_health_count_before_the_inspection() -> None:
    for action, why in (("die", "exited"), ("pause", "paused"), ("health_status: unhealthy", "unhealthy")):
        containers = tracking("a")
        assert containers.note(an_event(action, "a")) == an_id("a")
        assert only(containers).unready == why


def test_a_healthy_event_alone_is_no_proof() -> None:
    """The inspection that follows says it; between, a container may have died."""
    containers = tracking("a", health="starting")
    containers.note(an_event("health_status: healthy", "a"))
    assert only(containers).unready == "starting"
    containers.inspect(an_inspection("a", health="healthy"))
    assert only(containers).unready == ""


def test_a_destroyed_container_is_forgotten() -> None:
    containers = tracking("a")
    assert containers.note(an_event("destroy", "a")) == ""
    assert containers.all == ()


def test_a_network_event_names_the_container_to_look_at() -> None:
    event = {"Type": "network", "Action": "connect", "Actor": {"ID": "n", "Attributes": {"container": an_id("a")}}}
    assert tracking("a").note(event) == an_id("a")
    assert tracking("a").note({**event, "Action": "create"}) == ""


def test_a_stopped_container_is_remembered_where_it_was() -> None:
    containers = tracking("a")
    containers.inspect(an_inspection("a", state={"Status": "exited"}, networks={"shop_default": ""}))
    assert [one.address for one in only(containers).attachments] == ["172.18.0.2"]


def test_a_running_container_that_left_a_network_is_not_there_any_more() -> None:
    containers = tracking("a")
    containers.inspect(an_inspection("a", networks={}))
    assert only(containers).attachments == ()


def test_an_inspection_is_out_of_date_when_something_was_heard_since() -> None:
    containers = tracking("a", "b")
    before = containers.revision(an_id("a"))
    containers.note(an_event("die", "b"))
    assert containers.revision(an_id("a")) == before
    containers.note(an_event("die", "a"))
    after = containers.revision(an_id("a"))
    assert after != before
    containers.list([an_inspection("a")])
    assert containers.revision(an_id("a")) != after, "a listing is newer than an inspection that began before it"


def test_who_ignores_the_signal_for_the_stop_timeout_works_on() -> None:
    containers = tracking("a")
    containers.note(an_event("kill", "a", signal="15"))
    stopping = containers.stopping(an_id("a"))
    assert stopping is not None
    containers.outlived(an_id("a"), "an earlier life")
    assert only(containers).unready == "stopping"
    containers.outlived(an_id("a"), stopping.started)
    assert only(containers).unready == ""
    assert containers.stopping(an_id("a")) is None


def test_a_real_time_signal_stops_too() -> None:
    containers = tracking("a", stop_signal="SIGRTMIN+3")
    containers.note(an_event("kill", "a", signal="37"))
    assert only(containers).unready == "stopping"


def test_containers_that_are_gone_leave_nothing_behind() -> None:
    containers = tracking()
    for name in ("a", "b", "c"):
        containers.note(an_event("create", name))
        pending = containers.revision(an_id(name))
        containers.note(an_event("destroy", name))
        assert containers.revision(an_id(name)) != pending, "an inspection under way does not bring it back"
    assert containers._revisions == {}


def test_an_unclear_container_stays_as_it_was_known() -> None:
    containers = tracking("a", "b")
    containers.list([], unclear={an_id("b"), an_id("new")})
    assert only(containers).name == "b"

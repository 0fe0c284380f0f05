"""What control planes tell of their proxies, on disk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from citadel.ca.acknowledgements import (
    AWAY_FOR,
    LAPSE,
    Acknowledgement,
    AcknowledgementFiles,
    Presence,
    find_obstacles,
    roots_id,
)
from tests.citadel.pki import NOW, bundle

ACKNOWLEDGED = Acknowledgement(roots_id(bundle()), 2)


def test_what_is_written_is_read_while_its_control_plane_lives(tmp_path: Path) -> None:
    files = AcknowledgementFiles(tmp_path, "host_[::1]:15012")
    files.write(Acknowledgement(ACKNOWLEDGED.roots, 2, (("node", "why"),)), NOW)
    (account,) = files.read(NOW + LAPSE)
    assert account.presence is Presence.RUNNING
    assert account == files.own(NOW + LAPSE)
    assert account.acknowledgement.waiting == (("node", "why"),)
    assert find_obstacles(bundle(), (account,), NOW) == ("node: why",)


def test_one_that_has_ended_holds_nobody_back_and_one_that_was_killed_does_for_a_while(tmp_path: Path) -> None:
    files, dead = AcknowledgementFiles(tmp_path, "alive"), AcknowledgementFiles(tmp_path, "dead")
    files.write(ACKNOWLEDGED, NOW)
    dead.write(Acknowledgement("others", 0), NOW - LAPSE * 2)
    (obstacle,) = find_obstacles(bundle(), files.read(NOW), NOW)
    assert "dead was last heard of 40 s ago" in obstacle
    dead.write(Acknowledgement("others", 0), NOW - timedelta(minutes=6))
    assert find_obstacles(bundle(), files.read(NOW), NOW) == ()
    dead.write(Acknowledgement("others", 0, ended=True), NOW)
    assert find_obstacles(bundle(), files.read(NOW), NOW) == ()
    dead.write(ACKNOWLEDGED, NOW - timedelta(days=2))
    assert len(files.read(NOW)) == 1
    assert dead.own(NOW) is None


def test_the_proxies_of_one_that_has_ended_may_be_on_their_way_to_one_of_another_name(tmp_path: Path) -> None:
    """A container that is made anew has another host name, and its control plane knows nobody from before."""
    before, after = AcknowledgementFiles(tmp_path, "1a2b"), AcknowledgementFiles(tmp_path, "3c4d")
    after.write(Acknowledgement(roots_id(bundle()), 0), NOW)
    before.write(Acknowledgement("others", 200, ended=True), NOW - timedelta(seconds=1))
    (obstacle,) = find_obstacles(bundle(), after.read(NOW), NOW)
    assert obstacle == (
        "the control plane 1a2b ended 1 s ago; of its proxies 200 may lack the new root, and have 59 s more to come"
        " back to another"
    )
    before.write(Acknowledgement(roots_id(bundle()), 199, (("node", "why"),), ended=True), NOW)
    (obstacle,) = find_obstacles(bundle(), after.read(NOW), NOW)
    assert "of its proxies 1 may" in obstacle
    after.write(Acknowledgement(roots_id(bundle()), 0), NOW + AWAY_FOR)
    assert find_obstacles(bundle(), after.read(NOW + AWAY_FOR), NOW + AWAY_FOR) == ()
    before.write(Acknowledgement(roots_id(bundle()), 200, ended=True), NOW)
    assert find_obstacles(bundle(), after.read(NOW), NOW) == (), "those have it"


def test_a_control_plane_that_serves_other_roots_is_behind(tmp_path: Path) -> None:
    files = AcknowledgementFiles(tmp_path, "one")
    files.write(Acknowledgement("others", 2), NOW)
    (obstacle,) = find_obstacles(bundle(), files.read(NOW), NOW)
    assert "has not noticed" in obstacle


def test_a_damaged_file_says_nothing(tmp_path: Path) -> None:
    files = AcknowledgementFiles(tmp_path, "one")
    files.write(ACKNOWLEDGED, NOW)
    (files.directory / "other.json").write_text("{")
    assert len(files.read(NOW)) == 1


def test_without_a_control_plane_nobody_can_have_it(tmp_path: Path) -> None:
    (obstacle,) = find_obstacles(bundle(), AcknowledgementFiles(tmp_path).read(NOW), NOW)
    assert "no control plane runs" in obstacle

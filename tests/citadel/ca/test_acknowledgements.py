"""What control planes tell of their proxies, on disk."""

from __future__ import annotations

from pathlib import Path

from citadel.ca.acknowledgements import LAPSE, Acknowledgement, AcknowledgementFiles, find_obstacles, roots_id
from tests.citadel.pki import NOW, bundle

ACKNOWLEDGED = Acknowledgement(roots_id(bundle()), 2)


def test_what_is_written_is_read_while_its_control_plane_lives(tmp_path: Path) -> None:
    files = AcknowledgementFiles(tmp_path, "one")
    files.write(Acknowledgement(ACKNOWLEDGED.roots, 2, (("node", "why"),)), NOW)
    (account,) = files.read(NOW + LAPSE)
    assert (account.control_plane, account.is_alive) == ("one", True)
    assert account.acknowledgement.waiting == (("node", "why"),)
    assert find_obstacles(bundle(), (account,)) == ("node: why",)
    files.remove()
    assert files.read(NOW) == ()


def test_one_that_was_killed_holds_nobody_back(tmp_path: Path) -> None:
    AcknowledgementFiles(tmp_path, "dead").write(Acknowledgement("others", 0), NOW - LAPSE * 2)
    AcknowledgementFiles(tmp_path, "alive").write(ACKNOWLEDGED, NOW)
    assert find_obstacles(bundle(), AcknowledgementFiles(tmp_path).read(NOW)) == ()


def test_a_damaged_file_says_nothing(tmp_path: Path) -> None:
    files = AcknowledgementFiles(tmp_path, "one")
    files.write(ACKNOWLEDGED, NOW)
    (files.directory / "other.json").write_text("{")
    assert len(files.read(NOW)) == 1


def test_without_a_control_plane_nobody_can_have_it(tmp_path: Path) -> None:
    (obstacle,) = find_obstacles(bundle(), AcknowledgementFiles(tmp_path).read(NOW))
    assert "no control plane runs" in obstacle

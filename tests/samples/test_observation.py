"""What the demo sees through the control plane's pages and in the directory of rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from samples.bookinfo.demo.admin import AdminInterface, NoAnswerError
from samples.bookinfo.demo.observation import observe, observe_settled, try_observe

STATE = {"status": "SYNCED", "nonce": "n1", "sentAt": 5.0}


class Pages(AdminInterface):
    """Admin pages that say what a test puts there."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 0)
        self.__dict__["pages"] = {
            "/debug/reportz": {},
            "/debug/syncz": [{"name": "page", "types": {"RDS": dict(STATE)}}],
            "/metrics": "pilot_config_changes_total 3.0\n",
        }

    def json(self, path: str) -> Any:
        return self.__dict__["pages"][path]

    def text(self, path: str, timeout: float = 5.0) -> str:
        return str(self.__dict__["pages"][path])


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_files_are_read_with_their_resources(pages: Pages, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Service\nmetadata: {name: x}\n---\nkind: MeshConfig\n")
    (tmp_path / ".a.yaml.swp.yaml").write_text("kind: Other")
    (tmp_path / "notes.txt").write_text("kind: Other")
    seen = observe(pages, tmp_path)
    assert list(seen.files) == ["a.yaml"]
    assert list(seen.files["a.yaml"][0]) == ["Service x", "MeshConfig"]
    assert seen.sent == {"page": {"routes": ("n1", 5.0)}}
    assert (seen.changes, seen.is_settled) == (3, True)


def test_a_held_file_has_the_resources_that_are_in_force(pages: Pages, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("kind: Service\nmetadata: {name: x}\n")
    before = observe(pages, tmp_path)
    file.write_text("kind: Service\nmetadata: {name: y}\noops: [")
    pages.__dict__["pages"]["/debug/reportz"] = {
        "held": [{"path": str(file), "reason": "refused"}],
        "diagnostics": [
            {"severity": "error", "text": f"{file}:3:1: error[yaml-syntax]: no end"},
            {"severity": "warning", "text": f"{file}:1:1: warning[odd]: odd"},
        ],
    }
    seen = observe(pages, tmp_path, before)
    assert seen.held == {"a.yaml"}
    assert list(seen.files["a.yaml"][0]) == ["Service x"]
    assert seen.complaints == ("✗ a.yaml:3:1: error[yaml-syntax]: no end", "! a.yaml:1:1: warning[odd]: odd")


def test_a_rejection_names_proxy_place_and_reason(pages: Pages, tmp_path: Path) -> None:
    error = {"message": "no such filter", "origins": [f"{tmp_path}/a.yaml:3:5 spec.http", "b.yaml:1:1"]}
    pages.__dict__["pages"]["/debug/syncz"][0]["types"]["LDS"] = {**STATE, "status": "NACK", "error": error}
    assert observe(pages, tmp_path).rejections == ("page rejected listeners at a.yaml:3:5 spec.http: no such filter",)


def test_it_is_awaited_that_the_control_plane_has_looked_and_proxies_have_answered(
    pages: Pages, tmp_path: Path
) -> None:
    since = observe(pages, tmp_path)
    (tmp_path / "a.yaml").write_text("kind: Service\nmetadata: {name: x}\n")
    state = pages.__dict__["pages"]["/debug/syncz"][0]["types"]["RDS"]
    state["status"] = "STALE"

    def look() -> None:
        pages.__dict__["pages"]["/metrics"] = "pilot_config_changes_total 4\n"

    def answer() -> None:
        state.update(status="SYNCED", nonce="n2", sentAt=6.0)

    rounds = iter([look, answer])

    def check_alive() -> None:
        next(rounds, look)()

    seen = observe_settled(pages, tmp_path, check_alive, since=since)
    assert (seen.changes, seen.is_settled, seen.sent) == (4, True, {"page": {"routes": ("n2", 6.0)}})


def test_without_an_answer_nothing_is_seen(tmp_path: Path) -> None:
    nobody = AdminInterface("127.0.0.1", 1)
    assert try_observe(nobody, tmp_path, None) is None
    with pytest.raises(NoAnswerError, match=r"no answer from 127\.0\.0\.1:1"):
        observe(nobody, tmp_path)

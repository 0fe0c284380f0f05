"""Credentials on disk: private, whole, and refused when they are neither."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from citadel.state_files import StateError
from pilot.agent.credential_files import CredentialFiles
from pilot.agent.credentials import ServiceAccount
from tests.citadel.pki import NOW
from tests.crash import kill_at_each_step
from tests.pilot.agent.certified import WORKLOAD, credentials


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_saved_last_is_loaded_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    files = CredentialFiles(tmp_path / "agent")
    assert files.load(WORKLOAD, NOW) is None
    files.save(credentials())
    last = credentials()
    files.save(last)
    assert files.load(WORKLOAD, NOW) == last
    assert mode(tmp_path / "agent") == 0o700
    assert mode(tmp_path / "agent" / "identity.pem") == 0o600


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    files = CredentialFiles(tmp_path / "agent")
    files.save(credentials())
    (tmp_path / "agent" / "identity.pem").chmod(0o640)
    with pytest.raises(StateError, match="chmod 600"):
        files.load(WORKLOAD, NOW)


def test_a_directory_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir(mode=0o755)
    with pytest.raises(StateError, match="chmod 700"):
        CredentialFiles(tmp_path / "agent")


def test_credentials_of_another_workload_or_cut_off_are_of_no_use(tmp_path: Path) -> None:
    files = CredentialFiles(tmp_path / "agent")
    files.save(credentials())
    with pytest.raises(ValueError, match="not of default/ratings"):
        files.load(ServiceAccount("default", "ratings"), NOW)
    identity = tmp_path / "agent" / "identity.pem"
    identity.write_bytes(identity.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"."):
        files.load(WORKLOAD, NOW)


def test_killed_at_any_moment_of_a_renewal_the_old_or_the_new_credentials_are_there(tmp_path: Path) -> None:
    files, old, new = CredentialFiles(tmp_path / "agent"), credentials(), credentials()
    seen = []

    def check(is_finished: bool) -> None:
        found = CredentialFiles(tmp_path / "agent").load(WORKLOAD, NOW)
        assert found in ((new,) if is_finished else (old, new))
        assert mode(tmp_path / "agent" / "identity.pem") == 0o600
        seen.append(found)

    assert kill_at_each_step(lambda: files.save(old), lambda: files.save(new), check) >= 10
    assert old in seen
    assert new in seen


def test_killed_at_any_moment_of_the_first_save_nothing_or_all_is_there(tmp_path: Path) -> None:
    attempt, new = 0, credentials()

    def here() -> CredentialFiles:
        return CredentialFiles(tmp_path / str(attempt))

    def prepare() -> None:
        nonlocal attempt
        attempt += 1

    def check(is_finished: bool) -> None:
        assert here().load(WORKLOAD, NOW) in ((new,) if is_finished else (None, new))

    assert kill_at_each_step(prepare, lambda: here().save(new), check) >= 10

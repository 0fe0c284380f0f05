from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from citadel.ca.keystore import AUTHORITY_FILE, ROOTS_FILE, Keystore
from citadel.ca.roots import (
    AuthorityState,
    activate_root,
    create_authority,
    prepare_root,
    renew_intermediate,
    retire_root,
)
from citadel.identity import TrustDomain
from citadel.state_files import StateError
from tests.citadel.pki import DOMAIN, NOW
from tests.crash import kill_at_each_step


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    keystore = Keystore(tmp_path / "state")
    keystore.open(DOMAIN, NOW)
    return keystore


def authority_file(keystore: Keystore) -> Path:
    return keystore.directory / AUTHORITY_FILE


def test_the_first_start_makes_an_authority_and_the_next_finds_it(tmp_path: Path) -> None:
    keystore = Keystore(tmp_path / "state")
    assert not keystore.exists()
    made = keystore.open(DOMAIN, NOW)
    assert keystore.exists()
    assert Keystore(tmp_path / "state").open(DOMAIN, NOW) == made == keystore.load()


def test_its_files_are_private(keystore: Keystore) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in keystore.directory.iterdir()}
    assert modes == {AUTHORITY_FILE: 0o600, ROOTS_FILE: 0o644, "lock": 0o600}
    for directory in (keystore.directory, keystore.directory.parent):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_the_roots_are_copied_for_others_without_keys(keystore: Keystore) -> None:
    copied = (keystore.directory / ROOTS_FILE).read_bytes()
    assert copied == keystore.load().bundle.pem
    assert b"PRIVATE" not in copied


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o610])
def test_keys_that_others_can_reach_are_refused(keystore: Keystore, mode: int) -> None:
    authority_file(keystore).chmod(mode)
    with pytest.raises(StateError, match=f"mode 0{mode:o}.*run: chmod 600 {authority_file(keystore)}"):
        keystore.open(DOMAIN, NOW)


def test_a_directory_open_to_others_is_refused(keystore: Keystore) -> None:
    keystore.directory.chmod(0o755)
    for use in (keystore.load, lambda: keystore.open(DOMAIN, NOW)):
        with pytest.raises(StateError, match=f"run: chmod 700 {keystore.directory}"):
            use()


def test_no_new_root_is_made_over_a_lost_one(keystore: Keystore) -> None:
    authority_file(keystore).unlink()
    roots = (keystore.directory / ROOTS_FILE).read_bytes()
    for _ in range(2):
        with pytest.raises(StateError, match=r"restore authority.json from a backup, or .* begin anew: rm"):
            keystore.open(DOMAIN, NOW)
    assert [path.name for path in sorted(keystore.directory.iterdir())] == ["lock", ROOTS_FILE]
    assert (keystore.directory / ROOTS_FILE).read_bytes() == roots


def test_a_lost_copy_of_the_roots_is_made_again(keystore: Keystore) -> None:
    before = (keystore.directory / ROOTS_FILE).read_bytes()
    (keystore.directory / ROOTS_FILE).unlink()
    keystore.open(DOMAIN, NOW)
    assert (keystore.directory / ROOTS_FILE).read_bytes() == before


def test_a_file_cut_off_anywhere_is_refused(keystore: Keystore) -> None:
    whole = authority_file(keystore).read_bytes()
    for length in [*range(0, len(whole) - 2, 50), len(whole) - 2]:
        authority_file(keystore).write_bytes(whole[:length])
        with pytest.raises(StateError, match=r"is damaged: .*; restore it from a backup"):
            keystore.open(DOMAIN, NOW)
        assert authority_file(keystore).read_bytes() == whole[:length]


def complaint_about(keystore: Keystore, *, expected: AuthorityState) -> str | None:
    try:
        assert keystore.load() == expected  # white space may change
    except StateError as refusal:
        return str(refusal)
    return None


def test_a_changed_byte_anywhere_is_refused(keystore: Keystore) -> None:
    whole = authority_file(keystore).read_bytes()
    state = keystore.load()
    for place in range(0, len(whole) - 1, 23):
        authority_file(keystore).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        complaint = complaint_about(keystore, expected=state)
        assert complaint is None or "is damaged: " in complaint
        assert "PRIVATE" not in str(complaint)


def rewrite(keystore: Keystore, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the state and make its hash fit again."""
    document = json.loads(authority_file(keystore).read_bytes())
    change(document["authority"])
    document["sha256"] = sha256(json.dumps(document["authority"], sort_keys=True).encode()).hexdigest()
    authority_file(keystore).write_text(json.dumps(document))


@pytest.mark.parametrize("key", ["rootKey", "intermediateKey"])
def test_a_key_that_does_not_fit_its_certificate_is_refused(keystore: Keystore, key: str) -> None:
    other = create_authority(DOMAIN, NOW).active.root_key.reveal().decode()
    rewrite(keystore, lambda body: body["active"].update({key: other}))
    with pytest.raises(StateError, match="the key does not belong to the certificate"):
        keystore.open(DOMAIN, NOW)


def test_an_intermediate_of_another_root_is_refused(keystore: Keystore) -> None:
    other = create_authority(DOMAIN, NOW).active
    fields = {"intermediate": other.intermediate, "intermediateKey": other.intermediate_key.reveal()}
    rewrite(keystore, lambda body: body["active"].update({key: pem.decode() for key, pem in fields.items()}))
    with pytest.raises(StateError, match="does not lead to a root"):
        keystore.open(DOMAIN, NOW)


@pytest.mark.parametrize("field", ["root", "rootKey", "intermediate", "intermediateKey"])
def test_a_missing_part_is_refused(keystore: Keystore, field: str) -> None:
    rewrite(keystore, lambda body: body["active"].pop(field))
    with pytest.raises(StateError, match="damaged: it is cut off or not in its form"):
        keystore.open(DOMAIN, NOW)


def test_a_state_of_a_later_version_is_refused(keystore: Keystore) -> None:
    content = authority_file(keystore).read_text().replace('"version": 1', '"version": 2')
    authority_file(keystore).write_text(content)
    with pytest.raises(StateError, match="version 2 is not known"):
        keystore.open(DOMAIN, NOW)


def test_another_trust_domain_is_refused(keystore: Keystore) -> None:
    with pytest.raises(StateError, match=r"is that of cluster.local, not other.example; run with --trust-domain"):
        keystore.open(TrustDomain("other.example"), NOW)


def test_nothing_is_loaded_or_made_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="run: citadel init"):
        Keystore(tmp_path / "state").load()
    with pytest.raises(StateError, match="run: citadel init"):
        Keystore(tmp_path / "state").update(lambda state: state)
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateError, match="cannot make the directory"):
        Keystore(tmp_path / "state").open(DOMAIN, NOW)


def test_a_change_that_fails_writes_nothing(keystore: Keystore) -> None:
    before, version = keystore.load(), keystore.version()

    def fail(state: AuthorityState) -> AuthorityState:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        keystore.update(fail)
    keystore.update(lambda state: state)
    assert (keystore.load(), keystore.version()) == (before, version)


def test_the_version_tells_of_a_write(keystore: Keystore) -> None:
    before = keystore.version()
    assert keystore.version() == before
    keystore.update(lambda state: prepare_root(state, NOW))
    assert keystore.version() != before


STEPS: dict[str, tuple[Callable[[AuthorityState], AuthorityState], ...]] = {
    "prepare": (lambda state: prepare_root(state, NOW),),
    "activate": (lambda state: prepare_root(state, NOW), lambda state: activate_root(state, NOW)),
    "retire": (
        lambda state: prepare_root(state, NOW),
        lambda state: activate_root(state, NOW),
        lambda state: retire_root(state, NOW, leaf_ttl=timedelta(0)),
    ),
    "renew": (lambda state: renew_intermediate(state, NOW),),
}


@pytest.mark.parametrize("name", STEPS)
def test_killed_at_any_moment_of_a_step_it_has_happened_or_not(name: str, tmp_path: Path) -> None:
    *earlier, step = STEPS[name]
    keystore = Keystore(tmp_path / "state")
    keystore.open(DOMAIN, NOW)
    for change in earlier:
        keystore.update(change)
    old = keystore.load()
    content = authority_file(keystore).read_bytes()
    new = step(old)  # a step makes keys, so all runs write this one outcome
    seen = set()

    def prepare() -> None:
        authority_file(keystore).write_bytes(content)
        keystore.open(DOMAIN, NOW)

    def check(is_finished: bool) -> None:
        found = keystore.open(DOMAIN, NOW)
        assert found in ((new,) if is_finished else (old, new))
        assert (keystore.directory / ROOTS_FILE).read_bytes() == found.bundle.pem
        _check_modes(keystore.directory)
        seen.add(found == new)

    assert kill_at_each_step(prepare, lambda: keystore.update(lambda _: new), check) >= 8
    assert seen == {False, True}


def test_killed_at_any_moment_of_the_first_start_the_next_one_works(tmp_path: Path) -> None:
    attempt = 0

    def here() -> Keystore:
        return Keystore(tmp_path / str(attempt) / "state")

    def prepare() -> None:
        nonlocal attempt
        attempt += 1

    def check(is_finished: bool) -> None:
        assert here().exists() or not is_finished
        made = here().open(DOMAIN, NOW)
        assert here().open(DOMAIN, NOW) == made
        _check_modes(here().directory)

    assert kill_at_each_step(prepare, lambda: here().open(DOMAIN, NOW), check) >= 15


def test_two_first_starts_at_once_make_one_authority(tmp_path: Path) -> None:
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            root = Keystore(tmp_path / "state").open(DOMAIN, NOW).active.root
            (tmp_path / f"root-{os.getpid()}").write_bytes(root)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 6
    assert len({path.read_bytes() for path in tmp_path.glob("root-*")}) == 1


def _check_modes(directory: Path) -> None:
    open_to_others = {path.name for path in directory.iterdir() if path.stat().st_mode & 0o077}
    assert open_to_others <= {ROOTS_FILE, f"{ROOTS_FILE}.new"}

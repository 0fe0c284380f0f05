from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from citadel.state_files import StateError
from citadel.tokens.join_token import JoinToken
from citadel.tokens.ledger import RedemptionLedger
from tests.citadel.pki import NOW, REVIEWS
from tests.crash import kill_at_each_step

TOKEN = JoinToken(REVIEWS, "token", NOW, NOW + timedelta(hours=1), one_time=True)


def test_a_token_is_redeemed_once(tmp_path: Path) -> None:
    ledger = RedemptionLedger(tmp_path / "redeemed")
    assert ledger.redeem(TOKEN, NOW)
    assert not ledger.redeem(TOKEN, NOW)
    assert ledger.redeem(replace(TOKEN, token_id="other"), NOW)


def test_the_ledger_outlives_the_process(tmp_path: Path) -> None:
    assert RedemptionLedger(tmp_path / "redeemed").redeem(TOKEN, NOW)
    assert not RedemptionLedger(tmp_path / "redeemed").redeem(TOKEN, NOW)


def test_a_hundred_threads_have_one_winner(tmp_path: Path) -> None:
    ledger, barrier = RedemptionLedger(tmp_path / "redeemed"), Barrier(100)

    def redeem(_: int) -> bool:
        barrier.wait()
        return ledger.redeem(TOKEN, NOW)

    with ThreadPoolExecutor(100) as threads:
        assert sum(threads.map(redeem, range(100))) == 1


def test_processes_have_one_winner(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    children = []
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)  # all begin when the other end is closed
            os._exit(0 if RedemptionLedger(tmp_path / "redeemed").redeem(TOKEN, NOW) else 7)
        children.append(child)
    os.close(writing)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    os.close(reading)
    assert sorted(statuses) == [0] + [7] * 19


def test_expired_entries_are_forgotten_an_hour_later(tmp_path: Path) -> None:
    ledger = RedemptionLedger(tmp_path / "redeemed")
    long = replace(TOKEN, token_id="long", expires_at=NOW + timedelta(days=1))
    assert ledger.redeem(TOKEN, NOW)
    assert ledger.redeem(long, NOW)
    assert ledger.prune(NOW + timedelta(hours=2)) == 0
    assert ledger.prune(NOW + timedelta(hours=2, seconds=1)) == 1
    assert len(ledger) == 1
    assert not ledger.redeem(long, NOW + timedelta(hours=3))


def test_redeeming_prunes_from_time_to_time(tmp_path: Path) -> None:
    ledger = RedemptionLedger(tmp_path / "redeemed")
    assert ledger.redeem(TOKEN, NOW)
    later = NOW + timedelta(days=1)
    for number in range(256):
        assert ledger.redeem(replace(TOKEN, token_id=str(number), expires_at=later), later)
    assert len(ledger) == 256


def test_the_names_of_its_files_give_no_token_away(tmp_path: Path) -> None:
    RedemptionLedger(tmp_path / "redeemed").redeem(TOKEN, NOW)
    (entry,) = (tmp_path / "redeemed").iterdir()
    assert "token" not in entry.name
    assert entry.stat().st_mode & 0o777 == 0o600


def test_a_ledger_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redeemed").mkdir(mode=0o755)
    (tmp_path / "redeemed").chmod(0o755)
    with pytest.raises(StateError, match="chmod 700"):
        RedemptionLedger(tmp_path / "redeemed")


def test_killed_at_any_moment_a_token_has_at_most_one_user(tmp_path: Path) -> None:
    """Who was killed while redeeming gave no answer; afterwards the token is either unused or used up."""
    attempt = 0

    def directory() -> Path:
        return tmp_path / str(attempt)

    def prepare() -> None:
        nonlocal attempt
        attempt += 1

    def check(is_finished: bool) -> None:
        ledger = RedemptionLedger(directory())
        first = ledger.redeem(TOKEN, NOW)
        assert not (is_finished and first)
        assert not ledger.redeem(TOKEN, NOW)

    steps = kill_at_each_step(prepare, lambda: RedemptionLedger(directory()).redeem(TOKEN, NOW), check)
    assert steps >= 5

"""The holder as a program: see test_hold.py for the way there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pilot.redirect import holder


@pytest.mark.parametrize("ending", holder.ENDS)
def test_a_signal_that_came_early_ends_it_too(ending: signal.Signals) -> None:
    code = (
        f"import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [{int(ending)}]);"
        f"os.kill(os.getpid(), {int(ending)}); os.execv(sys.executable, [sys.executable, '-I', '-S', sys.argv[1]])"
    )
    assert subprocess.run([sys.executable, "-c", code, holder.__file__], timeout=20, check=False).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root does give something up")
def test_other_users_have_nothing_to_give_up() -> None:
    before = os.getresuid(), os.getgroups()
    holder.give_up_privileges()
    assert (os.getresuid(), os.getgroups()) == before

"""Kills a process at each step of a write to disk, one step further each time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

_STEPS = ("open", "write", "fsync", "fchmod", "fchown", "rename", "unlink", "mkdir", "close")
_LONGEST = 60
"""Seconds for one write."""


def kill_at_each_step(prepare: Callable[[], None], write: Callable[[], object], check: Callable[[bool], None]) -> int:
    """Run ``write`` in processes that are killed before their first, second, … call that touches a file.

    Before each, ``prepare`` restores the old state; after each, ``check`` looks at what is there (its argument says
    whether ``write`` came to its end). The result is the number of steps.
    """
    step = 0
    while True:
        prepare()
        is_finished = _run(write, step)
        check(is_finished)
        if is_finished:
            return step
        step += 1


def _run(write: Callable[[], object], step: int) -> bool:
    """Whether the process finished; False when it was killed at ``step``."""
    child = os.fork()
    if child == 0:
        status = 1
        signal.alarm(_LONGEST)  # a child that hangs on what it inherited is a failure, not a hanging test
        try:
            _arm(step)
            write()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"ended by signal {os.WTERMSIG(status)}"
        return False
    assert os.WEXITSTATUS(status) == 0, "the write failed"
    return True


def _arm(step: int) -> None:
    left = step
    kill = os.kill

    def wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def killing(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                if name == "write":  # the worst moment: a part of it is there
                    call(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*arguments, **options)

        return killing

    for name in _STEPS:
        setattr(os, name, wrap(name, getattr(os, name)))

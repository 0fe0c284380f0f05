"""Places where tests make a stage fail: a file in the directory that ``PILOT_FAILPOINTS`` names makes the place of the
same name raise, as often as the number in it says (for ever without one), or wait for the seconds in ``wait 60``.

Off unless the variable is set when the process starts: then ``failpoint`` does nothing at all.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from pathlib import Path

log = logging.getLogger(__name__)

_DIRECTORY = os.environ.get("PILOT_FAILPOINTS", "")
_raised: Counter[str] = Counter()


class FailpointError(Exception):
    """What a place raises that was told to."""


def _nothing(name: str) -> None:
    """Nobody asked for failures."""


def _fail_if_told(name: str) -> None:
    file = Path(_DIRECTORY, name)
    try:
        left = file.read_text().strip()
    except OSError:
        return
    if left.startswith("wait "):
        log.warning("the failpoint %s waits", name)
        time.sleep(float(left.removeprefix("wait ")))
        return
    if left.isdecimal() and _raised[name] >= int(left):
        return
    _raised[name] += 1
    raise FailpointError(f"the failpoint {name} is set")


failpoint = _fail_if_told if _DIRECTORY else _nothing
"""Raises FailpointError where the test that runs this process wants a place of this name to fail."""

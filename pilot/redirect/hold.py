"""Stay, without any privilege, for as long as the network namespace is needed.

Containers that share a network namespace need one that neither restarts with the application nor with the sidecar:
what Kubernetes calls the pod's sandbox. The process that wrote the rules does it; its restart writes them again.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from pilot.redirect import holder


def prepare_hold(ready_file: Path | None) -> None:
    """Before the rules are written: signals wait until `hold`, and a ready file of an earlier life is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, holder.ENDS)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def hold(ready_file: Path | None) -> NoReturn:
    """Make ``ready_file``, and become a bare `holder`, which ends with 0 at SIGTERM or SIGINT. Raises OSError.

    The signals stay blocked in between, and most of the memory is given back.
    """
    if ready_file is not None:
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.touch()
    os.execv(sys.executable, [sys.executable, "-I", "-S", holder.__file__])

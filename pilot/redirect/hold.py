"""Stay, without any privilege, for as long as the network namespace is needed.

Containers that share a network namespace need one that neither restarts with the application nor with the sidecar:
what Kubernetes calls the pod's sandbox. The process that wrote the rules does it; its restart writes them again.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

NOBODY = 65534
_ENDS = (signal.SIGTERM, signal.SIGINT)


def prepare_hold(ready_file: Path | None) -> None:
    """Before the rules are written: signals wait until `hold`, and a ready file of an earlier life is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def hold(ready_file: Path | None) -> None:
    """Make ``ready_file``, become nobody, and wait for SIGTERM or SIGINT. Raises OSError."""
    if ready_file is not None:
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        ready_file.touch()
    give_up_privileges()
    signal.sigwait(_ENDS)


def give_up_privileges() -> None:
    """Root becomes nobody, for good, and its capabilities are gone. Another user has none worth mentioning."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)

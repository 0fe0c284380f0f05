"""What a holding process is, once the rules are written: run as a program, it becomes nobody and waits for its end.

It imports as little as possible, so that it needs little memory: there is one for each workload of a host.
"""

import os
import signal

NOBODY = 65534
ENDS = (signal.SIGTERM, signal.SIGINT)


def give_up_privileges() -> None:
    """Root becomes nobody, for good, and its capabilities are gone. Another user has none worth mentioning."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


if __name__ == "__main__":
    give_up_privileges()
    signal.sigwait(ENDS)

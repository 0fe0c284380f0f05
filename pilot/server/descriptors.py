"""File descriptors: each stream of a proxy is one, and whoever runs out of them accepts nobody."""

from __future__ import annotations

import resource
from contextlib import suppress

_ENOUGH = 65_536
"""More than all limits of connections together."""


def raise_descriptor_limit() -> int:
    """Take as many as the system lets this process have, up to what is ever needed; the result is how many.

    The soft limit is 1,024 on most systems, for programs of another age (select).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

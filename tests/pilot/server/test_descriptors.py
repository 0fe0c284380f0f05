"""As many descriptors as the system allows are taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_RAISES = """
import resource
from pilot.server.descriptors import raise_descriptor_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
print(raise_descriptor_limit() >= min(hard if hard > 0 else 65536, 65536))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
print(raise_descriptor_limit())
"""


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _RAISES], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert run.stdout.split() == ["True", "64"]

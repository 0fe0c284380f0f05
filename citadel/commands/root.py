"""`citadel root`: replaces the root of the mesh, step by step, while traffic flows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from citadel.ca.acknowledgements import Account, AcknowledgementFiles, Presence, find_obstacles, roots_id
from citadel.ca.keystore import Keystore
from citadel.ca.roots import (
    AuthorityState,
    RotationStepError,
    activate_root,
    find_warnings,
    next_step,
    prepare_root,
    retire_root,
)
from citadel.commands.options import (
    OK,
    Subparsers,
    add_output_option,
    add_parser,
    add_state_option,
    parse_ttl,
    print_result,
)
from citadel.x509 import decode_certificates

_EXAMPLES = """\
A rotation, with both roots trusted from the first step to the last:
  citadel root prepare  --state DIR     make a new root and have every proxy trust it too
                                        … wait until every proxy has it: activate says who has not
  citadel root activate --state DIR     sign with it
                                        … wait until certificates of the old root have expired (24h by default)
  citadel root retire   --state DIR     trust it alone

  citadel root status   --state DIR     what is done and what comes next

A running pilot serve notices each step by itself. Each is one atomic write: interrupted, it has happened or not.

exit status: 0 done, 1 not the time for this step or the state cannot be used, 2 wrong usage
"""

_LISTED = 20
"""Obstacles that a text shows; a mesh may have thousands."""

Change = Callable[[AuthorityState, datetime, argparse.Namespace], AuthorityState]


def _activate(state: AuthorityState, now: datetime, options: argparse.Namespace) -> AuthorityState:
    """See ``activate_root``; not before every proxy that is connected trusts the new root, unless forced."""
    activated = activate_root(state, now)
    obstacles = find_obstacles(state.bundle, AcknowledgementFiles(options.state).read(now), now)
    if obstacles and not options.force:
        raise RotationStepError(
            f"not everybody trusts the new root:{_list(obstacles)}\nTry again in a moment; --force does not wait, and"
            " may cut off whom it names"
        )
    return activated


_STEPS: dict[str, tuple[str, Change]] = {
    "prepare": (
        "make a new root, trusted beside the active one",
        lambda state, now, _: prepare_root(state, now),
    ),
    "activate": (
        "sign with the new root",
        _activate,
    ),
    "retire": (
        "trust the new root alone",
        lambda state, now, options: retire_root(state, now, leaf_ttl=_leaf_ttl(options)),
    ),
    "status": (
        "show which roots are trusted and what comes next",
        lambda state, _, __: state,
    ),
}


def add_root_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``citadel root`` to the command."""
    parser = add_parser(
        subparsers, "root", summary="replace the root, step by step", description=__doc__ or "", examples=_EXAMPLES
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, change) in _STEPS.items():
        step = add_parser(commands, name, summary=summary, description=f"{summary.capitalize()}.", examples=_EXAMPLES)
        add_state_option(step)
        add_output_option(step)
        if name == "activate":
            step.add_argument("--force", action="store_true", help="do not wait until every proxy has the new root")
        if name == "retire":
            step.add_argument(
                "--leaf-ttl",
                type=parse_ttl,
                default=timedelta(hours=24),
                metavar="DURATION",
                help="how long certificates of workloads live (default: 24h)",
            )
            step.add_argument("--force", action="store_true", help="do not wait for them to expire")
        step.set_defaults(run=run_root_step, change=change)


def run_root_step(options: argparse.Namespace) -> int:
    """Run a step of the rotation; the result is its exit status."""
    now = datetime.now(UTC)
    state = Keystore(options.state).update(lambda state: options.change(state, now, options))
    for warning in find_warnings(state, now):
        print(f"citadel root: {warning}", file=sys.stderr)
    accounts = AcknowledgementFiles(options.state).read(now)
    obstacles = find_obstacles(state.bundle, accounts, now) if state.prepared else ()
    print_result(options, _render_text(state, accounts, obstacles), _render_json(state, accounts, obstacles))
    return OK


def _list(obstacles: tuple[str, ...]) -> str:
    more = len(obstacles) - _LISTED
    shown = [*obstacles[:_LISTED], *([f"and {more} more; citadel root status -o json has all"] if more > 0 else [])]
    return "".join(f"\n  {obstacle}" for obstacle in shown)


def _leaf_ttl(options: argparse.Namespace) -> timedelta:
    ttl: timedelta = timedelta(0) if options.force else options.leaf_ttl
    return ttl


def _render_text(state: AuthorityState, accounts: tuple[Account, ...], obstacles: tuple[str, ...]) -> str:
    lines = [f"{role:<9}{sha256[:16]}  until {until}" for role, sha256, until in _roots(state)]
    if state.step != "steady":
        own = roots_id(state.bundle)
        running = [one.acknowledgement for one in accounts if one.presence is Presence.RUNNING]
        holders = sum(one.holders for one in running if one.roots == own)
        lines.append(f"trusted by {holders} connected proxies{'; not yet:' if obstacles else ''}{_list(obstacles)}")
    return "\n".join([*lines, f"next: citadel root {next_step(state)}"])


def _render_json(state: AuthorityState, accounts: tuple[Account, ...], obstacles: tuple[str, ...]) -> dict[str, Any]:
    return {
        "trustDomain": state.trust_domain.name,
        "step": state.step,
        "next": next_step(state),
        "activated": f"{state.activated:%Y-%m-%dT%H:%M:%SZ}" if state.activated else None,
        "controlPlanes": [
            {
                "name": one.control_plane,
                "presence": one.presence.value,
                "isCurrent": one.acknowledgement.roots == roots_id(state.bundle),
                "proxies": one.acknowledgement.holders,
            }
            for one in accounts
        ],
        "obstacles": list(obstacles),
        "roots": [{"role": role, "sha256": sha256, "notAfter": until} for role, sha256, until in _roots(state)],
    }


def _roots(state: AuthorityState) -> list[tuple[str, str, str]]:
    pems = [("active", state.active.root)]
    if state.prepared:
        pems.append(("prepared", state.prepared.root))
    pems += [("retiring", root) for root in state.retiring]
    described = [(role, decode_certificates(pem)[0]) for role, pem in pems]
    return [(role, one.fingerprint, f"{one.not_after:%Y-%m-%dT%H:%M:%SZ}") for role, one in described]

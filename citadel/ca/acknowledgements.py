"""Who has taken up the roots: told by each running control plane, read before another root begins to sign.

A small file for each, in the directory ``acknowledgements`` beside the authority. It is written anew while its control
plane lives, so one that was killed is known by the age of its file.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from citadel.ca.keystore import DIRECTORY
from citadel.identity import TrustBundle
from citadel.state_files import make_private_directory
from galley.atomic_write import write_atomically
from galley.frozen import frozen

REFRESH = timedelta(seconds=5)
"""How often a control plane writes its file though nothing has changed."""
LAPSE = timedelta(seconds=20)
"""A file that is older than this is of a control plane that has ended without saying so."""
AWAY_FOR = timedelta(seconds=60)
"""An Envoy's back-off goes up to 30 s: who stays away longer is taken for gone."""
_MISSED = timedelta(minutes=5)
"""As long its proxies may be anywhere; by then they have come back, to it or to another control plane."""
_FORGET = timedelta(days=1)


@frozen
class Acknowledgement:
    """What one control plane knows of its proxies: which roots it serves (`roots_id`), how many proxies have them, and
    of all others why they do not, as (node id, sentence). ``ended``: it has stopped in good order.
    """

    roots: str
    holders: int
    waiting: tuple[tuple[str, str], ...] = ()
    ended: bool = False


class Presence(StrEnum):
    """Whether a control plane still runs: it says so every few seconds, or said that it ends, or said neither."""

    RUNNING = "running"
    ENDED = "ended"
    MISSED = "missed"


@frozen
class Account:
    """An acknowledgement as it is found: of which control plane, written when, and whether that still runs."""

    control_plane: str
    acknowledgement: Acknowledgement
    written: datetime
    presence: Presence


def roots_id(bundle: TrustBundle) -> str:
    """What names a set of roots."""
    return sha256(bundle.pem).hexdigest()


class AcknowledgementFiles:
    """The files below ``state_directory``. ``name`` is that of the one that this process writes."""

    def __init__(self, state_directory: Path, name: str = "") -> None:
        self.directory = state_directory / DIRECTORY / "acknowledgements"
        self.name = "".join(char if char.isalnum() or char in "-._" else "_" for char in name)

    def write(self, acknowledgement: Acknowledgement, now: datetime) -> None:
        """Replace this process's file. StateError or OSError when that cannot be."""
        content: dict[str, Any] = {
            "time": now.isoformat(),
            "roots": acknowledgement.roots,
            "holders": acknowledgement.holders,
            "waiting": [list(one) for one in acknowledgement.waiting],
            "ended": acknowledgement.ended,
        }
        make_private_directory(self.directory)
        write_atomically(self.directory / f"{self.name}.json", json.dumps(content).encode())

    def read(self, now: datetime) -> tuple[Account, ...]:
        """What all control planes say. Files that are a day old are removed; what cannot be read says nothing."""
        accounts = []
        for path in sorted(self.directory.glob("*.json")):
            try:
                account = _decode(path.stem, path.read_bytes(), now)
            except (OSError, ValueError, LookupError, TypeError):
                continue  # one that is being removed, or is no file of ours
            if now - account.written > _FORGET:
                with suppress(OSError):
                    path.unlink()
            else:
                accounts.append(account)
        return tuple(accounts)

    def own(self, now: datetime) -> Account | None:
        """What this process's forerunner said last."""
        return next((account for account in self.read(now) if account.control_plane == self.name), None)


def find_obstacles(bundle: TrustBundle, accounts: tuple[Account, ...], now: datetime) -> tuple[str, ...]:
    """Why nobody should sign by another root of ``bundle`` yet, one sentence each; empty when everybody has it."""
    if not any(account.presence is Presence.RUNNING for account in accounts):
        return ("no control plane runs on this state directory, so no proxy can have learned of the new root",)
    obstacles = []
    for account in accounts:
        seconds = (now - account.written).total_seconds()
        match account.presence:
            case Presence.RUNNING:
                if account.acknowledgement.roots != roots_id(bundle):
                    obstacles.append(f"the control plane {account.control_plane} has not noticed the new root yet")
                obstacles += [f"{node}: {why}" for node, why in account.acknowledgement.waiting]
            case Presence.MISSED if now - account.written <= _MISSED:
                obstacles.append(
                    f"the control plane {account.control_plane} was last heard of {seconds:.0f} s ago; nobody knows"
                    " what its proxies have"
                )
            case Presence.ENDED if now - account.written < AWAY_FOR and (lost := _without(bundle, account)):
                # Its successor may have another name, as in a container made anew, and knows nothing of them.
                left = (AWAY_FOR - (now - account.written)).total_seconds()
                obstacles.append(
                    f"the control plane {account.control_plane} ended {seconds:.0f} s ago; of its proxies {lost} may"
                    f" lack the new root, and have {left:.0f} s more to come back to another"
                )
    return tuple(obstacles)


def _without(bundle: TrustBundle, account: Account) -> int:
    """How many proxies had not acknowledged ``bundle`` when their control plane ended."""
    latest = account.acknowledgement
    return len(latest.waiting) + (0 if latest.roots == roots_id(bundle) else latest.holders)


def _decode(name: str, text: bytes, now: datetime) -> Account:
    content = json.loads(text)
    written = datetime.fromisoformat(content["time"])
    waiting = tuple((str(node), str(why)) for node, why in content["waiting"])
    found = Acknowledgement(str(content["roots"]), int(content["holders"]), waiting, bool(content["ended"]))
    alive = Presence.RUNNING if now - written <= LAPSE else Presence.MISSED
    return Account(name, found, written, Presence.ENDED if found.ended else alive)

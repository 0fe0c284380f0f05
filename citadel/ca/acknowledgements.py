"""Who has taken up the roots: told by each running control plane, read before another root begins to sign.

A small file for each, in the directory ``acknowledgements`` beside the authority. It is written anew while its control
plane lives, so one that was killed is known by the age of its file.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from citadel.ca.keystore import DIRECTORY
from citadel.identity import TrustBundle
from citadel.state_files import make_private_directory, write_atomically
from galley.meta import frozen

REFRESH = timedelta(seconds=5)
"""How often a control plane writes its file though nothing has changed."""
LAPSE = timedelta(seconds=20)
"""A file that is older than this is of a control plane that no longer runs."""
_FORGET = timedelta(days=1)


@frozen
class Acknowledgement:
    """What one control plane knows of its proxies: which roots it serves, how many proxies have them, and of all
    others why they do not, as (node id, sentence).
    """

    roots: str
    holders: int
    waiting: tuple[tuple[str, str], ...] = ()


@frozen
class Account:
    """An acknowledgement as it is found: of which control plane, and whether that still runs."""

    control_plane: str
    acknowledgement: Acknowledgement
    is_alive: bool


def roots_id(bundle: TrustBundle) -> str:
    """What names a set of roots."""
    return sha256(bundle.pem).hexdigest()


class AcknowledgementFiles:
    """The files below ``state_directory``. ``name`` is that of the one that this process writes."""

    def __init__(self, state_directory: Path, name: str = "") -> None:
        self.directory = state_directory / DIRECTORY / "acknowledgements"
        self._path = self.directory / f"{name or f'{socket.gethostname()}-{os.getpid()}'}.json"

    def write(self, acknowledgement: Acknowledgement, now: datetime) -> None:
        """Replace this process's file. StateError or OSError when that cannot be."""
        content: dict[str, Any] = {
            "time": now.isoformat(),
            "roots": acknowledgement.roots,
            "holders": acknowledgement.holders,
            "waiting": [list(one) for one in acknowledgement.waiting],
        }
        make_private_directory(self.directory)
        write_atomically(self._path, json.dumps(content).encode())

    def remove(self) -> None:
        """Take this process's file away: its control plane ends."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def read(self, now: datetime) -> tuple[Account, ...]:
        """What all control planes say. Files of those that were killed long ago are removed."""
        accounts = []
        for path in sorted(self.directory.glob("*.json")):
            try:
                content = json.loads(path.read_bytes())
                age = now - datetime.fromisoformat(content["time"])
                found = Acknowledgement(
                    content["roots"],
                    content["holders"],
                    tuple((str(node), str(why)) for node, why in content["waiting"]),
                )
            except (OSError, ValueError, LookupError, TypeError):
                continue  # one that has just been removed; what cannot be read says nothing, so it holds nobody back
            if age > _FORGET:
                with suppress(OSError):
                    path.unlink()
                continue
            accounts.append(Account(path.stem, found, is_alive=age <= LAPSE))
        return tuple(accounts)


def find_obstacles(bundle: TrustBundle, accounts: tuple[Account, ...]) -> tuple[str, ...]:
    """Why nobody should sign by another root of ``bundle`` yet, one sentence each; empty when everybody has it."""
    alive = [account for account in accounts if account.is_alive]
    if not alive:
        return ("no control plane runs on this state directory, so no proxy can have learned of the new root",)
    obstacles = []
    for account in alive:
        if account.acknowledgement.roots != roots_id(bundle):
            obstacles.append(f"the control plane {account.control_plane} has not noticed the new root yet")
        obstacles += [f"{node}: {why}" for node, why in account.acknowledgement.waiting]
    return tuple(obstacles)

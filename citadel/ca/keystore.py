"""The self-signed authority on disk. Every change is one atomic write, so a crash leaves the old or the new state.

``authority.json`` (0600) holds everything; ``root-cert.pem`` beside it is a copy of the trusted roots for people and
other programs. A copy without the original means that the keys were lost, and is never taken for a first start.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from citadel.ca.roots import AuthorityState, create_authority
from citadel.ca.state_format import decode_state, encode_state
from citadel.identity import TrustDomain
from citadel.state_files import StateError, check_private_directory, locked, make_private_directory, read_private
from galley.atomic_write import PUBLIC, write_atomically

AUTHORITY_FILE = "authority.json"
ROOTS_FILE = "root-cert.pem"
DIRECTORY = "citadel"


class Keystore:
    """The files of one authority, in the directory ``citadel`` of a state directory. Several processes may use it."""

    def __init__(self, state_directory: Path) -> None:
        self.directory = state_directory / DIRECTORY
        self._authority = self.directory / AUTHORITY_FILE
        self._roots = self.directory / ROOTS_FILE

    def exists(self) -> bool:
        """Whether there is an authority, or what is left of one: no new one may be made in its place."""
        return self._authority.exists() or self._roots.exists()

    def load(self) -> AuthorityState:
        """The state. StateError when it is not there, damaged, incomplete, or open to others."""
        if not self.exists():
            raise StateError(f"no authority in {self.directory}; run: citadel init --state {self.directory.parent}")
        check_private_directory(self.directory)
        try:
            content = read_private(self._authority)
        except FileNotFoundError:
            raise StateError(
                f"{self._roots} is there and {self._authority} with its keys is not; restore {AUTHORITY_FILE} from a"
                f" backup, or give up every identity and begin anew: rm {self._roots}"
            ) from None
        try:
            return decode_state(content)
        except ValueError as damage:
            raise StateError(f"{self._authority} is damaged: {damage}; restore it from a backup") from None

    def open(self, trust_domain: TrustDomain, now: datetime) -> AuthorityState:
        """The state; on the first start a new authority. StateError as for ``load``, or for another trust domain."""
        make_private_directory(self.directory)
        with locked(self.directory):
            if self.exists():
                state = self.load()
                self._export_roots(state)
            else:
                state = create_authority(trust_domain, now)
                self._write(state)
        if state.trust_domain != trust_domain:
            raise StateError(
                f"the authority in {self.directory} is that of {state.trust_domain}, not {trust_domain}; run with"
                f" --trust-domain {state.trust_domain}, or with another state directory"
            )
        return state

    def update(self, change: Callable[[AuthorityState], AuthorityState]) -> AuthorityState:
        """Write what ``change`` makes of the state; nothing is written when it raises. StateError as for ``load``."""
        if not self.exists():
            self.load()
        with locked(self.directory):
            before = self.load()
            after = change(before)
            if after != before:
                self._write(after)
        return after

    def version(self) -> tuple[int, int, int]:
        """Differs whenever the state was written; cheap enough to be asked every second."""
        with suppress(FileNotFoundError):
            status = self._authority.stat()
            return status.st_ino, status.st_mtime_ns, status.st_size
        return 0, 0, 0

    def _write(self, state: AuthorityState) -> None:
        try:
            write_atomically(self._authority, encode_state(state))
        except OSError as failure:
            raise StateError(f"cannot write {self._authority}: {failure.strerror}") from failure
        self._export_roots(state)

    def _export_roots(self, state: AuthorityState) -> None:
        """Second, so that a copy without the original can only mean a loss; again at each start, after a crash."""
        try:
            if not self._roots.exists() or self._roots.read_bytes() != state.bundle.pem:
                write_atomically(self._roots, state.bundle.pem, mode=PUBLIC)
        except OSError as failure:
            raise StateError(f"cannot write {self._roots}: {failure.strerror}") from failure


def trust_domain_of(state: Path, given: TrustDomain | None) -> TrustDomain:
    """That of the authority in ``state``, or ``given`` where none is kept there. StateError when the two differ."""
    keystore = Keystore(state)
    if given is not None and not keystore.exists():
        return given
    own = keystore.load().trust_domain
    if given not in (None, own):
        raise StateError(f"the authority in {keystore.directory} is that of {own}; leave --trust-domain out")
    return own

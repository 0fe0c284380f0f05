"""An agent's identity over time: joined by a token, renewed by certificate, for as long as the agent lives."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from citadel.identity import BearerToken
from citadel.rotation import RotationSchedule
from citadel.x509 import build_signing_request, generate_private_key
from galley.frozen import frozen
from pilot.agent.certificate_client import CertificateSigner, Proof, SigningError
from pilot.agent.credentials import Credentials, ServiceAccount, accept_response, build_credentials

log = logging.getLogger("pilot.agent")


@frozen
class JoinFiles:
    """Where the proof for the first time lies. Both are read anew each time: somebody may have replaced them."""

    roots: Path
    token: Path | None


class Enrolment:
    """The current credentials of one workload and when they are due. Knows neither clock nor chance."""

    def __init__(
        self,
        account: ServiceAccount,
        signer: CertificateSigner,
        files: JoinFiles,
        *,
        random: Callable[[], float],
        lifetime: int = 0,
    ) -> None:
        """``lifetime`` in seconds is asked of the control plane, 0 leaves it to it. ``random``: see the schedule."""
        self._account, self._signer, self._files, self._lifetime = account, signer, files, lifetime
        self._schedule = RotationSchedule(random=random)
        self.credentials: Credentials | None = None

    def resume(self, credentials: Credentials, now: datetime) -> None:
        """Go on with ``credentials`` of an earlier life."""
        self._adopt(credentials, now)

    async def renew(self, now: datetime) -> Credentials:
        """Make a key and have it certified, by the first proof that is taken.

        SigningError when that fails: what was held stays, and the next attempt is due later.
        """
        failure = SigningError("there is neither a valid certificate nor a token to show")
        for proof in self._proofs(now):
            key = generate_private_key()
            try:
                elements = await self._signer.sign(build_signing_request(key), proof, self._lifetime)
                credentials = accept_response(elements, key, self._account, now)
            except SigningError as error:
                failure = error
                if not error.is_refusal:
                    break
            except ValueError as objection:
                failure = SigningError(f"the control plane's answer is of no use: {objection}")
                break
            else:
                self._adopt(credentials, now)
                return credentials
        self._postpone(now)
        raise failure

    def trust(self, roots: bytes, now: datetime) -> Credentials:
        """Go on with the same certificate and other roots (PEM). ValueError when they do not verify it."""
        current = self.credentials
        assert current is not None, "roots for one who has not joined"
        svid = current.svid
        self.credentials = build_credentials(svid.chain_pem, roots, svid.private_key, self._account, now)
        return self.credentials

    def next_due(self) -> datetime | None:
        """When to renew next; None before the first certificate."""
        return self._schedule.next_due()

    def _proofs(self, now: datetime) -> list[Proof]:
        """By certificate while it is valid; a token, which may be a one-time one, only where that is refused."""
        proofs = []
        current = self.credentials
        if current is not None and current.is_valid_at(now):
            proofs.append(Proof(current.svid, current.bundle.pem))
        if self._files.token is not None:
            try:
                token = BearerToken(self._files.token.read_text("ascii").strip())
                proofs.append(Proof(token, self._files.roots.read_bytes()))
            except (OSError, ValueError) as error:
                log.warning("the token cannot be used: %s", error)
        return proofs

    def _adopt(self, credentials: Credentials, now: datetime) -> None:
        if self.credentials is not None and self.credentials.svid.id != credentials.svid.id:
            self._schedule.forget(self.credentials.svid.id)
        self.credentials = credentials
        self._schedule.put(credentials.svid, now)

    def _postpone(self, now: datetime) -> None:
        if self.credentials is not None:
            self._schedule.postpone(self.credentials.svid.id, now)

"""Who is at the other end of a call: its certificate or bearer token, attested before anything is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import grpc
import grpc.aio

from citadel.attestation import Attested, Attestor, BearerToken, ClientCertificate, Evidence, render_audit
from citadel.refusal import Refusal, RefusalCode
from pilot.server.peers import block_of, host_of

audit = logging.getLogger("pilot.audit")

_SCHEME = "bearer "
_LONGEST_HEADER = 16 * 1024
Context = grpc.aio.ServicerContext[Any, Any]


class Authenticator:
    """Attests calls and writes the audit log. Neither tokens nor keys appear in it."""

    def __init__(self, attestor: Attestor, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._attestor = attestor
        self._clock = clock

    async def authenticate(self, context: Context) -> Attested | Refusal:
        """Who calls. On a port without TLS nobody can prove anything: what is shown there, others have seen."""
        outcome = await self._attest(context)
        audit.log(logging.INFO if isinstance(outcome, Attested) else logging.WARNING,
                  "%s", render_audit(outcome, context.peer()))  # fmt: skip
        return outcome

    def now(self) -> datetime:
        """The time by which evidence is judged."""
        return self._clock()

    def refuse(self, reason: str, peer: str) -> Refusal:
        """A proven identity asks for what is another's. Goes to the audit log."""
        refusal = Refusal(RefusalCode.PERMISSION_DENIED, reason)
        audit.warning("%s", render_audit(refusal, peer))
        return refusal

    async def _attest(self, context: Context) -> Attested | Refusal:
        if not is_encrypted(context):
            return Refusal(RefusalCode.UNAUTHENTICATED, "not over TLS")
        evidence = read_evidence(context)
        if isinstance(evidence, Refusal):
            return evidence
        # A one-time token is written to the ledger, which waits for the disk.
        return await asyncio.to_thread(
            self._attestor.attest, evidence, self._clock(), peer=block_of(host_of(context.peer()))
        )


def is_encrypted(context: Context) -> bool:
    """Whether the call came over TLS."""
    return list(context.auth_context().get("transport_security_type", ())) == [b"ssl"]


def read_evidence(context: Context) -> Evidence | Refusal:
    """What the caller shows: its client certificate if the port asked for one, else its bearer token."""
    shown = context.auth_context()
    leaf = b"".join(shown.get("x509_pem_cert", ()))
    if leaf:
        # gRPC has the rest of the chain apart, and only when the client sent more than its leaf.
        return ClientCertificate(leaf + b"".join(shown.get("x509_pem_cert_chain", ())))
    headers = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    match headers:
        case []:
            return Refusal(RefusalCode.UNAUTHENTICATED, "it shows neither certificate nor token")
        case [str(header)] if header[: len(_SCHEME)].lower() == _SCHEME and len(header) <= _LONGEST_HEADER:
            return BearerToken(header[len(_SCHEME) :].strip())
    return Refusal(RefusalCode.UNAUTHENTICATED, "its authorization is not one bearer token")


async def abort(context: Context, refusal: Refusal) -> NoReturn:
    """End the call with what a stranger may know of ``refusal``."""
    await context.abort(grpc.StatusCode[refusal.code.name], refusal.message)

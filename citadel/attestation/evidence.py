"""What a proxy can show to prove its identity, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from citadel.identity import BearerToken, SpiffeId
from citadel.refusal import Refusal
from galley.frozen import frozen
from galley.text.wording import printable, shortened

_LONGEST_AUDIT = 480


@frozen
class ClientCertificate:
    """The certificates that a TLS client showed, leaf first, as PEM. The TLS handshake has proven that it holds the
    key; everything else is verified here again.

    gRPC's auth context has the leaf as ``x509_pem_cert`` and the rest as ``x509_pem_cert_chain``.
    """

    chain_pem: bytes


Evidence = ClientCertificate | BearerToken


class AttestationMethod(Enum):
    """By which kind of evidence an identity was proven."""

    CERTIFICATE = "certificate"
    JOIN_TOKEN = "join token"
    OIDC = "OIDC token"


@frozen
class Attested:
    """A proven identity, in our own trust domain. The proof ends at ``expires_at``: so must a stream that rests on it.

    ``presented`` is what the evidence itself names (an alias's SPIFFE id, a token's issuer and subject).
    """

    identity: SpiffeId
    expires_at: datetime
    method: AttestationMethod
    presented: str


def render_audit(outcome: Attested | Refusal, peer: str) -> str:
    """One line for the audit log. Whatever a stranger chose in it can neither break the line nor fill the log."""
    match outcome:
        case Attested():
            text = (
                f"attested {outcome.identity} from {peer} by {outcome.method.value} ({outcome.presented})"
                f" until {outcome.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            )
        case Refusal():
            text = f"refused {peer}: {outcome.code.name}: {outcome.reason}"
    return shortened(printable(text), _LONGEST_AUDIT)

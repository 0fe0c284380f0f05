"""The gate: evidence in, a proven identity or a refusal out."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from citadel.attestation.certificate import attest_certificate
from citadel.attestation.evidence import AttestationMethod, Attested, ClientCertificate, Evidence
from citadel.attestation.oidc import verify_oidc_token
from citadel.attestation.policy import AttestationPolicy
from citadel.identity import BearerToken
from citadel.rate_limit import KeyedBuckets, TokenBucket
from citadel.refusal import Refusal, RefusalCode
from citadel.tokens.claims import read_unverified
from citadel.tokens.join_token import issuer_name, verify_join_token
from citadel.tokens.ledger import RedemptionLedger


class Attestor:
    """Verifies evidence by ``policy``, which may be replaced at any time. Thread-safe.

    Tokens are verified at most ``rate`` times a second for all peers together, and at a fifth of that for one.
    """

    def __init__(
        self, policy: AttestationPolicy, ledger: RedemptionLedger, *, rate: float = 500.0, burst: int = 1000
    ) -> None:
        self.policy = policy
        self._ledger = ledger
        self._lock = Lock()
        self._all_peers = TokenBucket(rate=rate, burst=burst)
        self._each_peer = KeyedBuckets(rate=rate / 5, burst=max(1, burst // 5))

    def attest(self, evidence: Evidence, now: datetime, *, peer: str) -> Attested | Refusal:
        """Who has shown ``evidence``. ``peer`` is its address without port, for the limit.

        A one-time token is used up by this, on disk, so call it once for each stream and off the event loop.
        """
        policy = self.policy
        try:
            match evidence:
                case ClientCertificate():
                    return attest_certificate(evidence, policy, now)
                case BearerToken():
                    if not self._may_try(peer, now):
                        return Refusal(RefusalCode.RESOURCE_EXHAUSTED, "too many tokens")
                    return self._attest_token(evidence, policy, now)
        except ValueError as objection:
            return Refusal(RefusalCode.UNAUTHENTICATED, f"{_NAMES[type(evidence)]}: {objection}")

    def _may_try(self, peer: str, now: datetime) -> bool:
        seconds = now.timestamp()
        with self._lock:
            return self._each_peer.take(peer, seconds) and self._all_peers.take(seconds)

    def _attest_token(self, bearer: BearerToken, policy: AttestationPolicy, now: datetime) -> Attested | Refusal:
        header, claims = read_unverified(bearer.reveal())
        named = claims.get("iss")
        if policy.token_public_key and named == issuer_name(policy.trust_domain):
            return self._redeem(bearer, policy, now)
        for issuer in policy.oidc_issuers:
            if named == issuer.name:
                identity, expires_at = verify_oidc_token(bearer, header, issuer, policy.trust_domain, now)
                presented = f"{issuer.name} {claims.get('sub')}"
                return Attested(identity, expires_at, AttestationMethod.OIDC, presented)
        raise ValueError("its issuer is not known")

    def _redeem(self, bearer: BearerToken, policy: AttestationPolicy, now: datetime) -> Attested | Refusal:
        token = verify_join_token(bearer, policy.token_public_key, policy.trust_domain, now)
        if token.one_time:
            try:
                if not self._ledger.redeem(token, now):
                    raise ValueError("it was used before")
            except OSError as failure:
                return Refusal(RefusalCode.UNAVAILABLE, f"the ledger of tokens cannot be written: {failure.strerror}")
        return Attested(token.identity, token.expires_at, AttestationMethod.JOIN_TOKEN, f"token {token.token_id}")


_NAMES = {ClientCertificate: "certificate", BearerToken: "token"}

"""Citadel as a running control plane uses it: attests, keeps a certificate for each identity in use, and renews them.

Time is an argument and nothing here waits; ``refresh`` and ``attestor`` touch the disk, so call them off an event loop.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import SystemRandom

from citadel.attestation import AttestationPolicy, Attestor, OidcIssuer
from citadel.ca.authority import Authority, open_authority
from citadel.ca.issuance import (
    IssuanceRequest,
    IssuedCertificate,
    Issuer,
    Profile,
    ServerCertificate,
    issue,
    issue_server_certificate,
    issue_svid,
)
from citadel.ca.keystore import Keystore
from citadel.identity import SpiffeId, Svid, TrustBundle, TrustDomain
from citadel.rate_limit import KeyedBuckets
from citadel.refusal import Refusal, RefusalCode
from citadel.rotation import RotationSchedule
from citadel.state_files import StateError
from citadel.tokens.keystore import open_ledger, open_token_keys
from galley.frozen import frozen
from galley.kinds.mesh_config import DEFAULT_TRUST_DOMAIN

_SIGNED_PER_SECOND = 50.0
_SIGNED_AT_ONCE = 500
"""For one identity, however many replicas share it: a workload that asks in a loop must not keep others waiting."""


@frozen
class CitadelOptions:
    """What Citadel is told at its start.

    ``state`` is the directory of ``citadel init``. Without ``trust_domain`` that of the authority found there counts,
    or cluster.local for a new one. ``server_names`` are what clients call the control plane. ``workload_ttl`` of zero
    means the profile's default.
    """

    state: Path
    server_names: tuple[str, ...]
    trust_domain: TrustDomain | None = None
    cacerts: Path | None = None
    workload_ttl: timedelta = timedelta(0)
    oidc_issuers: tuple[OidcIssuer, ...] = ()


class Citadel:
    """An authority with its tokens, open. Not thread-safe but for ``attestor``, ``refresh`` and ``sign``.

    Raises StateError when the state cannot be used, or ``server_names`` cannot stand in a certificate.
    """

    def __init__(self, options: CitadelOptions, now: datetime) -> None:
        trust_domain = options.trust_domain or _own_trust_domain(options.state)
        self._options = options
        self._authority: Authority = open_authority(
            options.state, trust_domain=trust_domain, now=now, cacerts=options.cacerts
        )
        self._profile = Profile(trust_domain)
        if options.workload_ttl > self._profile.max_ttl:
            raise StateError(f"certificates live at most {self._profile.max_ttl.days} days")
        self._schedule = RotationSchedule(random=SystemRandom().random)
        self._signing = KeyedBuckets(rate=_SIGNED_PER_SECOND, burst=_SIGNED_AT_ONCE)
        self._issuer = self._authority.issuer
        self.server_certificate = self._issue_server_certificate(now)
        policy = AttestationPolicy(
            trust_domain=trust_domain,
            bundle=self._issuer.bundle,
            token_public_key=open_token_keys(options.state).public_key,
            oidc_issuers=options.oidc_issuers,
        )
        self.attestor = Attestor(policy, open_ledger(options.state))

    @property
    def trust_domain(self) -> TrustDomain:
        """The domain of the identities that are issued."""
        return self._profile.trust_domain

    @property
    def bundle(self) -> TrustBundle:
        """The roots that the mesh trusts now."""
        return self._issuer.bundle

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """What an operator should know, one sentence each."""
        return self._authority.warnings(now)

    def refresh(self, now: datetime) -> bool:
        """Notice changed files and renew the intermediate; ``adopt`` then puts it into force. Whether there is news.

        StateError when what is there now cannot be used: what was in force stays so.
        """
        self._authority.refresh(now)
        return self._authority.issuer is not self._issuer

    def adopt(self, now: datetime) -> None:
        """Trust, sign and be known by what ``refresh`` has found. Another signer renews every certificate."""
        before, self._issuer = self._issuer, self._authority.issuer
        self.attestor.policy = replace(self.attestor.policy, bundle=self._issuer.bundle)
        if _signer_changed(before, self._issuer):
            self._schedule.renew_all(now)
            self.server_certificate = self._issue_server_certificate(now)

    def trust_aliases(self, aliases: tuple[TrustDomain, ...]) -> None:
        """Take certificates of these trust domains for our own from now on."""
        self.attestor.policy = replace(self.attestor.policy, aliases=aliases)

    def svid(self, identity: SpiffeId, now: datetime) -> Svid | Refusal:
        """The current certificate of ``identity`` with its key; the first call makes one. For its owner alone.

        An expired one stays when no other can be made: peers whose clocks differ may take it still.
        """
        current = self._schedule.current(identity)
        if current is not None and current.not_after > now:
            return current
        made = issue_svid(self._issuer, self._profile, identity, now, ttl=self._options.workload_ttl)
        if isinstance(made, Svid):
            self._schedule.put(made, now)
            return made
        return current or made

    def renew(self, in_use: Collection[SpiffeId], now: datetime) -> tuple[SpiffeId, ...]:
        """Renew what is due at ``now`` of the identities in use, forget what is due of others; who has a new one."""
        renewed = []
        for identity in self._schedule.due(now):
            if identity not in in_use:
                self._schedule.forget(identity)
                continue
            made = issue_svid(self._issuer, self._profile, identity, now, ttl=self._options.workload_ttl)
            if isinstance(made, Svid):
                self._schedule.put(made, now)
                renewed.append(identity)
            else:
                self._schedule.postpone(identity, now)
        return tuple(renewed)

    def renew_server_certificate(self, now: datetime) -> None:
        """Renew the control plane's own certificate in the middle of its life. StateError when that fails."""
        own = self.server_certificate
        if now >= own.not_after - (own.not_after - own.not_before) / 2:
            self.server_certificate = self._issue_server_certificate(now)

    def next_due(self) -> datetime | None:
        """When ``renew`` has something to do, None while no identity is in use."""
        return self._schedule.next_due()

    def admit_signing(self, identity: SpiffeId, now: datetime) -> Refusal | None:
        """Whether ``identity`` may have another request signed at ``now``; it counts."""
        if self._signing.take(str(identity), now.timestamp()):
            return None
        return Refusal(RefusalCode.RESOURCE_EXHAUSTED, f"too many signing requests of {identity}")

    def sign(self, request: IssuanceRequest, now: datetime) -> tuple[IssuedCertificate, TrustBundle] | Refusal:
        """Sign a workload's own key; with the roots that verify the result."""
        issuer: Issuer = self._issuer
        issued = issue(issuer, self._profile, request, now)
        return issued if isinstance(issued, Refusal) else (issued, issuer.bundle)

    def _issue_server_certificate(self, now: datetime) -> ServerCertificate:
        try:
            made = issue_server_certificate(self._issuer, self._profile, self._options.server_names, now)
        except ValueError as mistake:
            raise StateError(f"no certificate for {', '.join(self._options.server_names)}: {mistake}") from None
        if isinstance(made, Refusal):
            raise StateError(f"no certificate for the control plane itself: {made.reason}")
        return made


def _signer_changed(before: Issuer, after: Issuer) -> bool:
    """A root that signs by itself has no chain; it is among the trusted roots then."""
    return before.chain != after.chain or (not after.chain and before.bundle != after.bundle)


def _own_trust_domain(state: Path) -> TrustDomain:
    keystore = Keystore(state)
    return keystore.load().trust_domain if keystore.exists() else TrustDomain(DEFAULT_TRUST_DOMAIN)

"""The self-signed authority as a value: a root, its intermediate, and the steps by which another root takes over.

Between ``prepare`` and ``retire`` both roots are trusted, so that at no moment a certificate in use is refused:
prepare makes the new root known, activate signs with it, retire forgets the old one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from citadel.ca.issuance import Issuer
from citadel.identity import PrivateKey, TrustBundle, TrustDomain
from citadel.x509 import (
    CertificateTemplate,
    KeyUsage,
    build_signer,
    check_authority_chain,
    check_key_fits,
    decode_certificates,
    generate_private_key,
    public_key_of,
    sign_own_certificate,
)
from galley.frozen import frozen

ROOT_LIFETIME = timedelta(days=3650)
INTERMEDIATE_LIFETIME = timedelta(days=365)
_BACKDATE = timedelta(minutes=2)
_LAST_FIFTH = 0.2
"""Istio speaks up when this part of a root's life is left."""


class RotationStepError(Exception):
    """A step of the rotation that is not due; the text says which one is."""


@frozen
class RootAuthority:
    """A root with the intermediate that signs for it; certificates are PEM."""

    root: bytes
    root_key: PrivateKey
    intermediate: bytes
    intermediate_key: PrivateKey


@frozen
class AuthorityState:
    """What is kept on disk. ``prepared`` is trusted and signs nothing yet; ``retiring`` are roots (PEM) that were
    active before ``activated`` and are still trusted.
    """

    trust_domain: TrustDomain
    active: RootAuthority
    prepared: RootAuthority | None = None
    retiring: tuple[bytes, ...] = ()
    activated: datetime | None = None

    @property
    def bundle(self) -> TrustBundle:
        """The roots that workloads must trust: the active one, one prepared for later, and those that retire."""
        prepared = (self.prepared.root,) if self.prepared else ()
        return TrustBundle(self.trust_domain, (self.active.root, *prepared, *self.retiring))

    @property
    def step(self) -> str:
        """``steady``, ``prepared`` or ``activated``."""
        if self.prepared:
            return "prepared"
        return "activated" if self.retiring else "steady"


def create_authority(trust_domain: TrustDomain, now: datetime) -> AuthorityState:
    """A new root and its intermediate."""
    return AuthorityState(trust_domain, _make_root_authority(trust_domain, now))


def build_issuer(state: AuthorityState) -> Issuer:
    """The active intermediate, ready to sign. ValueError when its key or chain does not fit."""
    active = state.active
    return Issuer(build_signer(active.intermediate, active.intermediate_key), (active.intermediate,), state.bundle)


def prepare_root(state: AuthorityState, now: datetime) -> AuthorityState:
    """Trust a new root beside the active one, which goes on signing."""
    if state.prepared:
        raise RotationStepError("a new root is prepared already; next: citadel root activate")
    if state.retiring:
        raise RotationStepError("the last rotation is not over; next: citadel root retire")
    return replace(state, prepared=_make_root_authority(state.trust_domain, now))


def activate_root(state: AuthorityState, now: datetime) -> AuthorityState:
    """Sign with the prepared root from now on; the one before stays trusted, its key is forgotten."""
    if not state.prepared:
        raise RotationStepError("no new root is prepared; next: citadel root prepare")
    return replace(state, active=state.prepared, prepared=None, retiring=(state.active.root,), activated=now)


def retire_root(state: AuthorityState, now: datetime, *, leaf_ttl: timedelta) -> AuthorityState:
    """Trust the active root alone. Refused until certificates of the old one have expired, ``leaf_ttl`` after
    activation; zero does not wait.
    """
    if not state.retiring:
        raise RotationStepError(f"there is no old root to retire; next: citadel root {_NEXT[state.step]}")
    if state.activated is not None and now < (due := state.activated + leaf_ttl):
        raise RotationStepError(
            f"workloads may still hold certificates of the old root; come back after {due:%Y-%m-%d %H:%M:%S} UTC"
            " (--leaf-ttl says how long they live)"
        )
    return replace(state, retiring=(), activated=None)


_NEXT = {"steady": "prepare", "prepared": "activate", "activated": "retire"}


def next_step(state: AuthorityState) -> str:
    """The command that goes on with the rotation, or begins one."""
    return _NEXT[state.step]


def is_renewal_due(state: AuthorityState, now: datetime) -> bool:
    """Whether the active intermediate has passed the middle of its life, and a new one would live longer."""
    (certificate,) = decode_certificates(state.active.intermediate)
    (root,) = decode_certificates(state.active.root)
    is_past_half = now >= certificate.not_before + (certificate.not_after - certificate.not_before) / 2
    return is_past_half and now < root.not_after and certificate.not_after < root.not_after


def renew_intermediate(state: AuthorityState, now: datetime) -> AuthorityState:
    """A new intermediate under the active root. What the old one signed stays valid: it comes with its own chain."""
    active = state.active
    intermediate, key = _make_intermediate(state.trust_domain, active.root, active.root_key, now)
    return replace(state, active=replace(active, intermediate=intermediate, intermediate_key=key))


def find_warnings(state: AuthorityState, now: datetime) -> tuple[str, ...]:
    """What an operator should know before it hurts, one sentence each."""
    (root,) = decode_certificates(state.active.root)
    if now >= root.not_after:
        return (f"the root expired on {root.not_after:%Y-%m-%d}; begin another: citadel root prepare",)
    if root.not_after - now < (root.not_after - root.not_before) * _LAST_FIFTH:
        return (f"the root expires on {root.not_after:%Y-%m-%d}; begin another: citadel root prepare",)
    return ()


def check_state(state: AuthorityState) -> None:
    """ValueError unless every key fits its certificate and every intermediate its root."""
    for authority in (state.active, state.prepared):
        if authority is not None:
            check_key_fits(authority.root, authority.root_key)
            check_key_fits(authority.intermediate, authority.intermediate_key)
            check_authority_chain((authority.intermediate,), (authority.root,))
    for root in state.retiring:
        check_authority_chain((root,), (root,))


def _make_root_authority(trust_domain: TrustDomain, now: datetime) -> RootAuthority:
    key = generate_private_key()
    template = _authority_template(trust_domain, "root", key, now, not_after=now + ROOT_LIFETIME)
    root = sign_own_certificate(template, key)
    intermediate, intermediate_key = _make_intermediate(trust_domain, root, key, now)
    return RootAuthority(root, key, intermediate, intermediate_key)


def _make_intermediate(
    trust_domain: TrustDomain, root: bytes, root_key: PrivateKey, now: datetime
) -> tuple[bytes, PrivateKey]:
    signer = build_signer(root, root_key)
    key = generate_private_key()
    not_after = min(now + INTERMEDIATE_LIFETIME, signer.not_after)
    template = _authority_template(trust_domain, "intermediate", key, now, not_after=not_after)
    return signer.sign(replace(template, path_length=0)), key


def _authority_template(
    trust_domain: TrustDomain, role: str, key: PrivateKey, now: datetime, *, not_after: datetime
) -> CertificateTemplate:
    public_key = public_key_of(key)
    # The name carries the key's own mark: verifiers that look issuers up by name must not mistake one root for the
    # next.
    return CertificateTemplate(
        public_key=public_key,
        not_before=(now - _BACKDATE).replace(microsecond=0),
        not_after=not_after.replace(microsecond=0),
        usage=KeyUsage.AUTHORITY,
        organization=trust_domain.name,
        common_name=f"Citadel {role} {sha256(public_key).hexdigest()[:8]}",
    )

"""The authority of a running control plane: who signs and what is trusted now, read again when the files change."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from citadel.ca.cacerts import check_replacement, load_cacerts, version_of
from citadel.ca.issuance import Issuer
from citadel.ca.keystore import Keystore
from citadel.ca.roots import AuthorityState, build_issuer, find_warnings, is_renewal_due, renew_intermediate
from citadel.identity import TrustBundle, TrustDomain


class Authority(Protocol):
    """``issuer`` and its ``bundle`` stay in force until ``refresh`` finds others."""

    @property
    def issuer(self) -> Issuer:
        """Signs certificates with the authority's key."""

    @property
    def bundle(self) -> TrustBundle:
        """The roots that workloads must trust."""

    def refresh(self, now: datetime) -> bool:
        """Read the files again if they changed, renew what is due; whether issuer or bundle are new.

        StateError when what is there now cannot be used: what was in force stays so.
        """

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """What an operator should know, one sentence each."""


def open_authority(
    state_directory: Path, *, trust_domain: TrustDomain, now: datetime, cacerts: Path | None = None
) -> Authority:
    """The plugged-in authority in ``cacerts`` if that is given, else the self-signed one, made on the first start.

    StateError when it cannot be used; the text says what to do.
    """
    if cacerts is not None:
        return PluggedInAuthority(cacerts, trust_domain)
    authority = SelfSignedAuthority(Keystore(state_directory), trust_domain, now)
    authority.refresh(now)
    return authority


class SelfSignedAuthority:
    """The authority in a keystore; commands that rotate its root may run beside it. Not thread-safe."""

    def __init__(self, keystore: Keystore, trust_domain: TrustDomain, now: datetime) -> None:
        self._keystore = keystore
        self._seen: Hashable = keystore.version()
        self._state = keystore.open(trust_domain, now)
        self._issuer = build_issuer(self._state)

    @property
    def issuer(self) -> Issuer:
        """Signs with the key in force."""
        return self._issuer

    @property
    def bundle(self) -> TrustBundle:
        """The roots that workloads must trust."""
        return self._issuer.bundle

    @property
    def state(self) -> AuthorityState:
        """The roots and where their rotation stands."""
        return self._state

    def refresh(self, now: datetime) -> bool:
        """See ``Authority``. The intermediate is renewed in the middle of its life."""
        before = self._state
        version = self._keystore.version()
        if version != self._seen:
            self._adopt(self._keystore.load())
            self._seen = version
        if is_renewal_due(self._state, now):
            self._adopt(self._keystore.update(lambda state: _renew_if_due(state, now)))
        return self._state != before

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """See ``Authority``."""
        return find_warnings(self._state, now)

    def _adopt(self, state: AuthorityState) -> None:
        if state != self._state:
            self._issuer = build_issuer(state)
            self._state = state


class PluggedInAuthority:
    """The authority in a directory that somebody else fills. Not thread-safe."""

    def __init__(self, directory: Path, trust_domain: TrustDomain) -> None:
        self._directory = directory
        self._trust_domain = trust_domain
        self._seen: Hashable = version_of(directory)
        self._issuer = load_cacerts(directory, trust_domain)

    @property
    def issuer(self) -> Issuer:
        """Signs with the key in force."""
        return self._issuer

    @property
    def bundle(self) -> TrustBundle:
        """The roots that workloads must trust."""
        return self._issuer.bundle

    def refresh(self, now: datetime) -> bool:
        """See ``Authority``. Files that are replaced one by one do not fit for a moment: call again."""
        version = version_of(self._directory)
        if version == self._seen:
            return False
        issuer = load_cacerts(self._directory, self._trust_domain)
        check_replacement(self.bundle, issuer.bundle)
        self._seen, self._issuer = version, issuer
        return True

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """See ``Authority``."""
        left = self._issuer.signer.not_after - now
        if left.days >= 30:
            return ()
        return (f"the signing certificate in {self._directory} expires at {self._issuer.signer.not_after}; replace it",)


def _renew_if_due(state: AuthorityState, now: datetime) -> AuthorityState:
    return renew_intermediate(state, now) if is_renewal_due(state, now) else state

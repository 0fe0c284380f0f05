"""What is served of type Secret: to each proven identity its own certificate and the roots, to nobody else's."""

from __future__ import annotations

import logging
from collections.abc import Collection, Hashable
from datetime import UTC, datetime

from citadel.envoy.secrets import ROOTS_SECRET
from citadel.identity import SpiffeId, TrustBundle
from citadel.refusal import Refusal
from citadel.service import Citadel
from pilot.envoy.secret import roots_resource, workload_resource
from pilot.xds.resources import SECRET, EncodedResource, ResourceSet

log = logging.getLogger(__name__)


class Secrets:
    """The secrets of each identity in use, encoded once per certificate. Nothing is shared between identities."""

    def __init__(self, citadel: Citadel) -> None:
        self._citadel = citadel
        self._sets: dict[SpiffeId, tuple[Hashable, ResourceSet]] = {}
        self._roots: tuple[TrustBundle, EncodedResource] | None = None
        self._roots_alone: ResourceSet | None = None
        self._lacking: set[SpiffeId] = set()

    @property
    def lacking(self) -> frozenset[SpiffeId]:
        """Who has asked for a certificate that could not be issued."""
        return frozenset(self._lacking)

    def of(self, identity: SpiffeId) -> ResourceSet:
        """What ``identity`` holds now, the same object until its certificate or the roots change.

        Without the certificate while none can be issued; the roots, and what it holds already, stay.
        """
        svid = self._citadel.svid(identity, datetime.now(UTC))
        key = (None if isinstance(svid, Refusal) else svid.chain, self._citadel.bundle)
        known = self._sets.get(identity)
        if known is not None and known[0] == key:
            return known[1]
        resources = [self._roots_resource(self._citadel.bundle)]
        if isinstance(svid, Refusal):
            log.error("no certificate for %s: %s", identity, svid.reason)
            self._lacking.add(identity)
        else:
            self._lacking.discard(identity)
            resources.append(workload_resource(svid))
        secrets = ResourceSet(SECRET, resources)
        self._sets[identity] = (key, secrets)
        return secrets

    def roots(self) -> ResourceSet:
        """The roots alone, for agents; the same object until they change."""
        roots = self._roots_resource(self._citadel.bundle)
        if self._roots_alone is None or self._roots_alone.get(ROOTS_SECRET) is not roots:
            self._roots_alone = ResourceSet(SECRET, [roots])
        return self._roots_alone

    def retain(self, in_use: Collection[SpiffeId]) -> None:
        """Forget the secrets of all others: nobody is connected as one of them."""
        for identity in [identity for identity in self._sets if identity not in in_use]:
            del self._sets[identity]
            self._lacking.discard(identity)

    def _roots_resource(self, bundle: TrustBundle) -> EncodedResource:
        if self._roots is None or self._roots[0] != bundle:
            self._roots = bundle, roots_resource(bundle)
        return self._roots[1]

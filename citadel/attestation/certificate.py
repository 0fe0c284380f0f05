"""Identity from a certificate of the mesh: how a proxy that has one renews it."""

from __future__ import annotations

from datetime import datetime

from citadel.attestation.evidence import AttestationMethod, Attested, ClientCertificate
from citadel.attestation.policy import AttestationPolicy
from citadel.identity import SpiffeId
from citadel.x509 import verify_client_chain


def attest_certificate(evidence: ClientCertificate, policy: AttestationPolicy, now: datetime) -> Attested:
    """The identity that a chain proves. ValueError says what is wrong, for our own log.

    X509-SVID, section 2: exactly one URI among the alternative names, and that is the identity. Other kinds of names
    may stand beside it and mean nothing.
    """
    leaf = verify_client_chain(evidence.chain_pem, policy.bundle.roots, now)
    uris = [*leaf.spiffe_ids, *(name for name in leaf.alternative_names if name.startswith("URI:"))]
    match uris:
        case [uri]:
            identity = policy.canonical(SpiffeId.parse(uri))
            return Attested(identity, leaf.not_after, AttestationMethod.CERTIFICATE, uri)
    raise ValueError(f"{len(uris)} URIs in place of one")

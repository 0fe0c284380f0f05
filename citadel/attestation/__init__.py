"""Who may have which identity: what a proxy shows, verified, before it is given anything."""

from __future__ import annotations

from citadel.attestation.attestor import Attestor
from citadel.attestation.evidence import AttestationMethod, Attested, ClientCertificate, Evidence, render_audit
from citadel.attestation.oidc import OidcIssuer, build_oidc_issuer
from citadel.attestation.policy import AttestationPolicy
from citadel.identity import BearerToken

__all__ = [
    "AttestationMethod",
    "AttestationPolicy",
    "Attested",
    "Attestor",
    "BearerToken",
    "ClientCertificate",
    "Evidence",
    "OidcIssuer",
    "build_oidc_issuer",
    "render_audit",
]

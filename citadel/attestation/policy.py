"""By what a control plane believes an identity."""

from __future__ import annotations

from citadel.attestation.oidc import OidcIssuer
from citadel.identity import SpiffeId, TrustBundle, TrustDomain
from galley.frozen import frozen


@frozen
class AttestationPolicy:
    """``bundle`` verifies certificates of the mesh, ``token_public_key`` (PEM; b"" for none) our join tokens.

    ``aliases`` are trust domains that count as our own (MeshConfig ``trustDomainAliases``).
    """

    trust_domain: TrustDomain
    bundle: TrustBundle
    aliases: tuple[TrustDomain, ...] = ()
    token_public_key: bytes = b""
    oidc_issuers: tuple[OidcIssuer, ...] = ()

    def canonical(self, identity: SpiffeId) -> SpiffeId:
        """The same workload in our own trust domain. ValueError for one of a domain that is neither ours nor an
        alias.
        """
        if identity.trust_domain != self.trust_domain and identity.trust_domain not in self.aliases:
            raise ValueError(f"{identity} is of another trust domain")
        return SpiffeId(self.trust_domain, identity.namespace, identity.service_account)

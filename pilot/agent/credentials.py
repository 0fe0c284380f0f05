"""What an agent holds: its workload's certificate with the key and the roots, checked before anybody relies on them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from citadel.identity import PrivateKey, SpiffeId, Svid, TrustBundle
from citadel.x509 import (
    check_key_fits,
    decode_private_key,
    split_certificates,
    verify_client_chain,
)
from galley.frozen import frozen
from pilot.envoy.secret import roots_resource, workload_resource
from pilot.xds.resources import SECRET, ResourceSet


@frozen
class ServiceAccount:
    """The account whose workload this is the agent of. Which trust domain it is in, the control plane says."""

    namespace: str
    name: str

    def is_named_by(self, identity: SpiffeId) -> bool:
        """Whether ``identity`` is that of this account, in whichever trust domain."""
        return (self.namespace, self.name) == (identity.namespace, identity.service_account)


@frozen
class Credentials:
    """A workload's certificate and key, and the roots that came with it."""

    svid: Svid
    bundle: TrustBundle

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the certificate still proves something."""
        return self.svid.not_before <= moment < self.svid.not_after


def accept_response(elements: Sequence[str], key: PrivateKey, account: ServiceAccount, now: datetime) -> Credentials:
    """The credentials in a response of ``CreateCertificate`` to a request for ``key``.

    Leaf and intermediates stand first, all roots in the last element. ValueError says why Envoy must not be given
    them: of another workload, for another key, not of these roots.
    """
    if len(elements) < 2:
        raise ValueError(f"a response of {len(elements)} parts in place of a certificate and its roots")
    *chain, roots = [element.encode() for element in elements]
    return build_credentials(b"".join(chain), roots, key, account, now)


def build_credentials(
    chain_pem: bytes, roots_pem: bytes, key: PrivateKey, account: ServiceAccount, now: datetime
) -> Credentials:
    """Credentials of a workload of ``account`` that are good at ``now``. ValueError says what is wrong with them."""
    roots = split_certificates(roots_pem)
    leaf = verify_client_chain(chain_pem, roots, now)
    check_key_fits(chain_pem, key)
    if len(leaf.spiffe_ids) != 1:
        raise ValueError(f"a certificate with {len(leaf.spiffe_ids)} identities")
    identity = SpiffeId.parse(leaf.spiffe_ids[0])
    if not account.is_named_by(identity):
        raise ValueError(f"a certificate of {identity}, not of {account.namespace}/{account.name}")
    svid = Svid(identity, split_certificates(chain_pem), key, leaf.not_before, leaf.not_after)
    return Credentials(svid, TrustBundle(identity.trust_domain, roots))


def encode_identity(svid: Svid) -> bytes:
    """Key and chain as one PEM file: two files could be of two certificates after a crash between them."""
    return svid.private_key.reveal() + svid.chain_pem


def decode_identity(pem: bytes, roots_pem: bytes, account: ServiceAccount, now: datetime) -> Credentials:
    """What `encode_identity` has written. ValueError when it cannot be used at ``now``."""
    return build_credentials(pem, roots_pem, decode_private_key(pem), account, now)


def secrets_of(credentials: Credentials) -> ResourceSet:
    """The resources that Envoy asks for, under Istio's names."""
    return ResourceSet(SECRET, (workload_resource(credentials.svid), roots_resource(credentials.bundle)))

"""Whether a chain of certificates leads to a root, by the crypto library's own path validation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from citadel.x509.certificates import Certificate, describe, load_certificates
from citadel.x509.keys import check_public_key

MAX_CHAIN_BYTES = 64 * 1024
"""A chain of four certificates has some 4 kB with EC keys and 8 kB with RSA."""
_MAX_CERTIFICATES = 8
_MAX_DEPTH = 4


def verify_client_chain(chain_pem: bytes, roots: Sequence[bytes], now: datetime) -> Certificate:
    """The leaf of a client's chain (leaf first, PEM), when it leads to one of ``roots`` at ``now``.

    Every certificate must be valid in time, each issuer an authority that may sign certificates, within its path
    length; the leaf no authority, for TLS clients, with an alternative name, and of a key that we accept. ValueError
    says what is wrong; that is for our own log, not for the client.
    """
    if len(chain_pem) > MAX_CHAIN_BYTES:
        raise ValueError(f"a chain of {len(chain_pem)} bytes")
    chain = load_certificates(chain_pem)
    if len(chain) > _MAX_CERTIFICATES:
        raise ValueError(f"a chain of {len(chain)} certificates")
    try:
        check_public_key(chain[0].public_key())
        builder = PolicyBuilder().store(_store(tuple(roots))).time(now).max_chain_depth(_MAX_DEPTH)
        verifier = builder.extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY).build_client_verifier()
        verifier.verify(chain[0], chain[1:])
        return describe(chain[0])
    except (
        VerificationError,
        InvalidSignature,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        x509.InvalidVersion,
        TypeError,
    ) as refusal:
        raise ValueError(f"not verified: {refusal}") from refusal


def check_authority_chain(chain: Sequence[bytes], roots: Sequence[bytes]) -> None:
    """ValueError unless ``chain`` (signing certificate first, PEM each) leads to one of ``roots``.

    Time is left out: whoever signs finds out that an authority has expired.
    """
    certificates = [load_certificates(pem)[0] for pem in chain]
    anchors = [load_certificates(pem)[0] for pem in roots]
    for certificate in (*certificates, *anchors):
        _check_is_authority(certificate)
    current = certificates[0]
    for issuer in certificates[1:]:
        if current in anchors:
            return
        _check_issued(current, issuer)
        current = issuer
    if current not in anchors and not any(_is_issued(current, anchor) for anchor in anchors):
        raise ValueError(f"{current.subject.rfc4514_string()} does not lead to a root")


def _check_is_authority(certificate: x509.Certificate) -> None:
    if not describe(certificate).is_authority:
        raise ValueError(f"{certificate.subject.rfc4514_string() or 'a certificate'} is not an authority's")


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if not _is_issued(certificate, issuer):
        issued, by = certificate.subject.rfc4514_string(), issuer.subject.rfc4514_string()
        raise ValueError(f"{issued} was not issued by {by}, which follows it")


def _is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@lru_cache(maxsize=8)
def _store(roots: tuple[bytes, ...]) -> Store:
    return Store([load_certificates(pem)[0] for pem in roots])


def _require_authority(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an issuer that is no authority")


def _require_certificate_signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer that may not sign certificates")


def _refuse_authority(
    _policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("an authority in place of a workload")


def _require_digital_signature(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and (usage.key_cert_sign or usage.crl_sign or not usage.digital_signature):
        raise ValueError("a leaf with the key usage of an authority, or without digitalSignature")


def _require_client(_policy: Policy, _certificate: x509.Certificate, usages: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise ValueError("a certificate that is not for TLS clients")


# The library's defaults are those of the public web, which private authorities need not follow (key identifiers,
# criticality); what identity rests upon is required here one by one.
_CA_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _require_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _require_certificate_signing)
)
_LEAF_POLICY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _require_client)
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _refuse_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _require_digital_signature)
)

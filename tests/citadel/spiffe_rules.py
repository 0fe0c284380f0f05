"""The rules of X509-SVID and SPIFFE-ID, as strict as Go's SPIFFE library, read from the certificate itself."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


def check_leaf(certificate: x509.Certificate) -> str:
    """The SPIFFE id of a leaf; AssertionError names the rule that it breaks."""
    by_oid = {extension.oid: extension for extension in certificate.extensions}
    names = by_oid[ExtensionOID.SUBJECT_ALTERNATIVE_NAME]
    assert isinstance(names.value, x509.SubjectAlternativeName)
    uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    assert len(uris) == 1, "exactly one URI SAN (X509-SVID 2)"
    assert names.critical or list(certificate.subject), "SAN is critical when the subject is empty (RFC 5280 4.2.1.6)"
    constraints = by_oid[ExtensionOID.BASIC_CONSTRAINTS].value
    assert isinstance(constraints, x509.BasicConstraints)
    assert not constraints.ca, "a leaf is no CA (4.1)"
    usage = by_oid[ExtensionOID.KEY_USAGE]
    assert usage.critical, "key usage is critical (4.3)"
    assert isinstance(usage.value, x509.KeyUsage)
    assert usage.value.digital_signature, "digitalSignature (4.3)"
    assert not usage.value.key_cert_sign, "no keyCertSign (4.3)"
    assert not usage.value.crl_sign, "no cRLSign (4.3)"
    assert 0 < certificate.serial_number < 1 << 159
    check_id(uris[0])
    return uris[0]


def check_authority(certificate: x509.Certificate) -> None:
    """AssertionError names the rule that a signing certificate breaks."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign, "keyCertSign (X509-SVID 4.3)"
    assert not usage.value.digital_signature


def check_id(text: str) -> None:
    """SPIFFE-ID, section 2."""
    assert len(text.encode()) <= 2048
    assert text.startswith("spiffe://")
    domain, _, path = text.removeprefix("spiffe://").partition("/")
    assert _TRUST_DOMAIN.fullmatch(domain)
    for segment in path.split("/"):
        assert _SEGMENT.fullmatch(segment)
        assert segment not in (".", "..")

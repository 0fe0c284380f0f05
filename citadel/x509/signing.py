"""Certificates signed as a template says, each with a random serial number."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import Enum
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from citadel.identity import PrivateKey
from citadel.x509.certificates import load_certificates
from citadel.x509.keys import SigningKey, check_key_fits, key_identifier, load_private_key
from galley.frozen import frozen


class KeyUsage(Enum):
    """What the key of a certificate may sign: the bits of the KeyUsage extension that we ever set."""

    LEAF = "digitalSignature, keyEncipherment"
    AUTHORITY = "keyCertSign"


class ExtendedUsage(Enum):
    """On which side of a TLS connection a certificate may stand."""

    SERVER = ExtendedKeyUsageOID.SERVER_AUTH
    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@frozen
class CertificateTemplate:
    """A certificate to be signed. ``path_length`` counts for an authority only; ``public_key`` is DER.

    The names under ``uris``, ``dns_names`` and ``ip_addresses`` become the SubjectAlternativeName.
    """

    public_key: bytes
    not_before: datetime
    not_after: datetime
    usage: KeyUsage
    extended_usages: tuple[ExtendedUsage, ...] = ()
    common_name: str = ""
    organization: str = ""
    uris: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    path_length: int | None = None


class Signer:
    """An authority's certificate with its key, read once and ready to sign. Its repr shows neither."""

    __slots__ = ("_certificate", "_identifier", "_key")

    def __init__(self, certificate: x509.Certificate, key: SigningKey) -> None:
        self._certificate = certificate
        self._key = key
        self._identifier = _identifier_of(certificate)

    def __repr__(self) -> str:
        return f"Signer({self._certificate.subject.rfc4514_string()!r})"

    @property
    def not_after(self) -> datetime:
        """When its own certificate expires; nothing that it signs may live longer."""
        return self._certificate.not_valid_after_utc

    def sign(self, template: CertificateTemplate) -> bytes:
        """The certificate as PEM."""
        builder = _builder(template).issuer_name(self._certificate.subject)
        identifier = x509.AuthorityKeyIdentifier(self._identifier.digest, None, None)
        return _sign(builder.add_extension(identifier, critical=False), self._key)


def build_signer(certificate_pem: bytes, key: PrivateKey) -> Signer:
    """ValueError unless ``key`` belongs to the certificate and that is an authority's."""
    check_key_fits(certificate_pem, key)
    certificate = load_certificates(certificate_pem)[0]
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if not is_authority:
        raise ValueError("the certificate is not an authority's (CA:TRUE is missing)")
    return Signer(certificate, load_private_key(key))


def sign_own_certificate(template: CertificateTemplate, key: PrivateKey) -> bytes:
    """A root: a certificate for the public half of ``key``, signed with ``key``, as PEM."""
    return _sign(_builder(template).issuer_name(_subject(template)), load_private_key(key))


def _sign(builder: x509.CertificateBuilder, key: SigningKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _builder(template: CertificateTemplate) -> x509.CertificateBuilder:
    public_key = serialization.load_der_public_key(template.public_key)
    is_authority = template.usage is KeyUsage.AUTHORITY
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(template))
        .public_key(public_key)  # type: ignore[arg-type]
        .serial_number(secrets.randbits(128) or 1)
        .not_valid_before(template.not_before)
        .not_valid_after(template.not_after)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=template.path_length), critical=True)
        .add_extension(_key_usage(template.usage), critical=True)
    )
    if is_authority:
        builder = builder.add_extension(key_identifier(public_key), critical=False)
    if template.extended_usages:
        usages = x509.ExtendedKeyUsage([usage.value for usage in template.extended_usages])
        builder = builder.add_extension(usages, critical=False)
    names = _alternative_names(template)
    return builder.add_extension(x509.SubjectAlternativeName(names), critical=True) if names else builder


def _subject(template: CertificateTemplate) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, template.organization), (NameOID.COMMON_NAME, template.common_name))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])


def _alternative_names(template: CertificateTemplate) -> list[x509.GeneralName]:
    return [
        *map(x509.UniformResourceIdentifier, template.uris),
        *map(x509.DNSName, template.dns_names),
        *(x509.IPAddress(ip_address(text)) for text in template.ip_addresses),
    ]


def _key_usage(usage: KeyUsage) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=usage is KeyUsage.LEAF,
        key_encipherment=usage is KeyUsage.LEAF,
        key_cert_sign=usage is KeyUsage.AUTHORITY,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier_of(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return key_identifier(certificate.public_key())

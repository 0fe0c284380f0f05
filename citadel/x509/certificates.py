"""What certificates say, as values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from citadel.identity import SCHEME
from galley.frozen import frozen


@frozen
class Certificate:
    """What a certificate says. Names are RFC 4514 text, times UTC, serial number and fingerprint hexadecimal.

    ``spiffe_ids`` are those of its URIs that have that scheme; ``alternative_names`` all others, as ``DNS:…``,
    ``IP:…``, ``URI:…`` or ``email:…``. ``fingerprint`` is SHA-256 over the whole certificate.
    """

    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    spiffe_ids: tuple[str, ...]
    alternative_names: tuple[str, ...]
    is_authority: bool
    key: str
    fingerprint: str

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name, as a root has them."""
        return self.subject == self.issuer

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether ``moment`` is in its period of validity, both ends included."""
        return self.not_before <= moment <= self.not_after


def decode_certificates(pem: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file in their order; other things in it are passed over.

    ValueError when there is none, or one is malformed.
    """
    try:
        return tuple(describe(certificate) for certificate in load_certificates(pem))
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as refusal:
        raise ValueError(str(refusal)) from refusal


def split_certificates(pem: bytes) -> tuple[bytes, ...]:
    """Each certificate of a PEM file as PEM of its own, without comments, ending in a newline.

    ValueError when there is none, or one is malformed.
    """
    encoded = [each.public_bytes(serialization.Encoding.PEM) for each in load_certificates(pem)]
    return tuple(one if one.endswith(b"\n") else one + b"\n" for one in encoded)


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """The crypto library's objects, for the modules of this package. ValueError as for ``decode_certificates``."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except x509.InvalidVersion as refusal:
        raise ValueError(str(refusal)) from refusal


def describe(certificate: x509.Certificate) -> Certificate:
    """What the crypto library's object says."""
    extensions = _extensions(certificate)
    names = list(_alternative_names(extensions))
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        spiffe_ids=tuple(name.removeprefix("URI:") for name in names if name.startswith(f"URI:{SCHEME}")),
        alternative_names=tuple(name for name in names if not name.startswith(f"URI:{SCHEME}")),
        is_authority=_is_authority(extensions),
        key=_describe_key(certificate),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def _extensions(certificate: x509.Certificate) -> list[x509.ExtensionType]:
    return [extension.value for extension in certificate.extensions]


def _is_authority(extensions: Iterable[x509.ExtensionType]) -> bool:
    return any(extension.ca for extension in extensions if isinstance(extension, x509.BasicConstraints))


def _alternative_names(extensions: Iterable[x509.ExtensionType]) -> Iterable[str]:
    for extension in extensions:
        if isinstance(extension, x509.SubjectAlternativeName):
            yield from map(describe_name, extension)


def describe_name(name: x509.GeneralName) -> str:
    """As ``URI:…``, ``DNS:…``, ``IP:…``, ``email:…`` or ``other:TYPE``."""
    match name:
        case x509.UniformResourceIdentifier():
            return f"URI:{name.value}"
        case x509.DNSName():
            return f"DNS:{name.value}"
        case x509.IPAddress():
            return f"IP:{name.value}"
        case x509.RFC822Name():
            return f"email:{name.value}"
    return f"other:{type(name).__name__}"


def _describe_key(certificate: x509.Certificate) -> str:
    try:
        public_key = certificate.public_key()
    except UnsupportedAlgorithm:
        return "unknown"
    match public_key:
        case rsa.RSAPublicKey() | dsa.DSAPublicKey() as key:
            return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
        case ec.EllipticCurvePublicKey() as key:
            return f"EC {key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case _:
            return type(public_key).__name__

"""Private keys: made, read, and compared with the certificates that they belong to."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from citadel.identity import PrivateKey
from citadel.x509.certificates import load_certificates

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
_MIN_RSA_EXPONENT = 65537
_MAX_RSA_EXPONENT_BITS = 32
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def generate_private_key() -> PrivateKey:
    """A new ECDSA key on P-256: small, fast, and understood by every Envoy."""
    return _encode(ec.generate_private_key(ec.SECP256R1()))


def decode_private_key(pem: bytes) -> PrivateKey:
    """The key in a PEM file (PKCS #1, SEC 1 or PKCS #8). ValueError unless it is there, unencrypted, EC or RSA."""
    return _encode(_load(pem))


def public_key_of(key: PrivateKey) -> bytes:
    """The public half as DER (SubjectPublicKeyInfo)."""
    return encode_public_key(load_private_key(key).public_key())


def encode_public_key_pem(key: PrivateKey) -> bytes:
    """The public half as PEM."""
    public_key = load_private_key(key).public_key()
    return public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def check_is_p256(key: PrivateKey) -> None:
    """ValueError unless ``key`` is one for ECDSA on P-256."""
    match load_private_key(key):
        case ec.EllipticCurvePrivateKey() as loaded if loaded.curve.name == "secp256r1":
            return
    raise ValueError("the key is not one for ECDSA on P-256")


def check_key_fits(certificate_pem: bytes, key: PrivateKey) -> None:
    """ValueError unless ``key`` belongs to the first certificate."""
    certificate = load_certificates(certificate_pem)[0]
    if encode_public_key(certificate.public_key()) != public_key_of(key):
        raise ValueError("the key does not belong to the certificate")


def load_private_key(key: PrivateKey) -> SigningKey:
    """The crypto library's object, for the modules of this package."""
    return _load(key.reveal())


def encode_public_key(key: PublicKeyTypes) -> bytes:
    """DER (SubjectPublicKeyInfo)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def check_public_key(key: object) -> None:
    """ValueError unless ``key`` is one that a workload may have: RSA from 2048 to 8192 bits, or P-256, P-384, P-521.

    Ed25519 is left out because Envoy does not present such certificates. The exponent is bounded from below against
    forgeries and from above because verifying takes time in proportion to it.
    """
    match key:
        case rsa.RSAPublicKey():
            if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
                raise ValueError(f"an RSA key of {key.key_size} bits")
            exponent = key.public_numbers().e
            if exponent < _MIN_RSA_EXPONENT or exponent.bit_length() > _MAX_RSA_EXPONENT_BITS or exponent % 2 == 0:
                raise ValueError("an RSA key with an unusual exponent")
        case ec.EllipticCurvePublicKey():
            if key.curve.name not in _CURVES:
                raise ValueError(f"an EC key on {key.curve.name}")
        case _:
            raise ValueError("a key that is neither RSA nor EC")


def _load(pem: bytes) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the private key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's own text may quote what it could not read.
        raise ValueError("no private key in PEM form") from None
    match key:
        case ec.EllipticCurvePrivateKey() | rsa.RSAPrivateKey():
            return key
    raise ValueError("the private key is neither RSA nor EC")


def _encode(key: SigningKey) -> PrivateKey:
    return PrivateKey(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def key_identifier(public_key: PublicKeyTypes) -> x509.SubjectKeyIdentifier:
    """RFC 5280, section 4.2.1.2, method 1."""
    return x509.SubjectKeyIdentifier.from_public_key(public_key)  # type: ignore[arg-type]

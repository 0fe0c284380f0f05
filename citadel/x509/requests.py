"""Certificate signing requests (PKCS #10) from strangers: read within limits, checked, and reduced to what counts."""

from __future__ import annotations

import re
from base64 import b64decode

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from citadel.identity import PrivateKey, SpiffeId
from citadel.x509.certificates import describe_name
from citadel.x509.keys import check_public_key, encode_public_key, load_private_key
from galley.frozen import frozen

MAX_REQUEST_BYTES = 16 * 1024
"""A request with an RSA key of 8192 bits has some 3 kB."""

# Possessive: a pattern that went back and forth over 16 kB of white space would take seconds.
_PEM = re.compile(rb"\s*+-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]++)-----END CERTIFICATE REQUEST-----\s*+")
_HASHES = ("sha256", "sha384", "sha512")


@frozen
class SigningRequest:
    """What a request asks for; nothing in it is believed but that the sender holds the key.

    ``public_key`` is DER (SubjectPublicKeyInfo), ``alternative_names`` as ``URI:…``, ``DNS:…``, ``IP:…``.
    """

    public_key: bytes
    common_name: str = ""
    alternative_names: tuple[str, ...] = ()
    wants_authority: bool = False


def decode_signing_request(pem: bytes) -> SigningRequest:
    """Read a request and check size, form, strength of its key, then its signature.

    ValueError says what is wrong; that is for our own log, not for the sender.
    """
    if len(pem) > MAX_REQUEST_BYTES:
        raise ValueError(f"a request of {len(pem)} bytes")
    request = _load(pem)
    try:
        key = request.public_key()
        # Before the signature: verifying one costs time in proportion to the key.
        check_public_key(key)
        if request.signature_hash_algorithm is None or request.signature_hash_algorithm.name not in _HASHES:
            raise ValueError("a signature over a weak hash")
        if not request.is_signature_valid:
            raise ValueError("the signature is not that of the key")
        return _reduce(request, encode_public_key(key))
    except (UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, TypeError) as refusal:
        raise ValueError(f"unreadable: {refusal}") from refusal


def build_signing_request(key: PrivateKey, identity: SpiffeId | None = None) -> bytes:
    """The request of a workload for the certificate of its own identity, as PEM.

    Without ``identity`` it names nobody: whoever signs knows who asks.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if identity is not None:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(identity))])
        builder = builder.add_extension(names, critical=True)
    return builder.sign(load_private_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _load(pem: bytes) -> x509.CertificateSigningRequest:
    framed = _PEM.fullmatch(pem)
    if framed is None:
        raise ValueError("not exactly one PEM block of type CERTIFICATE REQUEST")
    try:
        return x509.load_der_x509_csr(b64decode(b"".join(framed[1].split()), validate=True))
    except (ValueError, x509.InvalidVersion) as malformed:
        raise ValueError(f"malformed: {malformed}") from malformed


def _reduce(request: x509.CertificateSigningRequest, public_key: bytes) -> SigningRequest:
    names: list[str] = []
    wants_authority = False
    for extension in request.extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as alternatives:
                names += map(describe_name, alternatives)
            case x509.BasicConstraints(ca=True):
                wants_authority = True
            case x509.KeyUsage() as usage:
                wants_authority = wants_authority or usage.key_cert_sign or usage.crl_sign
    common_names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return SigningRequest(
        public_key=public_key,
        common_name=str(common_names[0].value) if common_names else "",
        alternative_names=tuple(names),
        wants_authority=wants_authority,
    )

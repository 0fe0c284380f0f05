"""X.509 as values: certificates, keys, requests and chains. The only package that imports the crypto library."""

from __future__ import annotations

from citadel.x509.certificates import Certificate, decode_certificates, split_certificates
from citadel.x509.keys import (
    check_is_p256,
    check_key_fits,
    decode_private_key,
    encode_public_key_pem,
    generate_private_key,
    public_key_of,
)
from citadel.x509.requests import MAX_REQUEST_BYTES, SigningRequest, build_signing_request, decode_signing_request
from citadel.x509.signing import (
    CertificateTemplate,
    ExtendedUsage,
    KeyUsage,
    Signer,
    build_signer,
    sign_own_certificate,
)
from citadel.x509.verification import MAX_CHAIN_BYTES, check_authority_chain, verify_client_chain

__all__ = [
    "MAX_CHAIN_BYTES",
    "MAX_REQUEST_BYTES",
    "Certificate",
    "CertificateTemplate",
    "ExtendedUsage",
    "KeyUsage",
    "Signer",
    "SigningRequest",
    "build_signer",
    "build_signing_request",
    "check_authority_chain",
    "check_is_p256",
    "check_key_fits",
    "decode_certificates",
    "decode_private_key",
    "decode_signing_request",
    "encode_public_key_pem",
    "generate_private_key",
    "public_key_of",
    "sign_own_certificate",
    "split_certificates",
    "verify_client_chain",
]

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from citadel.identity import PrivateKey
from citadel.x509 import (
    check_is_p256,
    check_key_fits,
    decode_private_key,
    encode_public_key_pem,
    generate_private_key,
    public_key_of,
)
from tests.citadel.pki import PEM, Draft, ec_key, rsa_key

PKCS1_OR_SEC1, PKCS8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8


def encoded(key: Any, form: serialization.PrivateFormat, password: bytes = b"") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(PEM, form, encryption)  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", [PKCS1_OR_SEC1, PKCS8], ids=["traditional", "PKCS 8"])
def test_keys_of_every_form_are_read_and_become_one(form: serialization.PrivateFormat) -> None:
    for key in (ec_key(), rsa_key()):
        read = decode_private_key(encoded(key, form))
        assert read == PrivateKey(encoded(key, PKCS8))
        certificate = Draft().sign(by=None, key=key)
        check_key_fits(certificate.pem, read)


def test_a_made_key_is_p256() -> None:
    key = generate_private_key()
    check_is_p256(key)
    assert decode_private_key(key.reveal()) == key
    assert public_key_of(key) in serialization.load_pem_public_key(encode_public_key_pem(key)).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(ValueError, match="P-256"):
        check_is_p256(decode_private_key(encoded(rsa_key(), PKCS8)))


def test_a_key_of_another() -> None:
    with pytest.raises(ValueError, match="does not belong"):
        check_key_fits(Draft().sign(by=None).pem, generate_private_key())


@pytest.mark.parametrize(
    ("pem", "message"),
    [
        pytest.param(b"", "no private key in PEM form", id="empty"),
        pytest.param(encoded(ec_key(), PKCS8)[:-60], "no private key in PEM form", id="cut off"),
        pytest.param(Draft().sign(by=None).pem, "no private key in PEM form", id="a certificate"),
        pytest.param(encoded(ec_key(), PKCS8, b"secret"), "the private key is encrypted", id="encrypted"),
        pytest.param(
            encoded(ed25519.Ed25519PrivateKey.generate(), PKCS8), "neither RSA nor EC", id="a key of another kind"
        ),
    ],
)
def test_what_is_no_key(pem: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_private_key(pem)

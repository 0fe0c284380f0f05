from __future__ import annotations

import pytest
from cryptography import x509

from citadel.x509 import (
    MAX_REQUEST_BYTES,
    build_signing_request,
    decode_signing_request,
    generate_private_key,
    public_key_of,
)
from tests.citadel.pki import CA_USAGE, REVIEWS, make_request, rsa_key


def test_the_request_of_an_agent() -> None:
    key = generate_private_key()
    request = decode_signing_request(build_signing_request(key, REVIEWS))
    assert request.public_key == public_key_of(key)
    assert request.alternative_names == (f"URI:{REVIEWS}",)
    assert (request.common_name, request.wants_authority) == ("", False)


def test_what_a_request_asks_for() -> None:
    pem = make_request(common_name="me", names=("DNS:a.example", "IP:10.0.0.1"), extensions=(CA_USAGE,))
    request = decode_signing_request(pem)
    assert request.common_name == "me"
    assert request.alternative_names == ("DNS:a.example", "IP:10.0.0.1")
    assert request.wants_authority
    constraints = x509.BasicConstraints(ca=True, path_length=3)
    assert decode_signing_request(make_request(extensions=(constraints,))).wants_authority


def test_the_largest_key_fits_the_limit() -> None:
    assert len(make_request(key=rsa_key(2048))) * 4 < MAX_REQUEST_BYTES


def test_the_limit_counts_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="a request of 16385 bytes"):
        decode_signing_request(b" " * (MAX_REQUEST_BYTES + 1))

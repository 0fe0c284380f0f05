"""What an agent accepts from its control plane and from its disk, and what Envoy gets of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from citadel.ca.roots import build_issuer, create_authority
from citadel.x509 import generate_private_key
from pilot.agent.credentials import (
    ServiceAccount,
    accept_response,
    decode_identity,
    encode_identity,
    secrets_of,
)
from tests.citadel.pki import DOMAIN, NOW, RATINGS, REVIEWS, bundle
from tests.pilot.agent.certified import HOUR, WORKLOAD, credentials, key_and_answer


def test_a_response_becomes_a_certificate_without_root_and_the_roots() -> None:
    key, elements = key_and_answer()
    accepted = accept_response(elements, key, WORKLOAD, NOW)
    assert accepted.svid.id == REVIEWS
    assert accepted.svid.private_key == key
    assert [pem.decode() for pem in accepted.svid.chain] == list(elements[:-1])
    assert accepted.bundle == bundle()
    assert accepted.svid.not_after == NOW + HOUR
    assert accepted.is_valid_at(NOW)
    assert not accepted.is_valid_at(NOW + HOUR)


def test_a_certificate_of_another_workload_is_not_taken() -> None:
    key, elements = key_and_answer(RATINGS)
    with pytest.raises(ValueError, match="not of default/reviews"):
        accept_response(elements, key, WORKLOAD, NOW)
    assert accept_response(elements, key, ServiceAccount("default", "ratings"), NOW).svid.id == RATINGS


def test_a_certificate_for_another_key_is_not_taken() -> None:
    _, elements = key_and_answer()
    with pytest.raises(ValueError, match="does not belong"):
        accept_response(elements, generate_private_key(), WORKLOAD, NOW)


def test_a_certificate_that_its_roots_do_not_verify_is_not_taken() -> None:
    key, elements = key_and_answer()
    stranger = build_issuer(create_authority(DOMAIN, NOW)).bundle.pem.decode()
    with pytest.raises(ValueError, match="not verified"):
        accept_response((*elements[:-1], stranger), key, WORKLOAD, NOW)


@pytest.mark.parametrize("count", [0, 1])
def test_an_answer_without_roots_is_not_taken(count: int) -> None:
    key, elements = key_and_answer()
    with pytest.raises(ValueError, match="in place of a certificate and its roots"):
        accept_response(elements[:count], key, WORKLOAD, NOW)


def test_an_answer_that_is_no_certificate_is_not_taken() -> None:
    with pytest.raises(ValueError, match=r"."):
        accept_response(("nonsense", "nonsense"), generate_private_key(), WORKLOAD, NOW)


def test_what_is_written_is_read_again_until_it_has_expired() -> None:
    held = credentials()
    written = encode_identity(held.svid)
    assert decode_identity(written, held.bundle.pem, WORKLOAD, NOW) == held
    with pytest.raises(ValueError, match="not verified"):
        decode_identity(written, held.bundle.pem, WORKLOAD, NOW + HOUR + timedelta(seconds=1))


def test_envoy_gets_two_secrets_and_a_version_that_changes_with_the_certificate() -> None:
    first, second = credentials(), credentials()
    secrets = secrets_of(first)
    assert [resource.name for resource in secrets] == ["ROOTCA", "default"]
    assert secrets.version != secrets_of(second).version
    assert secrets.version == secrets_of(first).version
    assert "PRIVATE KEY" not in repr([*secrets])

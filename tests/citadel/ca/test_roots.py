from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from citadel.ca.issuance import issue_svid
from citadel.ca.roots import (
    INTERMEDIATE_LIFETIME,
    ROOT_LIFETIME,
    AuthorityState,
    RotationStepError,
    activate_root,
    build_issuer,
    check_state,
    create_authority,
    find_warnings,
    is_renewal_due,
    next_step,
    prepare_root,
    renew_intermediate,
    retire_root,
)
from citadel.ca.state_format import decode_state, encode_state
from citadel.identity import Svid, TrustDomain
from citadel.x509 import decode_certificates, split_certificates, verify_client_chain
from tests.citadel.pki import DOMAIN, NOW, PROFILE, REVIEWS, authority_state
from tests.citadel.spiffe_rules import check_authority

STEADY = authority_state()
PREPARED = prepare_root(STEADY, NOW)
ACTIVATED = activate_root(PREPARED, NOW)
RETIRED = retire_root(ACTIVATED, NOW + timedelta(hours=24), leaf_ttl=timedelta(hours=24))


def leaf_of(state: AuthorityState, now: datetime = NOW) -> bytes:
    svid = issue_svid(build_issuer(state), PROFILE, REVIEWS, now)
    assert isinstance(svid, Svid)
    return svid.chain_pem


def test_a_new_authority() -> None:
    root, intermediate = (
        x509.load_pem_x509_certificate(pem) for pem in (STEADY.active.root, STEADY.active.intermediate)
    )
    for certificate, lifetime in ((root, ROOT_LIFETIME), (intermediate, INTERMEDIATE_LIFETIME)):
        check_authority(certificate)
        assert certificate.not_valid_before_utc == NOW - timedelta(minutes=2)
        assert certificate.not_valid_after_utc == NOW + lifetime
        assert "O=cluster.local" in certificate.subject.rfc4514_string()
    constraints = intermediate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.path_length == 0
    check_state(STEADY)
    assert create_authority(DOMAIN, NOW).active.root != STEADY.active.root


def test_a_trust_domain_of_any_length() -> None:
    long = TrustDomain(".".join(["a" * 60] * 4))
    check_state(create_authority(long, NOW))


def test_the_steps_and_what_is_trusted_after_each() -> None:
    old, new = STEADY.active.root, PREPARED.prepared.root  # type: ignore[union-attr]
    states = (STEADY, PREPARED, ACTIVATED, RETIRED)
    assert [state.step for state in states] == ["steady", "prepared", "activated", "steady"]
    assert [next_step(state) for state in states] == ["prepare", "activate", "retire", "prepare"]
    assert [state.active.root for state in states] == [old, old, new, new]
    assert [set(state.bundle.roots) for state in states] == [{old}, {old, new}, {old, new}, {new}]
    for state in states:
        check_state(state)
        assert build_issuer(state).bundle == state.bundle


def test_the_old_roots_key_is_forgotten_when_it_signs_no_more() -> None:
    key = STEADY.active.root_key.reveal().decode().splitlines()[1]
    assert key in encode_state(PREPARED).decode()
    assert key not in encode_state(ACTIVATED).decode()


def test_certificates_of_each_step_are_trusted_until_the_last_of_them_has_expired() -> None:
    for issued_in, trusted_in in (
        (STEADY, (STEADY, PREPARED, ACTIVATED)),
        (PREPARED, (STEADY, PREPARED, ACTIVATED)),
        (ACTIVATED, (PREPARED, ACTIVATED, RETIRED)),
        (RETIRED, (PREPARED, ACTIVATED, RETIRED)),
    ):
        for state in trusted_in:
            verify_client_chain(leaf_of(issued_in), state.bundle.roots, NOW)
    for issued_in, state in ((STEADY, RETIRED), (ACTIVATED, STEADY)):
        with pytest.raises(ValueError, match="not verified"):
            verify_client_chain(leaf_of(issued_in), state.bundle.roots, NOW)


def test_steps_out_of_turn_say_which_one_is_next() -> None:
    no_wait = timedelta(0)
    with pytest.raises(RotationStepError, match="next: citadel root activate"):
        prepare_root(PREPARED, NOW)
    with pytest.raises(RotationStepError, match="next: citadel root retire"):
        prepare_root(ACTIVATED, NOW)
    for state in (STEADY, ACTIVATED):
        with pytest.raises(RotationStepError, match="next: citadel root prepare"):
            activate_root(state, NOW)
    with pytest.raises(RotationStepError, match="next: citadel root prepare"):
        retire_root(STEADY, NOW, leaf_ttl=no_wait)
    with pytest.raises(RotationStepError, match="next: citadel root activate"):
        retire_root(PREPARED, NOW, leaf_ttl=no_wait)


def test_the_old_root_stays_until_its_certificates_have_expired() -> None:
    day = timedelta(hours=24)
    with pytest.raises(RotationStepError, match="come back after 2026-06-02 12:00:00 UTC"):
        retire_root(ACTIVATED, NOW + day - timedelta(seconds=1), leaf_ttl=day)
    assert retire_root(ACTIVATED, NOW + day, leaf_ttl=day) == RETIRED
    assert retire_root(ACTIVATED, NOW, leaf_ttl=timedelta(0)) == RETIRED


def test_a_state_survives_its_encoding() -> None:
    for state in (STEADY, PREPARED, ACTIVATED, RETIRED):
        assert decode_state(encode_state(state)) == state


def test_a_state_shows_no_key() -> None:
    for state in (PREPARED, build_issuer(PREPARED)):
        assert "PRIVATE" not in repr(state)
    assert "redacted" in repr(PREPARED)


def test_the_intermediate_is_due_in_the_middle_of_its_life() -> None:
    middle = NOW - timedelta(minutes=2) + (INTERMEDIATE_LIFETIME + timedelta(minutes=2)) / 2
    assert not is_renewal_due(STEADY, middle - timedelta(seconds=1))
    assert is_renewal_due(STEADY, middle)
    renewed = renew_intermediate(STEADY, middle)
    assert not is_renewal_due(renewed, middle)
    check_state(renewed)
    assert (renewed.bundle, renewed.active.root) == (STEADY.bundle, STEADY.active.root)
    assert renewed.active.intermediate_key != STEADY.active.intermediate_key
    for state in (STEADY, renewed):
        verify_client_chain(leaf_of(state, middle), renewed.bundle.roots, middle)


def test_the_last_intermediate_ends_with_its_root() -> None:
    late = NOW + ROOT_LIFETIME - timedelta(days=30)
    renewed = renew_intermediate(STEADY, late)
    (certificate,) = decode_certificates(renewed.active.intermediate)
    assert certificate.not_after == NOW + ROOT_LIFETIME
    assert not is_renewal_due(renewed, late + timedelta(days=20))
    assert not is_renewal_due(STEADY, NOW + ROOT_LIFETIME)


def test_a_root_that_nears_its_end_is_spoken_of() -> None:
    assert find_warnings(STEADY, NOW) == ()
    assert find_warnings(STEADY, NOW + ROOT_LIFETIME * 0.79) == ()
    (near,) = find_warnings(STEADY, NOW + ROOT_LIFETIME * 0.81)
    assert near == "the root expires on 2036-05-29; begin another: citadel root prepare"
    (over,) = find_warnings(STEADY, NOW + ROOT_LIFETIME)
    assert "the root expired on 2036-05-29" in over


def test_a_state_that_does_not_fit_together() -> None:
    other = create_authority(DOMAIN, NOW).active
    for changes in (
        {"root_key": other.root_key},
        {"intermediate_key": other.intermediate_key},
        {"root": other.root, "root_key": other.root_key},
    ):
        with pytest.raises(ValueError, match="does not"):
            check_state(replace(STEADY, active=replace(STEADY.active, **changes)))
    leaf, _ = split_certificates(leaf_of(STEADY))
    with pytest.raises(ValueError, match="is not an authority's"):
        check_state(replace(STEADY, retiring=(leaf,), activated=NOW))

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from citadel.attestation.certificate import attest_certificate
from citadel.attestation.evidence import AttestationMethod, ClientCertificate
from citadel.attestation.policy import AttestationPolicy
from citadel.ca.issuance import issue_svid
from citadel.ca.roots import activate_root, build_issuer, prepare_root, retire_root
from citadel.identity import Svid, TrustDomain
from tests.citadel.attestation.hostile_certificates import good, hostile_certificates, intermediate, root
from tests.citadel.pki import (
    DOMAIN,
    NOW,
    PROFILE,
    REVIEWS,
    Draft,
    authority_draft,
    authority_state,
    bundle,
    ec_key,
    issuer,
    rsa_key,
)

POLICY = AttestationPolicy(DOMAIN, bundle())


def attest(chain_pem: bytes, policy: AttestationPolicy = POLICY) -> str:
    return str(attest_certificate(ClientCertificate(chain_pem), policy, NOW).identity)


def a_chain() -> bytes:
    svid = issue_svid(issuer(), PROFILE, REVIEWS, NOW)
    assert isinstance(svid, Svid)
    return svid.chain_pem


def test_what_we_issue_proves_its_identity() -> None:
    attested = attest_certificate(ClientCertificate(a_chain()), POLICY, NOW)
    assert attested.identity == REVIEWS
    assert attested.expires_at == NOW + timedelta(hours=24)
    assert attested.method is AttestationMethod.CERTIFICATE
    assert attested.presented == str(REVIEWS)


@pytest.mark.parametrize(
    ("chain", "policy"),
    [
        pytest.param(good().chain, POLICY, id="the draft that the hostile ones are made from"),
        pytest.param(good().chain + root().pem, POLICY, id="root sent along"),
        pytest.param(Draft().sign(by=root()).pem, POLICY, id="signed by the root itself"),
        pytest.param(good(names=(str(REVIEWS), "DNS:reviews.default.svc")).chain, POLICY, id="a DNS name beside"),
        pytest.param(good(usage=None).chain, POLICY, id="no key usage"),
        pytest.param(good(authority=None).chain, POLICY, id="no basic constraints"),
        pytest.param(
            Draft().sign(by=intermediate(), key=rsa_key(), above=(intermediate(),)).chain, POLICY, id="RSA 2048"
        ),
        pytest.param(b"# a comment\n" + good().chain, POLICY, id="comments"),
    ],
)
def test_other_honest_certificates(chain: bytes, policy: AttestationPolicy) -> None:
    assert attest(chain, policy) == str(REVIEWS)


@pytest.mark.parametrize("name", sorted(hostile_certificates()))
def test_hostile_certificates_prove_nothing(name: str) -> None:
    chain = hostile_certificates()[name]
    with pytest.raises(ValueError, match=r"\w"):
        attest(chain)


def test_there_are_enough_hostile_certificates() -> None:
    assert len(set(hostile_certificates().values())) >= 60


def test_an_alias_counts_as_our_own_and_is_named_as_it_came() -> None:
    old = TrustDomain("old.example")
    chain = good(names=("spiffe://old.example/ns/default/sa/reviews",)).chain
    attested = attest_certificate(ClientCertificate(chain), replace(POLICY, aliases=(old,)), NOW)
    assert (str(attested.identity), attested.presented) == (
        "spiffe://cluster.local/ns/default/sa/reviews",
        "spiffe://old.example/ns/default/sa/reviews",
    )
    with pytest.raises(ValueError, match="another trust domain"):
        attest(chain, replace(POLICY, aliases=(TrustDomain("older.example"),)))


def test_certificates_of_both_roots_count_from_prepare_to_retire() -> None:
    steady = authority_state()
    prepared = prepare_root(steady, NOW)
    activated = activate_root(prepared, NOW)
    retired = retire_root(activated, NOW, leaf_ttl=timedelta(0))
    of_old, of_new = (
        issue_svid(build_issuer(state), PROFILE, REVIEWS, NOW).chain_pem  # type: ignore[union-attr]
        for state in (steady, activated)
    )

    def accepted(chain: bytes) -> list[bool]:
        verdicts = []
        for state in (steady, prepared, activated, retired):
            try:
                verdicts.append(attest(chain, replace(POLICY, bundle=state.bundle)) == str(REVIEWS))
            except ValueError:
                verdicts.append(False)
        return verdicts

    assert accepted(of_old) == [True, True, True, False]
    assert accepted(of_new) == [False, True, True, True]


def test_a_plugged_in_authority_of_rsa_keys_without_key_identifiers() -> None:
    top = authority_draft("top").sign(by=None, key=rsa_key())
    low = authority_draft("low", path_length=0).sign(by=top, key=ec_key())
    policy = replace(POLICY, bundle=replace(POLICY.bundle, roots=(top.pem,)))
    assert attest(Draft().sign(by=low).chain, policy) == str(REVIEWS)

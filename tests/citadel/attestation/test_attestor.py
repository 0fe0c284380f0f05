from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest

from citadel.attestation import (
    AttestationMethod,
    AttestationPolicy,
    Attested,
    Attestor,
    BearerToken,
    ClientCertificate,
    Evidence,
    render_audit,
)
from citadel.identity import TrustDomain
from citadel.refusal import Refusal, RefusalCode
from citadel.tokens.join_token import JoinToken, sign_join_token
from citadel.tokens.ledger import RedemptionLedger
from citadel.x509 import encode_public_key_pem, generate_private_key
from tests.citadel.attestation.hostile_certificates import good, hostile_certificates
from tests.citadel.attestation.test_oidc import CLAIMS, an_issuer, signed
from tests.citadel.pki import DOMAIN, NOW, REVIEWS, bundle

KEY = generate_private_key()
POLICY = AttestationPolicy(DOMAIN, bundle(), token_public_key=encode_public_key_pem(KEY), oidc_issuers=(an_issuer(),))
PEER = "10.0.0.7"


@pytest.fixture
def attestor(tmp_path: Path) -> Attestor:
    return Attestor(POLICY, RedemptionLedger(tmp_path / "redeemed"))


def a_token(*, once: bool = False, token_id: str = "token") -> BearerToken:
    return sign_join_token(JoinToken(REVIEWS, token_id, NOW, NOW + timedelta(hours=1), once), KEY)


def attest(attestor: Attestor, evidence: Evidence, now: datetime = NOW) -> Attested | Refusal:
    return attestor.attest(evidence, now, peer=PEER)


def test_each_kind_of_evidence(attestor: Attestor) -> None:
    for evidence, method, presented in (
        (ClientCertificate(good().chain), AttestationMethod.CERTIFICATE, str(REVIEWS)),
        (a_token(), AttestationMethod.JOIN_TOKEN, "token token"),
        (
            signed(CLAIMS),
            AttestationMethod.OIDC,
            "https://kubernetes.default.svc system:serviceaccount:default:reviews",
        ),
    ):
        outcome = attest(attestor, evidence)
        assert isinstance(outcome, Attested)
        assert (outcome.identity, outcome.method, outcome.presented) == (REVIEWS, method, presented)


def test_the_proof_ends_with_its_evidence(attestor: Attestor) -> None:
    outcome = attest(attestor, a_token())
    assert isinstance(outcome, Attested)
    assert outcome.expires_at == NOW + timedelta(hours=1)


def test_a_one_time_token_is_refused_the_second_time(attestor: Attestor) -> None:
    assert isinstance(attest(attestor, a_token(once=True)), Attested)
    again = attest(attestor, a_token(once=True))
    assert isinstance(again, Refusal)
    assert again == Refusal(RefusalCode.UNAUTHENTICATED, "token: it was used before")


def test_another_token_may_be_used_again_until_it_expires(attestor: Attestor) -> None:
    for _ in range(3):
        assert isinstance(attest(attestor, a_token()), Attested)
    assert isinstance(attest(attestor, a_token(), NOW + timedelta(hours=1)), Refusal)


def test_an_expired_one_time_token_is_not_used_up(attestor: Attestor, tmp_path: Path) -> None:
    assert isinstance(attest(attestor, a_token(once=True), NOW + timedelta(hours=2)), Refusal)
    assert list((tmp_path / "redeemed").iterdir()) == []


def test_a_hundred_at_once_have_one_winner(attestor: Attestor) -> None:
    barrier, bearer = Barrier(100), a_token(once=True)

    def redeem(_: int) -> Attested | Refusal:
        barrier.wait()
        return attest(attestor, bearer)

    with ThreadPoolExecutor(100) as threads:
        outcomes = list(threads.map(redeem, range(100)))
    assert sum(isinstance(one, Attested) for one in outcomes) == 1
    assert {one.reason for one in outcomes if isinstance(one, Refusal)} == {"token: it was used before"}


def test_a_ledger_that_cannot_be_written_lets_nobody_in(attestor: Attestor, tmp_path: Path) -> None:
    (tmp_path / "redeemed").rmdir()
    outcome = attest(attestor, a_token(once=True))
    assert isinstance(outcome, Refusal)
    assert outcome.code is RefusalCode.UNAVAILABLE


def test_strangers_hear_only_that_they_are_not_authenticated(attestor: Attestor) -> None:
    chains = [ClientCertificate(chain) for chain in hostile_certificates().values()]
    tokens = [BearerToken(""), BearerToken("a.b.c"), BearerToken(a_token().reveal()[:-3])]
    evidences: list[ClientCertificate | BearerToken] = [*chains, *tokens]
    outcomes = [attest(attestor, evidence) for evidence in evidences]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(refusals) == len(outcomes)
    assert {(each.code, each.message) for each in refusals} == {(RefusalCode.UNAUTHENTICATED, "not authenticated")}


def test_an_issuer_that_nobody_configured(attestor: Attestor) -> None:
    attestor.policy = replace(POLICY, oidc_issuers=(), token_public_key=b"")
    for bearer in (signed(CLAIMS), a_token()):
        outcome = attest(attestor, bearer)
        assert isinstance(outcome, Refusal)
        assert outcome.reason == "token: its issuer is not known"


def test_an_issuer_cannot_speak_for_another(attestor: Attestor) -> None:
    """The key of the OIDC issuer under the name of our own tokens."""
    forged = signed({**CLAIMS, "iss": "spiffe://cluster.local", "jti": "a", "citadel/once": False})
    assert isinstance(attest(attestor, forged), Refusal)


def test_a_new_policy_counts_at_once(attestor: Attestor) -> None:
    attestor.policy = replace(POLICY, trust_domain=TrustDomain("other.example"))
    assert isinstance(attest(attestor, ClientCertificate(good().chain)), Refusal)
    assert isinstance(attest(attestor, a_token()), Refusal)


def test_tokens_are_tried_at_a_limited_rate(tmp_path: Path) -> None:
    attestor = Attestor(POLICY, RedemptionLedger(tmp_path / "redeemed"), rate=5, burst=10)

    def codes(peer: str, now: datetime, times: int) -> list[RefusalCode]:
        outcomes = [attestor.attest(BearerToken("guess"), now, peer=peer) for _ in range(times)]
        return [outcome.code for outcome in outcomes if isinstance(outcome, Refusal)]

    no, enough = RefusalCode.UNAUTHENTICATED, RefusalCode.RESOURCE_EXHAUSTED
    assert codes("a", NOW, 4) == [no, no, enough, enough]
    assert codes("b", NOW, 3) == [no, no, enough]
    assert codes("a", NOW + timedelta(seconds=1), 2) == [no, enough]
    assert isinstance(attestor.attest(ClientCertificate(good().chain), NOW, peer="a"), Attested)


def test_all_peers_together_are_limited_too(tmp_path: Path) -> None:
    attestor = Attestor(POLICY, RedemptionLedger(tmp_path / "redeemed"), rate=5, burst=10)
    outcomes = [attestor.attest(BearerToken("guess"), NOW, peer=str(number)) for number in range(15)]
    exhausted = [one for one in outcomes if isinstance(one, Refusal) and one.code is RefusalCode.RESOURCE_EXHAUSTED]
    assert len(exhausted) == 5


def test_the_audit_line() -> None:
    attested = Attested(REVIEWS, NOW, AttestationMethod.JOIN_TOKEN, "token 12ab")
    assert render_audit(attested, PEER) == (
        "attested spiffe://cluster.local/ns/default/sa/reviews from 10.0.0.7 by join token (token 12ab)"
        " until 2026-06-01T12:00:00Z"
    )
    refusal = Refusal(RefusalCode.UNAUTHENTICATED, "token: it was used before")
    assert render_audit(refusal, PEER) == "refused 10.0.0.7: UNAUTHENTICATED: token: it was used before"


def test_nobody_writes_lines_of_their_own_into_the_audit_log(attestor: Attestor) -> None:
    for chain in hostile_certificates().values():
        outcome = attest(attestor, ClientCertificate(chain))
        line = render_audit(outcome, f"10.0.0.7{os.linesep}attested admin\x1b[2J")
        assert line.isprintable()
        assert len(line) <= 512

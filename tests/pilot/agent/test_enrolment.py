"""Which proof an agent shows when, and when it renews."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from citadel.identity import BearerToken, SpiffeId, Svid
from pilot.agent.certificate_client import Proof, SigningError
from pilot.agent.enrolment import Enrolment, JoinFiles
from tests.citadel.pki import NOW, RATINGS, REVIEWS, bundle
from tests.pilot.agent.certified import HOUR, WORKLOAD, answer, credentials

REFUSED = SigningError("UNAUTHENTICATED", is_refusal=True)
AWAY = SigningError("UNAVAILABLE")


class Signer:
    """Answers by a script: an error, or (None) a certificate. What it was shown is in ``shown``."""

    def __init__(self, *script: SigningError | None, identity: SpiffeId = REVIEWS) -> None:
        self.script = list(script)
        self.identity = identity
        self.shown: list[Proof] = []
        self.requests: list[bytes] = []

    async def sign(self, csr: bytes, proof: Proof, lifetime: int) -> tuple[str, ...]:
        self.shown.append(proof)
        self.requests.append(csr)
        if error := self.script.pop(0):
            raise error
        return answer(csr, self.identity, ttl=timedelta(seconds=lifetime))

    @property
    def kinds(self) -> Sequence[type]:
        return [type(proof.evidence) for proof in self.shown]


@pytest.fixture
def files(tmp_path: Path) -> JoinFiles:
    (tmp_path / "token").write_text("a.b.c\n")
    (tmp_path / "roots").write_text("roots of the operator")
    return JoinFiles(roots=tmp_path / "roots", token=tmp_path / "token")


def enrolment(signer: Signer, files: JoinFiles) -> Enrolment:
    return Enrolment(WORKLOAD, signer, files, random=lambda: 0.5, lifetime=3600)


async def test_it_joins_by_token_and_renews_by_certificate_with_another_key(files: JoinFiles) -> None:
    signer = Signer(None, None)
    agent = enrolment(signer, files)
    first = await agent.renew(NOW)
    assert agent.next_due() == NOW + HOUR / 2
    second = await agent.renew(NOW)
    assert signer.shown == [
        Proof(BearerToken("a.b.c"), b"roots of the operator"),
        Proof(first.svid, bundle().pem),
    ]
    assert len(set(signer.requests)) == 2
    assert first.svid.private_key != second.svid.private_key
    assert agent.credentials == second


async def test_a_control_plane_that_is_away_does_not_get_the_token_of_one_who_has_a_certificate(
    files: JoinFiles,
) -> None:
    signer = Signer(AWAY)
    agent = enrolment(signer, files)
    held = credentials()
    agent.resume(held, NOW)
    with pytest.raises(SigningError, match="UNAVAILABLE"):
        await agent.renew(NOW + HOUR / 2)
    assert signer.kinds == [Svid]
    assert agent.credentials == held
    assert agent.next_due() == NOW + HOUR / 2 + timedelta(seconds=1)


async def test_a_refused_certificate_is_followed_by_the_token(files: JoinFiles) -> None:
    signer = Signer(REFUSED, None)
    agent = enrolment(signer, files)
    agent.resume(credentials(), NOW)
    await agent.renew(NOW)
    assert signer.kinds == [Svid, BearerToken]


async def test_an_expired_certificate_is_not_shown(files: JoinFiles) -> None:
    signer = Signer(AWAY)
    agent = enrolment(signer, files)
    agent.resume(credentials(), NOW)
    with pytest.raises(SigningError):
        await agent.renew(NOW + HOUR)
    assert signer.kinds == [BearerToken]


@pytest.mark.parametrize("moment", [NOW, NOW + HOUR])
async def test_without_any_proof_nobody_is_called(tmp_path: Path, moment: datetime) -> None:
    signer = Signer()
    agent = enrolment(signer, JoinFiles(tmp_path / "roots", token=tmp_path / "gone"))
    with pytest.raises(SigningError, match="neither a valid certificate nor a token"):
        await agent.renew(moment)
    assert signer.shown == []


async def test_a_certificate_of_another_is_not_adopted(files: JoinFiles) -> None:
    agent = enrolment(Signer(None, identity=RATINGS), files)
    with pytest.raises(SigningError, match="of no use"):
        await agent.renew(NOW)
    assert agent.credentials is None


async def test_a_token_that_was_replaced_is_the_one_shown(files: JoinFiles) -> None:
    signer = Signer(REFUSED, None)
    agent = enrolment(signer, files)
    with pytest.raises(SigningError):
        await agent.renew(NOW)
    assert files.token is not None
    files.token.write_text("d.e.f")
    await agent.renew(NOW)
    assert [proof.evidence for proof in signer.shown] == [BearerToken("a.b.c"), BearerToken("d.e.f")]

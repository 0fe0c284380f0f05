"""Citadel as the control plane uses it: a certificate for each identity, renewed in time, and new roots taken up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citadel.attestation import Attested, ClientCertificate
from citadel.ca.issuance import IssuanceRequest
from citadel.ca.keystore import Keystore
from citadel.ca.roots import activate_root, prepare_root
from citadel.identity import SpiffeId, Svid, TrustDomain
from citadel.refusal import Refusal, RefusalCode
from citadel.service import Citadel, CitadelOptions
from citadel.state_files import StateError
from citadel.x509 import build_signing_request, decode_certificates, generate_private_key

NOW = datetime.now(UTC).replace(microsecond=0)
DOMAIN = TrustDomain("example.org")
ALICE = SpiffeId(DOMAIN, "shop", "alice")
BOB = SpiffeId(DOMAIN, "shop", "bob")
HOUR = timedelta(hours=1)


def opened(state: Path, ttl: timedelta = HOUR, **options: object) -> Citadel:
    names = ("pilot.example", "10.0.0.1")
    return Citadel(
        CitadelOptions(state=state, server_names=names, trust_domain=DOMAIN, workload_ttl=ttl, **options),  # type: ignore[arg-type]
        NOW,
    )


def svid(citadel: Citadel, identity: SpiffeId, now: datetime = NOW) -> Svid:
    found = citadel.svid(identity, now)
    assert isinstance(found, Svid)
    return found


def test_an_identity_has_one_certificate_until_it_is_due(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    first = svid(citadel, ALICE)
    assert first.not_after == NOW + HOUR
    assert svid(citadel, ALICE, NOW + HOUR / 3) is first
    assert svid(citadel, BOB).private_key != first.private_key
    assert citadel.renew({ALICE, BOB}, NOW + HOUR * 0.45) == ()
    assert set(citadel.renew({ALICE}, NOW + HOUR * 0.55)) == {ALICE}
    renewed = svid(citadel, ALICE, NOW + HOUR * 0.55)
    assert renewed is not first
    assert renewed.private_key != first.private_key


def test_who_is_gone_is_forgotten_and_made_anew(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    first = svid(citadel, ALICE)
    assert citadel.renew(set(), NOW + HOUR * 0.6) == ()
    assert citadel.next_due() is None
    assert svid(citadel, ALICE, NOW + HOUR * 0.6) is not first


def test_the_trust_domain_of_an_authority_is_found_again(tmp_path: Path) -> None:
    opened(tmp_path)
    options = CitadelOptions(state=tmp_path, server_names=("localhost",))
    assert Citadel(options, NOW).trust_domain == DOMAIN
    assert Citadel(CitadelOptions(tmp_path / "new", ("localhost",)), NOW).trust_domain == TrustDomain("cluster.local")


def test_a_new_root_is_trusted_first_and_then_signs(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    first, server = svid(citadel, ALICE), citadel.server_certificate
    assert not citadel.refresh(NOW)
    keystore = Keystore(tmp_path)
    keystore.update(lambda state: prepare_root(state, NOW))
    assert citadel.refresh(NOW)
    assert len(citadel.bundle.roots) == 1  # until it is adopted
    citadel.adopt(NOW)
    assert len(citadel.bundle.roots) == 2
    assert citadel.renew({ALICE}, NOW) == ()
    assert citadel.server_certificate is server
    keystore.update(lambda state: activate_root(state, NOW))
    assert citadel.refresh(NOW)
    citadel.adopt(NOW)
    assert citadel.renew({ALICE}, NOW) == (ALICE,)
    assert citadel.server_certificate is not server
    now = NOW + timedelta(seconds=1)
    for chain in (first.chain_pem, svid(citadel, ALICE).chain_pem):
        attested = citadel.attestor.attest(ClientCertificate(chain), now, peer="10.0.0.2")
        assert isinstance(attested, Attested)
        assert attested.identity == ALICE


def test_an_alias_is_our_own_for_as_long_as_it_is_one(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    evidence = ClientCertificate(svid(citadel, ALICE).chain_pem)
    assert isinstance(citadel.attestor.attest(evidence, NOW, peer="p"), Attested)
    citadel.trust_aliases((TrustDomain("old.example"),))
    assert citadel.attestor.policy.aliases == (TrustDomain("old.example"),)
    citadel.refresh(NOW)
    citadel.adopt(NOW)
    assert citadel.attestor.policy.aliases == (TrustDomain("old.example"),)


def test_its_own_certificate_names_hosts_and_is_renewed_in_the_middle_of_its_life(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    own = citadel.server_certificate
    leaf, *_ = decode_certificates(own.chain_pem)
    assert set(leaf.alternative_names) == {"DNS:pilot.example", "IP:10.0.0.1"}
    assert leaf.spiffe_ids == ()
    life = own.not_after - own.not_before
    citadel.renew_server_certificate(own.not_before + life * 0.49)
    assert citadel.server_certificate is own
    citadel.renew_server_certificate(own.not_before + life * 0.51)
    assert citadel.server_certificate is not own


def test_a_request_is_signed_for_its_sender_alone(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    key = generate_private_key()
    signed = citadel.sign(IssuanceRequest(ALICE, build_signing_request(key, ALICE)), NOW)
    assert not isinstance(signed, Refusal)
    issued, bundle = signed
    assert decode_certificates(issued.chain[0])[0].spiffe_ids == (str(ALICE),)
    assert bundle == citadel.bundle
    refused = citadel.sign(IssuanceRequest(BOB, build_signing_request(key, ALICE)), NOW)
    assert isinstance(refused, Refusal)


def test_one_identity_cannot_have_everything_signed(tmp_path: Path) -> None:
    citadel = opened(tmp_path)
    outcomes = [citadel.admit_signing(ALICE, NOW) for _ in range(501)]
    assert outcomes[:500] == [None] * 500
    assert outcomes[500] is not None
    assert outcomes[500].code is RefusalCode.RESOURCE_EXHAUSTED
    assert citadel.admit_signing(BOB, NOW) is None
    assert citadel.admit_signing(ALICE, NOW + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("names", "ttl"), [((), HOUR), (("münchen.example",), HOUR), (("localhost",), timedelta(days=91))]
)
def test_what_cannot_be_served_is_told_at_the_start(tmp_path: Path, names: tuple[str, ...], ttl: timedelta) -> None:
    with pytest.raises(StateError):
        Citadel(CitadelOptions(state=tmp_path, server_names=names, workload_ttl=ttl), NOW)

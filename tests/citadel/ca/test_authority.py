from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from citadel.ca.authority import open_authority
from citadel.ca.keystore import AUTHORITY_FILE, Keystore
from citadel.ca.roots import INTERMEDIATE_LIFETIME, ROOT_LIFETIME, activate_root, prepare_root
from citadel.state_files import StateError
from tests.citadel.ca.test_cacerts import OTHER, ROOT, write_istio
from tests.citadel.pki import DOMAIN, NOW, authority_draft


def test_the_first_start_makes_one_and_the_next_finds_it(tmp_path: Path) -> None:
    first = open_authority(tmp_path / "state", trust_domain=DOMAIN, now=NOW)
    second = open_authority(tmp_path / "state", trust_domain=DOMAIN, now=NOW)
    assert first.bundle == second.bundle
    assert first.issuer.chain == second.issuer.chain
    assert first.refresh(NOW) is False


def test_steps_of_a_rotation_beside_it_are_noticed(tmp_path: Path) -> None:
    authority = open_authority(tmp_path, trust_domain=DOMAIN, now=NOW)
    issuer = authority.issuer
    keystore = Keystore(tmp_path)
    prepared = keystore.update(lambda state: prepare_root(state, NOW))
    assert authority.issuer is issuer
    assert authority.refresh(NOW)
    assert not authority.refresh(NOW)
    assert authority.bundle == prepared.bundle != issuer.bundle
    assert authority.issuer.chain == issuer.chain
    keystore.update(lambda state: activate_root(state, NOW))
    assert authority.refresh(NOW)
    assert authority.bundle == prepared.bundle
    assert authority.issuer.chain != issuer.chain


def test_what_was_in_force_stays_so_when_the_files_are_damaged(tmp_path: Path) -> None:
    authority = open_authority(tmp_path, trust_domain=DOMAIN, now=NOW)
    issuer, file = authority.issuer, Keystore(tmp_path).directory / AUTHORITY_FILE
    good = file.read_bytes()
    file.write_bytes(b"{")
    for _ in range(2):
        with pytest.raises(StateError, match="damaged"):
            authority.refresh(NOW)
    assert authority.issuer is issuer
    file.write_bytes(good)
    assert authority.refresh(NOW) is False


def test_the_intermediate_is_renewed_in_time_and_on_disk(tmp_path: Path) -> None:
    authority = open_authority(tmp_path, trust_domain=DOMAIN, now=NOW)
    before = authority.issuer
    later = NOW + INTERMEDIATE_LIFETIME * 0.6
    assert authority.refresh(later)
    assert authority.issuer.chain != before.chain
    assert authority.bundle == before.bundle
    assert authority.issuer.signer.not_after == (later + INTERMEDIATE_LIFETIME).replace(microsecond=0)
    assert authority.refresh(later) is False
    assert open_authority(tmp_path, trust_domain=DOMAIN, now=later).issuer.chain == authority.issuer.chain


def test_two_control_planes_renew_once(tmp_path: Path) -> None:
    one, two = (open_authority(tmp_path, trust_domain=DOMAIN, now=NOW) for _ in range(2))
    later = NOW + INTERMEDIATE_LIFETIME * 0.6
    assert one.refresh(later)
    assert two.refresh(later)
    assert one.issuer.chain == two.issuer.chain


def test_an_authority_that_slept_past_its_intermediate_wakes_up_able_to_sign(tmp_path: Path) -> None:
    open_authority(tmp_path, trust_domain=DOMAIN, now=NOW)
    later = NOW + 2 * INTERMEDIATE_LIFETIME
    assert open_authority(tmp_path, trust_domain=DOMAIN, now=later).issuer.signer.not_after > later


def test_warnings(tmp_path: Path) -> None:
    authority = open_authority(tmp_path, trust_domain=DOMAIN, now=NOW)
    assert authority.warnings(NOW) == ()
    assert "citadel root prepare" in authority.warnings(NOW + ROOT_LIFETIME * 0.9)[0]


def test_a_plugged_in_authority_goes_before_and_leaves_the_state_alone(tmp_path: Path) -> None:
    cacerts = write_istio(tmp_path / "cacerts")
    authority = open_authority(tmp_path / "state", trust_domain=DOMAIN, now=NOW, cacerts=cacerts)
    assert authority.bundle.roots == (ROOT.pem,)
    assert not (tmp_path / "state").exists()
    assert authority.refresh(NOW) is False
    assert authority.warnings(NOW) == ()
    assert "replace it" in authority.warnings(NOW + timedelta(days=350))[0]


def test_half_a_plugged_in_authority_does_not_fall_back(tmp_path: Path) -> None:
    cacerts = write_istio(tmp_path / "cacerts")
    (cacerts / "ca-key.pem").unlink()
    with pytest.raises(StateError, match=r"lacks ca-key\.pem"):
        open_authority(tmp_path / "state", trust_domain=DOMAIN, now=NOW, cacerts=cacerts)


def test_replaced_files_are_adopted_when_they_fit(tmp_path: Path) -> None:
    cacerts = write_istio(tmp_path)
    authority = open_authority(tmp_path / "state", trust_domain=DOMAIN, now=NOW, cacerts=cacerts)
    old = authority.issuer
    fresh = authority_draft("fresh", path_length=0).sign(by=ROOT)
    write_istio(tmp_path, ca__cert=fresh.pem)  # the key has not followed yet
    with pytest.raises(StateError, match="do not fit together"):
        authority.refresh(NOW)
    assert authority.issuer is old
    write_istio(tmp_path, ca__cert=fresh.pem, ca__key=fresh.key_pem, cert__chain=fresh.pem)
    assert authority.refresh(NOW)
    assert authority.issuer.chain == (fresh.pem,)


def test_swapped_roots_are_refused(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "s", trust_domain=DOMAIN, now=NOW, cacerts=write_istio(tmp_path))
    files = {"ca__cert": OTHER.pem, "ca__key": OTHER.key_pem, "cert__chain": OTHER.pem}
    write_istio(tmp_path, **files, root__cert=OTHER.pem)
    with pytest.raises(StateError, match="first add the new root"):
        authority.refresh(NOW)
    assert authority.bundle.roots == (ROOT.pem,)
    write_istio(tmp_path, **files, root__cert=OTHER.pem + ROOT.pem)
    assert authority.refresh(NOW)
    assert set(authority.bundle.roots) == {ROOT.pem, OTHER.pem}

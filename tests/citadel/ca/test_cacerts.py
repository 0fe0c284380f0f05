from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from citadel.ca.cacerts import check_replacement, load_cacerts, version_of
from citadel.ca.issuance import issue_svid
from citadel.identity import Svid, TrustBundle
from citadel.state_files import StateError
from citadel.x509 import verify_client_chain
from tests.citadel.pki import DOMAIN, NOW, PROFILE, REVIEWS, Draft, Party, authority_draft, rsa_key

ROOT = authority_draft("root").sign(by=None)
UPPER = authority_draft("upper").sign(by=ROOT)
LOWER = authority_draft("lower", path_length=0).sign(by=UPPER)
OTHER = authority_draft("other").sign(by=None)


def write_istio(directory: Path, **changes: bytes) -> Path:
    """A plugged-in authority of two intermediates, as Istio's tooling writes it."""
    directory.mkdir(exist_ok=True)
    files = {
        "ca-cert.pem": LOWER.pem,
        "ca-key.pem": LOWER.key_pem,
        "cert-chain.pem": LOWER.chain,
        "root-cert.pem": ROOT.pem,
        **{name.replace("__", "-") + ".pem": content for name, content in changes.items()},
    }
    return write(directory, files)


def write_secret(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    return write(directory, {"tls.crt": LOWER.chain, "tls.key": LOWER.key_pem, "ca.crt": ROOT.pem})


def write(directory: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o600)
    return directory


def check_minting(directory: Path, *, expected: tuple[Party, ...] = (LOWER, UPPER)) -> None:
    issuer = load_cacerts(directory, DOMAIN)
    svid = issue_svid(issuer, PROFILE, REVIEWS, NOW)
    assert isinstance(svid, Svid)
    assert svid.chain[1:] == tuple(party.pem for party in expected)
    assert verify_client_chain(svid.chain_pem, issuer.bundle.roots, NOW).spiffe_ids == (str(REVIEWS),)


def test_istios_layout(tmp_path: Path) -> None:
    check_minting(write_istio(tmp_path))


def test_the_layout_of_a_tls_secret(tmp_path: Path) -> None:
    check_minting(write_secret(tmp_path))


def test_a_tls_secret_is_preferred(tmp_path: Path) -> None:
    write_istio(tmp_path, ca__cert=b"rubbish")
    check_minting(write_secret(tmp_path))


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param(LOWER.chain + ROOT.pem, id="the root appended"),
        pytest.param(UPPER.pem, id="without the signing certificate"),
        pytest.param(b"# made by hand\n" + LOWER.chain, id="comments"),
    ],
)
def test_chains_as_tools_write_them(chain: bytes, tmp_path: Path) -> None:
    check_minting(write_istio(tmp_path, cert__chain=chain))


def test_a_root_that_signs_itself(tmp_path: Path) -> None:
    files = {"ca__cert": ROOT.pem, "ca__key": ROOT.key_pem, "cert__chain": ROOT.pem}
    check_minting(write_istio(tmp_path, **files), expected=())


def test_rsa_keys_in_the_old_form(tmp_path: Path) -> None:
    signer = authority_draft("rsa").sign(by=ROOT, key=rsa_key())
    files = {"ca__cert": signer.pem, "ca__key": signer.key_pem, "cert__chain": signer.pem}
    check_minting(write_istio(tmp_path, **files), expected=(signer,))


def test_several_roots(tmp_path: Path) -> None:
    directory = write_istio(tmp_path, root__cert=OTHER.pem + ROOT.pem)
    assert set(load_cacerts(directory, DOMAIN).bundle.roots) == {OTHER.pem, ROOT.pem}
    check_minting(directory)


@pytest.mark.parametrize("missing", ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"])
def test_some_but_not_all_is_an_error(missing: str, tmp_path: Path) -> None:
    (write_istio(tmp_path) / missing).unlink()
    with pytest.raises(StateError, match=f"lacks {missing}; a plugged-in authority consists of"):
        load_cacerts(tmp_path, DOMAIN)


@pytest.mark.parametrize("missing", ["tls.key", "ca.crt"])
def test_some_but_not_all_of_a_secret_is_an_error(missing: str, tmp_path: Path) -> None:
    (write_secret(write_istio(tmp_path)) / missing).unlink()
    with pytest.raises(StateError, match=f"lacks {missing}"):
        load_cacerts(tmp_path, DOMAIN)


def test_an_empty_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"lacks ca-cert.pem, ca-key.pem, cert-chain.pem, root-cert.pem"):
        load_cacerts(tmp_path, DOMAIN)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (write_istio(tmp_path) / "ca-key.pem").chmod(0o644)
    with pytest.raises(StateError, match="chmod 600"):
        load_cacerts(tmp_path, DOMAIN)


LEAF = Draft().sign(by=LOWER)
FOREIGN = authority_draft("foreign").sign(by=OTHER)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"ca__key": UPPER.key_pem}, "the key does not belong", id="key of another"),
        pytest.param({"ca__cert": LEAF.pem, "ca__key": LEAF.key_pem}, "CA:TRUE is missing", id="a leaf signs"),
        pytest.param({"cert__chain": LOWER.pem}, "does not lead to a root", id="a gap in the chain"),
        pytest.param({"cert__chain": LOWER.pem + FOREIGN.pem}, "was not issued by", id="a stranger in the chain"),
        pytest.param({"root__cert": OTHER.pem}, "does not lead to a root", id="another root"),
        pytest.param({"root__cert": ROOT.pem + LEAF.pem}, "is not an authority's", id="a leaf among the roots"),
    ],
)
def test_files_that_do_not_fit_together(changes: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"do not fit together: .*{message}.*; replace all of them"):
        load_cacerts(write_istio(tmp_path, **changes), DOMAIN)


@pytest.mark.parametrize("name", ["ca__cert", "cert__chain", "root__cert"])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    for content in (b"", b"rubbish", LOWER.pem[:-40]):
        with pytest.raises(StateError, match="has no certificate that can be read"):
            load_cacerts(write_istio(tmp_path, **{name: content}), DOMAIN)


def test_a_key_that_cannot_be_read_is_not_quoted(tmp_path: Path) -> None:
    for content in (b"", b"rubbish", LOWER.key_pem[:-60]):
        with pytest.raises(StateError, match=r"ca-key.pem: no private key in PEM form") as refusal:
            load_cacerts(write_istio(tmp_path, ca__key=content), DOMAIN)
        assert "PRIVATE" not in str(refusal.value)


def test_an_expired_signing_certificate_loads_and_signs_nothing(tmp_path: Path) -> None:
    late = NOW + timedelta(days=400)
    assert not isinstance(issue_svid(load_cacerts(write_istio(tmp_path), DOMAIN), PROFILE, REVIEWS, late), Svid)


def test_the_version_changes_with_any_file(tmp_path: Path) -> None:
    before = version_of(write_istio(tmp_path))
    assert version_of(tmp_path) == before
    (tmp_path / "new").write_bytes(OTHER.pem)
    (tmp_path / "new").rename(tmp_path / "root-cert.pem")
    assert version_of(tmp_path) != before


def test_roots_are_added_and_dropped_but_not_swapped() -> None:
    one, two, both = (TrustBundle(DOMAIN, roots) for roots in ((ROOT.pem,), (OTHER.pem,), (ROOT.pem, OTHER.pem)))
    for before, after in ((one, one), (one, both), (both, two)):
        check_replacement(before, after)
    with pytest.raises(StateError, match="first add the new root"):
        check_replacement(one, two)

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from citadel.__main__ import main
from citadel.ca.keystore import Keystore
from citadel.commands.options import FAILED, OK
from citadel.x509 import check_key_fits, decode_private_key
from tests.citadel.ca.hostile_requests import hostile_requests
from tests.citadel.ca.test_cacerts import write_istio
from tests.citadel.pki import DOMAIN, REVIEWS, authority_draft, make_request
from tests.citadel.spiffe_rules import check_leaf

WHO = ["--namespace", "default", "--service-account", "reviews"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Keystore(tmp_path / "state").open(DOMAIN, datetime.now(UTC))
    return tmp_path / "state"


def issue(state: Path, out: Path, *more: str) -> int:
    return main(["issue", "--state", str(state), *WHO, "--out", str(out), *more])


def verify(out: Path) -> str:
    """What the openssl command and the strict check say of the files in ``out``."""
    files = ["-CAfile", "root-cert.pem", "-untrusted", "cert-chain.pem", "cert-chain.pem"]
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", *files], cwd=out, capture_output=True, text=True, check=False
    )
    assert done.stdout == "cert-chain.pem: OK\n", done.stderr
    return check_leaf(x509.load_pem_x509_certificate((out / "cert-chain.pem").read_bytes()))


def test_a_certificate_and_its_key(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert issue(state, out, "--ttl", "2h", "-o", "json") == OK
    assert verify(out) == str(REVIEWS)
    key = out / "key.pem"
    check_key_fits((out / "cert-chain.pem").read_bytes(), decode_private_key(key.read_bytes()))
    assert key.stat().st_mode & 0o777 == 0o600
    printed = capsys.readouterr()
    assert "PRIVATE" not in printed.out + printed.err
    not_after = datetime.fromisoformat(json.loads(printed.out)["notAfter"])
    assert timedelta(minutes=119) < not_after - datetime.now(UTC) <= timedelta(hours=2)


def test_the_key_of_a_request(state: Path, tmp_path: Path) -> None:
    csr = tmp_path / "reviews.csr"
    csr.write_bytes(make_request())
    assert issue(state, tmp_path / "out", "--csr", str(csr)) == OK
    assert verify(tmp_path / "out") == str(REVIEWS)
    assert not (tmp_path / "out" / "key.pem").exists()


def test_a_hostile_request(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csr = tmp_path / "evil.csr"
    csr.write_bytes(hostile_requests()["CA:TRUE"])
    assert issue(state, tmp_path / "out", "--csr", str(csr)) == FAILED
    assert capsys.readouterr().err == "citadel: refused: it asks to be an authority\n"
    assert not (tmp_path / "out").exists()


def test_a_plugged_in_authority(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    times = {"not_before": now - timedelta(days=1), "not_after": now + timedelta(days=9)}
    root = authority_draft("root", **times).sign(by=None)
    signer = authority_draft("signer", **times).sign(by=root)
    files = {"ca__cert": signer.pem, "ca__key": signer.key_pem, "cert__chain": signer.pem, "root__cert": root.pem}
    cacerts = str(write_istio(tmp_path / "cacerts", **files))
    out = tmp_path / "out"
    assert issue(tmp_path / "state", out, "--cacerts", cacerts, "--trust-domain", "example.org") == OK
    assert (out / "root-cert.pem").read_bytes() == root.pem
    leaf = x509.load_pem_x509_certificate((out / "cert-chain.pem").read_bytes())
    assert check_leaf(leaf) == "spiffe://example.org/ns/default/sa/reviews"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ttl", "91d"], "refused: a lifetime of 91 days"),
        (["--csr", "/nowhere.csr"], "cannot read /nowhere.csr"),
        (["--cacerts", "/nowhere"], "/nowhere lacks ca-cert.pem"),
        (["--namespace", ".."], "'..' is no namespace"),
        (["--out", "/proc/nowhere"], "cannot write to /proc/nowhere"),
    ],
)
def test_failures(
    state: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert issue(state, tmp_path / "out", *arguments) == FAILED
    assert message in capsys.readouterr().err

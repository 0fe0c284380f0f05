from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from citadel.ca.issuance import (
    IssuanceRequest,
    IssuedCertificate,
    Profile,
    ServerCertificate,
    issue,
    issue_server_certificate,
    issue_svid,
)
from citadel.identity import SpiffeId, Svid, TrustDomain
from citadel.refusal import Refusal, RefusalCode
from citadel.x509 import check_key_fits
from tests.citadel.ca.hostile_requests import hostile_requests
from tests.citadel.pki import DOMAIN, NOW, PROFILE, RATINGS, REVIEWS, bundle, ec_key, issuer, make_request, rsa_key
from tests.citadel.spiffe_rules import check_authority, check_leaf


def issued(csr: bytes, *, ttl: timedelta = timedelta(0), identity: SpiffeId = REVIEWS) -> IssuedCertificate:
    outcome = issue(issuer(), PROFILE, IssuanceRequest(identity, csr, ttl), NOW)
    assert isinstance(outcome, IssuedCertificate), outcome
    return outcome


def refused(csr: bytes, *, ttl: timedelta = timedelta(0), profile: Profile = PROFILE) -> Refusal:
    outcome = issue(issuer(), profile, IssuanceRequest(REVIEWS, csr, ttl), NOW)
    assert isinstance(outcome, Refusal)
    return outcome


def leaf_of(chain: tuple[bytes, ...]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain[0])


def an_svid(identity: SpiffeId = REVIEWS) -> Svid:
    svid = issue_svid(issuer(), PROFILE, identity, NOW)
    assert isinstance(svid, Svid)
    return svid


def test_the_profile_of_a_leaf() -> None:
    key = ec_key()
    leaf = leaf_of(issued(make_request(key=key)).chain)
    assert leaf.public_key() == key.public_key()
    assert list(leaf.subject) == []
    assert leaf.not_valid_before_utc == NOW - timedelta(minutes=2)
    assert leaf.not_valid_after_utc == NOW + timedelta(hours=24)
    extensions = {extension.oid: extension for extension in leaf.extensions}
    assert extensions[ExtensionOID.SUBJECT_ALTERNATIVE_NAME].critical
    assert extensions[ExtensionOID.SUBJECT_ALTERNATIVE_NAME].value == x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("spiffe://cluster.local/ns/default/sa/reviews")]
    )
    assert extensions[ExtensionOID.EXTENDED_KEY_USAGE].value == x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    )
    assert extensions[ExtensionOID.BASIC_CONSTRAINTS].value == x509.BasicConstraints(ca=False, path_length=None)
    usage = extensions[ExtensionOID.KEY_USAGE].value
    assert isinstance(usage, x509.KeyUsage)
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)


def test_serial_numbers_are_random_and_of_128_bits() -> None:
    numbers = [leaf_of(issued(make_request()).chain).serial_number for _ in range(40)]
    assert len(set(numbers)) == 40
    assert max(number.bit_length() for number in numbers) in range(120, 129)


HONEST = {
    "no name": make_request(names=()),
    "its own name": make_request(),
    "its own name twice": make_request(names=(str(REVIEWS),) * 2),
    "P-384": make_request(key=ec_key(ec.SECP384R1())),
    "P-521": make_request(key=ec_key(ec.SECP521R1())),
    "RSA": make_request(key=rsa_key()),
    "CA:FALSE": make_request(extensions=(x509.BasicConstraints(ca=False, path_length=None),)),
    "other usage": make_request(extensions=(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]),)),
    "white space around": b"\n  " + make_request() + b"\n\n",
    "CRLF": make_request().replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_request_gets_the_callers_identity_and_nothing_else(name: str) -> None:
    leaf = leaf_of(issued(HONEST[name]).chain)
    assert check_leaf(leaf) == str(REVIEWS)
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.CODE_SIGNING not in usages


def test_the_identity_is_the_callers() -> None:
    certificate = issued(make_request(names=()), identity=RATINGS)
    assert check_leaf(leaf_of(certificate.chain)) == str(RATINGS) == str(certificate.identity)


def test_a_common_name_is_given_only_to_who_asks_and_is_the_identity() -> None:
    (name,) = leaf_of(issued(make_request(common_name="admin")).chain).subject
    assert (name.oid, name.value) == (NameOID.COMMON_NAME, str(REVIEWS))
    long = SpiffeId(DOMAIN, "default", "a" * 60)
    assert list(leaf_of(issued(make_request(common_name="x", names=()), identity=long).chain).subject) == []


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), timedelta(days=-400)])
def test_no_lifetime_means_the_default(ttl: timedelta) -> None:
    assert issued(make_request(), ttl=ttl).not_after == NOW + timedelta(hours=24)


def test_a_lifetime_within_bounds_is_given_and_one_above_refused() -> None:
    assert issued(make_request(), ttl=timedelta(days=90)).not_after == NOW + timedelta(days=90)
    refusal = refused(make_request(), ttl=timedelta(days=90, seconds=1))
    assert refusal.code is RefusalCode.INVALID_ARGUMENT


def test_no_certificate_outlives_its_signer() -> None:
    end = issuer().signer.not_after
    late = issue(issuer(), PROFILE, IssuanceRequest(REVIEWS, make_request()), end - timedelta(hours=1))
    assert isinstance(late, IssuedCertificate)
    assert late.not_after == end == leaf_of(late.chain).not_valid_after_utc


def test_an_expired_signer_signs_nothing() -> None:
    now = issuer().signer.not_after
    outcomes = [
        issue(issuer(), PROFILE, IssuanceRequest(REVIEWS, make_request()), now),
        issue_svid(issuer(), PROFILE, REVIEWS, now),
        issue_server_certificate(issuer(), PROFILE, ("localhost",), now),
    ]
    assert [isinstance(one, Refusal) and one.code for one in outcomes] == [RefusalCode.UNAVAILABLE] * 3


def test_an_identity_of_another_trust_domain_gets_nothing() -> None:
    stranger = SpiffeId(TrustDomain("evil.example"), "default", "reviews")
    request = IssuanceRequest(stranger, make_request(names=()))
    assert isinstance(issue(issuer(), PROFILE, request, NOW), Refusal)
    assert isinstance(issue_svid(issuer(), PROFILE, stranger, NOW), Refusal)


@pytest.mark.parametrize("name", sorted(hostile_requests()))
def test_hostile_requests_are_refused(name: str) -> None:
    csr = hostile_requests()[name]
    refusal = refused(csr)
    assert (refusal.code, refusal.message) == (RefusalCode.INVALID_ARGUMENT, "certificate signing request refused")
    assert len(refusal.reason) < 300


def test_there_are_enough_hostile_requests() -> None:
    assert len(set(hostile_requests().values())) >= 30


@settings(max_examples=100)
@given(st.binary(max_size=2000), st.integers(0, 400), st.integers(0, 255))
def test_whatever_arrives_is_refused_or_the_callers_own(noise: bytes, place: int, byte: int) -> None:
    assert isinstance(issue(issuer(), PROFILE, IssuanceRequest(REVIEWS, noise), NOW), Refusal)
    changed = bytearray(_GOOD)
    changed[place % len(changed)] = byte
    outcome = issue(issuer(), PROFILE, IssuanceRequest(REVIEWS, bytes(changed)), NOW)
    assert isinstance(outcome, Refusal) or check_leaf(leaf_of(outcome.chain)) == str(REVIEWS)


_GOOD = make_request()


def test_an_svid_has_its_key() -> None:
    svid = an_svid()
    check_key_fits(svid.chain[0], svid.private_key)
    assert check_leaf(leaf_of(svid.chain)) == str(svid.id)
    assert (svid.not_before, svid.not_after) == (NOW - timedelta(minutes=2), NOW + timedelta(hours=24))
    assert an_svid().private_key != svid.private_key


def test_chains_end_below_the_root() -> None:
    svid = an_svid()
    assert len(svid.chain) == 2
    assert svid.chain[1] == issuer().chain[0]
    assert not set(svid.chain) & set(bundle().roots)
    assert all(pem.endswith(b"-----END CERTIFICATE-----\n") for pem in svid.chain)
    for pem in (svid.chain[1], *bundle().roots):
        check_authority(x509.load_pem_x509_certificate(pem))


def test_a_server_certificate_names_hosts_and_no_workload() -> None:
    certificate = issue_server_certificate(issuer(), PROFILE, ("localhost", "10.0.0.1", "::1", "pilot.example"), NOW)
    assert isinstance(certificate, ServerCertificate)
    leaf = leaf_of(certificate.chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "pilot.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]
    assert not names.get_values_for_type(x509.UniformResourceIdentifier)
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]
    check_key_fits(certificate.chain_pem, certificate.private_key)
    with pytest.raises(ValueError, match="name"):
        issue_server_certificate(issuer(), PROFILE, (), NOW)


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts_what_we_mint(purpose: str, tmp_path: Path) -> None:
    svid = an_svid()
    (tmp_path / "leaf.pem").write_bytes(svid.chain[0])
    (tmp_path / "above.pem").write_bytes(b"".join(svid.chain[1:]))
    (tmp_path / "roots.pem").write_bytes(bundle().pem)
    command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-attime", str(int(NOW.timestamp()))]
    files = ["-CAfile", "roots.pem", "-untrusted", "above.pem", "leaf.pem"]
    done = subprocess.run([*command, *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "leaf.pem: OK\n", done.stderr

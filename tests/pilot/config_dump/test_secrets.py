from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citadel.ca.issuance import Profile, issue_svid
from citadel.ca.roots import build_issuer, create_authority
from citadel.identity import SpiffeId, Svid, TrustDomain
from pilot.config_dump.secrets import HEADER, SECRETS_DUMP, secret_rows, secrets_section

NOW = datetime.now(UTC).replace(microsecond=0)
DOMAIN = TrustDomain("mesh.example")
ISSUER = build_issuer(create_authority(DOMAIN, NOW))


def an_svid(age: timedelta = timedelta(0)) -> Svid:
    made = issue_svid(ISSUER, Profile(DOMAIN), SpiffeId(DOMAIN, "shop", "alice"), NOW - age)
    assert isinstance(made, Svid)
    return made


def a_chain(svid: Svid, *, as_bytes: bool = False) -> dict[str, Any]:
    chain = svid.chain_pem
    source = {"inline_bytes": base64.b64encode(chain).decode()} if as_bytes else {"inline_string": chain.decode()}
    return {
        "name": "default",
        "tls_certificate": {
            "certificate_chain": source,
            "private_key": {"inline_string": svid.private_key.reveal().decode()},
        },
    }


def a_dump(**sections: Any) -> dict[str, Any]:
    bootstrap = {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "token": "ey"}
    return {"configs": [bootstrap, {"@type": SECRETS_DUMP, **sections}]}


def entry(secret: dict[str, Any]) -> dict[str, Any]:
    return {"name": secret["name"], "version_info": "1", "secret": secret}


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_chain_is_shown_by_its_leaf(as_bytes: bool) -> None:
    svid = an_svid()
    (row,) = secret_rows(secrets_section(a_dump(dynamic_active_secrets=[entry(a_chain(svid, as_bytes=as_bytes))])))
    shown = dict(zip(HEADER, row.cells(NOW), strict=True))
    assert shown["RESOURCE NAME"] == "default"
    assert (shown["TYPE"], shown["STATUS"], shown["VALID CERT"]) == ("Cert Chain", "ACTIVE", "true")
    assert shown["TRUST DOMAIN"] == "mesh.example"
    assert shown["NOT AFTER"] == f"{svid.not_after:%Y-%m-%dT%H:%M:%SZ}"
    assert row.is_good_at(NOW)
    assert not row.is_good_at(NOW + timedelta(days=2))
    assert row.cells(NOW + timedelta(days=2))[3] == "false"


def test_each_trusted_root_is_shown() -> None:
    both = ISSUER.bundle.pem + build_issuer(create_authority(DOMAIN, NOW)).bundle.pem
    roots = {"name": "ROOTCA", "validation_context": {"trusted_ca": {"inline_string": both.decode()}}}
    rows = secret_rows(secrets_section(a_dump(dynamic_active_secrets=[entry(roots)])))
    assert [row.kind for row in rows] == ["CA", "CA"]
    assert len({row.certificate.serial_number for row in rows if row.certificate}) == 2


def test_a_secret_that_has_not_come_is_warming() -> None:
    warming = [{"name": "default", "version_info": "uninitialized", "secret": {"name": "default"}}]
    (row,) = secret_rows(secrets_section(a_dump(dynamic_warming_secrets=warming)))
    assert row.cells(NOW) == ("default", "-", "WARMING", "-", "-", "-", "-", "-")
    assert not row.is_good_at(NOW)


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ({"name": "s", "session_ticket_keys": {"keys": []}}, "Session Ticket Keys"),
        ({"name": "s", "tls_certificate": {"certificate_chain": {"filename": "/cert.pem"}}}, "Cert Chain"),
        ({"name": "s", "tls_certificate": {"certificate_chain": {"inline_string": "broken"}}}, "Cert Chain"),
        ({"name": "s", "tls_certificate": {"certificate_chain": {"inline_bytes": "%%%"}}}, "Cert Chain"),
        ({"name": "s", "tls_certificate": None}, "Cert Chain"),
        ({"name": "s", "validation_context": {}}, "CA"),
    ],
)
def test_what_has_no_certificate_to_read_is_a_row_all_the_same(secret: dict[str, Any], kind: str) -> None:
    (row,) = secret_rows(secrets_section(a_dump(static_secrets=[entry(secret)])))
    assert (row.kind, row.status, row.certificate) == (kind, "STATIC", None)


def test_the_section_has_no_key_and_nothing_else_of_the_dump() -> None:
    svid = an_svid()
    section = secrets_section(a_dump(dynamic_active_secrets=[entry(a_chain(svid))]))
    assert "BEGIN CERTIFICATE" in str(section)
    assert "[redacted]" in str(section)
    assert "PRIVATE KEY" not in str(section)
    assert "token" not in str(section)
    assert section["@type"] == SECRETS_DUMP


@pytest.mark.parametrize("dump", [{}, {"configs": {}}, {"configs": None}])
def test_something_else_is_no_dump(dump: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="/config_dump"):
        secrets_section(dump)


def test_odd_entries_are_passed_over() -> None:
    odd = a_dump(dynamic_active_secrets=[None, "x", {"secret": "x"}], static_secrets="x")
    assert [row.name for row in secret_rows(secrets_section(odd))] == [""]
    assert secret_rows(secrets_section({"configs": [1, {"@type": 2}]})) == ()

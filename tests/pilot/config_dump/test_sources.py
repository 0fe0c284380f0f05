from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from pilot.config_dump.secrets import secret_rows, secrets_section
from pilot.config_dump.sources import DumpError, as_envoy_dump, fetch_envoy_dump, find_proxy, read_dump_file


def a_proxy(name: str = "reviews-1", namespace: str = "default", **traits: Any) -> dict[str, Any]:
    return {
        "id": f"sidecar~10.0.0.7~{name}.{namespace}~{namespace}.svc.cluster.local",
        "name": name,
        "namespace": namespace,
        "identity": "spiffe://cluster.local/ns/default/sa/reviews",
        "types": {"SDS": {"status": "SYNCED"}},
        **traits,
    }


def test_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "dump.json"
    file.write_text('{"configs": []}')
    assert read_dump_file(str(file)) == {"configs": []}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"configs": []}'))
    assert read_dump_file("-") == {"configs": []}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_what_is_no_dump_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "dump.json"
    file.write_bytes(content)
    with pytest.raises(DumpError, match=r"dump\.json"):
        read_dump_file(str(file))
    with pytest.raises(DumpError, match="No such file"):
        read_dump_file(str(tmp_path / "absent"))


@pytest.mark.parametrize("address", ["https://127.0.0.1:1", "127.0.0.1:many", "http://:1"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(DumpError, match="unix:PATH"):
        fetch_envoy_dump(address)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1", "unix:/nonexistent/socket"])
def test_no_answer_says_what_to_look_at(address: str) -> None:
    with pytest.raises(DumpError, match="admin interface"):
        fetch_envoy_dump(address)


def test_a_proxy_is_found_by_name_and_by_name_and_namespace() -> None:
    here, there = a_proxy(), a_proxy(namespace="other")
    assert find_proxy([here, a_proxy("ratings-1")], "reviews-1") is here
    assert find_proxy([here, there], "reviews-1.other") is there
    assert find_proxy([a_proxy(), here], "reviews-1") is here
    with pytest.raises(DumpError, match=r"several .* reviews-1.default, reviews-1.other"):
        find_proxy([here, there], "reviews-1")
    with pytest.raises(DumpError, match=r"no proxy is called x; connected: reviews-1.default"):
        find_proxy([here], "x")
    with pytest.raises(DumpError, match="nobody"):
        find_proxy([], "x")


@pytest.mark.parametrize(("state", "status"), [("SYNCED", "ACTIVE"), ("STALE", "WARMING"), ("NACK", "WARMING")])
def test_what_was_sent_is_shown_as_an_envoy_would(state: str, status: str) -> None:
    sent = {"secrets": [{"name": "default", "tlsCertificate": {"certificateChain": {"inlineString": "x"}}}]}
    dump = as_envoy_dump(a_proxy(types={"SDS": {"status": state}}), sent)
    (row,) = secret_rows(secrets_section(dump))
    assert (row.name, row.kind, row.status) == ("default", "Cert Chain", status)


@pytest.mark.parametrize(
    ("identity", "reason"),
    [(None, "issues none"), ("", "plaintext port"), ("spiffe://a/ns/b/sa/c", "--admin HOST:PORT")],
)
def test_without_secrets_it_says_why(identity: str | None, reason: str) -> None:
    with pytest.raises(DumpError, match=reason):
        as_envoy_dump(a_proxy(identity=identity), {})

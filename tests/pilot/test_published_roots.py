"""The roots for everybody to read."""

from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path

import pytest

from envoycodec.upb import parse_json
from pilot.published_roots import encode_roots, publish_roots
from tests.citadel.pki import bundle


def test_everybody_may_read_what_is_published(tmp_path: Path) -> None:
    public = tmp_path / "state" / "public"
    before = os.umask(0o077)
    try:
        publish_roots(public, bundle())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (public, *public.iterdir())}
    assert modes == {"public": 0o755, "root-cert.pem": 0o644, "root-cert.sds.json": 0o644}
    assert (public / "root-cert.pem").read_bytes() == bundle().pem
    assert b"PRIVATE" not in (public / "root-cert.sds.json").read_bytes()


def test_the_file_is_a_response_of_sds() -> None:
    (resource,) = json.loads(encode_roots(bundle()))["resources"]
    kind = resource.pop("@type").rpartition("/")[2]
    assert parse_json(kind, resource)
    assert resource["validation_context"]["trusted_ca"]["inline_string"].encode() == bundle().pem


def test_the_same_roots_are_not_written_again(tmp_path: Path) -> None:
    publish_roots(tmp_path, bundle())
    written = [path.stat().st_ino for path in sorted(tmp_path.iterdir())]
    publish_roots(tmp_path, bundle())
    assert [path.stat().st_ino for path in sorted(tmp_path.iterdir())] == written


def test_what_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.ERROR):
        publish_roots(tmp_path / "file" / "public", bundle())
    assert "cannot be published" in caplog.text

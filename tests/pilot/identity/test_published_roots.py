"""The roots for everybody to read."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from envoycodec.upb import parse_json
from pilot.identity.published_roots import RootsPublisher, encode_roots, publish_roots
from tests.citadel.pki import bundle


def test_everybody_may_read_what_is_published(tmp_path: Path) -> None:
    public = tmp_path / "state" / "public"
    before = os.umask(0o077)
    try:
        publish_roots(public, bundle())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (public, *public.iterdir())}
    assert modes == {"public": 0o755, "root-cert.pem": 0o644, "root-cert.sds.json": 0o644, "lock": 0o600}
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


def test_what_cannot_be_written_is_told_once_and_remembered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "file"
    place.write_text("")
    publisher = RootsPublisher(place / "public")
    with caplog.at_level(logging.ERROR):
        publisher.publish(bundle())
        publisher.publish(bundle())
    assert [record.message for record in caplog.records] == [publisher.problem]
    assert "cannot be published" in publisher.problem
    assert publisher.lacks(bundle())
    place.unlink()
    publisher.publish(bundle())
    assert not publisher.problem
    assert not publisher.lacks(bundle())
    assert (place / "public" / "root-cert.pem").exists()


def test_control_planes_may_share_the_directory(tmp_path: Path) -> None:
    """Each in a process of its own, all with something to write at once."""
    forking = multiprocessing.get_context("fork")
    writers = [forking.Process(target=publish_often, args=(tmp_path, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert not list(tmp_path.glob("*.new"))


def publish_often(directory: Path, number: int) -> None:
    for turn in range(10):
        other = replace(bundle(), roots=(*bundle().roots, b"of another turn\n" * ((number + turn) % 2 + 1)))
        publish_roots(directory, other)

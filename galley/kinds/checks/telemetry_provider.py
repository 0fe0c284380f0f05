"""Rules of MeshConfig's providers of telemetry."""

from __future__ import annotations

import re

from galley.kinds.checks.scalars import (
    check_duration,
    check_header_name,
    check_header_value,
    check_port,
    wrong_with_name,
)
from galley.kinds.telemetry_provider import ProviderHeader, ZipkinTracing
from galley.text.recorder import Recorder

_PATH = re.compile(r"/[!-~]*")


def check_zipkin(recorder: Recorder, path: str, server: ZipkinTracing) -> None:
    """A server that takes Zipkin's spans."""
    check_server(recorder, path, server.service, server.port)
    check_tag_length(recorder, f"{path}.maxTagLength", server.max_tag_length)
    check_path(recorder, f"{path}.path", server.path)
    check_duration(recorder, f"{path}.timeout", server.timeout)
    check_headers(recorder, f"{path}.headers", server.headers)


def check_server(recorder: Recorder, path: str, service: str, port: int) -> None:
    """A service, ``host`` or ``namespace/host``, and one of its ports."""
    if wrong := wrong_with_name(service.rpartition("/")[2]):
        recorder.error(f"{path}.service", "invalid-host", wrong)
    check_port(recorder, f"{path}.port", port)


def check_tag_length(recorder: Recorder, field: str, length: int) -> None:
    """The most characters of a path in a span; 0 leaves it open."""
    if not 0 <= length < 2**32:
        recorder.error(field, "invalid-number", f"must be from 0 to {2**32 - 1:,}, not {length}")


def check_path(recorder: Recorder, field: str, path: str) -> None:
    """Absent, or the path of a URL."""
    if path and not _PATH.fullmatch(path):
        recorder.error(field, "invalid-path", "must begin with / and have neither blanks nor characters beyond ASCII")


def check_headers(recorder: Recorder, path: str, headers: tuple[ProviderHeader, ...]) -> None:
    """Headers that go to the server."""
    for index, header in enumerate(headers):
        check_header_name(recorder, f"{path}[{index}].name", header.name)
        check_header_value(recorder, f"{path}[{index}].value", header.value)

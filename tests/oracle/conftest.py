"""The oracle as a fixture: one process per test run (or per worker of it)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.environment import prepare


class Oracle:
    """Asks xds-protos what it reads in our bytes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._schemas: dict[str, dict[int, dict[str, Any]] | None] = {}

    def read(self, message_name: str, data: bytes) -> tuple[dict[str, Any], bytes]:
        """The message as JSON, and as deterministic bytes."""
        found = self._ask({"type": message_name, "data": data.hex()})
        return found["json"], bytes.fromhex(found["data"])

    def schema(self, message_name: str) -> dict[int, dict[str, Any]] | None:
        """The fields of a message by number; None when xds-protos does not have it."""
        if message_name not in self._schemas:
            fields = self._ask({"schema": message_name})
            self._schemas[message_name] = None if fields is None else {field["number"]: field for field in fields}
        return self._schemas[message_name]

    def _ask(self, question: dict[str, str]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        reply = json.loads(self._process.stdout.readline())
        assert "error" not in reply, reply["error"]
        return reply["answer"]


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    command = [str(prepare()), "-I", str(Path(__file__).with_name("process.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Oracle(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=10)

"""The admin interfaces of the control plane and of the Envoys, asked over HTTP without any proxy between."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any


class NoAnswerError(Exception):
    """Nothing usable came back."""


@dataclass(frozen=True)
class AdminInterface:
    """One admin interface, at ``host`` and ``port``."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def text(self, path: str, timeout: float = 5.0) -> str:
        """The body of ``GET path``. Raises NoAnswerError for anything but 200 within ``timeout`` seconds."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"no answer from {self}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise NoAnswerError(f"{self}{path}: status {answer.status}")
        return body

    def json(self, path: str) -> Any:
        """The document at ``path``. Raises NoAnswerError."""
        try:
            return json.loads(self.text(path))
        except ValueError as error:
            raise NoAnswerError(f"{self}{path}: {error}") from error

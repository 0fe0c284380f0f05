"""Constant traffic in the background, to show that a change fails no request."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.e2e.harness.client import Answer, request, request_on


@dataclass(frozen=True)
class Outcome:
    """One request of the stream: when it was sent, and the status or the error that came of it."""

    at: float
    status: int
    name: str
    error: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.error) or self.status >= 500


class Traffic:
    """Sends requests from ``workers`` threads until the end of the `with` block, each as fast as answers come, or with
    ``pause`` seconds between them.
    """

    def __init__(
        self, address: tuple[str, int], target: str = "/", *, workers: int = 2, pause: float = 0.0, **details: Any
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._address, self._target, self._details = address, target, details
        self._pause = pause
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(workers)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the requests under way finish, and send no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failed]

    def names(self, *, since: float = 0.0) -> Counter[str]:
        """How many requests each upstream answered, of those sent after ``since`` (monotonic seconds)."""
        return Counter(outcome.name for outcome in self.outcomes if outcome.at >= since and not outcome.failed)

    def _ask(self) -> Answer:
        return request(self._address, self._target, **self._details)

    def _send(self) -> None:
        while not self._stopping.wait(self._pause):
            at = time.monotonic()
            try:
                answer = self._ask()
            except (OSError, http.client.HTTPException) as error:
                self.outcomes.append(Outcome(at=at, status=0, name="", error=repr(error)))
                continue
            self.outcomes.append(Outcome(at=at, status=answer.status, name=answer.name))


class Lasting(Traffic):
    """The same on one connection for each worker, opened anew only where an answer says `connection: close`."""

    def __init__(self, address: tuple[str, int], target: str = "/", **details: Any) -> None:
        super().__init__(address, target, **details)
        self._local = threading.local()

    def _ask(self) -> Answer:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection(*self._address, timeout=15.0)
        try:
            return request_on(connection, self._target, **self._details)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

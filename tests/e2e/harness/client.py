"""A plain HTTP client for tests: one request, one connection, every detail of the answer."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A response. Header names are lower case; ``seconds`` runs from connecting to the last byte."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def name(self) -> str:
        """Which `HttpEcho` answered; "" when none did."""
        return self.headers.get("x-echo-name", "")


def request(
    address: tuple[str, int],
    target: str = "/",
    *,
    method: str = "GET",
    host: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 15.0,
) -> Answer:
    """Send one request to ``address`` and read its answer.

    ``target`` is a path, or an absolute URL for a forward proxy; ``host`` replaces the Host header. Raises OSError
    or http.client.HTTPException when there is no answer.
    """
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        return request_on(connection, target, method=method, host=host, headers=headers, body=body)
    finally:
        connection.close()


def request_on(
    connection: http.client.HTTPConnection,
    target: str = "/",
    *,
    method: str = "GET",
    host: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """The same on ``connection``, which stays open when the server leaves it so."""
    started = time.monotonic()
    sent = dict(headers or {})
    if host is not None:
        sent["Host"] = host
    connection.request(method, target, body=body, headers=sent)
    response = connection.getresponse()
    received = response.read()
    return Answer(
        status=response.status,
        headers={name.lower(): value for name, value in response.getheaders()},
        body=received,
        seconds=time.monotonic() - started,
    )


def names(answers: Iterable[Answer]) -> Counter[str]:
    """How many answers each upstream gave; an answer of Envoy's own counts under its status."""
    return Counter(answer.name or str(answer.status) for answer in answers)


def repeat(
    count: int, address: tuple[str, int], target: str = "/", *, parallel: int = 4, **details: Any
) -> list[Answer]:
    """Send the same request ``count`` times, ``parallel`` at once."""
    with ThreadPoolExecutor(parallel) as pool:
        return [f.result() for f in [pool.submit(request, address, target, **details) for _ in range(count)]]

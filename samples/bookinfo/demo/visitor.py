"""A reader of the page, who knows what is on it: used to measure what rules do."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

PAGE = "/productpage"
REVIEWS = "/api/v1/products/0/reviews"
RATINGS = "/api/v1/products/0/ratings"
NO_REVIEWS = "Sorry, product reviews are currently unavailable for this book."
NO_RATINGS = "Ratings service is currently unavailable"


@dataclass(frozen=True)
class Visit:
    """What one request brought. ``seconds`` is how long it took."""

    status: int
    text: str
    seconds: float
    cookie: str = ""

    @property
    def version(self) -> str:
        """Which version of reviews is on the page or in the JSON: ``v1``, ``v2``, ``v3``, or why there is none."""
        if self.status != http.client.OK:
            return f"status {self.status}"
        if self.text.startswith("{"):
            return str(json.loads(self.text).get("version", "none"))
        found = re.search(r'class="version">(v\d)<', self.text)
        return found[1] if found else "none"


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser, before the gateway at ``host`` and ``port``."""

    port: int
    user: str = ""
    host: str = "127.0.0.1"

    def get(self, path: str = PAGE, headers: Mapping[str, str] | None = None) -> Visit:
        """Ask for ``path``. No answer at all is status 0 with the error as text."""
        sent = {**({"cookie": f"user={self.user}"} if self.user else {}), **(headers or {})}
        return self._send("GET", path, sent, None)

    def sign_in(self, user: str) -> Visitor:
        """Use the login form: the same visitor, as ``user``."""
        visit = self._send("POST", "/login", {}, f"username={user}".encode())
        found = re.match(r"user=([^;]*)", visit.cookie)
        return replace(self, user=found[1] if found else "")

    def many(
        self, count: int, path: str, headers: Mapping[str, str] | None = None, *, parallel: int = 4
    ) -> list[Visit]:
        """Ask for ``path`` ``count`` times, ``parallel`` at once."""
        with ThreadPoolExecutor(parallel) as pool:
            return list(pool.map(lambda _: self.get(path, headers), range(count)))

    def versions(self, count: int, path: str = REVIEWS) -> Counter[str]:
        """Which versions of reviews answer ``count`` requests."""
        return Counter(visit.version for visit in self.many(count, path))

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Visit:
        started = time.monotonic()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20.0)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            return Visit(answer.status, text, time.monotonic() - started, answer.getheader("set-cookie", ""))
        except (OSError, http.client.HTTPException) as error:
            return Visit(0, str(error), time.monotonic() - started)
        finally:
            connection.close()

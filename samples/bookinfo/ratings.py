"""The ratings service: how many stars each reviewer gave.

A request can make it slow (``x-ratings-seconds: 0.2``) or have part of its answers fail (``x-ratings-failures: 50``, in
percent), so that circuit breakers and retries can be seen at work.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from samples.bookinfo.web import Request, Response, arguments, as_json, serve

RATINGS = {"Reviewer1": 5, "Reviewer2": 4}


LONGEST_SECONDS = 10.0


def handle(
    request: Request,
    *,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> Response:
    """`/ratings/ID`"""
    if seconds := _number(request, "x-ratings-seconds"):
        sleep(min(seconds, LONGEST_SECONDS))
    if chance() * 100 < _number(request, "x-ratings-failures"):
        return as_json({"error": "failing, as was asked for"}, 500)
    parts = request.path.split("?")[0].strip("/").split("/")
    if len(parts) != 2 or parts[0] != "ratings":
        return as_json({"error": "no such page"}, 404)
    if not parts[1].isdecimal():
        return as_json({"error": "please give a numeric product id"}, 400)
    return as_json({"id": int(parts[1]), "ratings": RATINGS})


def _number(request: Request, header: str) -> float:
    """The number in ``header``; 0 without one."""
    try:
        number = float(request.headers.get(header, "0"))
    except ValueError:
        return 0.0
    return number if number > 0 else 0.0


if __name__ == "__main__":
    serve(arguments("ratings").parse_args(), handle)

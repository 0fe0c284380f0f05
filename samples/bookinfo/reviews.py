"""The reviews service. v1 shows no stars; v2 asks ratings and shows black stars, v3 red ones."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from samples.bookinfo.web import CallError, Request, Response, arguments, as_json, call, serve

TEXTS = {
    "Reviewer1": "A crew without a map hunts something nobody can describe. Closer to daily work than one would like.",
    "Reviewer2": "Eight short fits, one large silence. I still think about the Baker.",
}
STAR_COLORS = {"v1": "", "v2": "black", "v3": "red"}
# The patient and the impatient version: with a delay between the two, one of them shows stars and one does not.
RATINGS_TIMEOUT_SECONDS = {"black": 10.0, "red": 2.5}


def handle(request: Request, *, version: str, instance: str, ratings_url: str) -> Response:
    """`/reviews/ID`"""
    parts = request.path.split("?")[0].strip("/").split("/")
    if len(parts) != 2 or parts[0] != "reviews":
        return as_json({"error": "no such page"}, 404)
    if not parts[1].isdecimal():
        return as_json({"error": "please give a numeric product id"}, 400)
    color = STAR_COLORS[version]
    ratings = _ratings(f"{ratings_url}/ratings/{parts[1]}", request, color) if color else {}
    reviews = [
        {"reviewer": name, "text": text, **({"rating": ratings[name]} if name in ratings else {})}
        for name, text in TEXTS.items()
    ]
    return as_json({"id": parts[1], "podname": instance, "version": version, "reviews": reviews})


def _ratings(url: str, request: Request, color: str) -> dict[str, dict[str, Any]]:
    try:
        answer = call(url, request, timeout=RATINGS_TIMEOUT_SECONDS[color])
        return {name: {"stars": stars, "color": color} for name, stars in answer["ratings"].items()}
    except (CallError, LookupError, TypeError, AttributeError):
        return {name: {"error": "Ratings service is currently unavailable"} for name in TEXTS}


def main() -> None:
    parser = arguments("reviews")
    parser.add_argument("--version", choices=sorted(STAR_COLORS), default="v1")
    parser.add_argument("--instance", default="", help="the name shown to the reader; default: reviews-VERSION")
    flags = parser.parse_args()
    instance = flags.instance or f"reviews-{flags.version}"
    ratings_url = os.environ.get("RATINGS_URL", "http://ratings:9080")
    serve(flags, partial(handle, version=flags.version, instance=instance, ratings_url=ratings_url))


if __name__ == "__main__":
    main()

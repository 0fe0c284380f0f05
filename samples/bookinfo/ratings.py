"""The ratings service: how many stars each reviewer gave."""

from __future__ import annotations

from samples.bookinfo.web import Request, Response, arguments, as_json, serve

RATINGS = {"Reviewer1": 5, "Reviewer2": 4}


def handle(request: Request) -> Response:
    """`/ratings/ID`"""
    parts = request.path.split("?")[0].strip("/").split("/")
    if len(parts) != 2 or parts[0] != "ratings":
        return as_json({"error": "no such page"}, 404)
    if not parts[1].isdecimal():
        return as_json({"error": "please give a numeric product id"}, 400)
    return as_json({"id": int(parts[1]), "ratings": RATINGS})


if __name__ == "__main__":
    serve(arguments("ratings").parse_args(), handle)

"""The details service: what kind of book it is."""

from __future__ import annotations

from samples.bookinfo.web import Request, Response, arguments, as_json, serve

BOOK = {
    "id": 0,
    "author": "Lewis Carroll",
    "year": 1876,
    "type": "hardcover",
    "pages": 83,
    "publisher": "Macmillan",
    "language": "English",
}


def handle(request: Request) -> Response:
    """`/details/ID`"""
    parts = request.path.split("?")[0].strip("/").split("/")
    if len(parts) != 2 or parts[0] != "details":
        return as_json({"error": "no such page"}, 404)
    if not parts[1].isdecimal():
        return as_json({"error": "please give a numeric product id"}, 400)
    return as_json({**BOOK, "id": int(parts[1])})


if __name__ == "__main__":
    serve(arguments("details").parse_args(), handle)

"""The product page: asks details and reviews, and shows both; a small login makes the user known to the rules."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from samples.bookinfo.page import render_index, render_page
from samples.bookinfo.web import CallError, Request, Response, arguments, as_json, call, serve

STATIC = Path(__file__).parent / "static"
PRODUCT = {
    "id": 0,
    "title": "The Hunting of the Snark",
    "description": "An agony in eight fits: ten hunters, one bell, and a map that is a perfect and absolute blank.",
}
UNAVAILABLE = "Sorry, product {what} are currently unavailable for this book."
DETAILS_TIMEOUT_SECONDS = 3.0
# Too short for the 7 s delay of the fault-injection task, and shorter than what reviews grants ratings (10 s):
# the bug that the task uncovers.
REVIEWS_TIMEOUT_SECONDS = 3.0
REVIEWS_ATTEMPTS = 2


@dataclass(frozen=True)
class ProductPage:
    """The service, and where the others are."""

    details_url: str = "http://details:9080"
    reviews_url: str = "http://reviews:9080"
    ratings_url: str = "http://ratings:9080"

    def handle(self, request: Request) -> Response:
        """The page, login and logout, static files, and the same content as JSON under `/api/v1/products`."""
        path, _, query = request.path.partition("?")
        parts = path.strip("/").split("/")
        match parts:
            case ["productpage"]:
                return self._page(request)
            case ["login"]:
                return _login(request, query)
            case ["logout"]:
                return _to_the_page("user=; Path=/; Max-Age=0")
            case ["api", "v1", "products", *rest]:
                return self._product(request, rest)
            case _:
                return _static(parts)

    def _page(self, request: Request) -> Response:
        details_status, details = self._details(request, "0")
        reviews_status, reviews = self._reviews(request, "0")
        return _html(
            render_page(
                product=PRODUCT,
                user=_user(request),
                details=details,
                details_status=details_status,
                reviews=reviews,
                reviews_status=reviews_status,
            )
        )

    def _product(self, request: Request, rest: list[str]) -> Response:
        match rest:
            case []:
                status, answer = 200, [PRODUCT]
            case [number] if number.isdecimal():
                status, answer = self._details(request, number)
            case [number, "reviews"] if number.isdecimal():
                status, answer = self._reviews(request, number)
            case [number, "ratings"] if number.isdecimal():
                url = f"{self.ratings_url}/ratings/{number}"
                status, answer = _ask(url, request, timeout=DETAILS_TIMEOUT_SECONDS, what="ratings")
            case _:
                return as_json({"error": "no such product"}, 404)
        return as_json(answer, status)

    def _details(self, request: Request, number: str) -> tuple[int, Any]:
        return _ask(f"{self.details_url}/details/{number}", request, timeout=DETAILS_TIMEOUT_SECONDS, what="details")

    def _reviews(self, request: Request, number: str) -> tuple[int, Any]:
        for _ in range(REVIEWS_ATTEMPTS):
            status, answer = _ask(
                f"{self.reviews_url}/reviews/{number}", request, timeout=REVIEWS_TIMEOUT_SECONDS, what="reviews"
            )
            if status == 200:
                break
        return status, answer


def _ask(url: str, request: Request, *, timeout: float, what: str) -> tuple[int, Any]:
    """Status and JSON of another service; for no answer 503 and a sentence for the reader."""
    user = _user(request)
    try:
        return 200, call(url, request, timeout=timeout, headers={"end-user": user} if user else {})
    except CallError as error:
        return error.status or 503, {"error": UNAVAILABLE.format(what=what)}


def _user(request: Request) -> str:
    """Who is logged in: the cookie of the login form, or an ``end-user`` header from a client without a browser."""
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get("user")
    except CookieError:
        cookie = None
    named = unquote(cookie.value) if cookie else request.headers.get("end-user", "")
    # It becomes a header of other requests, so it must not hold a line break.
    return "".join(c for c in named if c.isprintable() and c.isascii())[:64]


def _login(request: Request, query: str) -> Response:
    form = parse_qs(request.body.decode(errors="replace") if request.method == "POST" else query)
    user = form.get("username", [""])[0].strip()
    return _to_the_page(f"user={quote(user)}; Path=/; HttpOnly; SameSite=Lax" if user else "user=; Path=/; Max-Age=0")


def _to_the_page(cookie: str) -> Response:
    return Response(b"", 302, "text/plain", {"location": "/productpage", "set-cookie": cookie})


def _static(parts: list[str]) -> Response:
    """The index, and what lies in ``static/``; 404 for everything else."""
    types = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    known = {path.name: path for path in STATIC.iterdir() if path.suffix in types}
    if parts in ([""], ["index.html"]):
        return _html(render_index())
    if len(parts) == 2 and parts[0] == "static" and parts[1] in known:
        file = known[parts[1]]
        return Response(file.read_bytes(), content_type=types[file.suffix])
    return as_json({"error": "no such page"}, 404)


def _html(text: str) -> Response:
    return Response(text.encode(), content_type="text/html; charset=utf-8")


def main() -> None:
    page = ProductPage(
        **{
            f"{name}_url": os.environ[f"{name.upper()}_URL"]
            for name in ("details", "reviews", "ratings")
            if f"{name.upper()}_URL" in os.environ
        }
    )
    serve(arguments("productpage").parse_args(), page.handle)


if __name__ == "__main__":
    main()

"""The product page as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/static/style.css">
<link rel="icon" href="/static/bell.svg">
</head>
<body>
<header><a class="brand" href="/productpage"><img src="/static/bell.svg" alt="">Bookinfo</a>{account}</header>
<main>
{content}
</main>
</body>
</html>
"""

_LOGGED_OUT = """\
<form action="/login" method="post">
<input name="username" placeholder="user, such as jason" aria-label="user name" required>
<button>Sign in</button>
</form>"""


def render_index() -> str:
    """What stands at `/`: a link to the page."""
    return _FRAME.format(title="Bookinfo", account="", content='<p><a href="/productpage">To the product page</a></p>')


def render_page(
    *, product: Mapping[str, Any], user: str, details: Any, details_status: int, reviews: Any, reviews_status: int
) -> str:
    """The page. A status other than 200 means that the value beside it is ``{"error": sentence}``."""
    content = [
        f'<section class="title"><h1>{escape(product["title"])}</h1><p>{escape(product["description"])}</p></section>',
        '<section class="details"><h2>Book details</h2>',
        _details(details) if details_status == 200 else _error(details),
        '</section><section class="reviews"><h2>Book reviews</h2>',
        _reviews(reviews) if reviews_status == 200 else _error(reviews),
        "</section>",
    ]
    account = f'<div class="account">{escape(user)} · <a href="/logout">Sign out</a></div>' if user else _LOGGED_OUT
    return _FRAME.format(title=escape(product["title"]), account=account, content="\n".join(content))


def _details(details: Mapping[str, Any]) -> str:
    rows = [
        f"<dt>{escape(key.capitalize())}</dt><dd>{escape(str(value))}</dd>"
        for key, value in details.items()
        if key != "id"
    ]
    return f"<dl>{''.join(rows)}</dl>"


def _reviews(reviews: Mapping[str, Any]) -> str:
    quotes = [
        f"<blockquote><p>{escape(review['text'])}</p><footer>{escape(review['reviewer'])}{_rating(review)}</footer>"
        "</blockquote>"
        for review in reviews["reviews"]
    ]
    version, instance = escape(str(reviews.get("version", ""))), escape(str(reviews.get("podname", "")))
    served = f'<p class="served">Reviews served by <b>{instance}</b> <span class="version">{version}</span></p>'
    return "".join(quotes) + served


def _rating(review: Mapping[str, Any]) -> str:
    rating = review.get("rating")
    if not rating:
        return ""
    if "error" in rating:
        return f' <span class="error">{escape(rating["error"])}</span>'
    stars = int(rating["stars"])
    color = "red" if rating.get("color") == "red" else "black"
    return f' <span class="stars {color}" title="{stars} of 5">{"★" * stars}{"☆" * (5 - stars)}</span>'


def _error(answer: Mapping[str, Any]) -> str:
    return f'<p class="error">{escape(str(answer.get("error", "")))}</p>'

"""The four Bookinfo services, called as their sidecars would call them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.cookies import SimpleCookie

import pytest

from samples.bookinfo import details, productpage, ratings, reviews
from samples.bookinfo.web import Handler, Request, Response, as_json, make_server
from tests.e2e.harness.client import request

# These open ports, so they belong to the slower tests.
pytestmark = pytest.mark.e2e

Serve = Callable[[Handler], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a handler in a thread; its URL."""
    servers = []

    def start(handle: Handler) -> str:
        server = make_server("127.0.0.1", 0, handle)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def get(path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Request:
    return Request(method, path, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def recording(seen: list[Request], answer: Response) -> Handler:
    def handle(request: Request) -> Response:
        seen.append(request)
        return answer

    return handle


def a_page(serve: Serve, *, reviews_handler: Handler, details_handler: Handler = details.handle) -> Handler:
    return productpage.ProductPage(
        details_url=serve(details_handler), reviews_url=serve(reviews_handler), ratings_url=serve(ratings.handle)
    ).handle


def a_review(version: str, ratings_url: str) -> Handler:
    return partial(reviews.handle, version=version, instance=f"reviews-{version}-1", ratings_url=ratings_url)


def test_details_and_ratings_answer_by_product_number() -> None:
    assert json.loads(details.handle(get("/details/7")).body)["id"] == 7
    assert json.loads(ratings.handle(get("/ratings/0")).body) == {
        "id": 0,
        "ratings": {"Reviewer1": 5, "Reviewer2": 4},
    }
    for handle, path in ((details.handle, "/details/x"), (ratings.handle, "/ratings/x")):
        assert handle(get(path)).status == 400
        assert handle(get("/else")).status == 404


def test_ratings_is_as_slow_and_as_often_wrong_as_a_request_wants() -> None:
    slept: list[float] = []
    for sent, seconds in (("0.2", 0.2), ("99", 10.0)):
        ratings.handle(get("/ratings/0", x_ratings_seconds=sent), sleep=slept.append)
        assert slept.pop() == seconds
    for sent in ("", "x", "-1", "nan"):
        assert ratings.handle(get("/ratings/0", x_ratings_failures=sent, x_ratings_seconds=sent)).status == 200
    for chance, status in ((0.29, 500), (0.31, 200)):
        answer = ratings.handle(get("/ratings/0", x_ratings_failures="30"), chance=partial(float, chance))
        assert answer.status == status


@pytest.mark.parametrize(("version", "color"), [("v1", None), ("v2", "black"), ("v3", "red")])
def test_each_version_of_reviews_has_its_stars(serve: Serve, version: str, color: str | None) -> None:
    answer = json.loads(a_review(version, serve(ratings.handle))(get("/reviews/0")).body)
    colors = {review.get("rating", {}).get("color") for review in answer["reviews"]}
    assert colors == {color}
    assert answer["podname"] == f"reviews-{version}-1"


def test_reviews_without_ratings_still_has_its_texts(serve: Serve) -> None:
    failing = serve(recording([], as_json({"error": "boom"}, 500)))
    answer = json.loads(a_review("v2", failing)(get("/reviews/0")).body)
    assert [review["rating"] for review in answer["reviews"]] == [
        {"error": "Ratings service is currently unavailable"}
    ] * 2


def test_who_asks_is_passed_along_the_whole_way(serve: Serve) -> None:
    seen: list[Request] = []
    ratings_url = serve(recording(seen, ratings.handle(get("/ratings/0"))))
    page = a_page(serve, reviews_handler=a_review("v3", ratings_url))
    page(get("/productpage", cookie="user=jason", x_request_id="r-1", traceparent="00-1-2-01", b3="1-2", secret="s"))
    (at_ratings,) = seen
    for name, value in {"end-user": "jason", "x-request-id": "r-1", "traceparent": "00-1-2-01", "b3": "1-2"}.items():
        assert at_ratings.headers[name] == value
    assert "secret" not in at_ratings.headers


def test_the_page_shows_reviews_their_version_and_stars(serve: Serve) -> None:
    page = a_page(serve, reviews_handler=a_review("v3", serve(ratings.handle)))
    text = page(get("/productpage")).body.decode()
    assert "reviews-v3-1" in text
    assert text.count("★★★★★") == 1
    assert "Lewis Carroll" in text
    assert "stars red" in text


def test_the_page_says_what_is_missing(serve: Serve) -> None:
    attempts: list[Request] = []
    failing = recording(attempts, as_json({}, 503))
    page = a_page(serve, reviews_handler=failing, details_handler=recording([], as_json({}, 500)))
    text = page(get("/productpage")).body.decode()
    assert "Sorry, product reviews are currently unavailable for this book." in text
    assert "Sorry, product details are currently unavailable for this book." in text
    assert len(attempts) == 2, "reviews are asked for once more before giving up"


def test_the_api_answers_json_with_the_status_of_what_it_asked(serve: Serve) -> None:
    page = a_page(serve, reviews_handler=recording([], as_json({}, 500)))
    assert [product["id"] for product in json.loads(page(get("/api/v1/products")).body)] == [0]
    assert json.loads(page(get("/api/v1/products/0")).body)["author"] == "Lewis Carroll"
    assert json.loads(page(get("/api/v1/products/0/ratings")).body)["ratings"]["Reviewer1"] == 5
    assert page(get("/api/v1/products/0/reviews")).status == 500
    assert page(get("/api/v1/products/0/else")).status == 404


def test_signing_in_and_out_sets_the_cookie(serve: Serve) -> None:
    page = a_page(serve, reviews_handler=recording([], as_json({}, 500)))
    signed_in = page(get("/login", method="POST", body=b"username=jason&passwd="))
    assert (signed_in.status, signed_in.headers["location"]) == (302, "/productpage")
    assert SimpleCookie(signed_in.headers["set-cookie"])["user"].value == "jason"
    assert "Max-Age=0" in page(get("/logout")).headers["set-cookie"]
    assert "Sign out" in page(get("/productpage", cookie="user=jason")).body.decode()


def test_a_user_name_cannot_carry_markup_or_headers(serve: Serve) -> None:
    seen: list[Request] = []
    page = a_page(serve, reviews_handler=recording(seen, as_json({}, 500)))
    text = page(get("/productpage", cookie="user=%3Cb%3Ex%0d%0aevil%3A1")).body.decode()
    assert "<b>x" not in text
    assert "&lt;b&gt;xevil:1" in text
    assert seen[0].headers["end-user"] == "<b>xevil:1"
    assert "evil" not in seen[0].headers


def test_static_files_are_the_known_ones_only(serve: Serve) -> None:
    page = a_page(serve, reviews_handler=recording([], as_json({}, 500)))
    assert page(get("/static/style.css")).content_type.startswith("text/css")
    assert page(get("/")).content_type.startswith("text/html")
    for path in ("/static/../web.py", "/static/web.py", "/static", "/etc/passwd"):
        assert page(get(path)).status == 404


def test_the_server_answers_health_and_keeps_connections(serve: Serve) -> None:
    url = serve(details.handle)
    port = int(url.rpartition(":")[2])
    assert request(("127.0.0.1", port), "/health").json == {"status": "healthy"}
    head = request(("127.0.0.1", port), "/details/0", method="HEAD")
    assert (head.status, head.body) == (200, b"")

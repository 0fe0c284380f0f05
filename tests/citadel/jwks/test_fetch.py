"""Against a real HTTP server on this host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from citadel.jwks.fetch import MAX_BYTES, FetchError, fetch_key_set
from citadel.jwks.key_sets import KeySource
from citadel.jwks.targets import Targets, parse_targets

KEYS = json.dumps({"keys": [{"kty": "RSA", "kid": "one", "alg": "RS256", "e": "AQAB", "n": "u" * 342}]})
HERE = parse_targets(["127.0.0.0/8", "::1/128"])

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _keys(_: web.Request) -> web.Response:
    return web.Response(text=KEYS)


async def _large(_: web.Request) -> web.Response:
    return web.Response(text=KEYS + " " * MAX_BYTES)


async def _garbage(_: web.Request) -> web.Response:
    return web.Response(body=b"\xff\xfe")


async def _slow(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await asyncio.get_running_loop().create_future()
    return response


async def _elsewhere(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://example.com/keys")


async def _inwards(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://169.254.169.254/latest/meta-data")


async def _loop(_: web.Request) -> web.Response:
    raise web.HTTPFound("/loop")


async def _moved(_: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently("/keys")


async def _configuration(request: web.Request) -> web.Response:
    return web.json_response({"jwks_uri": str(request.url.with_path("/keys"))})


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/keys", _keys)
    app.router.add_get("/large", _large)
    app.router.add_get("/garbage", _garbage)
    app.router.add_get("/slow", _slow)
    app.router.add_get("/elsewhere", _elsewhere)
    app.router.add_get("/inwards", _inwards)
    app.router.add_get("/loop", _loop)
    app.router.add_get("/moved", _moved)
    app.router.add_get("/.well-known/openid-configuration", _configuration)
    running = TestServer(app)
    async with running:
        yield running


async def fetch(server: TestServer, path: str, targets: Targets = HERE, *, is_issuer: bool = False) -> str:
    return await fetch_key_set(KeySource(str(server.make_url(path)), is_issuer), targets, seconds=2)


@pytest.mark.parametrize("path", ["/keys", "/moved"])
async def test_keys_are_fetched_over_a_redirect_on_the_same_host_too(server: TestServer, path: str) -> None:
    assert await fetch(server, path) == KEYS


async def test_an_issuers_configuration_names_its_keys(server: TestServer) -> None:
    assert await fetch(server, "/", is_issuer=True) == KEYS


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/absent", "answered 404"),
        ("/large", "larger than"),
        ("/garbage", "decode"),
        ("/elsewhere", "redirects to another host"),
        ("/inwards", "redirects to another host"),
        ("/loop", "redirects"),
    ],
)
async def test_what_is_no_key_set_is_told(server: TestServer, path: str, reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        await fetch(server, path)


async def test_a_server_that_never_ends_is_given_up(server: TestServer) -> None:
    with pytest.raises(FetchError, match="no answer within"):
        await fetch_key_set(KeySource(str(server.make_url("/slow"))), HERE, seconds=0.2)


async def test_an_address_that_is_not_permitted_is_not_asked(server: TestServer) -> None:
    with pytest.raises(FetchError, match="loopback"):
        await fetch(server, "/keys", Targets())


async def test_a_name_that_resolves_to_such_an_address_is_not_asked(server: TestServer) -> None:
    source = KeySource(f"http://localhost:{server.port}/keys")
    with pytest.raises(FetchError, match="loopback"):
        await fetch_key_set(source, Targets(), seconds=2)
    assert await fetch_key_set(source, HERE, seconds=2) == KEYS


@pytest.mark.parametrize("uri", ["ftp://a.example/keys", "file:///etc/passwd", "http:///keys"])
async def test_other_schemes_are_refused(uri: str) -> None:
    with pytest.raises(FetchError, match="not an http or https URL"):
        await fetch_key_set(KeySource(uri), HERE, seconds=2)

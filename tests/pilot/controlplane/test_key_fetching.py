"""Key sets in a running control plane, from a real HTTP server on this host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from citadel.jwks import key_sets
from citadel.jwks.key_sets import KeyFetcher, KeySource
from citadel.jwks.targets import parse_targets
from galley.kinds.security.request_authentication import JwtRule, RequestAuthentication
from galley.snapshot import ConfigSnapshot
from pilot.controlplane.key_fetching import KeyFetching
from tests.builders import a_config, a_resource

HERE = parse_targets(["127.0.0.0/8", "::1/128"])


def a_key_set(name: str) -> str:
    return json.dumps({"keys": [{"kty": "RSA", "kid": name, "alg": "RS256", "e": "AQAB", "n": "u" * 342}]})


@dataclass
class Keys:
    """The server's answer: ``text``, or an error where there is none."""

    text: str = a_key_set("one")
    asked: int = 0

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(text=self.text) if self.text else web.Response(status=503)


@dataclass
class Told:
    """What a control plane was told of, and a wait for it."""

    known: Mapping[KeySource, str] = field(default_factory=dict)
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def changed(self, known: Mapping[KeySource, str]) -> None:
        self.known = dict(known)
        self.event.set()

    async def next(self) -> Mapping[KeySource, str]:
        async with asyncio.timeout(10):
            await self.event.wait()
        self.event.clear()
        return self.known


@pytest.fixture
async def keys() -> Keys:
    return Keys()


@pytest.fixture
async def uri(keys: Keys) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/keys", keys.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/keys"))


def a_configuration(*uris: str) -> ConfigSnapshot:
    rules = tuple(JwtRule(issuer=f"https://{number}", jwks_uri=uri) for number, uri in enumerate(uris))
    return a_config(a_resource(RequestAuthentication(jwt_rules=rules), "tokens"))


async def running(fetching: KeyFetching, work: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(fetching.run())
    try:
        await work()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - files and accounts tell nobody of themselves
            await asyncio.sleep(0.01)


async def test_what_policies_name_is_fetched_and_told(keys: Keys, uri: str) -> None:
    told = Told()
    fetching = KeyFetching(HERE, told.changed)

    async def work() -> None:
        fetching.configure(a_configuration(uri))
        assert await told.next() == {KeySource(uri): keys.text}

    await running(fetching, work)
    (status,) = fetching.status
    assert (status.has_keys, status.error) == (True, "")


async def test_keys_are_kept_and_taken_up_by_the_next_run(keys: Keys, uri: str, tmp_path: Path) -> None:
    told = Told()
    fetching = KeyFetching(HERE, told.changed, tmp_path)

    async def work() -> None:
        fetching.configure(a_configuration(uri))
        await told.next()
        await until((tmp_path / "key-sets.json").exists)

    await running(fetching, work)
    restarted = KeyFetching(HERE, told.changed, tmp_path)
    assert restarted.restore() == {KeySource(uri): keys.text}
    restarted.configure(a_configuration(uri))
    assert [one.has_keys for one in restarted.status] == [True]


@pytest.mark.parametrize("content", ["", "[", "{}", '[{"uri": "x"}]', "[1]"])
async def test_what_cannot_be_read_is_fetched_again(content: str, tmp_path: Path) -> None:
    (tmp_path / "key-sets.json").write_text(content)
    assert KeyFetching(HERE, Told().changed, tmp_path).restore() == {}


async def test_a_server_that_fails_is_told_and_asked_again(
    keys: Keys, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "FIRST_RETRY", 0.05)
    keys.text = ""
    told = Told()
    fetching = KeyFetching(HERE, told.changed)

    async def work() -> None:
        fetching.configure(a_configuration(uri))
        await until(lambda: bool(fetching.status[0].error))
        assert "503" in fetching.status[0].error
        assert not fetching.status[0].has_keys
        keys.text = a_key_set("healed")
        assert await told.next() == {KeySource(uri): keys.text}
        assert fetching.status[0].error == ""

    await running(fetching, work)


async def test_keys_outlive_a_server_that_fails_at_their_refresh(
    keys: Keys, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "REFRESH", 0.05)
    told = Told()
    fetching = KeyFetching(HERE, told.changed)

    async def work() -> None:
        fetching.configure(a_configuration(uri))
        await told.next()
        keys.text = ""
        await until(lambda: bool(fetching.status[0].error))
        assert fetching.status[0].has_keys

    await running(fetching, work)
    assert told.known != {}


async def test_addresses_that_are_not_permitted_are_not_asked(keys: Keys, uri: str) -> None:
    fetching = KeyFetching(parse_targets([]), Told().changed)

    async def work() -> None:
        fetching.configure(a_configuration(uri))
        await until(lambda: bool(fetching.status[0].error))

    await running(fetching, work)
    assert keys.asked == 0


async def test_what_is_left_to_envoys_is_not_fetched(uri: str) -> None:
    fetching = KeyFetching(HERE, Told().changed, fetcher=KeyFetcher.ENVOY)
    fetching.configure(a_configuration(uri))
    assert fetching.status == ()

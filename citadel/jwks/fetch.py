"""One key set fetched over HTTP, within limits of time, size and reach."""

from __future__ import annotations

import asyncio
import json
import socket
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from citadel.jwks.key_sets import KeySource
from citadel.jwks.targets import Targets
from galley.kinds.security.jwks import parse_key_set

MAX_BYTES = 1024 * 1024
_MOST_REDIRECTS = 3
_WELL_KNOWN = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, section 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 64 * 1024


class FetchError(Exception):
    """A key set that could not be had; the text says why."""


async def fetch_key_set(source: KeySource, targets: Targets, *, seconds: float) -> str:
    """The key set as text, with a usable key in it. Raises FetchError within so many ``seconds``."""
    try:
        async with asyncio.timeout(seconds), _session(targets) as session:
            uri = source.uri
            if source.is_issuer:
                uri = await _discover(session, targets, uri.rstrip("/") + _WELL_KNOWN)
            text = await _get(session, targets, uri)
    except TimeoutError:
        raise FetchError(f"no answer within {seconds:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError, UnicodeError) as error:
        raise FetchError(str(error) or type(error).__name__) from error
    try:
        usable = parse_key_set(text).usable
    except ValueError as error:
        raise FetchError(f"the answer {error}") from None
    if not usable:
        raise FetchError("the key set has no key that can be used")
    return text


def _session(targets: Targets) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(resolver=_CheckedResolver(targets), force_close=True)
    return aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())


async def _discover(session: aiohttp.ClientSession, targets: Targets, uri: str) -> str:
    document = json.loads(await _get(session, targets, uri))
    found = document.get("jwks_uri") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise FetchError(f"{uri} names no jwks_uri")
    return found


async def _get(session: aiohttp.ClientSession, targets: Targets, uri: str) -> str:
    """The body of what ``uri`` answers; redirects are followed on the same host only."""
    for _ in range(_MOST_REDIRECTS + 1):
        _check_target(targets, uri)
        async with session.get(uri, allow_redirects=False, headers={"accept": "application/json"}) as response:
            if response.status in _REDIRECTS:
                uri = _redirected(uri, response.headers.get("location", ""))
                continue
            if response.status != 200:
                raise FetchError(f"{uri} answered {response.status}")
            return await _read(response)
    raise FetchError(f"more than {_MOST_REDIRECTS} redirects")


def _check_target(targets: Targets, uri: str) -> None:
    """Refuse what no resolver is asked about: addresses in the URI itself, and other schemes."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchError(f"{uri} is not an http or https URL")
    try:
        refusal = targets.refusal(parts.hostname)
    except ValueError:
        return  # a name: what it resolves to is checked then
    if refusal:
        raise FetchError(refusal)


def _redirected(uri: str, location: str) -> str:
    there = urljoin(uri, location)
    before, after = urlsplit(uri), urlsplit(there)
    if not location or after.hostname != before.hostname or (before.scheme == "https" and after.scheme != "https"):
        raise FetchError(f"{uri} redirects to another host, {location or 'which it does not name'}")
    return there


async def _read(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchError(f"the answer is larger than {MAX_BYTES} bytes")
    return body.decode()


class _CheckedResolver(AbstractResolver):
    """Resolves names to the addresses that may be asked, so that what was checked is what is connected to."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The permitted addresses of ``host``; raises FetchError when there is none."""
        found = await self._resolver.resolve(host, port, family)
        refusals = {entry["host"]: self._targets.refusal(entry["host"]) for entry in found}
        allowed = [entry for entry in found if not refusals[entry["host"]]]
        if not allowed:
            raise FetchError(f"{host}: " + "; ".join(dict.fromkeys(refusals.values())))
        return allowed

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._resolver.close()

"""Key sets in a running control plane: fetched when policies name them, kept on disk, refreshed before they are old."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from citadel.jwks.key_sets import KeyFetcher, KeySets, KeySetStatus, KeySource
from citadel.jwks.targets import Targets
from citadel.policy.request_authentication import key_source
from galley.atomic_write import write_atomically
from galley.kinds.security.request_authentication import JwtRule, RequestAuthentication
from galley.snapshot import ConfigSnapshot

log = logging.getLogger("pilot")

_FILE = "key-sets.json"
_AT_ONCE = 8
"""Fetches under way at the same time."""
_PATIENCE = 5.0
"""Seconds for one fetch where the rule says nothing (Istio)."""


class KeyFetching:
    """Keeps the key sets that policies name current; ``changed`` is called with all that are known when one has.

    Those that ``fetcher`` leaves to Envoys are none of its business.
    """

    def __init__(
        self,
        targets: Targets,
        changed: Callable[[Mapping[KeySource, str]], None],
        state: Path | None = None,
        fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE,
    ) -> None:
        self._fetcher = fetcher
        self._targets, self._changed = targets, changed
        self._file = state / _FILE if state is not None else None
        self._sets = KeySets()
        self._patience: dict[KeySource, float] = {}
        self._wanted = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._under_way: set[KeySource] = set()

    @property
    def status(self) -> tuple[KeySetStatus, ...]:
        """What is known of each key set that policies name."""
        return self._sets.status

    def restore(self) -> Mapping[KeySource, str]:
        """Take up what an earlier run kept; nothing when it cannot be read, for it can be fetched again."""
        if self._file is None or not self._file.exists():
            return {}
        try:
            entries = json.loads(self._file.read_text(encoding="utf-8"))
            known = {KeySource(str(one["uri"]), bool(one["is_issuer"])): str(one["jwks"]) for one in entries}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            log.warning("key sets in %s cannot be read (%s): they are fetched again", self._file, error)
            return {}
        self._sets.restore(known, time.monotonic())
        return known

    def configure(self, config: ConfigSnapshot) -> None:
        """Policies have changed: keep what they name now."""
        rules = [rule for policy in config.of(RequestAuthentication) for rule in policy.spec.jwt_rules]
        named = {source: rule for rule in rules if (source := key_source(rule)) is not None}
        sources = {source: rule for source, rule in named.items() if not self._fetcher.leaves_to_envoys(source)}
        self._patience = {source: _seconds(rule) for source, rule in sources.items()}
        self._sets.want(sources, time.monotonic())
        self._wanted.set()

    async def run(self) -> None:
        """Fetch what is due, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wanted.clear()
                for source in self._sets.due(time.monotonic()):
                    if source not in self._under_way:
                        self._under_way.add(source)
                        tasks.create_task(self._fetch(source))
                await self._wait()

    async def _wait(self) -> None:
        due = self._sets.next_due()
        idle = None if due is None else max(0.1, due - time.monotonic())
        try:
            async with asyncio.timeout(idle):  # wait_for of Python 3.11 may lose a cancellation
                await self._wanted.wait()
        except TimeoutError:
            """Something is due."""

    async def _fetch(self, source: KeySource) -> None:
        from citadel.jwks.fetch import FetchError, fetch_key_set  # noqa: PLC0415 - its client library loads slowly

        try:
            async with self._slots:
                jwks = await fetch_key_set(source, self._targets, seconds=self._patience.get(source, _PATIENCE))
        except FetchError as error:
            self._note_failure(source, str(error))
            return
        finally:
            self._under_way.discard(source)
            self._wanted.set()
        if self._sets.record(source, time.monotonic(), jwks=jwks):
            log.info("keys of %s fetched", source.uri)
            self._changed(self._sets.known)
            await self._keep()

    def _note_failure(self, source: KeySource, reason: str) -> None:
        self._sets.record(source, time.monotonic(), error=reason)
        kept = source in self._sets.known
        meanwhile = "those from before stay in force" if kept else "its tokens are refused until they can be had"
        log.warning("keys of %s cannot be had: %s; %s", source.uri, reason, meanwhile)

    async def _keep(self) -> None:
        if self._file is None:
            return
        entries = [
            {"uri": source.uri, "is_issuer": source.is_issuer, "jwks": jwks}
            for source, jwks in self._sets.known.items()
        ]
        try:
            await asyncio.to_thread(write_atomically, self._file, json.dumps(entries).encode())
        except OSError as error:
            log.warning("key sets cannot be kept in %s: %s", self._file, error)


def _seconds(rule: JwtRule) -> float:
    return rule.timeout.total_seconds() if rule.timeout else _PATIENCE

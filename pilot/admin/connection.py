"""One connection to the admin port: uvicorn's, with an end for whoever holds it and neither asks nor listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

log = logging.getLogger(__name__)
_faults = logging.getLogger(f"{__name__}.uvicorn")
_faults.setLevel(logging.ERROR)
"""Of what uvicorn itself logs, only faults: it says of a bad request less than we do."""

MOST_CONNECTIONS = 256
"""At once. What comes beyond takes the place of the one that has been idle for longest, or is closed."""

IDLE_SECONDS = 30.0
"""So long a connection may be without a whole request, or its client take nothing of an answer."""


def bounded_protocol(
    config: Config, state: ServerState, *, most: int = MOST_CONNECTIONS, idle_seconds: float = IDLE_SECONDS
) -> Callable[[], asyncio.Protocol]:
    """What makes the protocol of each new connection, for ``loop.create_server``. ``state`` knows all of them."""
    return lambda: _BoundedProtocol(config, state, most, idle_seconds)


class _BoundedProtocol(H11Protocol):
    def __init__(self, config: Config, state: ServerState, most: int, idle_seconds: float) -> None:
        super().__init__(config, state, {})
        self.logger = _faults
        self._most, self._idle_seconds = most, idle_seconds
        self._unsent = 0
        self._look: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self._make_room()
        self._look = self.loop.call_later(self._idle_seconds, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        peer = self.client[0] if self.client else "?"
        log.warning("admin port: 400 to %s: what it sent is no request of HTTP/1.0 or 1.1", peer)
        super().send_400_response(f"{msg}\n")

    def on_response_complete(self) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = self.loop.call_later(self._idle_seconds, self._check)
        super().on_response_complete()

    def _make_room(self) -> None:
        others = (one for one in self.connections if isinstance(one, _BoundedProtocol) and one is not self)
        idle = [one for one in others if one.is_idle]
        victim = min(idle, key=lambda one: one.last_look, default=self)
        victim.transport.abort()

    @property
    def last_look(self) -> float:
        """When its idleness is looked at next: the sooner, the longer it has been idle."""
        return self._look.when() if self._look is not None else 0.0

    def _check(self) -> None:
        """End it when nothing has come of it since the last look."""
        unsent, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self.is_idle or (self._unsent and self._unsent == unsent):
            self.transport.abort()
            return
        self._look = self.loop.call_later(self._idle_seconds, self._check)

"""What a stranger is told when Citadel says no: a status and nothing more. The reason is for the audit log."""

from __future__ import annotations

from enum import Enum

from galley.frozen import frozen


class RefusalCode(Enum):
    """The gRPC status of the same name, and the only words that go with it."""

    UNAUTHENTICATED = "not authenticated"
    PERMISSION_DENIED = "not permitted"
    INVALID_ARGUMENT = "certificate signing request refused"
    RESOURCE_EXHAUSTED = "too many requests"
    UNAVAILABLE = "certificates cannot be issued now"


@frozen
class Refusal:
    """A request that was refused. ``message`` goes to the client, ``reason`` to our own log; neither holds secrets."""

    code: RefusalCode
    reason: str

    @property
    def message(self) -> str:
        """What a stranger is told: never the reason."""
        return self.code.value

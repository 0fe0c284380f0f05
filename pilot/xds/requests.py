"""From a client's request to the event of a state machine.

What a request looks like on the wire is none of the machines' business, so its two variants stand here as protocols:
the decoded messages of discovery.proto, whoever decoded them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pilot.xds.events import DeltaRequested, Requested
from pilot.xds.resources import TypeUrl


class _Request(Protocol):
    """What both variants have in common."""

    @property
    def type_url(self) -> str:
        """The type that is spoken of."""
        ...

    @property
    def is_nack(self) -> bool:
        """Whether it rejects a response: error_detail is there, whatever it says."""
        ...

    @property
    def error_message(self) -> str | None:
        """The text of error_detail."""
        ...


class SotwRequest(_Request, Protocol):
    """A decoded DiscoveryRequest."""

    @property
    def resource_names(self) -> tuple[str, ...]:
        """All names that are subscribed to."""
        ...

    @property
    def response_nonce(self) -> str:
        """The response that is answered, "" for none."""
        ...

    @property
    def version_info(self) -> str:
        """The last version that was accepted."""
        ...


class DeltaRequest(_Request, Protocol):
    """A decoded DeltaDiscoveryRequest."""

    @property
    def subscribe(self) -> tuple[str, ...]:
        """Names that are wanted from now on."""
        ...

    @property
    def unsubscribe(self) -> tuple[str, ...]:
        """Names that are wanted no longer."""
        ...

    @property
    def nonce(self) -> str:
        """The response that is answered, "" for none."""
        ...

    @property
    def initial_versions(self) -> Mapping[str, str]:
        """What was kept from an earlier stream: versions by resource name."""
        ...


def read_sotw(request: SotwRequest) -> Requested:
    """What the client of a state-of-the-world stream says."""
    return Requested(
        TypeUrl(request.type_url),
        request.resource_names,
        request.response_nonce,
        request.version_info,
        _error(request),
    )


def read_delta(request: DeltaRequest) -> DeltaRequested:
    """What the client of an incremental stream says."""
    return DeltaRequested(
        TypeUrl(request.type_url),
        request.subscribe,
        request.unsubscribe,
        request.nonce,
        request.initial_versions,
        _error(request),
    )


def _error(request: _Request) -> str | None:
    """A NACK is one by having an error, even an empty one."""
    return (request.error_message or "") if request.is_nack else None

"""What can happen to a stream, and what a stream can ask for: the values that go into the state machines and out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pilot.xds.resources import EncodedResource, ResourceSet, ResourceSnapshot, TypeUrl


@dataclass(frozen=True, slots=True)
class Requested:
    """The client of a state-of-the-world stream spoke. ``error`` is the text of a NACK and None otherwise."""

    type_url: TypeUrl
    names: tuple[str, ...] = ()
    nonce: str = ""
    version: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DeltaRequested:
    """The client of an incremental stream spoke. ``initial_versions`` is what it kept from an earlier stream."""

    type_url: TypeUrl
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    nonce: str = ""
    initial_versions: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """There is a new snapshot for this client."""

    snapshot: ResourceSnapshot


@dataclass(frozen=True, slots=True)
class Respond:
    """Write this response. ``removed`` is empty in state-of-the-world streams, where absence removes."""

    type_url: TypeUrl
    version: str
    nonce: str
    resources: ResourceSet
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """The client has ``version`` now: it accepted ``response``, or (None) kept it from an earlier stream."""

    type_url: TypeUrl
    version: str
    response: Respond | None = None


@dataclass(frozen=True, slots=True)
class Nacked:
    """The client rejected ``response`` and says why; ``failing`` are the resources that it complains about. Those that
    ``doubtful`` names may be good, and are tried apart."""

    type_url: TypeUrl
    response: Respond
    error: str
    failing: tuple[EncodedResource, ...]
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EndStream:
    """Close the stream with a gRPC status, named as in ``grpc.StatusCode``."""

    status: str
    message: str


Event = Requested | DeltaRequested | Published
Command = Respond | Acked | Nacked | EndStream

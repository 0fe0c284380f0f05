"""What was sent to a client in one type, and what it acked of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pilot.xds.events import Respond
from pilot.xds.resources import EncodedResource, ResourceSet
from pilot.xds.subscription import SubscribedNames


@dataclass(slots=True)
class SentResources:
    """What the client of one stream was sent in one type. Its fields are changed by its methods alone.

    ``resources`` is what the client has once it acks what is in flight: every response is the difference to it.
    ``acked`` is what it had before the response in flight, ``acked_version`` the version of the last that it acked.
    ``nonce`` is that of the last response. ``resumed_version`` is the version that it brought from an earlier stream,
    until it has been compared; ``returning`` marks a client that kept resources of one, until it has answered a
    response here.
    """

    resources: ResourceSet
    acked: ResourceSet | None = None
    acked_version: str = ""
    in_flight: Respond | None = None
    nonce: str = ""
    resumed_version: str = ""
    returning: bool = False

    def is_answered_by(self, nonce: str) -> bool:
        """Whether a request with ``nonce`` is the answer to the response in flight."""
        return self.in_flight is not None and nonce == self.nonce

    def is_newer_than(self, nonce: str) -> bool:
        """Whether a request with ``nonce`` was written before the last response had arrived."""
        return bool(nonce and self.nonce) and nonce != self.nonce

    def send(self, response: Respond, target: ResourceSet) -> None:
        """``response`` goes out; it brings the client to ``target``."""
        self.acked, self.resources = self.resources, target
        self.nonce, self.in_flight = response.nonce, response

    def move(self, target: ResourceSet) -> None:
        """The client has ``target`` without being sent anything."""
        self.resources = target

    def resume(self, target: ResourceSet, version: str) -> None:
        """The client has returned with ``target``, whose version it says."""
        self.resources, self.acked_version = target, version

    def take_answer(self) -> Respond:
        """The response in flight, which is answered now."""
        response, self.in_flight = self.in_flight, None
        assert response is not None, "an answer to nothing"
        return response

    def ack(self, version: str) -> None:
        """The client has accepted ``version``."""
        self.acked_version = version

    def arrive(self) -> None:
        """All that a returning client came back for was asked before it could answer anything."""
        self.returning = False

    def take_resumed_version(self) -> str:
        """The version that the client brought with it, told once; "" for none."""
        version, self.resumed_version = self.resumed_version, ""
        return version

    def keep(self, subscribed: SubscribedNames, resend: Collection[str] = ()) -> None:
        """The client forgets what it does not subscribe to any more; the names ``resend`` it is to get anew."""
        self.resources = subscribed.select(self.resources.without(resend))

    def keep_only(self, names: frozenset[str]) -> None:
        """The client needs all but ``names`` anew."""
        self.resources = self.resources.select(names)

    def resend(self, names: Collection[str], removals: Collection[str] = ()) -> None:
        """Count ``names`` as never sent, and ``removals``, which are gone, as not yet removed."""
        remaining = self.resources.without(names)
        self.resources = remaining.joined_by([EncodedResource(name, "", b"") for name in removals])

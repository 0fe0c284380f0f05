"""One type on one stream: what is subscribed, what was sent and acked, what was nacked."""

from __future__ import annotations

from dataclasses import dataclass, field

from pilot.xds.events import Acked, Nacked, Respond
from pilot.xds.nacked import NackedResources, named_resources
from pilot.xds.resources import WILDCARD_TYPES, ResourceSet, TypeUrl
from pilot.xds.sent import SentResources
from pilot.xds.subscription import Subscription


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """The conversation of one stream about one type: three accounts, and the steps that concern more than one."""

    type_url: TypeUrl
    sent: SentResources
    subscription: Subscription = field(default_factory=Subscription)
    nacked: NackedResources = field(default_factory=NackedResources)

    def take_answer(self, error: str | None) -> Acked | Nacked:
        """The client answered what was in flight; ``error`` is the text of a NACK and None otherwise."""
        response = self.sent.take_answer()
        if error is None:
            self.nacked.forget_replaced(response)
            self.sent.ack(response.version)
            return Acked(self.type_url, response.version, response)
        named = named_resources(response.resources, error)
        failing = named or tuple(response.resources)
        self.nacked.add(failing, self.sent.acked)
        if not named:
            self.nacked.add_unattributed(response)
        elif self.type_url not in WILDCARD_TYPES:
            # Of clusters and listeners Envoy takes the good ones; of other types none that comes after the bad one.
            self.sent.resend(response.resources.name_set - {r.name for r in named})
            self.subscription.expect_answer()
        return Nacked(self.type_url, response, error, failing)

    def resend_unattributed(self, target: ResourceSet) -> None:
        """Count as never sent what was nacked together and may be good, now that a part of it is changed."""
        self.sent.resend(*self.nacked.take_unattributed(target))

    def send(self, response: Respond | None, target: ResourceSet) -> None:
        """``response`` brings the client to ``target``; None when it is there already."""
        if response is None:
            self.sent.move(target)
        else:
            self.sent.send(response, target)
        self.subscription.answered()
        self.nacked.forget_unwanted(target)

    def acked_version(self, name: str) -> str | None:
        """The version of resource ``name`` that the client has acked, "" while it has not; None when it does not
        subscribe to it by name."""
        if name not in self.subscription.names:
            return None
        found, in_flight = self.sent.resources.get(name), self.sent.in_flight
        if found is None or name in self.nacked.versions or (in_flight and name in in_flight.resources):
            return ""
        return found.version

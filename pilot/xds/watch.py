"""One type on one stream: what is subscribed, what was sent and acked, what was nacked."""

from __future__ import annotations

from dataclasses import dataclass, field

from pilot.xds.events import Acked, Nacked, Respond
from pilot.xds.nacked import NackedResources, attribute
from pilot.xds.resources import ResourceSet, TypeUrl
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
        suspects = self.nacked.suspects(response, self.sent.acked)
        found = attribute(response, suspects, error)
        failing = (*found.certain, *found.doubtful)
        self.nacked.add(failing, self.sent.acked)
        self.nacked.try_apart(found)
        if found.whole and failing:
            # Of clusters and listeners Envoy takes the good ones; of other types none that comes after the bad one,
            # and of a response that it cannot read nothing at all.
            self.sent.resend({r.name for r in suspects} - {r.name for r in failing}, response.removed)
            self.subscription.expect_answer()
        return Nacked(self.type_url, response, error, failing, frozenset(r.name for r in found.doubtful))

    def retry(self, target: ResourceSet) -> None:
        """Count as never sent what is to be tried again on the way to ``target``; see `NackedResources`."""
        names = self.nacked.take_retries(target)
        if names:
            self.sent.resend(names)
            self.subscription.expect_answer()

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

"""What a client subscribes to in one type, and which of its requests is pending."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from pilot.xds.resources import WILDCARD_TYPES, ResourceSet, TypeUrl

WILDCARD = "*"


@dataclass(frozen=True, slots=True)
class SubscribedNames:
    """The names that a client wants of one type.

    ``named`` tells whether it has ever sent a name: until then an empty list means everything for the types of
    WILDCARD_TYPES, afterwards it means nothing (xDS protocol, "How the client specifies what resources to return").
    """

    wildcard: bool = False
    names: frozenset[str] = frozenset()
    named: bool = False

    @property
    def active(self) -> bool:
        """Whether it wants anything at all."""
        return self.wildcard or bool(self.names)

    def listing(self, names: Collection[str], type_url: TypeUrl) -> SubscribedNames:
        """The names after a state-of-the-world request, which always lists all of them."""
        if not names:
            return SubscribedNames(wildcard=not self.named and type_url in WILDCARD_TYPES, named=self.named)
        wanted = frozenset(names)
        return SubscribedNames(wildcard=WILDCARD in wanted, names=wanted - {WILDCARD}, named=True)

    def changed_by(self, subscribe: Collection[str], unsubscribe: Collection[str]) -> SubscribedNames:
        """The names after an incremental request. A name in both lists ends up unsubscribed."""
        wanted, unwanted = frozenset(subscribe), frozenset(unsubscribe)
        return SubscribedNames(
            wildcard=(self.wildcard or WILDCARD in wanted) and WILDCARD not in unwanted,
            names=(self.names | wanted) - unwanted - {WILDCARD},
            named=self.named or bool(subscribe),
        )

    def select(self, resources: ResourceSet) -> ResourceSet:
        """The part of ``resources`` that is subscribed to."""
        return resources if self.wildcard else resources.select(self.names)

    def sharing(self, resources: ResourceSet | None) -> SubscribedNames:
        """The same names; those of exactly ``resources`` (None: nothing is served yet) are held as its own object and
        not as a copy."""
        if resources is None or self.names != resources.name_set:
            return self
        return replace(self, names=resources.name_set)


@dataclass(slots=True)
class Subscription:
    """What the client of one stream subscribes to in one type. Its fields are changed by its methods alone.

    ``pending`` marks a request that waits for its answer; ``must_answer`` one that is answered even when nothing
    differs. ``unanswered`` are names just subscribed, which an incremental answer must mention even if they do not
    exist. ``narrowed`` tells that the client has let go of names since the last answer.
    """

    subscribed: SubscribedNames = SubscribedNames()
    pending: bool = True
    must_answer: bool = False
    unanswered: frozenset[str] = frozenset()
    narrowed: bool = False

    @property
    def active(self) -> bool:
        """Whether the client wants anything of the type."""
        return self.subscribed.active

    @property
    def names(self) -> frozenset[str]:
        """The names that it wants, the wildcard left out."""
        return self.subscribed.names

    def list_names(self, names: Collection[str], available: ResourceSet | None, type_url: TypeUrl) -> bool:
        """Take over the names of a state-of-the-world request; whether they differ from those before.

        ``available`` is what is served of the type, None while nothing is.
        """
        before = self.subscribed
        after = before.listing(names, type_url)
        if after == before:
            return False
        self.subscribed = after.sharing(available)
        self.narrowed = self.narrowed or not before.names <= after.names
        if (after.wildcard and not before.wildcard) or not after.names <= before.names:
            self.pending = True
            # Where a response is the complete set, one that does not name a resource says that there is none.
            self.must_answer = type_url in WILDCARD_TYPES
        self.must_answer = self.must_answer and after.active
        return True

    def change(
        self, subscribe: Collection[str], unsubscribe: Collection[str], available: ResourceSet | None
    ) -> frozenset[str]:
        """Take over an incremental request; the names that are to be sent again whatever the client has of them.

        ``available`` is what is served of the type, None while nothing is.
        """
        before = self.subscribed
        after = before.changed_by(subscribe, unsubscribe).sharing(available)
        self.subscribed = after
        # With the wildcard on, a name let go may still be part of it, and the client wants to hear which.
        let_go = before.names - after.names if after.wildcard else frozenset[str]()
        resend = (frozenset(subscribe) & after.names) | let_go
        widened = after.wildcard and not before.wildcard
        self.unanswered = ((self.unanswered & after.names) | resend) if after.active else frozenset()
        self.pending = self.pending or bool(self.unanswered) or widened
        self.must_answer = after.active and (self.must_answer or widened)
        return resend

    def resume(self) -> None:
        """The client returns with what it kept: what is new comes in the order of a push."""
        self.pending = False

    def resume_with(self, kept: frozenset[str]) -> None:
        """The client returns with the resources ``kept``, and has had an answer to its subscription.

        An Envoy that starts waits for the first answer even if there is nothing to say.
        """
        self.resume()
        self.must_answer = False
        self.unanswered -= kept

    def repeat(self, *, must_answer: bool) -> None:
        """The client asks for the same once more; ``must_answer`` when it waits for a response, whatever it says."""
        self.must_answer = must_answer

    def expect_answer(self) -> None:
        """Something has to be sent again, and not only with the next push."""
        self.pending = True

    def answered(self) -> None:
        """All that was asked for has been sent, or was there."""
        self.pending = self.must_answer = self.narrowed = False
        self.unanswered = frozenset()

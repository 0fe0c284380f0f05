"""What both variants of an xDS stream have in common: when which type may be answered.

A snapshot goes out as one push: clusters and endpoints, then, when these were answered, listeners and routes, and
removals last, so that at no moment a route names a cluster that Envoy does not have. While a push is under way the
newest snapshot waits; newer ones replace it. Requests are answered from the snapshot under way, at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

from pilot.xds.events import Acked, Command, DeltaRequested, EndStream, Event, Nacked, Published, Requested, Respond
from pilot.xds.pairing import pair_endpoints
from pilot.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    PUSH_ORDER,
    ROUTE,
    SHORT_NAMES,
    EncodedResource,
    ResourceSet,
    ResourceSnapshot,
    TypeUrl,
)
from pilot.xds.watch import Watch

Fallback = Callable[[TypeUrl, str], EncodedResource | None]
"""An empty resource of a type and name, for a client that waits for one which does not exist."""

MAX_NAMES = 50_000
"""Resources of one type that one stream may name, by one request or one after the other."""


LONGEST_NAME = 4_096
"""Characters of the name of a resource, and of a type."""

_TOO_LONG = EndStream("INVALID_ARGUMENT", f"a name of a resource or of a type has more than {LONGEST_NAME} characters")
_TOO_MANY_NAMES = EndStream("RESOURCE_EXHAUSTED", f"the stream names more than {MAX_NAMES} resources of one type")


def _names_in(event: Requested | DeltaRequested) -> int:
    if isinstance(event, Requested):
        return len(event.names)
    return max(len(event.subscribe), len(event.unsubscribe), len(event.initial_versions))


def _names_of(event: Requested | DeltaRequested) -> Iterator[str]:
    yield event.type_url
    yield from event.names if isinstance(event, Requested) else (*event.subscribe, *event.initial_versions)


def no_fallback(type_url: TypeUrl, name: str) -> EncodedResource | None:
    """Leave the client waiting for what does not exist."""
    return None


class Stream(ABC):
    """One client's stream. ``handle`` must be exhausted: the state advances as commands are taken."""

    def __init__(self, fallback: Fallback = no_fallback) -> None:
        self._fallback = fallback
        self._watches: dict[TypeUrl, Watch] = {}
        self._snapshot: ResourceSnapshot | None = None
        self._waiting: ResourceSnapshot | None = None
        self._nonces = 0

    def handle(self, event: Event) -> Iterator[Command]:
        """What ``event`` asks to be done, in order. Before the first Published nothing is answered."""
        if isinstance(event, Published):
            if self._is_pushing():
                self._waiting = event.snapshot
            else:
                self._snapshot = event.snapshot
        elif (refused := self._refusal(event)) is not None:
            yield refused
            return
        elif event.type_url not in SHORT_NAMES:
            yield from self._asked_in_vain(event)
            return
        else:
            yield from self._requested(event)
            if len(self._watches[event.type_url].subscription.names) > MAX_NAMES:
                yield _TOO_MANY_NAMES
                return
        yield from self._advance()

    @staticmethod
    def _refusal(event: Requested | DeltaRequested) -> EndStream | None:
        if not event.type_url:
            return EndStream("INVALID_ARGUMENT", "type_url is empty")
        if _names_in(event) > MAX_NAMES:
            return _TOO_MANY_NAMES
        return _TOO_LONG if max(map(len, _names_of(event))) > LONGEST_NAME else None

    @property
    def is_settled(self) -> bool:
        """Whether the client has answered everything and no snapshot waits."""
        return self._waiting is None and not any(watch.sent.in_flight for watch in self._watches.values())

    def nacked_versions(self, type_url: TypeUrl) -> Mapping[str, str]:
        """The versions that the client nacked and that nothing has taken the place of, by resource name."""
        watch = self._watches.get(type_url)
        return watch.nacked.versions if watch is not None else {}

    def unknown_names(self, type_url: TypeUrl) -> int:
        """How many resources the client names of a type that are not there, and so are remembered for it alone."""
        watch = self._watches.get(type_url)
        if watch is None or not watch.subscription.names:
            return 0
        available = self._available(type_url)
        names = watch.subscription.names
        if available is None:
            return len(names)
        return 0 if names is available.name_set else len(names - available.name_set)

    def acked_version(self, type_url: TypeUrl, name: str) -> str | None:
        """See `Watch.acked_version`; None also for a type that the client does not speak of."""
        watch = self._watches.get(type_url)
        return watch.acked_version(name) if watch is not None else None

    @abstractmethod
    def _requested(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        """Take in what the client says."""

    def _asked_in_vain(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        """The client asks for a type that is not served. Nothing of that is kept, and silence is the answer where a
        client does not take an answer for everything."""
        yield from ()

    @abstractmethod
    def _with_missing(self, watch: Watch, wanted: ResourceSet) -> ResourceSet:
        """``wanted`` and what stands in for names that are asked for and do not exist."""

    @abstractmethod
    def _response(self, watch: Watch, target: ResourceSet) -> Respond | None:
        """What brings the client from what it was sent to ``target``; None when nothing does."""

    def _take_answer(self, watch: Watch, error: str | None) -> Acked | Nacked:
        """The client answered what was in flight."""
        for each in self._watches.values():
            each.sent.arrive()
        return watch.take_answer(error)

    def _advance(self) -> Iterator[Command]:
        while True:
            if self._snapshot is not None:
                yield from self._respond_where_due()
            # Whatever was due is in flight now: with nothing in flight the push is over.
            if self._waiting is None or self._is_pushing():
                return
            self._snapshot, self._waiting = self._waiting, None

    def _is_pushing(self) -> bool:
        return any(self._in_flight(type_url) for type_url in (CLUSTER, ENDPOINT, LISTENER, ROUTE))

    def _in_flight(self, type_url: TypeUrl) -> bool:
        watch = self._watches.get(type_url)
        return watch is not None and watch.sent.in_flight is not None

    def _respond_where_due(self) -> Iterator[Command]:
        others = [type_url for type_url in self._watches if type_url not in PUSH_ORDER]
        for type_url in (*PUSH_ORDER, *others):
            watch = self._watches.get(type_url)
            if watch is not None and watch.sent.in_flight is None and watch.subscription.active:
                yield from self._respond(watch)

    def _respond(self, watch: Watch) -> Iterator[Command]:
        target = self._target(watch)
        resumed = watch.sent.take_resumed_version()
        if resumed and resumed == self._version(watch, target) and not self._sent_clusters_before(watch):
            watch.sent.resume(target, resumed)
            watch.subscription.answered()
            yield Acked(watch.type_url, resumed)
            return
        watch.retry(target)
        response = self._response(watch, target)
        if response is not None and self._must_wait(watch):
            return
        watch.send(response, target)
        if response is not None:
            yield response
        elif watch.sent.returning and not watch.sent.acked_version:
            version = self._version(watch, target)
            watch.sent.ack(version)
            yield Acked(watch.type_url, version)

    def _sent_clusters_before(self, watch: Watch) -> bool:
        """Whether these are endpoints for a client that got clusters on this stream and so warms some of them.

        What it knows may be for the clusters that it had before those which it kept: nobody can tell.
        """
        clusters = self._watches.get(CLUSTER)
        return watch.type_url == ENDPOINT and clusters is not None and bool(clusters.sent.nonce)

    def _must_wait(self, watch: Watch) -> bool:
        """Listeners and routes follow when clusters and endpoints were answered, except for one who asks."""
        if watch.subscription.pending or watch.type_url not in (LISTENER, ROUTE):
            return False
        return self._in_flight(CLUSTER) or self._in_flight(ENDPOINT)

    def _target(self, watch: Watch) -> ResourceSet:
        """What the client is to have next of this type."""
        wanted = self._wanted(watch)
        if watch.type_url == CLUSTER:
            wanted = self._with_what_is_needed(watch, wanted)
        return self._with_missing(watch, wanted)

    def _with_what_is_needed(self, watch: Watch, wanted: ResourceSet) -> ResourceSet:
        """``wanted``, and what is gone of it until listeners and routes have let go of that."""
        if not wanted.since(watch.sent.resources).removed or self._may_remove():
            return wanted
        return wanted.with_rest_of(watch.sent.resources)

    def _wanted(self, watch: Watch) -> ResourceSet:
        assert self._snapshot is not None
        available = self._snapshot.of(watch.type_url)
        clusters = self._clusters()
        if watch.type_url == ENDPOINT and clusters is not None:
            available = pair_endpoints(available, clusters)
        return watch.subscription.subscribed.select(available)

    def _available(self, type_url: TypeUrl) -> ResourceSet | None:
        """What the snapshot has of a type, None before the first."""
        return self._snapshot.of(type_url) if self._snapshot is not None else None

    def _clusters(self) -> ResourceSet | None:
        """The clusters that the client was sent; None when it does not ask for clusters."""
        watch = self._watches.get(CLUSTER)
        return watch.sent.resources if watch is not None and watch.subscription.active else None

    def _may_remove(self) -> bool:
        """Whether no listener or route that the client has may still name what is to be removed.

        A client that rejected new routes goes on with the old ones, so it keeps the clusters they name, too. One that
        returns has listeners and routes of which nothing is known here before it has asked for them; it does so in
        one go, before it answers anything.
        """
        clusters = self._watches.get(CLUSTER)
        if clusters is not None and clusters.sent.returning:
            return False
        return not any(self._is_unsettled(self._watches.get(type_url)) for type_url in (LISTENER, ROUTE))

    def _is_unsettled(self, watch: Watch | None) -> bool:
        if watch is None or not watch.subscription.active:
            return False
        wanted = self._wanted(watch)
        if watch.sent.in_flight is not None or watch.nacked.has_any_of(wanted):
            return True
        change = wanted.since(watch.sent.resources)
        return bool(change) if watch.type_url == LISTENER else bool(len(change.changed))

    def _version(self, watch: Watch, target: ResourceSet) -> str:
        return target.version

    def _next_nonce(self) -> str:
        self._nonces += 1
        return str(self._nonces)

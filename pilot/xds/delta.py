"""Incremental xDS: requests change a subscription, and responses say what changed and what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pilot.xds.events import Command, DeltaRequested, Requested, Respond
from pilot.xds.resources import CLUSTER, ENDPOINT, WILDCARD_TYPES, EncodedResource, ResourceSet, TypeUrl
from pilot.xds.stream import Fallback, Stream, no_fallback
from pilot.xds.subscription import WILDCARD, Watch, keep_paired, pair_endpoints


class DeltaStream(Stream):
    """The state machine of one DeltaAggregatedResources call."""

    def __init__(self, fallback: Fallback = no_fallback) -> None:
        super().__init__(fallback)
        self._kept_clusters = ResourceSet(CLUSTER, ())

    def _requested(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        assert isinstance(event, DeltaRequested), "a state-of-the-world request on an incremental stream"
        watch = self._watches.get(event.type_url)
        if watch is None:
            watch = self._watches[event.type_url] = self._first(event)
            return
        if watch.in_flight is not None and event.nonce == watch.nonce:
            yield from self._settle(watch, event.error)
        # Whatever the nonce: it says which response is meant, and the subscription changes all the same.
        self._subscribe(watch, event)

    def _first(self, event: DeltaRequested) -> Watch:
        held = self._kept(event.type_url, event.initial_versions)
        if event.type_url == CLUSTER:
            self._kept_clusters = held
        elif event.type_url == ENDPOINT:
            held = keep_paired(held, self._kept_clusters)
        returning = bool(event.initial_versions)
        watch = Watch(event.type_url, held, asked=not returning, returning=returning)
        watch.subscription = watch.subscription.changed_by(event.subscribe, event.unsubscribe)
        if event.type_url in WILDCARD_TYPES and not event.subscribe and not event.unsubscribe:
            watch.subscription = watch.subscription.changed_by((WILDCARD,), ())
        if self._snapshot is not None:
            watch.subscription = watch.subscription.sharing(self._snapshot.of(event.type_url))
        watch.held = watch.subscription.select(held)
        # An Envoy that starts waits for the first answer even if there is nothing to say; one that kept resources
        # from an earlier stream has had it.
        watch.owed = watch.subscription.wildcard and not returning
        watch.unanswered = watch.subscription.names - held.name_set
        return watch

    def _kept(self, type_url: TypeUrl, versions: Mapping[str, str]) -> ResourceSet:
        """What the client holds from an earlier stream: one value for all who hold the same.

        When all come back at once, nearly everyone holds what is in the snapshot, or what was before it.
        """
        if self._snapshot is None or not versions:
            return _remembered(type_url, versions)
        current = self._snapshot.of(type_url)
        if type_url == ENDPOINT:
            current = pair_endpoints(current, self._kept_clusters)
        if current.versions == versions:
            return current
        return current.derive(("kept", frozenset(versions.items())), lambda: _remembered(type_url, versions))

    def _subscribe(self, watch: Watch, event: DeltaRequested) -> None:
        if not event.subscribe and not event.unsubscribe:
            return
        before = watch.subscription
        after = before.changed_by(event.subscribe, event.unsubscribe)
        if self._snapshot is not None:
            after = after.sharing(self._snapshot.of(watch.type_url))
        watch.subscription = after
        wanted_anew = frozenset(event.subscribe) & after.names
        # With the wildcard on, a name let go may still be part of it, and the client wants to hear which.
        let_go = before.names - after.names if after.wildcard else frozenset[str]()
        watch.held = after.select(watch.held.without(wanted_anew | let_go))
        watch.unanswered = ((watch.unanswered & after.names) | wanted_anew | let_go) if after.active else frozenset()
        watch.asked = watch.asked or bool(watch.unanswered) or (after.wildcard and not before.wildcard)
        watch.owed = after.active and (watch.owed or (after.wildcard and not before.wildcard))

    def _with_missing(self, watch: Watch, wanted: ResourceSet) -> ResourceSet:
        """What is gone stays until listeners and routes have let go of it."""
        if watch.type_url in WILDCARD_TYPES or self._may_remove():
            return wanted
        return wanted.with_rest_of(watch.held)

    def _response(self, watch: Watch, target: ResourceSet) -> Respond | None:
        change = target.since(watch.held)
        absent = sorted((watch.unanswered - target.name_set).difference(change.removed))
        # Removals from one who returns come later, so it is given something to accept.
        keeps_too_much = watch.returning and watch.type_url == CLUSTER and target is not self._wanted(watch)
        if not (change or absent or watch.owed or keeps_too_much):
            return None
        removed = (*change.removed, *absent)
        return Respond(watch.type_url, target.version, self._next_nonce(), change.changed, removed)


def _remembered(type_url: TypeUrl, versions: Mapping[str, str]) -> ResourceSet:
    """Resources of these versions. The bytes are unknown here; they are never sent."""
    return ResourceSet(type_url, (EncodedResource(name, version, b"") for name, version in versions.items()))

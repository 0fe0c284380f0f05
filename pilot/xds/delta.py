"""Incremental xDS: requests change a subscription, and responses say what changed and what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pilot.xds.events import Command, DeltaRequested, Requested, Respond
from pilot.xds.pairing import keep_paired, pair_endpoints
from pilot.xds.resources import CLUSTER, ENDPOINT, WILDCARD_TYPES, EncodedResource, ResourceSet, TypeUrl
from pilot.xds.sent import SentResources
from pilot.xds.stream import Fallback, Stream, no_fallback
from pilot.xds.subscription import WILDCARD
from pilot.xds.watch import Watch

_MOST_IN_VAIN = 8
"""Types that are not served of which an answer may be on its way; Envoy knows three more than are served."""


class DeltaStream(Stream):
    """The state machine of one DeltaAggregatedResources call."""

    def __init__(self, fallback: Fallback = no_fallback) -> None:
        super().__init__(fallback)
        self._kept_clusters = ResourceSet(CLUSTER, ())
        self._absent_in_flight: dict[TypeUrl, str] = {}

    def _requested(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        assert isinstance(event, DeltaRequested), "a state-of-the-world request on an incremental stream"
        watch = self._watches.get(event.type_url)
        if watch is None:
            watch = self._watches[event.type_url] = self._first(event)
            return
        if watch.sent.is_answered_by(event.nonce):
            yield self._take_answer(watch, event.error)
        # Whatever the nonce: it says which response is meant, and the subscription changes all the same.
        if event.subscribe or event.unsubscribe:
            resend = watch.subscription.change(event.subscribe, event.unsubscribe, self._available(watch.type_url))
            watch.sent.keep(watch.subscription.subscribed, resend)

    def _asked_in_vain(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        """Names are answered as absent, so that an Envoy does not wait for them."""
        assert isinstance(event, DeltaRequested), "a state-of-the-world request on an incremental stream"
        absent = sorted(set(event.subscribe) - {WILDCARD})
        in_flight = self._absent_in_flight
        if in_flight.get(event.type_url) == event.nonce:
            del in_flight[event.type_url]
        if absent and event.type_url not in in_flight and len(in_flight) < _MOST_IN_VAIN:
            in_flight[event.type_url] = self._next_nonce()
            yield Respond(event.type_url, "", in_flight[event.type_url], ResourceSet(event.type_url, ()), tuple(absent))

    def _first(self, event: DeltaRequested) -> Watch:
        kept = self._kept(event.type_url, event.initial_versions)
        if event.type_url == CLUSTER:
            self._kept_clusters = kept
        elif event.type_url == ENDPOINT:
            kept = keep_paired(kept, self._kept_clusters)
        watch = Watch(event.type_url, SentResources(kept, returning=bool(event.initial_versions)))
        subscribe = event.subscribe
        if event.type_url in WILDCARD_TYPES and not event.subscribe and not event.unsubscribe:
            subscribe = (WILDCARD,)
        watch.subscription.change(subscribe, event.unsubscribe, self._available(event.type_url))
        watch.sent.keep(watch.subscription.subscribed)
        if event.initial_versions:
            watch.subscription.resume_with(watch.sent.resources.name_set)
        return watch

    def _kept(self, type_url: TypeUrl, versions: Mapping[str, str]) -> ResourceSet:
        """What the client kept from an earlier stream: one value for all who kept the same.

        When all come back at once, nearly everyone has what is in the snapshot, or what was before it.
        """
        if self._snapshot is None or not versions:
            return _remembered(type_url, versions)
        current = self._snapshot.of(type_url)
        if type_url == ENDPOINT:
            current = pair_endpoints(current, self._kept_clusters)
        if current.versions == versions:
            return current
        return current.derive(("kept", frozenset(versions.items())), lambda: _remembered(type_url, versions))

    def _with_missing(self, watch: Watch, wanted: ResourceSet) -> ResourceSet:
        """What is gone stays until listeners and routes have let go of it."""
        return wanted if watch.type_url in WILDCARD_TYPES else self._with_what_is_needed(watch, wanted)

    def _response(self, watch: Watch, target: ResourceSet) -> Respond | None:
        change = target.since(watch.sent.resources)
        absent = sorted((watch.subscription.unanswered - target.name_set).difference(change.removed))
        # Removals from one who returns come later, so it is given something to accept.
        keeps_too_much = watch.sent.returning and watch.type_url == CLUSTER and target is not self._wanted(watch)
        if not (change or absent or watch.subscription.must_answer or keeps_too_much):
            return None
        removed = (*change.removed, *absent)
        return Respond(watch.type_url, target.version, self._next_nonce(), change.changed, removed)


def _remembered(type_url: TypeUrl, versions: Mapping[str, str]) -> ResourceSet:
    """Resources of these versions. The bytes are unknown here; they are never sent."""
    return ResourceSet(type_url, (EncodedResource(name, version, b"") for name, version in versions.items()))

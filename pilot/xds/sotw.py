"""State-of-the-world xDS: each request lists all names, and a response to CDS or LDS is the complete set."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pilot.xds.events import Command, DeltaRequested, Requested, Respond
from pilot.xds.pairing import pair_endpoint
from pilot.xds.resources import ENDPOINT, WILDCARD_TYPES, ResourceSet
from pilot.xds.sent import SentResources
from pilot.xds.stream import Stream
from pilot.xds.watch import Watch

_MOST_FALLBACKS = 500
"""Empty resources that one response has at most: each is encoded for its name, in a hundredth of a millisecond."""


class SotwStream(Stream):
    """The state machine of one StreamAggregatedResources call.

    The version of a response is a hash of all that the client has of the type after it, so a client that comes back
    with the version which we would give now has exactly that, and is sent nothing. (A client says the last version
    that it accepted: of a response that it rejected it may have kept the good part. That is not known here, and the
    xDS protocol has no word for it.)
    """

    def _requested(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        assert isinstance(event, Requested), "an incremental request on a state-of-the-world stream"
        watch = self._watches.get(event.type_url)
        if watch is None:
            self._watches[event.type_url] = self._first(event)
            return
        if watch.sent.is_newer_than(event.nonce):
            return  # Stale: the client has a newer response by now, and its answer to that says what it wants.
        answers = watch.sent.is_answered_by(event.nonce)
        if answers:
            yield self._take_answer(watch, event.error)
        changed = self._subscribe(watch, event.names)
        if changed:
            watch.sent.take_resumed_version()  # It was said of other names.
        if not (answers or changed or event.error is not None or watch.sent.in_flight):
            self._start_again(watch, event)

    def _first(self, event: Requested) -> Watch:
        sent = SentResources(ResourceSet(event.type_url, ()), resumed_version=event.version)
        watch = Watch(event.type_url, sent)
        self._subscribe(watch, event.names)
        if event.version:
            watch.subscription.resume()
        return watch

    def _subscribe(self, watch: Watch, names: tuple[str, ...]) -> bool:
        """Take the names of a request over; whether they differ from the last."""
        if not watch.subscription.list_names(names, self._available(watch.type_url), watch.type_url):
            return False
        # What is no longer asked for, the client forgets: it gets it anew when it asks again.
        watch.sent.keep(watch.subscription.subscribed)
        return True

    def _start_again(self, watch: Watch, event: Requested) -> None:
        """The client repeats its request though all is answered: it needs the resources anew.

        Envoy keeps none beside those who use them: a cluster or listener that takes the place of another asks again
        by the same names (envoyproxy/envoy issue 13009). What it nacked it rejects still.
        """
        watch.sent.take_resumed_version()
        if watch.type_url in WILDCARD_TYPES:
            watch.subscription.repeat(must_answer=bool(watch.sent.nonce) and not event.nonce)
        else:
            watch.sent.keep_only(frozenset(watch.nacked.versions))
            watch.subscription.expect_answer()

    def _with_missing(self, watch: Watch, wanted: ResourceSet) -> ResourceSet:
        """A name that ceased to exist stays as it is, for absence does not remove and connections may yet drain by it.

        A name that never existed gets the empty fallback, so that the client does not wait for it: of many such names
        some with each response, for others wait for theirs meanwhile.
        """
        if watch.type_url in WILDCARD_TYPES:
            return wanted
        missing = watch.subscription.names - wanted.name_set
        if not missing:
            return wanted
        clusters = self._clusters() if watch.type_url == ENDPOINT else None
        sent = watch.sent.resources
        found = [resource for name in missing if (resource := sent.get(name)) is not None]
        fresh = islice((name for name in missing if sent.get(name) is None), _MOST_FALLBACKS)
        found += [resource for name in fresh if (resource := self._fallback(watch.type_url, name)) is not None]
        return wanted.joined_by([pair_endpoint(r, clusters.get(r.name)) if clusters else r for r in found])

    def _response(self, watch: Watch, target: ResourceSet) -> Respond | None:
        change = target.since(watch.sent.resources)
        if watch.type_url in WILDCARD_TYPES:
            resources, is_due = watch.nacked.acceptable(target), bool(change) or watch.subscription.must_answer
        else:
            resources, is_due = change.changed, bool(len(change.changed)) or self._is_misnamed(watch, target)
        if not is_due:
            return None
        return Respond(watch.type_url, self._version(watch, target), self._next_nonce(), resources)

    def _is_misnamed(self, watch: Watch, target: ResourceSet) -> bool:
        """Whether the client goes by the version of more than it has, for it has let go of names.

        A response without resources tells it the right one. Otherwise it would come back, after a restart of the
        control plane, with a version that fits nothing, and be sent everything.
        """
        acked_version = watch.sent.acked_version
        if not watch.subscription.narrowed or not acked_version or watch.nacked.versions:
            return False
        return acked_version != self._version(watch, target)

    def _version(self, watch: Watch, target: ResourceSet) -> str:
        """The version of ``target``, marked while the client lacks a part of it that it nacked."""
        if watch.nacked.has_any_of(target):
            return f"{target.version}~"
        return target.version

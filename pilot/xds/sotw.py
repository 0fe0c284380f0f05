"""State-of-the-world xDS: each request lists all names, and a response to CDS or LDS is the complete set."""

from __future__ import annotations

from collections.abc import Iterator

from pilot.xds.events import Command, DeltaRequested, Requested, Respond
from pilot.xds.resources import ENDPOINT, WILDCARD_TYPES, ResourceSet
from pilot.xds.stream import Stream
from pilot.xds.subscription import Watch, pair_endpoint


class SotwStream(Stream):
    """The state machine of one StreamAggregatedResources call.

    The version of a response is a hash of all that the client holds of the type after it, so a client that comes back
    with the version which we would give now holds exactly that, and is sent nothing. (A client says the last version
    that it accepted: of a response that it rejected it may have kept the good part. That is not known here, and the
    xDS protocol has no word for it.)
    """

    def _requested(self, event: Requested | DeltaRequested) -> Iterator[Command]:
        assert isinstance(event, Requested), "an incremental request on a state-of-the-world stream"
        watch = self._watches.get(event.type_url)
        if watch is None:
            watch = Watch(event.type_url, ResourceSet(event.type_url, ()), known_version=event.version)
            self._watches[event.type_url] = watch
            self._subscribe(watch, event.names)
            # One who returns is served by what it kept: what is new comes in the order of a push.
            watch.asked = not event.version
            return
        if event.nonce and watch.nonce and event.nonce != watch.nonce:
            return  # Stale: the client has a newer response by now, and its answer to that says what it wants.
        answers = watch.in_flight is not None and event.nonce == watch.nonce
        if answers:
            yield from self._settle(watch, event.error)
        changed = self._subscribe(watch, event.names)
        watch.known_version = "" if changed else watch.known_version  # It was said of other names.
        if not (answers or changed or event.error is not None or watch.in_flight):
            self._start_again(watch, event)

    def _subscribe(self, watch: Watch, names: tuple[str, ...]) -> bool:
        """Take the names of a request over; whether they differ from the last."""
        before = watch.subscription
        after = before.asking_for(names, watch.type_url)
        if after == before:
            return False
        if self._snapshot is not None:
            after = after.sharing(self._snapshot.of(watch.type_url))
        watch.subscription = after
        # What is no longer asked for, the client forgets: it gets it anew when it asks again.
        watch.held = after.select(watch.held)
        watch.narrowed = watch.narrowed or not before.names <= after.names
        if (after.wildcard and not before.wildcard) or not after.names <= before.names:
            watch.asked = True
            # Where a response is the complete set, one that does not name a resource says that there is none.
            watch.owed = watch.type_url in WILDCARD_TYPES
        watch.owed = watch.owed and after.active
        return True

    def _start_again(self, watch: Watch, event: Requested) -> None:
        """The client repeats its request though all is answered: it needs the resources anew.

        Envoy keeps none beside those who use them: a cluster or listener that takes the place of another asks again
        by the same names (envoyproxy/envoy issue 13009). What it rejected it rejects still.
        """
        watch.known_version = ""
        if watch.type_url in WILDCARD_TYPES:
            watch.owed = bool(watch.nonce) and not event.nonce
        else:
            watch.held = watch.held.select(frozenset(watch.rejected))
            watch.asked = True

    def _with_missing(self, watch: Watch, wanted: ResourceSet) -> ResourceSet:
        """A name that ceased to exist stays as it is, for absence does not remove and connections may yet drain by it.

        A name that never existed gets the empty fallback, so that the client does not wait for it.
        """
        if watch.type_url in WILDCARD_TYPES:
            return wanted
        missing = watch.subscription.names - wanted.name_set
        if not missing:
            return wanted
        clusters = self._clusters() if watch.type_url == ENDPOINT else None
        found = [r for name in missing if (r := watch.held.get(name) or self._fallback(watch.type_url, name))]
        return wanted.joined_by([pair_endpoint(r, clusters.get(r.name)) if clusters else r for r in found])

    def _response(self, watch: Watch, target: ResourceSet) -> Respond | None:
        change = target.since(watch.held)
        if watch.type_url in WILDCARD_TYPES:
            resources, is_due = watch.as_accepted(target), bool(change) or watch.owed
        else:
            resources, is_due = change.changed, bool(len(change.changed)) or self._is_misnamed(watch, target)
        if not is_due:
            return None
        return Respond(watch.type_url, self._version(watch, target), self._next_nonce(), resources)

    def _is_misnamed(self, watch: Watch, target: ResourceSet) -> bool:
        """Whether the client goes by the version of more than it holds, for it has let go of names.

        A response without resources tells it the right one. Otherwise it would come back, after a restart of the
        control plane, with a version that fits nothing, and be sent everything.
        """
        if not watch.narrowed or not watch.told_version or watch.rejected:
            return False
        return watch.told_version != self._version(watch, target)

    def _version(self, watch: Watch, target: ResourceSet) -> str:
        """The version of ``target``, marked while the client lacks a part of it that it rejected."""
        if watch.is_rejecting(target):
            return f"{target.version}~"
        return target.version

"""Properties of all dialogues: against a model of Envoy, and against clients that say anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.xds.delta import DeltaStream
from pilot.xds.events import DeltaRequested, Event, Published, Requested, Respond
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, ResourceSnapshot, TypeUrl
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import Stream
from tests.pilot.xds.dialogue import empty_route, snapshot
from tests.pilot.xds.model import ORDER, DeltaEnvoy, ModelEnvoy, SotwEnvoy

VERSIONS = ("1", "2")
ENVOYS = pytest.mark.parametrize("envoy_type", [SotwEnvoy, DeltaEnvoy])


@st.composite
def snapshots(draw: Any, versions: tuple[str, ...] = VERSIONS) -> ResourceSnapshot:
    """Snapshots as the control plane makes them: each route has its cluster, each listener its route."""
    version = st.sampled_from(versions)
    clusters = draw(st.dictionaries(st.sampled_from("abcd"), version, max_size=4))
    endpoints = {name: draw(version) for name in clusters}
    routes, listeners = {}, {}
    if clusters:
        target = st.sampled_from(sorted(clusters))
        routes = {n: f"{draw(target)}/{draw(version)}" for n in draw(st.sets(st.sampled_from("rs"), max_size=2))}
    if routes:
        route = st.sampled_from(sorted(routes))
        listeners = {n: f"{draw(route)}/{draw(version)}" for n in draw(st.sets(st.sampled_from("lm"), max_size=2))}
    return snapshot(clusters=clusters, endpoints=endpoints, listeners=listeners, routes=routes)


def steps(versions: tuple[str, ...] = VERSIONS) -> st.SearchStrategy[list[Any]]:
    moves = st.sampled_from(["request", "response", "everything", "reconnect"])
    # An Envoy in sync, a change, and whatever may happen then.
    begin = st.tuples(snapshots(versions), st.just("everything"), snapshots(versions)).map(list)
    return st.builds(list.__add__, begin, st.lists(st.one_of(moves, moves, snapshots(versions)), max_size=20))


def play(envoy: ModelEnvoy, moves: list[Any]) -> None:
    envoy.connect()
    for move in moves:
        if move == "request":
            envoy.deliver_request()
        elif move == "response":
            envoy.deliver_response()
        elif move == "everything":
            envoy.drain()
        elif move == "reconnect":
            envoy.connect()
        else:
            envoy.publish(move)


def used(published: ResourceSnapshot, type_url: TypeUrl) -> dict[str, str]:
    """What an Envoy holds of a snapshot in the end: all of it, but only the routes that listeners name."""
    contents = {r.name: r.any.decode() for r in published.of(type_url)}
    if type_url == ROUTE:
        named = {r.any.decode().split("/")[0] for r in published.of(LISTENER)}
        return {name: content for name, content in contents.items() if name in named}
    return contents


@ENVOYS
@given(data=st.data())
@settings(max_examples=60)
def test_every_dialogue_converges_and_no_route_ever_lacks_its_cluster(
    envoy_type: type[ModelEnvoy], data: st.DataObject
) -> None:
    envoy = envoy_type()
    moves = data.draw(steps())
    play(envoy, moves)
    last = data.draw(snapshots())
    envoy.publish(last)
    envoy.drain()
    assert envoy.stream.is_settled
    assert {t: envoy.held[t] for t in ORDER} == {t: used(last, t) for t in ORDER}
    assert not envoy.warming
    # A complete set cannot name the clusters which a returning client holds and nobody here remembers.
    assert not envoy.broken or (envoy_type is SotwEnvoy and "reconnect" in moves)


@ENVOYS
@given(data=st.data())
@settings(max_examples=60)
def test_every_dialogue_with_rejections_converges_when_they_are_repaired(
    envoy_type: type[ModelEnvoy], data: st.DataObject
) -> None:
    envoy = envoy_type()
    envoy.nameless = data.draw(st.booleans())
    # Without reconnects: an Envoy keeps the good part of a response that it rejected, and does not say so later.
    play(envoy, [move for move in data.draw(steps((*VERSIONS, "bad"))) if move != "reconnect"])
    last = data.draw(snapshots())
    envoy.publish(last)
    envoy.drain()
    assert envoy.stream.is_settled
    assert {t: envoy.held[t] for t in ORDER} == {t: used(last, t) for t in ORDER}


@ENVOYS
@given(data=st.data())
@settings(max_examples=60)
def test_a_client_that_holds_everything_is_sent_nothing_when_it_reconnects(
    envoy_type: type[ModelEnvoy], data: st.DataObject
) -> None:
    envoy = envoy_type()
    envoy.publish(data.draw(snapshots()))
    envoy.connect()
    envoy.drain()
    received = envoy.received
    envoy.connect()
    envoy.drain()
    empty = sum(not len(envoy.published.of(t)) for t in (CLUSTER, LISTENER)) if envoy.published else 0
    assert envoy.received - received <= (empty if envoy_type is DeltaEnvoy else 0)


@given(data=st.data())
@settings(max_examples=60)
def test_both_variants_end_with_the_same_resources(data: st.DataObject) -> None:
    moves, last = data.draw(steps()), data.draw(snapshots())
    ends = []
    for envoy in (SotwEnvoy(), DeltaEnvoy()):
        play(envoy, moves)
        envoy.publish(last)
        envoy.drain()
        ends.append(envoy.held)
    assert ends[0] == ends[1]


TYPES = st.sampled_from([CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, TypeUrl("other"), TypeUrl("")])
NAMES = st.lists(st.sampled_from(["*", "", "a", "b", "c", "r", "nobody"]), max_size=4).map(tuple)
NONCES = st.sampled_from(["", "1", "2", "3", "4", "5", "stale"])
ERRORS = st.sampled_from([None, None, "a is bad", ""])
HELD = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", "1@1"]), max_size=3)
PUBLISHED = st.builds(Published, snapshots())
ANY_SOTW = st.builds(Requested, TYPES, NAMES, NONCES, st.sampled_from(["", "x"]), ERRORS)
ANY_DELTA = st.builds(DeltaRequested, TYPES, NAMES, NAMES, NONCES, HELD, ERRORS)


def converse(stream: Stream, events: list[Event]) -> None:
    in_flight: dict[TypeUrl, str] = {}
    nonces: set[str] = set()
    for event in events:
        if not isinstance(event, Published) and in_flight.get(event.type_url) == event.nonce:
            in_flight.pop(event.type_url, None)
        for command in stream.handle(event):
            if isinstance(command, Respond):
                assert command.type_url not in in_flight
                assert command.nonce not in nonces
                nonces.add(command.nonce)
                in_flight[command.type_url] = command.nonce
                names = [*command.resources.names(), *command.removed]
                assert len(names) == len(set(names))
                assert all(r.any for r in command.resources)


@given(st.lists(st.one_of(ANY_SOTW, PUBLISHED), max_size=30))
@settings(max_examples=60)
def test_no_state_of_the_world_client_can_make_it_raise(events: list[Event]) -> None:
    converse(SotwStream(empty_route), events)


@given(st.lists(st.one_of(ANY_DELTA, PUBLISHED), max_size=30))
@settings(max_examples=60)
def test_no_incremental_client_can_make_it_raise(events: list[Event]) -> None:
    converse(DeltaStream(empty_route), events)

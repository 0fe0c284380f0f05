"""Work follows what changed, not how many proxies there are: the counters say so, without a clock."""

from __future__ import annotations

from typing import Any

from galley.meta import Resource
from pilot.generate import GenerationCounters, Generator
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.node.node_id import ProxyKind
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, EncodedResource, ResourceSnapshot
from tests.builders import (
    a_context,
    a_destination_rule,
    a_gateway,
    a_proxy,
    a_route,
    a_service_entry,
    a_virtual_service,
    labels,
)

HOSTS = [f"svc-{number}.default.svc.cluster.local" for number in range(50)]


def services(count: int = 50) -> list[Resource[Any]]:
    return [a_service_entry(host, addresses=("10.1.0.1", "10.1.0.2")) for host in HOSTS[:count]]


def replica(number: int, **traits: Any) -> Proxy:
    return a_proxy(address=f"10.9.{number >> 8}.{number & 255}", name=f"client-{number}", **traits)


class Watched:
    """A generator, and what each step of it cost."""

    def __init__(self, context: PushContext) -> None:
        self.generator = Generator(context)
        self._before = self.generator.counters

    def cost(self) -> GenerationCounters:
        """What was done since the last call."""
        now, before = self.generator.counters, self._before
        self._before = now
        return GenerationCounters(
            plans=now.plans - before.plans, encodings=now.encodings - before.encodings, sets=now.sets - before.sets
        )


def test_the_thousandth_replica_of_a_known_workload_costs_nothing() -> None:
    watched = Watched(a_context(*services()))
    first = watched.generator.snapshot_of(replica(0))
    assert watched.cost().encodings > 100
    assert all(watched.generator.snapshot_of(replica(number)) is first for number in range(1, 1000))
    assert watched.cost() == GenerationCounters(plans=0, encodings=0, sets=0)


def test_a_workload_of_another_namespace_encodes_only_what_differs() -> None:
    watched = Watched(a_context(*services()))
    watched.generator.snapshot_of(replica(0))
    watched.cost()
    watched.generator.snapshot_of(replica(1, namespace="other"))
    assert watched.cost().encodings <= 2, "only the short names in the routes differ"


def test_one_rule_changed_among_many_services_plans_and_encodes_its_host_alone() -> None:
    known = services()
    before = a_context(*known, a_virtual_service(HOSTS[0], routes=(a_route(HOSTS[0]),)))
    watched = Watched(before)
    old = watched.generator.snapshot_of(replica(0))
    watched.cost()
    rule = a_virtual_service(HOSTS[0], routes=(a_route(HOSTS[1]),))
    watched.generator.advance(a_context(*known, rule, previous=before))
    new = watched.generator.snapshot_of(replica(0))
    cost = watched.cost()
    assert (cost.encodings, cost.plans <= 8) == (1, True), cost
    assert new.of(ROUTE) is not old.of(ROUTE)
    assert all(new.of(kind) is old.of(kind) for kind in (CLUSTER, ENDPOINT, LISTENER))


def test_one_endpoint_gone_encodes_one_load_assignment() -> None:
    known = services()
    before = a_context(*known)
    watched = Watched(before)
    old = watched.generator.snapshot_of(replica(0))
    watched.cost()
    known[7] = a_service_entry(HOSTS[7], addresses=("10.1.0.1",))
    watched.generator.advance(a_context(*known, previous=before))
    new = watched.generator.snapshot_of(replica(0))
    assert watched.cost().encodings == 1
    assert [one.name for one in new.of(ENDPOINT).since(old.of(ENDPOINT)).changed] == [f"outbound|9080||{HOSTS[7]}"]
    assert all(new.of(kind) is old.of(kind) for kind in (CLUSTER, LISTENER, ROUTE))


def test_nothing_changed_gives_the_very_same_snapshot() -> None:
    known = services()
    before = a_context(*known)
    watched = Watched(before)
    old = watched.generator.snapshot_of(replica(0))
    watched.cost()
    watched.generator.advance(a_context(*known, previous=before))
    assert watched.generator.snapshot_of(replica(0)) is old
    assert watched.cost() == GenerationCounters(plans=0, encodings=0, sets=0)


def names(snapshot: ResourceSnapshot, type_url: Any) -> set[str]:
    return set(snapshot.of(type_url).names())


def test_a_sidecar_and_a_gateway_get_what_is_theirs() -> None:
    context = a_context(*services(1), a_gateway(), a_destination_rule(HOSTS[0]))
    generator = Generator(context)
    sidecar = generator.snapshot_of(replica(0))
    gateway = generator.snapshot_of(
        replica(1, kind=ProxyKind.GATEWAY, namespace="istio-system", labels=labels(istio="ingressgateway"))
    )
    assert {"virtualOutbound", "virtualInbound"} <= names(sidecar, LISTENER)
    assert "PassthroughCluster" in names(sidecar, CLUSTER)
    assert "virtualOutbound" not in names(gateway, LISTENER)
    assert "PassthroughCluster" not in names(gateway, CLUSTER)
    assert f"outbound|9080||{HOSTS[0]}" in names(gateway, CLUSTER)


def test_the_order_of_files_changes_neither_names_nor_bytes() -> None:
    known = [*services(5), a_virtual_service(HOSTS[0], routes=(a_route(HOSTS[1]),))]
    one = Generator(a_context(*known)).snapshot_of(replica(0))
    other = Generator(a_context(*reversed(known))).snapshot_of(replica(0))
    for type_url in (CLUSTER, ENDPOINT, LISTENER, ROUTE):
        assert [r.any for r in one.of(type_url)] == [r.any for r in other.of(type_url)]


def test_names_are_encoded_again_only_when_one_changes() -> None:
    def dns(snapshot: ResourceSnapshot) -> EncodedResource | None:
        return next((one for one in snapshot.of(LISTENER) if one.name == "dns"), None)

    context = a_context(*services())
    watched = Watched(context)
    proxy = replica(0, dns_capture=True)
    first = dns(watched.generator.snapshot_of(proxy))
    assert first is not None
    assert dns(watched.generator.snapshot_of(replica(1))) is None
    moved = a_service_entry(HOSTS[49], addresses=("10.1.0.9",))
    context = a_context(*services(49), moved, previous=context)
    watched.generator.advance(context)
    assert dns(watched.generator.snapshot_of(proxy)) is first
    watched.cost()
    watched.generator.advance(a_context(*services(49), moved, a_service_entry("z.example"), previous=context))
    changed = dns(watched.generator.snapshot_of(proxy))
    assert changed is not None
    assert changed.version != first.version
    assert watched.cost().encodings == 4  # besides, the port's routes, and cluster and endpoints of the new service


def test_proxies_beside_an_agent_share_what_names_the_agents_socket() -> None:
    context = a_context(*services(2), trust_domain="cluster.local")
    watched = Watched(context)
    plain = watched.generator.snapshot_of(replica(0))
    first = watched.generator.snapshot_of(replica(1, has_agent=True))
    assert watched.cost().encodings > 0
    assert watched.generator.snapshot_of(replica(2, has_agent=True)) is first
    assert watched.cost() == GenerationCounters(plans=0, encodings=0, sets=0)
    assert all(first.of(kind) is plain.of(kind) for kind in (ENDPOINT, ROUTE)), "certificates are no part of these"
    assert b"sds-grpc" in encoded(first)
    assert b"sds-grpc" not in encoded(plain)
    watched.generator.advance(a_context(*services(3), trust_domain="cluster.local", previous=context))
    assert len(watched.generator.snapshot_of(replica(1, has_agent=True)).of(CLUSTER)) == len(first.of(CLUSTER)) + 1


def test_without_identities_an_agent_changes_nothing() -> None:
    generator = Generator(a_context(*services(2)))
    assert generator.snapshot_of(replica(0, has_agent=True)) is generator.snapshot_of(replica(1))


def encoded(snapshot: ResourceSnapshot) -> bytes:
    return b"".join(resource.any for kind in (CLUSTER, LISTENER) for resource in snapshot.of(kind))

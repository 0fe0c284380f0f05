from typing import Any

import pytest

from citadel.ir import MeshClientTls, UpstreamTls
from galley.frozen import FrozenMap
from galley.kinds.kubernetes.service import KubernetesServicePort, ServiceType
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule, TrafficPolicy
from galley.kinds.networking.service_entry import Location, Resolution, WorkloadEntry
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.values import ClientTlsMode, ClientTlsSettings
from galley.meta import Resource
from pilot.ir.cluster import ClusterPlan, DiscoveryType, LoadAssignmentPlan
from pilot.memo import Memo
from pilot.mesh.clusters.endpoints import plan_load_assignments
from pilot.mesh.clusters.outbound import plan_outbound_clusters
from pilot.mesh.context.scope import Certificates, OutboundScope
from pilot.registry.workloads import RegisteredWorkload
from tests.builders import (
    a_context,
    a_destination_rule,
    a_gateway_scope,
    a_manifest,
    a_peer_policy,
    a_registered_workload,
    a_scope,
    a_service_entry,
    a_workload_entry,
)

DOMAIN = "cluster.local"
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
REVIEWS = "spiffe://cluster.local/ns/default/sa/reviews"
NEXT = "spiffe://cluster.local/ns/default/sa/next"


def planned(
    *resources: Resource[Any],
    scope: OutboundScope | None = None,
    mesh: MeshConfig | None = None,
    workloads: tuple[RegisteredWorkload, ...] = (),
    domain: str = DOMAIN,
) -> tuple[ClusterPlan, set[str]]:
    """The reviews cluster, and which of its endpoints are marked for mutual TLS."""
    context = a_context(*resources, mesh=mesh, workloads=workloads, trust_domain=domain)
    scope, memo = scope or a_scope(), Memo()
    clusters = plan_outbound_clusters(context, scope, memo)
    cluster = next(one for one in clusters if one.name == CLUSTER)
    assignments = {one.cluster_name: one for one in plan_load_assignments(context, scope, clusters, memo)}
    assignment = cluster.load_assignment or assignments.get(CLUSTER)
    places = [place for group in assignment.localities for place in group.endpoints] if assignment else []
    return cluster, {place.address for place in places if place.mutual_tls}


def reviews(*resources: Resource[Any], **details: Any) -> tuple[ClusterPlan, set[str]]:
    """The same for a service with two workloads, of which the second has no identity."""
    return planned(
        a_manifest(),
        a_workload_entry(service_account="reviews"),
        a_workload_entry("reviews-v2", "10.0.0.2", version="v2"),
        *resources,
        **details,
    )


def tls_of(cluster: ClusterPlan) -> UpstreamTls | MeshClientTls:
    assert cluster.tls is not None
    return cluster.tls


def a_tls_rule(mode: str, **settings: Any) -> Resource[DestinationRule]:
    tls = ClientTlsSettings(mode=ClientTlsMode(mode), **settings)
    return a_destination_rule(policy=TrafficPolicy(tls=tls))


def test_without_identities_nothing_changes() -> None:
    cluster, marked = reviews(domain="")
    assert (cluster.tls, cluster.tls_by_endpoint, marked) == (None, False, set())
    assert reviews(a_tls_rule("ISTIO_MUTUAL"), domain="")[0].tls is None


@pytest.mark.parametrize("scope", [a_scope(), a_gateway_scope()])
def test_mutual_tls_to_those_who_take_it(scope: OutboundScope) -> None:
    cluster, marked = reviews(scope=scope)
    assert cluster.tls_by_endpoint
    assert marked == {"10.0.0.1"}
    assert tls_of(cluster).subject_alt_names == (REVIEWS,)
    assert tls_of(cluster).sni == "outbound_.9080_._.reviews.default.svc.cluster.local"


def test_the_names_are_those_of_all_endpoints_in_all_trust_domains() -> None:
    other = a_workload_entry("reviews-v3", "10.0.0.3", service_account="next")
    cluster, marked = reviews(other, mesh=MeshConfig(trust_domain_aliases=("old.local",)))
    old = [name.replace("cluster.local", "old.local") for name in (NEXT, REVIEWS)]
    assert tls_of(cluster).subject_alt_names == (NEXT, old[0], REVIEWS, old[1])
    assert marked == {"10.0.0.1", "10.0.0.3"}


def test_nobody_takes_it() -> None:
    cluster, marked = planned(a_manifest(), a_workload_entry())
    assert (cluster.tls, marked) == (None, set())


@pytest.mark.parametrize(
    ("label", "account", "marked"),
    [("istio", "", True), ("disabled", "reviews", False), ("", "reviews", True), ("", "", False)],
)
def test_the_workloads_own_word(label: str, account: str, marked: bool) -> None:
    entry = WorkloadEntry(
        address="10.0.0.1",
        service_account=account,
        labels=FrozenMap({"security.istio.io/tlsMode": label} if label else {}),
    )
    found = planned(a_service_entry(endpoints=(entry,)))
    assert bool(found[1]) is marked


@pytest.mark.parametrize(
    ("policy", "automatic", "marked"),
    [
        (a_peer_policy("STRICT"), True, {"10.0.0.1"}),
        (a_peer_policy("DISABLE"), False, set()),
        (a_peer_policy("DISABLE", namespace="istio-system"), False, set()),
        (a_peer_policy("DISABLE", namespace="other"), True, {"10.0.0.1"}),
        # Policies of workloads show in the endpoints, not in the cluster.
        (a_peer_policy("DISABLE", selector={"version": "v2"}), True, {"10.0.0.1"}),
        (a_peer_policy("STRICT", selector={"version": "v1"}, ports={9080: "DISABLE"}), False, set()),
        (a_peer_policy("DISABLE", selector={"version": "v1"}, ports={9080: "STRICT"}), True, {"10.0.0.1"}),
    ],
)
def test_policies(policy: Resource[PeerAuthentication], automatic: bool, marked: set[str]) -> None:
    cluster, found = reviews(policy)
    assert (cluster.tls is not None, cluster.tls_by_endpoint, found) == (automatic, automatic, marked)


def test_automatic_can_be_switched_off_and_is_not_for_the_world_outside() -> None:
    assert reviews(mesh=MeshConfig(enable_auto_mtls=False))[0].tls is None
    outside = a_service_entry(
        endpoints=(WorkloadEntry(address="10.0.0.1", service_account="reviews"),), location=Location.MESH_EXTERNAL
    )
    assert planned(outside) == (planned(outside, domain="")[0], set())


def test_a_destination_rule_has_the_last_word() -> None:
    cluster, marked = reviews(a_tls_rule("ISTIO_MUTUAL"), a_peer_policy("DISABLE"))
    assert (tls_of(cluster).subject_alt_names, cluster.tls_by_endpoint, marked) == ((REVIEWS,), False, set())
    own = a_tls_rule("ISTIO_MUTUAL", subject_alt_names=("spiffe://x/ns/a/sa/b",), sni="own")
    tls = tls_of(reviews(own)[0])
    assert (tls.subject_alt_names, tls.sni) == (("spiffe://x/ns/a/sa/b",), "own")
    for mode in ("DISABLE", "SIMPLE"):
        cluster, marked = reviews(a_tls_rule(mode))
        assert (cluster.tls, cluster.tls_by_endpoint, marked) == (
            reviews(a_tls_rule(mode), domain="")[0].tls,
            False,
            set(),
        )


def test_names_of_a_service_entry_are_pinned() -> None:
    entry = a_service_entry(
        endpoints=(WorkloadEntry(address="10.0.0.1", service_account="reviews"),), subject_alt_names=(NEXT,)
    )
    assert tls_of(planned(entry)[0]).subject_alt_names == (NEXT,)


@pytest.mark.parametrize(
    ("port_name", "alpn"),
    [
        ("http", ("istio-http/1.1", "istio", "http/1.1")),
        ("grpc", ("istio-h2", "istio", "h2")),
        ("tcp", ("istio",)),
        ("metrics", ("istio",)),
    ],
)
def test_alpn_tells_the_server_what_is_inside(port_name: str, alpn: tuple[str, ...]) -> None:
    manifest = a_manifest(ports=(KubernetesServicePort(port=9080, name=port_name),))
    assert tls_of(planned(manifest, a_workload_entry(service_account="reviews"))[0]).alpn == alpn


def test_endpoints_inline_are_marked_too() -> None:
    entry = a_service_entry(
        endpoints=(WorkloadEntry(address="a.example", service_account="reviews"), WorkloadEntry(address="b.example")),
        resolution=Resolution.DNS,
    )
    cluster, marked = planned(entry)
    assert (cluster.discovery, cluster.tls_by_endpoint, marked) == (DiscoveryType.STRICT_DNS, True, {"a.example"})


def test_original_destinations_all_take_it_or_none() -> None:
    headless = a_manifest(cluster_ip="None", type=ServiceType.CLUSTER_IP)
    takes, other = a_workload_entry(service_account="reviews"), a_workload_entry("bare", "10.0.0.2")
    cluster, _ = planned(headless, takes)
    assert (cluster.discovery, tls_of(cluster).subject_alt_names) == (DiscoveryType.ORIGINAL_DST, (REVIEWS,))
    assert not cluster.tls_by_endpoint
    assert planned(headless, takes, other)[0].tls is None


def test_a_port_that_the_application_holds_itself_takes_plain_text() -> None:
    for proxied, marked in ((None, {"10.0.0.9"}), ((9080,), {"10.0.0.9"}), ((1,), set()), ((), set())):
        workload = a_registered_workload(service_account="reviews", proxied_ports=proxied)
        assert planned(a_manifest(), workloads=(workload,))[1] == marked


def test_a_client_without_a_certificate_speaks_plain_text() -> None:
    cluster, marked = reviews(scope=a_scope(certificates=Certificates.NONE))
    assert (cluster.tls, cluster.tls_by_endpoint, marked) == (None, False, set())
    assert cluster.discovery is DiscoveryType.EDS


def test_what_a_rule_wants_encrypted_is_not_sent_in_plain_text_for_want_of_a_certificate() -> None:
    cluster, _ = reviews(a_tls_rule("ISTIO_MUTUAL"), scope=a_scope(certificates=Certificates.NONE))
    assert (cluster.tls, cluster.discovery) == (None, DiscoveryType.STATIC)
    assert cluster.load_assignment == LoadAssignmentPlan(cluster.name)
    cluster, _ = reviews(a_tls_rule("SIMPLE"), scope=a_scope(certificates=Certificates.NONE))
    assert (bool(cluster.tls), cluster.discovery) == (True, DiscoveryType.EDS)

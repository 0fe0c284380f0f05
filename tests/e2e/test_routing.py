"""Requests go where VirtualServices say: by path, by weight, by header, to subsets with their own load balancers."""

from __future__ import annotations

import pytest

from tests.e2e.harness.client import names
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import destination_rule, gateway, server, service, to, virtual_service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.variants import both_variants, every_envoy

VERSIONS = ("v1", "v2", "v3")


def start_reviews(mesh: Mesh) -> None:
    for version in VERSIONS:
        mesh.workload(f"reviews-{version}", {"app": "reviews", "version": version})


@every_envoy
@both_variants
def test_a_gateway_routes_by_path(mesh: Mesh) -> None:
    port = mesh.addresses.port()
    mesh.write("services.yaml", write(service("details"), service("reviews")))
    rule = virtual_service(
        "*",
        {"match": [{"uri": {"prefix": "/details"}}], "route": [to("details")]},
        {"match": [{"uri": {"exact": "/reviews"}}], "route": [to("reviews")]},
        gateways=["gateway"],
    )
    mesh.write("gateway.yaml", write(gateway(server(port)), rule))
    mesh.serve()
    mesh.workload("details", {"app": "details"})
    mesh.workload("reviews", {"app": "reviews"})
    ingress = mesh.gateway()
    eventually(lambda: ingress.get(port, "/details/0").name == "details", 10)
    eventually(lambda: ingress.get(port, "/reviews").name == "reviews", 10)
    assert ingress.get(port, "/reviews/more").status == 404
    assert not any(ingress.stats("update_rejected").values())


def test_weights_are_kept_within_statistical_bounds(mesh: Mesh) -> None:
    route = [to("reviews", version, weight=weight) for version, weight in zip(VERSIONS, (10, 80, 10), strict=True)]
    mesh.write("services.yaml", write(service("reviews"), destination_rule("reviews", *VERSIONS)))
    mesh.write("reviews.yaml", write(virtual_service("reviews", {"route": route})))
    mesh.serve()
    start_reviews(mesh)
    client = mesh.client()
    for version in VERSIONS:
        client.sidecar.wait_for_endpoint(f"outbound|9080|{version}|reviews.default.svc.cluster.local")
    seen = names([client.call("http://reviews:9080/") for _ in range(600)])
    # Five standard deviations: sqrt(600 * 0.1 * 0.9) = 7.3 and sqrt(600 * 0.8 * 0.2) = 9.8.
    assert abs(seen["reviews-v1"] - 60) < 37, seen
    assert abs(seen["reviews-v2"] - 480) < 49, seen
    assert abs(seen["reviews-v3"] - 60) < 37, seen


def test_a_header_chooses_the_version(mesh: Mesh) -> None:
    mesh.write("services.yaml", write(service("reviews"), destination_rule("reviews", *VERSIONS)))
    mesh.write(
        "reviews.yaml",
        write(
            virtual_service(
                "reviews",
                {"match": [{"headers": {"end-user": {"exact": "jason"}}}], "route": [to("reviews", "v2")]},
                {"route": [to("reviews", "v3")]},
            )
        ),
    )
    mesh.serve()
    start_reviews(mesh)
    client = mesh.client()
    url = "http://reviews:9080/"
    eventually(lambda: client.call(url, headers={"end-user": "jason"}).name == "reviews-v2")
    eventually(lambda: client.call(url).name == "reviews-v3")
    assert set(names(client.call(url, headers={"end-user": "jason"}) for _ in range(20))) == {"reviews-v2"}
    assert set(names(client.call(url, headers={"end-user": "jasmin"}) for _ in range(20))) == {"reviews-v3"}


@pytest.mark.parametrize(
    ("simple", "policy"), [("ROUND_ROBIN", "ROUND_ROBIN"), ("RANDOM", "RANDOM"), ("LEAST_REQUEST", "LEAST_REQUEST")]
)
def test_a_subset_has_its_own_load_balancer(mesh: Mesh, simple: str, policy: str) -> None:
    rule = destination_rule("reviews", "v1", "v2", trafficPolicy={"loadBalancer": {"simple": "LEAST_REQUEST"}})
    rule["spec"]["subsets"][1]["trafficPolicy"] = {"loadBalancer": {"simple": simple}}
    mesh.write("services.yaml", write(service("reviews"), rule))
    mesh.serve()
    client = mesh.client()
    clusters = eventually(lambda: client.sidecar.clusters() if "reviews" in str(client.sidecar.clusters()) else None)

    def balancer(subset: str) -> str:
        cluster = clusters[f"outbound|9080|{subset}|reviews.default.svc.cluster.local"]
        return str(cluster.get("lb_policy", "ROUND_ROBIN"))

    assert balancer("v1") == "LEAST_REQUEST"
    assert balancer("v2") == policy


def test_what_no_rule_covers_reaches_every_instance(mesh: Mesh) -> None:
    mesh.write("services.yaml", write(service("reviews")))
    mesh.serve()
    start_reviews(mesh)
    client = mesh.client()
    eventually(lambda: len(names([client.call("http://reviews:9080/") for _ in range(30)])) == 3, 10)
    for host in ("reviews", "reviews.default", "reviews.default.svc", "reviews.default.svc.cluster.local"):
        assert client.call(f"http://{host}:9080/path").json["path"] == "/path"


def test_a_delegate_of_another_namespace_routes_what_is_handed_on_to_it(mesh: Mesh) -> None:
    root = virtual_service(
        "reviews",
        {"match": [{"uri": {"prefix": "/team"}}], "delegate": {"name": "rules", "namespace": "team"}},
        {"route": [to("reviews", "v1")]},
    )

    def rules(version: str) -> str:
        routes = [
            {"match": [{"uri": {"prefix": "/team/own"}}], "route": [to("reviews.default.svc.cluster.local", version)]},
            {"match": [{"uri": {"prefix": "/other"}}], "route": [to("reviews.default.svc.cluster.local", "v3")]},
        ]
        delegate = virtual_service("rules", *routes)
        delegate["metadata"]["namespace"] = "team"
        del delegate["spec"]["hosts"]
        return write(delegate)

    mesh.write("services.yaml", write(service("reviews"), destination_rule("reviews", *VERSIONS), root))
    mesh.write("team.yaml", rules("v2"))
    mesh.serve()
    start_reviews(mesh)
    client = mesh.client()
    for version in VERSIONS:
        client.sidecar.wait_for_endpoint(f"outbound|9080|{version}|reviews.default.svc.cluster.local")
    for path, version in {"/team/own/1": "v2", "/team/else": "v1", "/other": "v1"}.items():
        assert client.call(f"http://reviews:9080{path}").name == f"reviews-{version}"
    mesh.write("team.yaml", rules("v3"))
    eventually(lambda: client.call("http://reviews:9080/team/own").name == "reviews-v3", 10)

"""Edits, broken edits and restarts of the control plane, under constant traffic."""

from __future__ import annotations

import re
from functools import partial

from tests.e2e.harness.conditions import consistently, eventually
from tests.e2e.harness.documents import destination_rule, gateway, server, service, to, virtual_service, write
from tests.e2e.harness.mesh import Mesh, Workload
from tests.e2e.harness.traffic import Traffic
from tests.e2e.harness.variants import both_variants, every_envoy

URL = "http://reviews:9080/"


def rule(version: str) -> str:
    return write(virtual_service("reviews", {"route": [to("reviews", version)]}))


def start(mesh: Mesh) -> Workload:
    """Reviews in two versions, everything on v1, and a client that reaches it."""
    mesh.write("services.yaml", write(service("reviews"), destination_rule("reviews", "v1", "v2")))
    mesh.write("reviews.yaml", rule("v1"))
    mesh.serve()
    for version in ("v1", "v2"):
        mesh.workload(f"reviews-{version}", {"app": "reviews", "version": version})
    client = mesh.client()
    for version in ("v1", "v2"):
        client.sidecar.wait_for_endpoint(f"outbound|9080|{version}|reviews.default.svc.cluster.local")
    eventually(lambda: client.call(URL).name == "reviews-v1")
    return client


def calls(client: Workload) -> Traffic:
    return Traffic((client.host, 15080), URL)


def is_answered_by(client: Workload, name: str) -> bool:
    return client.call(URL).name == name


@both_variants
def test_an_edit_fails_no_request(mesh: Mesh) -> None:
    client = start(mesh)
    with calls(client) as traffic:
        for version in ("v2", "v1", "v2"):
            mesh.write("reviews.yaml", rule(version))
            eventually(partial(is_answered_by, client, f"reviews-{version}"))
        mesh.write("services.yaml", write(service("reviews"), service("more"), destination_rule("reviews", "v1", "v2")))
        eventually(lambda: "outbound|9080||more.default.svc.cluster.local" in client.sidecar.clusters())
        mesh.write(
            "services.yaml",
            write(
                service("reviews"),
                destination_rule(
                    "reviews", "v1", "v2", trafficPolicy={"connectionPool": {"tcp": {"maxConnections": 77}}}
                ),
            ),
        )
        eventually(lambda: "77" in str(client.sidecar.clusters()))
        eventually(lambda: "more" not in str(list(client.sidecar.clusters())))
        eventually(lambda: len(traffic.outcomes) > 100)
    assert traffic.failures == []


@both_variants
def test_a_broken_edit_changes_nothing_is_reported_and_heals(mesh: Mesh) -> None:
    client = start(mesh)
    with calls(client) as traffic:
        mesh.write("reviews.yaml", rule("v2") + "    oops: 1\n")
        eventually(lambda: re.search(r"reviews\.yaml:\d+:\d+", mesh.control_plane.log()), what="the report")
        consistently(lambda: client.call(URL).name == "reviews-v1", 0.5)
        mesh.write("reviews.yaml", rule("v2"))
        eventually(lambda: client.call(URL).name == "reviews-v2")
    assert traffic.failures == []


@every_envoy
@both_variants
def test_a_restart_loses_nothing_and_sends_nothing_again(mesh: Mesh) -> None:
    client = start(mesh)
    sidecar = client.sidecar
    versions = sidecar.versions()
    counted = ("cluster_manager.cds.update_success", "listener_manager.lds.update_success")
    before = {name: sidecar.stat(name) for name in counted}
    with calls(client) as traffic:
        mesh.control_plane.kill()
        eventually(lambda: sidecar.stat("control_plane.connected_state") == 0, 10)
        consistently(lambda: client.call(URL).name == "reviews-v1", 0.5)
        mesh.serve()
        eventually(lambda: sidecar.stat("control_plane.connected_state") == 1, 15)
        mesh.write("reviews.yaml", rule("v2"))
        eventually(lambda: client.call(URL).name == "reviews-v2", 10, what="an edit after the restart")
    assert traffic.failures == []
    assert {name: sidecar.stat(name) for name in counted} == before, "nothing unchanged is sent again"
    assert sidecar.versions() == versions


def test_a_gateway_port_can_be_added_and_taken_away(mesh: Mesh) -> None:
    one, two = mesh.addresses.port(), mesh.addresses.port()
    route = virtual_service("*", {"route": [to("reviews")]}, gateways=["gateway"])
    mesh.write("services.yaml", write(service("reviews"), gateway(server(one)), route))
    mesh.serve()
    mesh.workload("reviews", {"app": "reviews"})
    ingress = mesh.gateway()
    eventually(lambda: ingress.get(one).name == "reviews", 10)
    with Traffic((ingress.options.ip, one)) as traffic:
        mesh.write("services.yaml", write(service("reviews"), gateway(server(one), server(two)), route))
        eventually(lambda: ingress.get(two).name == "reviews")
        mesh.write("services.yaml", write(service("reviews"), gateway(server(one)), route))
        eventually(lambda: f"0.0.0.0_{two}" not in ingress.listeners())
    assert traffic.failures == []

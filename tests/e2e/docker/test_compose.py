"""`docker compose up` with our own file: mutual TLS, edits, crashes, and nothing left behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from tests.e2e.docker.conftest import new_stack
from tests.e2e.docker.engine import ROOT, Engine
from tests.e2e.docker.stack import Stack, docker
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.traffic import Traffic

TRY = ROOT / "samples/bookinfo/try"
SIDECARS = [
    f"{workload}-sidecar"
    for workload in ("productpage-v1", "details-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3")
]
REVIEWS = "/api/v1/products/0/reviews"
DETAILS = "/api/v1/products/0"
PLAIN_REQUEST = """
import socket
with socket.create_connection(("{host}", 9080), 10) as connection:
    connection.sendall(b"GET /reviews/0 HTTP/1.1\\r\\nHost: reviews\\r\\n\\r\\n")
    try:
        print(connection.recv(100) or "closed")
    except ConnectionResetError:
        print("closed")
"""


def test_up_serves_the_page_within_a_minute_and_down_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    with new_stack(engine, tmp_path) as stack:
        seconds = stack.up()
        print(f"from nothing to a whole page: {seconds:.1f} s")
        assert seconds < 60
        assert len(stack.leftovers().split()) > 0
        stack("down", "--volumes", "--timeout", "2")
        assert stack.leftovers() == ""


def test_all_traffic_between_workloads_is_mutual_tls(bookinfo: Stack) -> None:
    assert set(bookinfo.versions(60)) == {"v1", "v2", "v3"}
    for sidecar in SIDECARS:
        assert bookinfo.stat(sidecar, "0.0.0.0_15006.ssl.handshake") > 0, sidecar
        assert bookinfo.stat(sidecar, "0.0.0.0_15006.ssl.no_certificate") == 0, sidecar


def test_plain_text_from_outside_the_mesh_is_refused_until_a_rule_allows_it(bookinfo: Stack) -> None:
    ask = PLAIN_REQUEST.format(host=bookinfo.ip("reviews-v1-pod"))
    assert bookinfo.stranger(ask) == "closed"
    mesh = bookinfo.rules / "mesh.yaml"
    strict = mesh.read_text()
    mesh.write_text(strict.replace("STRICT", "PERMISSIVE"))
    eventually(lambda: "200 OK" in bookinfo.stranger(ask), 20, what="plain text under PERMISSIVE")
    mesh.write_text(strict)
    eventually(lambda: bookinfo.stranger(ask) == "closed", 20, what="no plain text under STRICT")


def test_an_edited_file_changes_the_split(bookinfo: Stack) -> None:
    rule = bookinfo.rules / "reviews.yaml"
    shutil.copy(TRY / "reviews-80-20.yaml", rule)
    started = time.monotonic()
    eventually(lambda: set(bookinfo.versions(8)) <= {"v1", "v3"} and "v2" not in bookinfo.versions(20), 10)
    print(f"the rule was followed within {time.monotonic() - started:.2f} s")
    split = bookinfo.versions(200)
    assert set(split) == {"v1", "v3"}
    assert 130 <= split["v1"] <= 185, split
    rule.unlink()
    eventually(lambda: set(bookinfo.versions(30)) == {"v1", "v2", "v3"}, 10, what="the split without the rule")


def test_the_control_plane_may_crash_and_come_back_under_traffic(bookinfo: Stack) -> None:
    with Traffic(bookinfo.gateway, REVIEWS) as reviews, Traffic(bookinfo.gateway, DETAILS, workers=1) as details:
        bookinfo.crash("pilot")
        eventually(lambda: bookinfo.is_healthy("pilot"), 60, what="pilot is ready again")
        shutil.copy(TRY / "reviews-80-20.yaml", bookinfo.rules / "reviews.yaml")
        eventually(lambda: "v2" not in bookinfo.versions(20), 60, what="the restarted control plane is followed")
        (bookinfo.rules / "reviews.yaml").unlink()
        eventually(lambda: "v2" in bookinfo.versions(20), 10, what="the split without the rule")
    assert reviews.failures + details.failures == []
    print(f"{len(reviews.outcomes) + len(details.outcomes)} requests, 0 failed")


def test_a_sidecar_or_an_application_that_crashes_is_started_again(bookinfo: Stack) -> None:
    for service in ("productpage-v1-sidecar", "details-v1", "ingressgateway"):
        bookinfo.crash(service)
        eventually(bookinfo.page_is_whole, 60, what=f"the page after {service} crashed")


def test_a_pod_that_was_restarted_captures_again(bookinfo: Stack) -> None:
    before = bookinfo.ip("ratings-v1-pod")
    bookinfo("restart", "-t", "2", "ratings-v1-pod")
    bookinfo("restart", "-t", "2", "ratings-v1-sidecar", "ratings-v1")
    eventually(lambda: bookinfo.is_healthy("ratings-v1-pod"), 60, what="the rules are in force")
    eventually(
        lambda: docker("exec", bookinfo.container("ratings-v1-pod"), "cat", "/proc/1/status").count("65534") >= 2,
        what="the holder has no privilege",
    )
    eventually(lambda: bookinfo.is_healthy("ratings-v1-sidecar"), 60, what="its sidecar is ready")
    eventually(bookinfo.page_is_whole, 60, what=f"the page; the pod was at {before}")
    assert bookinfo.stranger(PLAIN_REQUEST.format(host=bookinfo.ip("ratings-v1-pod"))) == "closed"

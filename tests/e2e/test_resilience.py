"""Timeouts, retries, circuit breakers, outlier ejection and faults, as traffic shows them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.harness.client import names
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import destination_rule, service, to, virtual_service, write
from tests.e2e.harness.mesh import Mesh, Workload

URL = "http://ratings:9080/"
CLUSTER = "outbound|9080||ratings.default.svc.cluster.local"


def start(mesh: Mesh, *rules: dict[str, Any], instances: int = 1) -> tuple[Workload, list[Workload]]:
    """A client and the instances of ratings, once the client can reach them all."""
    mesh.write("ratings.yaml", write(service("ratings"), *rules))
    mesh.serve()
    ratings = [mesh.workload(f"ratings-{n}", {"app": "ratings"}) for n in range(instances)]
    client = mesh.client()
    client.sidecar.wait_for_endpoint(CLUSTER, instances)
    return client, ratings


def test_a_timeout_cuts_at_its_time(mesh: Mesh) -> None:
    client, (ratings,) = start(mesh, virtual_service("ratings", {"route": [to("ratings")], "timeout": "0.5s"}))
    assert client.call(URL).status == 200
    ratings.http.delay = 3.0
    answer = client.call(URL)
    assert answer.status == 504
    assert 0.45 <= answer.seconds < 1.5


def test_retries_reach_the_upstream_as_often_as_written(mesh: Mesh) -> None:
    retries = {"attempts": 2, "retryOn": "5xx"}
    client, (ratings,) = start(mesh, virtual_service("ratings", {"route": [to("ratings")], "retries": retries}))
    ratings.http.answer_next(500, 500)
    answer = client.call(URL)
    assert (answer.status, answer.json["count"]) == (200, 3)
    ratings.http.status = 500
    before = ratings.http.count
    assert client.call(URL).status == 500
    assert ratings.http.count - before == 3


def test_without_a_rule_no_answer_of_the_upstream_is_tried_again(mesh: Mesh) -> None:
    # Istio's default retries are for requests that surely were not worked on: refused or never connected.
    client, (ratings,) = start(mesh)
    for status in (503, 500):
        before = ratings.http.count
        ratings.http.status = status
        assert client.call(URL).status == status
        assert ratings.http.count - before == 1


def test_a_circuit_breaker_refuses_what_overflows(mesh: Mesh) -> None:
    pool = {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1, "maxRequestsPerConnection": 1}}
    rule = destination_rule("ratings", trafficPolicy={"connectionPool": pool})
    no_retries = virtual_service("ratings", {"route": [to("ratings")], "retries": {"attempts": 0}})
    client, (ratings,) = start(mesh, rule, no_retries)
    ratings.http.delay = 0.5
    with ThreadPoolExecutor(6) as workers:
        answers = list(workers.map(lambda _: client.call(URL), range(6)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses.count(200) >= 1
    refused = [answer for answer in answers if answer.status == 503]
    assert refused, statuses
    assert all(answer.headers.get("x-envoy-overloaded") == "true" for answer in refused)
    assert client.sidecar.stat(f"cluster.{CLUSTER}.upstream_rq_pending_overflow") == len(refused)


def test_a_failing_instance_is_ejected_and_returns_after_its_time(mesh: Mesh) -> None:
    outlier = {"consecutive5xxErrors": 3, "interval": "0.2s", "baseEjectionTime": "2s", "maxEjectionPercent": 100}
    rule = destination_rule("ratings", trafficPolicy={"outlierDetection": outlier})
    client, (sick, _well) = start(mesh, rule, instances=2)
    sick.http.status = 500

    def ejected() -> bool:
        client.call(URL)
        return client.sidecar.stat(f"cluster.{CLUSTER}.outlier_detection.ejections_active") == 1

    eventually(ejected, 10, what="an ejection")
    began = time.monotonic()
    sick.http.status = 200
    assert set(names(client.call(URL) for _ in range(20))) == {"ratings-1"}
    eventually(lambda: client.call(URL).name == "ratings-0", 10, what="the return of the ejected instance")
    assert 1.5 <= time.monotonic() - began <= 5.0


def test_a_delay_slows_the_given_share_of_requests(mesh: Mesh) -> None:
    fault = {"delay": {"percentage": {"value": 40}, "fixedDelay": "0.3s"}}
    client, _ = start(mesh, virtual_service("ratings", {"route": [to("ratings")], "fault": fault}))
    with ThreadPoolExecutor(10) as workers:
        seconds = [answer.seconds for answer in workers.map(lambda _: client.call(URL), range(200))]
    slow = sum(1 for taken in seconds if taken >= 0.3)
    # 80 are meant; sqrt(200 * 0.4 * 0.6) = 6.9, and five of them pass. The machine may be slow by itself, hence "+".
    assert 80 - 35 <= slow <= 80 + 50


def test_an_abort_answers_in_place_of_the_upstream(mesh: Mesh) -> None:
    fault = {"abort": {"percentage": {"value": 100}, "httpStatus": 555}}
    client, (ratings,) = start(mesh, virtual_service("ratings", {"route": [to("ratings")], "fault": fault}))
    before = ratings.http.count
    assert [client.call(URL).status for _ in range(5)] == [555] * 5
    assert ratings.http.count == before

"""Localities on real Envoys: the near one is preferred while it is well, and weights divide what is far."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pilot.node.locality import Locality
from tests.e2e.harness.client import names
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import destination_rule, service, virtual_service, write
from tests.e2e.harness.mesh import Mesh, Workload
from tests.e2e.harness.variants import every_envoy

URL = "http://shop:9080/"
CLUSTER = "outbound|9080||shop.default.svc.cluster.local"
PLACES = {"west-a": "west/1/a", "west-b": "west/2/a", "east": "east/1/a", "eu": "eu/1/a"}
QUICK = {"consecutive5xxErrors": 2, "interval": "0.2s", "baseEjectionTime": "60s", "maxEjectionPercent": 100}


def start(mesh: Mesh, policy: dict[str, Any], *, reachable: int = len(PLACES)) -> tuple[Workload, dict[str, Workload]]:
    """A client in west/1/a that has ``reachable`` endpoints, and a shop in each of the places."""
    no_retries = virtual_service("shop", {"route": [{"destination": {"host": "shop"}}], "retries": {"attempts": 0}})
    mesh.write("shop.yaml", write(service("shop"), destination_rule("shop", trafficPolicy=policy), no_retries))
    mesh.serve()
    shops = {
        name: mesh.workload(name, {"app": "shop"}, locality=Locality.parse(place)) for name, place in PLACES.items()
    }
    client = mesh.client(locality=Locality.parse("west/1/a"))
    client.sidecar.wait_for_endpoint(CLUSTER, reachable)
    return client, shops


def asked(client: Workload, times: int = 20) -> Counter[str]:
    return Counter(names(client.call(URL) for _ in range(times)))


@every_envoy
def test_the_near_one_is_preferred_until_it_is_ejected(mesh: Mesh) -> None:
    client, shops = start(mesh, {"outlierDetection": QUICK})
    order = ["west-a", "west-b"]
    for name in order:
        eventually(lambda name=name: set(asked(client)) == {name}, 20, what=f"all traffic at {name}")  # type: ignore[misc]
        shops[name].http.status = 503
    eventually(lambda: set(asked(client)) == {"east", "eu"}, 20, what="traffic in other regions")


def test_it_fails_over_to_the_region_that_is_named(mesh: Mesh) -> None:
    failover = {"localityLbSetting": {"failover": [{"from": "west", "to": "eu"}]}}
    client, shops = start(mesh, {"outlierDetection": QUICK, "loadBalancer": failover})
    for name in ("west-a", "west-b"):
        shops[name].http.status = 503
    eventually(lambda: set(asked(client)) == {"eu"}, 20, what="all traffic in the region that is named")


def test_weights_divide_traffic_by_where_it_comes_from(mesh: Mesh) -> None:
    rows = [{"from": "west/*", "to": {"west/1/*": 20, "eu/*": 80}}, {"from": "east/*", "to": {"east/*": 100}}]
    balancer = {"simple": "ROUND_ROBIN", "localityLbSetting": {"distribute": rows}}
    client, _ = start(mesh, {"loadBalancer": balancer}, reachable=2)
    eventually(lambda: set(asked(client)) <= {"west-a", "eu"}, 20, what="traffic where it is meant to be")
    counts = asked(client, 200)
    # 160 are meant; Envoy keeps to the weights of localities in turns, and several workers take turns of their own.
    assert 140 <= counts["eu"] <= 180, counts


def test_all_places_count_alike_where_that_is_said(mesh: Mesh) -> None:
    client, _ = start(mesh, {"outlierDetection": QUICK, "loadBalancer": {"localityLbSetting": {"enabled": False}}})
    eventually(lambda: set(asked(client, 60)) == set(PLACES), 20, what="traffic everywhere")

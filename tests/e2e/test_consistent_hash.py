"""Consistent hashing on real Envoys: who belongs to an endpoint goes there, and all of them share the work."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.harness.documents import destination_rule, service, to, virtual_service, write
from tests.e2e.harness.mesh import Mesh, Workload
from tests.e2e.harness.variants import every_envoy

URL = "http://cart:9080/"
INSTANCES = 3


def start(mesh: Mesh, hashing: dict[str, Any], *, routed: bool) -> Workload:
    """A client and the instances of the cart, of which the client knows all; ``routed`` by a rule, too."""
    balancer = {"loadBalancer": {"consistentHash": hashing}}
    rules = [virtual_service("cart", {"route": [to("cart")]})] if routed else []
    mesh.write("cart.yaml", write(service("cart"), destination_rule("cart", trafficPolicy=balancer), *rules))
    mesh.serve()
    for number in range(INSTANCES):
        mesh.workload(f"cart-{number}", {"app": "cart"})
    client = mesh.client()
    client.sidecar.wait_for_endpoint("outbound|9080||cart.default.svc.cluster.local", INSTANCES)
    return client


@every_envoy
@pytest.mark.parametrize("routed", [False, True], ids=["default route", "rule"])
def test_a_header_decides_and_all_endpoints_share_the_work(mesh: Mesh, routed: bool) -> None:
    client = start(mesh, {"httpHeaderName": "x-user"}, routed=routed)
    homes = {}
    for user in range(30):
        names = {client.call(URL, headers={"x-user": f"user-{user}"}).name for _ in range(4)}
        assert len(names) == 1, names
        homes[user] = names.pop()
    assert len(set(homes.values())) == INSTANCES


def test_a_query_parameter_decides(mesh: Mesh) -> None:
    client = start(mesh, {"httpQueryParameterName": "user", "maglev": {"tableSize": 65537}}, routed=False)
    homes = [{client.call(f"{URL}?user={user}").name for _ in range(3)} for user in range(30)]
    assert {len(names) for names in homes} == {1}
    assert len(set.union(*homes)) == INSTANCES


def test_a_cookie_is_made_for_whoever_has_none_and_kept(mesh: Mesh) -> None:
    client = start(mesh, {"httpCookie": {"name": "session", "path": "/", "ttl": "60s"}}, routed=True)
    homes = set()
    for _ in range(20):
        first = client.call(URL)
        cookie, *attributes = first.headers["set-cookie"].split(";")
        assert cookie.startswith("session=")
        assert {"Max-Age=60", "Path=/"} <= {attribute.strip() for attribute in attributes}
        for _ in range(3):
            again = client.call(URL, headers={"cookie": cookie})
            assert again.name == first.name
            assert "set-cookie" not in again.headers
        homes.add(first.name)
    assert len(homes) > 1


def test_an_endpoint_that_leaves_takes_few_but_its_own_along(mesh: Mesh) -> None:
    balancer = {"loadBalancer": {"consistentHash": {"httpHeaderName": "x-user"}}}
    endpoints = [f"cart-{number}" for number in range(INSTANCES)]
    mesh.write("cart.yaml", write(service("cart"), destination_rule("cart", trafficPolicy=balancer)))
    mesh.serve("--deregister-after", "0")
    workloads = {name: mesh.workload(name, {"app": "cart"}) for name in endpoints}
    client = mesh.client()
    cluster = "outbound|9080||cart.default.svc.cluster.local"
    client.sidecar.wait_for_endpoint(cluster, INSTANCES)
    users = [f"user-{number}" for number in range(60)]
    before = {user: client.call(URL, headers={"x-user": user}).name for user in users}
    gone = before[users[0]]
    workloads[gone].stop()
    client.sidecar.wait_for_endpoint(cluster, INSTANCES - 1)
    after = {user: client.call(URL, headers={"x-user": user}).name for user in users}
    others = [user for user in users if before[user] != gone]
    moved = [user for user in others if before[user] != after[user]]
    # Those that are left get larger parts of the ring, up to a sixth of it from one another.
    assert len(moved) < len(others) / 2, moved

"""Ways around policies that proxies and control planes once had, one test for each class.

That no chain is without its filters is in tests/pilot/mesh/test_guarded_chains.py; key sets that cannot be had are in
test_fetched_keys.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.authorization.harness import Caller, put_in_force, token, write_shop
from tests.e2e.authorization.table import TOKENS, Case, Json, Try
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import gateway, server, service, to, virtual_service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload


class Guarded:
    """A shop with policies, and what it answers."""

    def __init__(self, mesh: Mesh, shop: Workload, callers: Caller) -> None:
        self.mesh, self.shop, self.callers = mesh, shop, callers
        self.address = (shop.host, SERVICE_PORT)

    def put_in_force(self, *specs: Json, **settings: Any) -> None:
        """These policies and settings of the mesh."""
        write_shop(self.mesh, **settings)
        policies = [{"namespace": "default", "name": f"p{index}", "spec": spec} for index, spec in enumerate(specs)]
        put_in_force(self.mesh, self.callers, self.address, Case("weakness", policies, []), 0)

    def status(self, path: str = "/", *headers: str, caller: str = "plain") -> int:
        """The answer to a request with these headers."""
        lines = [f"GET {path} HTTP/1.1", *headers, "Connection: close"]
        lines += [] if any(header.lower().startswith("host:") for header in headers) else ["Host: shop"]
        return self.callers.ask(self.shop, "\r\n".join(lines) + "\r\n\r\n", caller).status


@pytest.fixture
def guarded(mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path) -> Guarded:
    made = Guarded(mesh, shop, Caller(plane, tmp_path))
    eventually(lambda: made.status() == 200, 15, what="the shop to answer")
    return made


def deny(**operation: list[str]) -> Json:
    return {"action": "DENY", "rules": [{"to": [{"operation": operation}]}]}


def test_paths_that_are_not_normalized(guarded: Guarded) -> None:
    """CVE-2019-9901, CVE-2021-31920."""
    guarded.put_in_force(deny(paths=["/admin"]), pathNormalization={"normalization": "MERGE_SLASHES"})
    for path in ("/admin", "/x/../admin", "//admin", "/./admin", "/%61dmin", r"/x\..\admin"):
        assert guarded.status(path) == 403, path


def test_escaped_slashes_in_paths(guarded: Guarded) -> None:
    """CVE-2021-29492."""
    guarded.put_in_force(deny(paths=["/admin/x"]), pathNormalization={"normalization": "DECODE_AND_MERGE_SLASHES"})
    for path in ("/admin/x", "/admin%2fx", "/admin%2Fx", "/admin%5cx", "/admin/%2Fx", "/y%2f..%2fadmin%2Fx"):
        assert guarded.status(path) == 403, path


def test_fragments_in_paths(guarded: Guarded) -> None:
    """CVE-2021-32779, CVE-2021-39156."""
    guarded.put_in_force(deny(paths=["/admin"]))
    for path in ("/admin#", "/admin#x", "/admin?y#x", "/#/../admin"):
        assert guarded.status(path) == 400, path


def test_hosts_in_another_case(guarded: Guarded) -> None:
    """CVE-2021-39155."""
    guarded.put_in_force(deny(hosts=["secret.example"]))
    for host in ("secret.example", "SECRET.EXAMPLE", "Secret.example"):
        assert guarded.status("/", f"Host: {host}") == 403, host


def test_header_names_in_another_case(guarded: Guarded) -> None:
    condition = {"key": "request.headers[X-Role]", "values": ["admin"]}
    guarded.put_in_force({"action": "DENY", "rules": [{"when": [condition]}]})
    for name in ("x-role", "X-Role", "X-ROLE"):
        assert guarded.status("/", f"{name}: admin") == 403, name


@pytest.mark.parametrize("by", ["serviceAccounts", "principals", "namespaces"])
def test_names_that_are_taken_for_regular_expressions(guarded: Guarded, by: str) -> None:
    names = {
        "serviceAccounts": "default/we.",
        "principals": "cluster.local/ns/default/sa/we.",
        "namespaces": "defaul.",
    }
    guarded.put_in_force({"rules": [{"from": [{"source": {by: [names[by]]}}]}, _marked()]})
    assert guarded.status(caller="web") == 403


def _marked() -> Json:
    """Lets those in by whom `put_in_force` sees that the policies are in force."""
    return {"when": [{"key": "request.headers[x-case]", "values": ["*"]}]}


def test_several_tokens_in_one_request(guarded: Guarded) -> None:
    """Which of them counts must not depend on who reads them."""
    mine: Json = {"from": [{"source": {"notRequestPrincipals": ["https://issuer.example/bob"]}}]}
    guarded.put_in_force({"action": "DENY", "rules": [{**mine, "to": [{"operation": {"paths": ["/bob"]}}]}]})
    alice, bob = token(TOKENS["alice"]), token(TOKENS["bob"])
    assert guarded.status("/bob", f"Authorization: Bearer {bob}") == 200
    assert guarded.status("/bob", f"Authorization: Bearer {alice}") == 403
    for first, second in ((alice, bob), (bob, alice)):
        twice = (f"Authorization: Bearer {first}", f"Authorization: Bearer {second}")
        assert guarded.status("/bob", *twice) in (401, 403)
    assert guarded.status(f"/bob?access_token={bob}", f"Authorization: Bearer {bob[:-8]}") == 401
    assert guarded.status("/bob", f"Authorization: Bearer {bob}, Bearer {alice}") in (401, 403)


def test_a_gateway_that_ends_mutual_tls_of_the_mesh(mesh: Mesh, plane: IssuingControlPlane, tmp_path: Path) -> None:
    port = mesh.addresses.port()
    mutual = server(port, "shop.example", protocol="HTTPS", tls={"mode": "ISTIO_MUTUAL"})
    rule = virtual_service("shop.example", {"route": [to("shop", port=9080)]}, gateways=["gateway"])
    mesh.write("shop.yaml", yaml_of(service("shop"), gateway(mutual), rule))
    mesh.serve()
    mesh.workload("shop", {"app": "shop"})
    address, callers = (mesh.gateway().options.ip, port), Caller(plane, tmp_path, server_name="shop.example")

    def status(caller: str) -> int:
        return callers.send(address, Try("GET", "/", caller, "shop.example"))

    eventually(lambda: status("web") == status("evil") == 200, 15, what="the gateway to answer")
    source = {"principals": ["cluster.local/ns/default/sa/web"]}
    edge = {"matchLabels": {"istio": "ingressgateway"}}
    policy: Json = {"selector": edge, "rules": [{"from": [{"source": source}]}]}
    put = {"namespace": "istio-system", "name": "edge", "spec": policy}
    put_in_force(mesh, callers, address, Case("edge", [put], []), 0, namespace="istio-system", host="shop.example")
    assert (status("web"), status("web2"), status("evil")) == (200, 403, 403)

"""CUSTOM: a server is asked about what the rules match, before anything else, and its silence opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.authorization.authorization_servers import ASKING, DENIAL, GrpcAuthorizer, HttpAuthorizer
from tests.e2e.authorization.harness import Caller, put_in_force, write_shop
from tests.e2e.authorization.table import Case, Json
from tests.e2e.harness.client import Answer
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import istio
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload

HOST = "authorizer.example"
HTTP_LISTS: Json = {
    "includeRequestHeadersInCheck": [ASKING, "x-seen-*", "authorization"],
    "includeAdditionalHeadersInCheck": {"x-added": "by the mesh"},
    "headersToUpstreamOnAllow": ["x-said"],
    "headersToDownstreamOnDeny": ["x-said"],
    "pathPrefix": "/check",
}


class Asking:
    """A shop, about whose path /asked a server is asked that may be told to fail."""

    def __init__(self, mesh: Mesh, shop: Workload, callers: Caller) -> None:
        self.mesh, self.shop, self.callers = mesh, shop, callers
        self.address = (shop.host, SERVICE_PORT)
        self._number = 0

    def ask_server(self, kind: str, server: HttpAuthorizer | GrpcAuthorizer | None, **settings: object) -> None:
        """Ask ``server`` from now on; None: one of which nobody knows where it is."""
        if server is None:
            self.mesh.write("authorizer.yaml", "")
        else:
            protocol = "HTTP" if kind == "Http" else "GRPC"
            entry = {
                "hosts": [HOST],
                "resolution": "STATIC",
                "ports": [{"number": 9000, "name": "auth", "protocol": protocol}],
                "endpoints": [{"address": server.host, "ports": {"auth": server.port}}],
            }
            self.mesh.write("authorizer.yaml", yaml_of(istio("ServiceEntry", "authorizer", entry)))
        provider = {"service": HOST, "port": 9000, "timeout": "2s", **settings}
        write_shop(self.mesh, extensionProviders=[{"name": "asks", f"envoyExtAuthz{kind}": provider}])
        self.put_in_force("asks")

    def put_in_force(self, provider: str) -> None:
        """The policy, with a provider by name."""
        rule: Json = {"to": [{"operation": {"paths": ["/asked", "/asked/*"]}}]}
        custom: Json = {"action": "CUSTOM", "provider": {"name": provider}, "rules": [rule]}
        denied: Json = {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/asked/denied"]}}]}]}
        policies = [
            {"namespace": "default", "name": name, "spec": spec} for name, spec in (("c", custom), ("d", denied))
        ]
        # The oracle knows of no servers; about the marker's path none is asked.
        put_in_force(self.mesh, self.callers, self.address, Case(provider, policies, []), self._number)
        self._number += 1

    def get(self, path: str, **headers: str) -> Answer:
        """The answer of the shop."""
        lines = [f"GET {path} HTTP/1.1", "Host: shop", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.callers.exchange(self.address, "plain", ("\r\n".join(lines) + "\r\n\r\n").encode())


@pytest.fixture
def asking(mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path) -> Asking:
    made = Asking(mesh, shop, Caller(plane, tmp_path))
    eventually(lambda: made.get("/").status == 200, 15, what="the shop to answer")
    return made


@pytest.fixture
def http_server(mesh: Mesh) -> Iterator[HttpAuthorizer]:
    server = HttpAuthorizer(mesh.addresses.host(), mesh.addresses.port())
    yield server
    server.stop()


@pytest.fixture
def grpc_server(mesh: Mesh) -> Iterator[GrpcAuthorizer]:
    server = GrpcAuthorizer(mesh.addresses.host(), mesh.addresses.port())
    yield server
    server.stop()


def test_a_server_over_http(asking: Asking, http_server: HttpAuthorizer) -> None:
    asking.ask_server("Http", http_server, **HTTP_LISTS)
    allowed = asking.get("/asked/x?y", x_ask="allow", x_seen_by="all", x_other="1")
    assert allowed.status == 200
    seen = asking.shop.http.requests[-1].headers
    assert (seen.get("x-said"), seen.get("x-secret")) == ("yes", None), "only listed headers go on"
    (asked,) = http_server.asked
    assert asked[":path"] == "/check/asked/x?y"
    assert (asked["x-added"], asked["x-seen-by"]) == ("by the mesh", "all")
    assert "x-other" not in asked
    denied = asking.get("/asked")
    assert (denied.status, denied.text, denied.headers.get("x-said")) == (403, DENIAL, "no")
    assert "x-secret" not in denied.headers
    assert asking.get("/asked/denied", x_ask="allow").status == 403, "DENY counts all the same"
    asked_before = len(http_server.asked)
    assert asking.get("/").status == 200
    assert len(http_server.asked) == asked_before, "about other paths nobody is asked"
    forged = asking.get("/asked", x_ask="allow", x_said="forged")
    assert (forged.status, asking.shop.http.requests[-1].headers["x-said"]) == (200, "yes")


def test_a_server_over_grpc(asking: Asking, grpc_server: GrpcAuthorizer) -> None:
    asking.ask_server("Grpc", grpc_server)
    assert asking.get("/asked", x_ask="allow").status == 200
    assert asking.shop.http.requests[-1].headers["x-said"] == "yes"
    denied = asking.get("/asked")
    assert (denied.status, denied.text, denied.headers.get("x-said")) == (401, DENIAL, "no")
    assert grpc_server.asked[-1][":path"] == "/asked"


@pytest.mark.parametrize("spelling", ["/x/../asked", "/%61sked", r"/x\..\asked", "/./asked?x"])
def test_no_spelling_passes_by_the_server(asking: Asking, http_server: HttpAuthorizer, spelling: str) -> None:
    asking.ask_server("Http", http_server, **HTTP_LISTS)
    assert asking.get(spelling).text == DENIAL


def test_it_is_asked_before_tokens_are_looked_at(asking: Asking, http_server: HttpAuthorizer) -> None:
    asking.ask_server("Http", http_server, **HTTP_LISTS)
    assert asking.get("/asked", authorization="Bearer x.y.z").text == DENIAL
    assert asking.get("/asked", authorization="Bearer x.y.z", x_ask="allow").status == 401
    assert [one["authorization"] for one in http_server.asked] == ["Bearer x.y.z"] * 2


@pytest.mark.parametrize("kind", ["Http", "Grpc"])
def test_the_silence_of_a_server_opens_only_what_says_so(asking: Asking, kind: str) -> None:
    nobody = HttpAuthorizer(asking.mesh.addresses.host(), asking.mesh.addresses.port())
    nobody.stop()
    asking.ask_server(kind, nobody)
    assert asking.get("/asked", x_ask="allow").status == 403
    asking.ask_server(kind, nobody, statusOnError="503")
    assert asking.get("/asked", x_ask="allow").status == 503
    asking.ask_server(kind, nobody, failOpen=True)
    assert asking.get("/asked").status == 200
    assert asking.get("/asked/denied").status == 403
    assert asking.get("/").status == 200


def test_a_server_that_is_missing_denies(asking: Asking) -> None:
    asking.ask_server("Http", None)
    assert asking.get("/asked", x_ask="allow").status == 403
    assert asking.get("/").status == 200
    asking.put_in_force("unknown")
    assert asking.get("/asked", x_ask="allow").status == 403
    assert asking.get("/").status == 200
    assert "deny-due-to-bad-CUSTOM-action" in str(asking.shop.sidecar.listeners())

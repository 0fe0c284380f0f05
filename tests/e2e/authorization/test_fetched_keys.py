"""Key sets that the control plane fetches: without them tokens are refused, and nobody else is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.authorization.harness import request_authentication
from tests.e2e.authorization.table import ISSUER, Json
from tests.e2e.authorization.tokens import key_set_of, make_token
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload

RETRY_SECONDS = 30
"""More than the time after which a failed fetch is tried again."""
BY_OLD: Json = {}
BY_NEW: Json = {"key": "rsa2", "header": {"kid": "two"}}


class KeyServer(ThreadingHTTPServer):
    """Serves a key set; with ``status`` other than 200 nothing of it."""

    def __init__(self, host: str, port: int) -> None:
        self.keys, self.status, self.asked = "", 200, 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked += 1
                body = owner.keys.encode()
                self.send_response(owner.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """The test counts the requests."""

        super().__init__((host, port), Handler)
        self.uri = f"http://{host}:{port}/keys"

    def server_bind(self) -> None:
        """As its parent's parent: that looks its own name up in DNS."""
        self.socket.bind(self.server_address)


@pytest.fixture
def keys(mesh: Mesh) -> Iterator[KeyServer]:
    server = KeyServer(mesh.addresses.host(), mesh.addresses.port())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def serve(mesh: Mesh) -> None:
    mesh.serve("--jwks-allow", "127.0.0.0/8")


def start(mesh: Mesh, keys: KeyServer) -> Workload:
    rule = {"issuer": ISSUER, "jwksUri": keys.uri}
    mesh.write("shop.yaml", yaml_of(service("shop"), request_authentication(rule)))
    serve(mesh)
    return mesh.workload("shop", {"app": "shop"})


def status(shop: Workload, row: Json | None) -> int:
    """The answer to a request with a row's token, or without any."""
    headers = {} if row is None else {"Authorization": f"Bearer {make_token(row)}"}
    return shop.sidecar.get(SERVICE_PORT, headers=headers).status


def page(mesh: Mesh) -> Json:
    """What the control plane says of its one key set."""
    (entry,) = mesh.control_plane.get("/debug/jwksz").json
    return dict(entry)


def metric(mesh: Mesh, name: str) -> float:
    lines = mesh.control_plane.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def test_keys_are_fetched_and_rotated(mesh: Mesh, keys: KeyServer) -> None:
    keys.keys = key_set_of({"rsa": "one"})
    shop = start(mesh, keys)
    eventually(lambda: status(shop, BY_OLD) == 200, 15, what="the fetched key to count")
    assert (status(shop, None), status(shop, BY_NEW)) == (200, 401)
    assert page(mesh)["error"] == ""
    assert [metric(mesh, f"pilot_jwks{name}") for name in ("", "_missing", "_failing")] == [1, 0, 0]
    keys.keys = key_set_of({"rsa2": "two"})
    mesh.control_plane.stop()
    serve(mesh)
    eventually(lambda: status(shop, BY_NEW) == 200, 15, what="the new key to count")
    assert status(shop, BY_OLD) == 401


def test_keys_that_cannot_be_had_are_awaited_and_then_count(mesh: Mesh, keys: KeyServer) -> None:
    keys.status = 503
    shop = start(mesh, keys)
    eventually(lambda: status(shop, None) == 200, 15, what="requests without a token to pass")
    assert status(shop, BY_OLD) == 401
    eventually(lambda: "503" in page(mesh)["error"], 15, what="the reason on /debug/jwksz")
    assert [metric(mesh, f"pilot_jwks{name}") for name in ("", "_missing", "_failing")] == [1, 1, 1]
    keys.status, keys.keys = 200, key_set_of({"rsa": "one"})
    eventually(lambda: status(shop, BY_OLD) == 200, RETRY_SECONDS, what="the keys to be had by themselves")
    assert page(mesh)["error"] == ""
    assert [metric(mesh, f"pilot_jwks{name}") for name in ("", "_missing", "_failing")] == [1, 0, 0]


def test_keys_that_were_had_outlive_their_server(mesh: Mesh, keys: KeyServer) -> None:
    keys.keys = key_set_of({"rsa": "one"})
    shop = start(mesh, keys)
    eventually(lambda: status(shop, BY_OLD) == 200, 15, what="the fetched key to count")
    keys.status, asked = 500, keys.asked
    mesh.control_plane.stop()
    serve(mesh)
    eventually(lambda: keys.asked > asked and page(mesh)["error"], 15, what="the failure to be noted")
    assert [metric(mesh, f"pilot_jwks{name}") for name in ("", "_missing", "_failing")] == [1, 0, 1]
    assert (status(shop, BY_OLD), status(shop, BY_NEW), status(shop, None)) == (200, 401, 200)

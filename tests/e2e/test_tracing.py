"""Spans on real Envoys: a request through client, service and the service behind it is one tree at a Zipkin."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, istio, mesh_config, service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.variants import every_envoy

PORT = 9411
Span = dict[str, Any]


class Zipkin:
    """Takes spans as Zipkin's API says, and keeps them."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.spans: list[Span] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/api/v2/spans"
                outer.spans += json.loads(self._body())
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _body(self) -> bytes:
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer((host, PORT), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of(self, path: str) -> list[Span]:
        """The spans of requests for ``path``."""
        return [span for span in self.spans if span["tags"].get("http.url", "").endswith(path)]


@pytest.fixture
def zipkin(mesh: Mesh) -> Iterator[Zipkin]:
    server = Zipkin(mesh.addresses.host())
    yield server
    server.stop()


def entry(zipkin: Zipkin) -> Document:
    spec = {
        "hosts": ["zipkin.example"],
        "ports": [{"number": PORT, "name": "http", "protocol": "HTTP"}],
        "resolution": "STATIC",
        "endpoints": [{"address": zipkin.host}],
    }
    return istio("ServiceEntry", "zipkin", spec)


def telemetry(**tracing: Any) -> Document:
    document = istio("Telemetry", "tracing", {"tracing": [tracing]}, namespace="istio-system")
    return {**document, "apiVersion": "telemetry.istio.io/v1"}


PROVIDERS = {"extensionProviders": [{"name": "spans", "zipkin": {"service": "zipkin.example", "port": PORT}}]}


@every_envoy
def test_a_request_is_one_tree_of_spans(mesh: Mesh, zipkin: Zipkin) -> None:
    tags = {"team": {"literal": {"value": "shop"}}}
    everything = telemetry(providers=[{"name": "spans"}], randomSamplingPercentage=100, customTags=tags)
    mesh.write("mesh.yaml", write(mesh_config(**PROVIDERS), entry(zipkin), service("shop"), everything))
    mesh.serve()
    mesh.workload("shop", {"app": "shop"})
    client = mesh.client()
    client.sidecar.wait_for_endpoint("outbound|9080||shop.default.svc.cluster.local")
    assert client.call("http://shop:9080/one").status == 200
    eventually(lambda: len(zipkin.of("/one")) == 2, 20, what="both spans")
    by_kind = {span["kind"]: span for span in zipkin.of("/one")}
    assert by_kind["SERVER"]["traceId"] == by_kind["CLIENT"]["traceId"]
    assert by_kind["SERVER"]["parentId"] == by_kind["CLIENT"]["id"]
    assert "parentId" not in by_kind["CLIENT"]
    assert len(by_kind["CLIENT"]["traceId"]) == 32
    for span in by_kind.values():
        assert (span["tags"]["team"], span["tags"]["http.status_code"]) == ("shop", "200")
    assert by_kind["SERVER"]["tags"]["istio.canonical_service"] == "shop"
    nothing = telemetry(disableSpanReporting=True)
    mesh.write("mesh.yaml", write(mesh_config(**PROVIDERS), entry(zipkin), service("shop"), nothing))
    eventually(lambda: "envoy.tracers.zipkin" not in str(client.sidecar.listeners()), 10, what="no tracing")


def test_a_zipkin_that_is_not_there_gets_no_listener_rejected(mesh: Mesh) -> None:
    providers = {**PROVIDERS, "defaultProviders": {"tracing": ["spans"]}}
    mesh.write("mesh.yaml", write(mesh_config(**providers), service("shop")))
    mesh.serve()
    mesh.workload("shop", {"app": "shop"})
    client = mesh.client()
    client.sidecar.wait_for_endpoint("outbound|9080||shop.default.svc.cluster.local")
    assert client.call("http://shop:9080/").status == 200
    assert not any(client.sidecar.stats("update_rejected").values())

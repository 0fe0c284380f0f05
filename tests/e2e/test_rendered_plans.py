"""What rendered plans do in a real Envoy where its validation cannot tell: certificates and timeouts."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from citadel.ir import UpstreamTls
from galley.kinds.values import StringMatch
from pilot.dataplane.bootstrap import PipeAddress
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess
from pilot.envoy.encoded import RenderCache
from pilot.ir.cluster import ClusterPlan, DiscoveryType, EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.listener import FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.ir.route import (
    ForwardPlan,
    RetryPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)
from pilot.node.locality import Locality
from tests.citadel.authority import make_authority
from tests.e2e.harness.addresses import Addresses
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.upstreams import HttpEcho
from tests.e2e.harness.variants import every_envoy
from tests.envoy_validate import to_json

HOST = "api.example.com"


@dataclass(frozen=True)
class Running:
    """An Envoy that forwards ``/NAME`` to the cluster or route of that name."""

    address: tuple[str, int]

    def get(self, name: str, headers: Mapping[str, str] | None = None) -> Answer:
        return request(self.address, f"/{name}", host=HOST, headers=headers)


def a_static_cluster(name: str, port: int, tls: UpstreamTls | None = None) -> ClusterPlan:
    endpoints = LocalityPlan(Locality(), (EndpointPlan("127.0.0.1", port),))
    return ClusterPlan(name, DiscoveryType.STATIC, load_assignment=LoadAssignmentPlan(name, (endpoints,)), tls=tls)


def a_route(name: str, action: ForwardPlan) -> RoutePlan:
    return RoutePlan(RouteMatchPlan(uri=StringMatch(exact=f"/{name}")), action)


@contextmanager
def running(
    clusters: Sequence[ClusterPlan], routes: Sequence[RoutePlan], *, envoy: Path, home: Path, addresses: Addresses
) -> Iterator[Running]:
    """A real Envoy with these clusters and routes, all of them static."""
    port, cache = addresses.port(), RenderCache()
    route_config = RouteConfigPlan("routes", (VirtualHostPlan("all", ("*",), tuple(routes)),))
    chain = FilterChainPlan((HttpConnectionPlan("test", route_config=route_config),))
    listener = cache.listener(TcpListenerPlan("test", "127.0.0.1", port, (chain,)))
    resources = [to_json(each) for each in (listener, *map(cache.cluster, clusters))]
    for resource in resources:
        del resource["@type"]
    admin = PipeAddress(str(home / "admin.sock"))
    bootstrap = {
        "admin": {"address": {"pipe": {"path": admin.path}}},
        "staticResources": {"listeners": resources[:1], "clusters": resources[1:]},
    }
    config = home / "envoy.yaml"
    config.write_text(yaml.safe_dump(bootstrap))
    with EnvoyProcess(EnvoyCommand(envoy, config, home / "envoy.log", admin)) as process:
        process.start()
        process.wait_ready()
        yield Running(("127.0.0.1", port))


class _Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def https_server(certificate: Path, private_key: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private_key)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Greeter) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@every_envoy
def test_upstream_certificates_are_verified(envoy: Path, tmp_path: Path, addresses: Addresses) -> None:
    authority, other = make_authority(), make_authority("other")
    ca, wrong_ca = str(authority.write(tmp_path)), str(other.write(tmp_path, "other"))
    files = authority.issue(tmp_path, "server", subject_alt_names=(HOST,))
    verified = UpstreamTls(sni="any.example.com", ca_file=ca)
    expected = {
        "system-roots": (UpstreamTls(sni=HOST), 503),
        "right-authority": (verified, 200),
        "wrong-authority": (replace(verified, ca_file=wrong_ca), 503),
        "right-name": (replace(verified, subject_alt_names=(HOST,)), 200),
        "wrong-name": (replace(verified, subject_alt_names=("other.example.com",)), 503),
        "name-of-the-request": (UpstreamTls(ca_file=ca), 200),
        "unverified": (UpstreamTls(sni=HOST, insecure_skip_verify=True), 200),
    }
    with https_server(files.certificate, files.private_key) as port:
        clusters = [a_static_cluster(name, port, tls) for name, (tls, _) in expected.items()]
        routes = [a_route(name, ForwardPlan((WeightedClusterPlan(name, 1),))) for name in expected]
        rewritten = ForwardPlan((WeightedClusterPlan("name-of-the-request", 1),), host_rewrite="other.example.com")
        with running(
            clusters,
            [*routes, a_route("name-of-another", rewritten)],
            envoy=envoy,
            home=tmp_path,
            addresses=addresses,
        ) as started:
            found = {name: started.get(name).status for name in (*expected, "name-of-another")}
    assert found == {**{name: status for name, (_, status) in expected.items()}, "name-of-another": 503}


def test_timeouts(envoy: Path, tmp_path: Path, addresses: Addresses) -> None:
    """A route's timeout counts for every request; a gRPC client's own counts when it is shorter."""
    target = (WeightedClusterPlan("slow", 1),)
    routes = [
        a_route("unlimited", ForwardPlan(target, retry=RetryPlan())),
        a_route("limited", ForwardPlan(target, timeout=timedelta(milliseconds=300), retry=RetryPlan())),
    ]

    def grpc(timeout: str) -> dict[str, str]:
        return {"grpc-timeout": timeout, "content-type": "application/grpc"}

    with HttpEcho("slow", "127.0.0.1", addresses.port()) as echo:
        echo.delay = 1.0
        clusters = [a_static_cluster("slow", echo.port)]
        with running(clusters, routes, envoy=envoy, home=tmp_path, addresses=addresses) as started:
            answers = [
                started.get("unlimited"),
                started.get("limited"),
                started.get("limited", grpc("9S")),
                started.get("limited", grpc("100m")),
                started.get("unlimited", grpc("100m")),
            ]
    assert [answer.status for answer in answers] == [200, 504, 200, 200, 200]
    assert [answer.headers.get("grpc-status") for answer in answers] == [None, None, "14", "14", "4"]
    assert [answer.seconds < 1 for answer in answers] == [False, True, True, True, True]

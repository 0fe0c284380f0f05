from dataclasses import replace
from datetime import timedelta
from typing import Any

from galley.kinds.mesh_config import ForwardClientCertDetails
from pilot.ir.attached_filters import AttachedFilters
from pilot.ir.http_filters import GrpcWebPlan, RouteCorsPlan
from pilot.ir.listener import ChainMatchPlan
from pilot.mesh.context.scope import InboundPort
from pilot.mesh.inbound.chains import InboundSettings, plan_inbound_routes, plan_passthrough_chains, plan_port_chains
from tests.builders_traffic import clusters_of, end_of, forward_of, http_of

SETTINGS = InboundSettings(wildcard="0.0.0.0", listen_port=15006)
REVIEWS = "reviews.default.svc.cluster.local"


def a_port(protocol: str = "HTTP", **traits: Any) -> InboundPort:
    return InboundPort(
        **{"protocol": protocol, "service_host": REVIEWS, "service_port": 80, "listen_port": 9080, **traits}
    )


def test_a_captured_http_port_is_plain_text_to_its_original_port() -> None:
    (chain,) = plan_port_chains(a_port(), SETTINGS)
    assert chain.name == "0.0.0.0_9080"
    assert chain.match == ChainMatchPlan(destination_port=9080, transport_protocol="raw_buffer")
    http = http_of(chain)
    assert (http.stat_prefix, http.server_name) == ("inbound_0.0.0.0_9080", "istio-envoy")
    assert http.forward_client_cert is ForwardClientCertDetails.APPEND_FORWARD
    assert not http.use_remote_address
    assert http.route_name == ""


def test_a_captured_tcp_port() -> None:
    for protocol in ("TCP", "HTTPS", "Mongo"):
        (chain,) = plan_port_chains(a_port(protocol), SETTINGS)
        assert end_of(chain) == "inbound|9080||"
        assert chain.match == ChainMatchPlan(destination_port=9080, transport_protocol="raw_buffer")


def test_a_captured_port_of_unknown_protocol_is_sniffed() -> None:
    http, tcp = plan_port_chains(a_port("AUTO"), SETTINGS)
    assert http.match.application_protocols == ("http/1.1", "h2c")
    assert http.match.destination_port == tcp.match.destination_port == 9080
    assert end_of(tcp) == "inbound|9080||"


def test_a_bound_port_needs_no_match() -> None:
    (chain,) = plan_port_chains(a_port(bound=True, listen_address="127.0.0.2"), SETTINGS)
    assert chain.match == ChainMatchPlan()
    assert chain.terminal.stat_prefix == "inbound_127.0.0.2_9080"


def test_inbound_routes() -> None:
    config = plan_inbound_routes(a_port())
    assert config.name == "inbound|9080||"
    (host,) = config.virtual_hosts
    assert (host.name, host.domains, host.include_attempt_count) == ("inbound|http|80", ("*",), False)
    (route,) = host.routes
    assert (route.name, route.decorator, clusters_of(route)) == ("default", f"{REVIEWS}:80/*", {"inbound|9080||": 1})
    assert (forward_of(route).timeout, forward_of(route).max_stream_duration) == (timedelta(0), True)
    retry = forward_of(route).retry
    assert retry is not None
    assert (retry.num_retries, retry.retry_on) == (2, "reset-before-request")


def test_what_policies_say_to_filters_is_said_for_all_requests() -> None:
    attached = AttachedFilters(routes=(RouteCorsPlan(),))
    settings = replace(SETTINGS, shared=replace(SETTINGS.shared, attached=attached))
    for chain in (*plan_port_chains(a_port(), settings), plan_passthrough_chains(settings)[0]):
        config = http_of(chain).route_config
        assert config is not None
        assert config.filters == attached.routes


def test_grpc_is_not_tried_again() -> None:
    assert forward_of(plan_inbound_routes(a_port("GRPC")).virtual_hosts[0].routes[0]).retry is None
    assert GrpcWebPlan() in http_of(plan_port_chains(a_port("GRPC-Web"), SETTINGS)[0]).filters


def test_passthrough_chains() -> None:
    http, tcp = plan_passthrough_chains(SETTINGS)
    assert [http.name, tcp.name] == ["virtualInbound-catchall-http", "virtualInbound"]
    assert (http.match.destination_port, tcp.match.destination_port) == (0, 0)
    assert end_of(tcp) == "InboundPassthroughCluster"
    config = http_of(http).route_config
    assert config is not None
    routes = config.virtual_hosts[0].routes
    assert clusters_of(routes[0]) == {"InboundPassthroughCluster": 1}

from typing import Any

from galley.kinds.mesh_config import MeshConfig, MeshOutboundTrafficPolicy
from galley.kinds.networking.service_entry import Resolution, ServiceEntry
from galley.kinds.networking.sidecar import CaptureMode, OutboundTrafficPolicyMode
from galley.meta import Resource
from pilot.ir.network_filters import AccessLogPlan
from pilot.memo import Memo
from pilot.mesh.outbound.listeners import plan_outbound_listeners
from pilot.node.metadata import Interception
from tests.builders import (
    a_context,
    a_manifest,
    a_scope,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
    a_workload_entry,
    attached,
)
from tests.builders_traffic import a_listener_scope, a_tls_route, an_egress, ends_of, http_of, listeners

REGISTRY_ONLY = MeshConfig(
    outbound_traffic_policy=MeshOutboundTrafficPolicy(mode=OutboundTrafficPolicyMode.REGISTRY_ONLY)
)
UNREDIRECTED = a_listener_scope(a_scope(interception=Interception.NONE), bind_address="127.0.0.7")
CNN = a_service_entry("edition.cnn.com", port=443, protocol="TLS", resolution=Resolution.DNS, endpoints=(), name="cnn")


def a_database(host: str = "db.com", *, port: int = 5432, **traits: Any) -> Resource[ServiceEntry]:
    return a_service_entry(host, port=port, protocol="TCP", **{"addresses": ("10.9.9.9",), **traits})


def test_redirected_sidecars_have_virtual_outbound_and_a_listener_per_http_port() -> None:
    found = listeners(a_context(a_manifest("a"), a_manifest("b"), a_manifest("c", port=80)))
    assert list(found) == ["virtualOutbound", "0.0.0.0_9080", "0.0.0.0_80"]
    assert ends_of(found["0.0.0.0_9080"]) == ["route 9080", "PassthroughCluster"]
    assert ends_of(found["virtualOutbound"]) == ["BlackHoleCluster", "PassthroughCluster"]
    assert not found["virtualOutbound"].transparent


def test_registry_only_ends_unknown_connections() -> None:
    found = listeners(a_context(a_manifest("a"), mesh=REGISTRY_ONLY))
    assert ends_of(found["virtualOutbound"]) == ["BlackHoleCluster", "BlackHoleCluster"]
    assert ends_of(found["0.0.0.0_9080"])[-1] == "BlackHoleCluster"


def test_an_external_tls_service_is_told_by_its_name() -> None:
    listener = listeners(a_context(CNN, mesh=REGISTRY_ONLY))["0.0.0.0_443"]
    assert [chain.match.server_names for chain in listener.chains] == [("edition.cnn.com",)]
    assert ends_of(listener) == ["outbound|443||edition.cnn.com", "BlackHoleCluster"]


def test_tls_rules_of_a_virtual_service() -> None:
    rule = a_virtual_service(
        "edition.cnn.com", routes=(), tls=(a_tls_route("egress.com", "edition.cnn.com", port=8443),)
    )
    listener = listeners(a_context(CNN, rule))["0.0.0.0_443"]
    assert ends_of(listener) == ["outbound|8443||egress.com", "PassthroughCluster"]


def test_tproxy_is_transparent() -> None:
    scope = a_listener_scope(a_scope(interception=Interception.TPROXY))
    assert listeners(a_context(), scope)["virtualOutbound"].transparent


def test_tcp_services_listen_on_their_addresses() -> None:
    with_address = a_manifest("db", port=5432, port_name="tcp", cluster_ip="10.1.1.1")
    found = listeners(a_context(with_address, a_database(addresses=())))
    assert ends_of(found["10.1.1.1_5432"]) == ["outbound|5432||db.default.svc.cluster.local"]
    assert ends_of(found["0.0.0.0_5432"]) == ["outbound|5432||db.com"]


def test_of_two_tcp_services_without_address_the_older_keeps_the_port() -> None:
    older = a_database("old.com", created="2020-01-01T00:00:00Z")
    younger = a_database("new.com", created="2021-01-01T00:00:00Z")
    assert ends_of(listeners(a_context(younger, older))["0.0.0.0_5432"]) == ["outbound|5432||old.com"]


def test_a_sniffed_service_with_an_address() -> None:
    service = a_manifest("web", port=8000, port_name="custom", cluster_ip="10.1.1.1")
    listener = listeners(a_context(service))["10.1.1.1_8000"]
    name = "web.default.svc.cluster.local"
    assert ends_of(listener) == [f"route {name}:8000", f"outbound|8000||{name}"]
    assert listener.chains[0].match.application_protocols == ("http/1.1", "h2c")


def test_headless_tcp_services_listen_on_their_endpoints() -> None:
    headless = a_manifest("db", port=5432, port_name="tcp", cluster_ip="None")
    context = a_context(headless, a_workload_entry("db-0", "10.2.2.2", app="db"))
    assert "10.2.2.2_5432" in listeners(context)
    assert list(listeners(a_context(headless))) == ["virtualOutbound"]
    assert "127.0.0.7_5432" in listeners(context, UNREDIRECTED)


def test_reserved_ports_are_left_alone() -> None:
    context = a_context(*(a_manifest(f"s{port}", port=port) for port in (15001, 15006, 15021, 15022)))
    assert list(listeners(context)) == ["virtualOutbound", "0.0.0.0_15022"]


def test_unredirected_sidecars_bind_to_their_own_address() -> None:
    found = listeners(a_context(a_manifest("a"), a_database(), CNN), UNREDIRECTED)
    assert sorted(found) == ["127.0.0.7_443", "127.0.0.7_5432", "127.0.0.7_9080"]
    assert all(listener.bind_to_port for listener in found.values())
    assert ends_of(found["127.0.0.7_9080"]) == ["route 9080"]
    assert found["127.0.0.7_443"].chains[0].match.server_names == ("edition.cnn.com",)


def test_inbound_listeners_win_at_an_address() -> None:
    scope = a_listener_scope(
        UNREDIRECTED.outbound, bind_address="127.0.0.7", inbound_ports=(("127.0.0.7", 9080), ("127.0.0.8", 80))
    )
    context = a_context(a_manifest("a"), a_manifest("b", port=80))
    assert list(listeners(context, scope)) == ["127.0.0.7_80"]


def test_the_forward_proxy() -> None:
    scope = a_listener_scope(UNREDIRECTED.outbound, bind_address="127.0.0.7", http_proxy_port=8888)
    listener = listeners(a_context(a_manifest("a")), scope)["127.0.0.7_8888"]
    http = http_of(listener.chains[0])
    assert (http.route_name, http.allow_absolute_url, listener.bind_to_port) == ("http_proxy", True, True)
    redirected = listeners(a_context(), a_listener_scope(http_proxy_port=8888))
    assert redirected["127.0.0.1_8888"].bind_to_port


def test_a_declared_http_listener_is_locked() -> None:
    sidecar = a_sidecar(egress=(an_egress("*/*", port=9080), an_egress("*/*")))
    context = a_context(a_manifest("a"), a_database(port=9080), sidecar)
    found = listeners(context, a_listener_scope(a_scope(attached=attached(sidecar.key))))
    assert ends_of(found["0.0.0.0_9080"]) == ["route 9080", "PassthroughCluster"]
    assert found["0.0.0.0_9080"].origins == (sidecar.key,)


def test_bind_and_capture_mode_of_a_declared_listener() -> None:
    sidecar = a_sidecar(
        egress=(
            an_egress("*/*", port=3128, protocol="HTTP_PROXY", capture_mode=CaptureMode.NONE),
            an_egress("*/*", bind="unix:///run/out.sock"),
            an_egress("*/db.com", port=5432, protocol="TCP", bind="127.0.0.9", capture_mode=CaptureMode.NONE),
        )
    )
    context = a_context(a_manifest("a"), a_database(), sidecar)
    found = listeners(context, a_listener_scope(a_scope(attached=attached(sidecar.key))))
    assert list(found) == ["virtualOutbound", "127.0.0.1_3128", "unix:///run/out.sock", "127.0.0.9_5432"]
    assert http_of(found["127.0.0.1_3128"].chains[0]).allow_absolute_url
    assert found["127.0.0.1_3128"].bind_to_port
    assert ends_of(found["unix:///run/out.sock"]) == ["route unix:///run/out.sock"]
    assert ends_of(found["127.0.0.9_5432"]) == ["outbound|5432||db.com"]


def test_access_log_and_ipv6() -> None:
    scope = a_listener_scope(a_scope(ipv6=True))
    found = listeners(a_context(a_manifest("a"), mesh=MeshConfig(access_log_file="/dev/stdout")), scope)
    assert http_of(found["::_9080"].chains[0]).settings.access_log == AccessLogPlan(path="/dev/stdout")


def test_unchanged_inputs_give_the_same_listeners_without_work() -> None:
    resources = [a_manifest(f"s{n}", port=8000 + n % 7) for n in range(50)] + [
        a_database(f"d{n}.com", port=7000 + n) for n in range(20)
    ]
    memo, first = Memo(), a_context(*resources)
    before = plan_outbound_listeners(first, a_listener_scope(), memo)
    memo = memo.successor()
    misses = memo.misses
    after = plan_outbound_listeners(a_context(*resources, previous=first), a_listener_scope(), memo)
    assert all(one is other for one, other in zip(before, after, strict=True))
    assert memo.misses == misses
    assert len(before) == 28

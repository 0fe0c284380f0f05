from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from galley.kinds.http import Abort, HttpFaultInjection, HttpRetry
from galley.kinds.kubernetes.service import ServiceType
from galley.kinds.mesh_config import MeshConfig, MeshOutboundTrafficPolicy
from galley.kinds.networking.service_entry import ServicePort
from galley.kinds.networking.sidecar import OutboundTrafficPolicy, OutboundTrafficPolicyMode
from galley.kinds.networking.virtual_service import HttpRoute
from galley.kinds.values import Percent
from galley.meta import Resource
from pilot.ir.http_filters import RouteFaultPlan
from pilot.ir.route import MirrorPlan, RetryPlan, VirtualHostPlan
from pilot.memo import Memo
from pilot.mesh.naming import virtual_host_name
from pilot.mesh.outbound.routes import plan_routes
from pilot.node.metadata import Interception
from tests.builders import (
    a_context,
    a_manifest,
    a_route,
    a_scope,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
    attached,
    labels,
)
from tests.builders_traffic import (
    a_destination,
    a_match,
    an_egress,
    clusters_of,
    exact,
    forward_of,
    route_configs,
    virtual_host,
    virtual_hosts,
)

REVIEWS = "reviews.default.svc.cluster.local"
DETAILS = "details.default.svc.cluster.local"
BOOKINFO = (a_manifest("details"), a_manifest("reviews", cluster_ip="10.1.1.1"))


def reviews(*routes: HttpRoute, **traits: Any) -> VirtualHostPlan:
    return virtual_host(a_context(*BOOKINFO, a_virtual_service(routes=routes, **traits)), f"{REVIEWS}:9080")


def test_two_services_without_rules() -> None:
    config = route_configs(a_context(*BOOKINFO))["9080"]
    assert [host.name for host in config.virtual_hosts] == [f"{DETAILS}:9080", f"{REVIEWS}:9080", "allow_any"]
    assert config.ignore_port
    host = virtual_hosts(config)[f"{REVIEWS}:9080"]
    short = ("reviews", "reviews.default.svc", "reviews.default")
    assert host.domains == (REVIEWS, f"{REVIEWS}.", *short, "10.1.1.1")
    assert [route.name for route in host.routes] == ["default"]
    assert host.include_attempt_count


def test_reviews_80_20() -> None:
    (route,) = reviews(a_route(weights={"v1": 80, "v2": 20})).routes
    assert clusters_of(route) == {f"outbound|9080|v1|{REVIEWS}": 80, f"outbound|9080|v2|{REVIEWS}": 20}
    assert forward_of(route).retry == RetryPlan()
    assert not forward_of(route).timeout


def test_jason_goes_to_v2() -> None:
    jason = a_match(headers={"end-user": exact("jason")})
    first, second = reviews(a_route(subset="v2", match=(jason,)), a_route(subset="v1")).routes
    assert first.match.headers["end-user"] == exact("jason")
    assert second.match.is_catch_all
    assert (list(clusters_of(first)), list(clusters_of(second))) == (
        [f"outbound|9080|v2|{REVIEWS}"],
        [f"outbound|9080|v1|{REVIEWS}"],
    )


def test_an_abort_without_match_leaves_the_second_rule_unreachable() -> None:
    fault = HttpFaultInjection(abort=Abort(http_status=555, percentage=Percent(value=100)))
    (route,) = reviews(a_route(fault=fault), a_route(subset="v2")).routes
    assert route.filters == (RouteFaultPlan(abort_http_status=555, abort_percent=100.0),)


def test_mirroring() -> None:
    (route,) = reviews(a_route(weights={"v1": 100}, mirror=a_destination(subset="v2"))).routes
    assert forward_of(route).mirrors == (MirrorPlan(cluster=f"outbound|9080|v2|{REVIEWS}", percent=100.0),)


def test_registry_only_blocks_unknown_hosts() -> None:
    mesh = MeshConfig(outbound_traffic_policy=MeshOutboundTrafficPolicy(mode=OutboundTrafficPolicyMode.REGISTRY_ONLY))
    assert route_configs(a_context(*BOOKINFO, mesh=mesh))["9080"].virtual_hosts[-1].name == "block_all"


def test_a_sidecar_may_block_what_the_mesh_allows() -> None:
    blocking = a_sidecar("*/*", outbound_traffic_policy=OutboundTrafficPolicy())
    configs = route_configs(a_context(*BOOKINFO, blocking), a_scope(attached=attached(blocking.key)))
    assert configs["9080"].virtual_hosts[-1].name == "block_all"


def test_a_dotted_short_name_is_a_bare_host_on_port_80() -> None:
    configs = route_configs(a_context(*BOOKINFO, a_virtual_service("reviews.prod")))
    assert list(virtual_hosts(configs["80"])) == ["reviews.prod:80", "allow_any"]
    assert virtual_hosts(configs["80"])["reviews.prod:80"].domains == ("reviews.prod",)
    assert "reviews.prod:9080" not in virtual_hosts(configs["9080"])


def test_of_two_rules_for_one_host_the_older_routes() -> None:
    older = a_virtual_service(routes=(a_route(subset="old"),), name="b", created="2020-01-01T00:00:00Z")
    younger = a_virtual_service(routes=(a_route(subset="new"),), name="a", created="2021-01-01T00:00:00Z")
    host = virtual_host(a_context(*BOOKINFO, younger, older), f"{REVIEWS}:9080")
    assert [list(clusters_of(route)) for route in host.routes] == [[f"outbound|9080|old|{REVIEWS}"]]
    assert host.origins[0] == older.key


def test_a_rule_of_which_nothing_is_left_gives_way_to_the_next() -> None:
    mine = a_match(source_labels=labels(app="other"))
    first = a_virtual_service(routes=(a_route(subset="v1", match=(mine,)),), name="a")
    second = a_virtual_service(routes=(a_route(subset="v2"),), name="b")
    host = virtual_host(a_context(*BOOKINFO, first, second), f"{REVIEWS}:9080")
    assert list(clusters_of(host.routes[0])) == [f"outbound|9080|v2|{REVIEWS}"]
    alone = virtual_host(a_context(*BOOKINFO, first), f"{REVIEWS}:9080")
    assert alone.routes[0].name == "default"


def test_source_labels_choose_by_the_labels_of_the_scope() -> None:
    mine = a_match(source_labels=labels(app="productpage"))
    context = a_context(*BOOKINFO, a_virtual_service(routes=(a_route(subset="v2", match=(mine,)), a_route())))
    host = virtual_host(context, f"{REVIEWS}:9080", scope=a_scope(labels=labels(app="productpage")))
    assert [list(clusters_of(route)) for route in host.routes] == [[f"outbound|9080|v2|{REVIEWS}"]]
    other = virtual_host(context, f"{REVIEWS}:9080")
    assert [list(clusters_of(route)) for route in other.routes] == [[f"outbound|9080||{REVIEWS}"]]


def test_a_rule_bound_to_gateways_is_invisible_to_sidecars() -> None:
    assert reviews(a_route(subset="v2"), gateways=("bookinfo-gateway",)).routes[0].name == "default"


def test_the_mesh_default_of_retries_reaches_services_without_rules() -> None:
    mesh = MeshConfig(default_http_retry_policy=HttpRetry(attempts=7))
    host = virtual_host(a_context(*BOOKINFO, mesh=mesh), f"{REVIEWS}:9080")
    assert forward_of(host.routes[0]).retry == RetryPlan(num_retries=7)


def test_opaque_ports_have_no_routes() -> None:
    assert route_configs(a_context(a_service_entry("db.com", port=5432, protocol="TCP"))) == {}


def test_a_sniffed_service_with_an_address_has_a_configuration_of_its_own() -> None:
    entry = a_service_entry("a.com", port=8000, protocol="", addresses=("10.0.0.1",))
    alone = a_manifest("web", port=8000, port_name="custom", cluster_ip="10.1.1.1")
    configs = route_configs(a_context(alone))
    assert list(configs) == ["web.default.svc.cluster.local:8000"]
    assert [host.domains for host in configs["web.default.svc.cluster.local:8000"].virtual_hosts] == [("*",)]
    both = route_configs(a_context(alone, entry))
    assert list(virtual_hosts(both["8000"])) == ["a.com:8000", "web.default.svc.cluster.local:8000", "allow_any"]
    unredirected = route_configs(a_context(alone), a_scope(interception=Interception.NONE))
    assert list(unredirected) == ["8000"]


def test_an_external_name_is_a_domain_of_its_target() -> None:
    alias = a_manifest("legacy", type=ServiceType.EXTERNAL_NAME, external_name=REVIEWS, selector={})
    context = a_context(*BOOKINFO, alias, a_virtual_service("details", routes=(a_route("legacy"),)))
    hosts = virtual_hosts(route_configs(context)["9080"])
    assert "legacy.default.svc.cluster.local:9080" not in hosts
    assert {"legacy", "legacy.default.svc.cluster.local"} <= set(hosts[f"{REVIEWS}:9080"].domains)
    assert list(clusters_of(hosts[f"{DETAILS}:9080"].routes[0])) == [f"outbound|9080||{REVIEWS}"]


def test_the_forward_proxy_has_all_ports_and_names_them() -> None:
    context = a_context(*BOOKINFO, a_service_entry("www.example.com", port=80))
    config = route_configs(context, a_scope(http_proxy=True))["http_proxy"]
    hosts = virtual_hosts(config)
    assert not config.ignore_port
    assert f"{REVIEWS}:9080" in hosts[f"{REVIEWS}:9080"].domains
    assert REVIEWS not in hosts[f"{REVIEWS}:9080"].domains
    assert {"www.example.com", "www.example.com:80"} <= set(hosts["www.example.com:80"].domains)
    assert config.virtual_hosts[-1].name == "allow_any"
    assert "http_proxy" not in route_configs(context)


def test_an_egress_listener_with_a_port_narrows_its_configuration() -> None:
    sidecar = a_sidecar(
        egress=(an_egress(f"./{REVIEWS}", port=9080), an_egress("*/*", port=15080, protocol="HTTP_PROXY"))
    )
    configs = route_configs(a_context(*BOOKINFO, sidecar), a_scope(attached=attached(sidecar.key)))
    assert list(virtual_hosts(configs["9080"])) == [f"{REVIEWS}:9080", "allow_any"]
    assert set(virtual_hosts(configs["15080"])) == {f"{REVIEWS}:9080", f"{DETAILS}:9080", "allow_any"}
    assert not configs["15080"].ignore_port


def test_an_egress_listener_on_a_socket_names_ports_in_domains() -> None:
    sidecar = a_sidecar(egress=(an_egress("*/*", bind="unix:///run/out.sock"),))
    (config,) = plan_routes(a_context(*BOOKINFO, sidecar), a_scope(attached=attached(sidecar.key)), Memo())
    assert (config.name, config.ignore_port) == ("unix:///run/out.sock", False)


def test_a_port_without_number_means_the_listener_for_services_of_other_ports() -> None:
    shifted = a_service_entry("api.example.com", ports=(ServicePort(number=443, name="https", protocol="HTTPS"),))
    rule = a_virtual_service("reviews", routes=(a_route("api.example.com"),))
    host = virtual_host(a_context(*BOOKINFO, shifted, rule), f"{REVIEWS}:9080")
    assert list(clusters_of(host.routes[0])) == ["outbound|9080||api.example.com"]


def many(count: int, *extra: Resource[Any]) -> list[Resource[Any]]:
    return [*(a_manifest(f"s{number}") for number in range(count)), *extra]


def test_unchanged_inputs_give_the_same_objects_without_work() -> None:
    resources, memo = many(50), Memo()
    first = a_context(*resources)
    before = plan_routes(first, a_scope(), memo)
    memo = memo.successor()
    misses = memo.misses
    after = plan_routes(a_context(*resources, previous=first), a_scope(), memo)
    assert [one is other for one, other in zip(before, after, strict=True)] == [True]
    assert memo.misses == misses


def test_one_rule_replans_the_hosts_it_touches() -> None:
    resources, memo = many(50), Memo()
    first = a_context(*resources)
    (before,) = plan_routes(first, a_scope(), memo)
    memo = memo.successor()
    misses = memo.misses
    second = a_context(*resources, a_virtual_service("s7"), previous=first)
    (after,) = plan_routes(second, a_scope(), memo)
    changed = [new.name for old, new in zip(before.virtual_hosts, after.virtual_hosts, strict=True) if old is not new]
    assert changed == ["s7.default.svc.cluster.local:9080"]
    assert memo.misses - misses <= 8


def test_rules_that_ask_nothing_of_the_source_are_shared_between_scopes() -> None:
    context, memo = a_context(*BOOKINFO, a_virtual_service()), Memo()
    plan_routes(context, a_scope(labels=labels(app="a")), memo)
    misses = memo.misses
    plan_routes(context, a_scope(labels=labels(app="b")), memo)
    assert memo.misses == misses


@given(st.ip_addresses())
def test_addresses_are_hosts_and_destinations_as_they_are(address: IPv4Address | IPv6Address) -> None:
    rule = a_virtual_service(str(address), routes=(a_route(str(address), mirror=a_destination(str(address))),))
    host = virtual_host(a_context(rule), virtual_host_name(str(address), 80), config="80")
    (route,) = host.routes
    assert host.domains == ((f"[{address}]" if address.version == 6 else str(address)),)
    assert host.name == f"{host.domains[0]}:80"
    assert clusters_of(route) == {f"outbound|80||{address}": 1}
    assert [mirror.cluster for mirror in forward_of(route).mirrors] == [f"outbound|80||{address}"]

from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds.networking.gateway import ServerTlsMode, ServerTlsSettings
from galley.kinds.networking.virtual_service import HttpRoute, VirtualService
from galley.meta import Resource
from pilot.ir.attached_filters import AttachedFilters
from pilot.ir.http_filters import RouteCorsPlan
from pilot.ir.route import RouteConfigPlan
from pilot.memo import Memo
from pilot.mesh import filters
from pilot.mesh.context.scope import OutboundScope
from tests.builders import a_context, a_gateway, a_gateway_scope, a_manifest, a_route, a_virtual_service
from tests.builders_traffic import a_match, a_server, clusters_of, exact, prefix, route_configs, virtual_hosts

SCOPE = a_gateway_scope()
PRODUCTPAGE = a_manifest("productpage")
PAGES = tuple(a_match(uri=exact(path)) for path in ("/productpage", "/login", "/logout"))
ASSETS = tuple(a_match(uri=prefix(path)) for path in ("/static", "/api/v1/products"))
BOOKINFO = a_virtual_service(
    "*",
    name="bookinfo",
    gateways=("bookinfo-gateway",),
    routes=(a_route("productpage", match=(*PAGES, *ASSETS)),),
)


def bound(
    *hosts: str, name: str = "vs", routes: tuple[HttpRoute, ...] | None = None, **traits: Any
) -> Resource[VirtualService]:
    return a_virtual_service(*hosts, name=name, gateways=("bookinfo-gateway",), routes=routes, **traits)


def configs(*resources: Resource[Any], scope: OutboundScope = SCOPE) -> dict[str, RouteConfigPlan]:
    return route_configs(a_context(*resources), scope)


def only_config(*resources: Resource[Any], scope: OutboundScope = SCOPE) -> RouteConfigPlan:
    (config,) = configs(*resources, scope=scope).values()
    return config


def test_bookinfo() -> None:
    config = only_config(a_gateway(), BOOKINFO, PRODUCTPAGE)
    assert config.name == "http.8080"
    (host,) = config.virtual_hosts
    assert (host.name, host.domains, host.require_tls) == ("*:8080", ("*",), False)
    assert len(host.routes) == 5
    expected = {"outbound|9080||productpage.default.svc.cluster.local": 1}
    assert all(clusters_of(route) == expected for route in host.routes)
    assert set(host.origins) == {a_gateway().key, BOOKINFO.key}


def test_a_server_without_rules_answers_404() -> None:
    (host,) = only_config(a_gateway()).virtual_hosts
    assert (host.name, host.domains, host.routes) == ("blackhole:8080", ("*",), ())


def test_hosts_are_what_server_and_rule_share() -> None:
    gateway = a_gateway(hosts=("*.foo.com", "prod/bar.com", "www.baz.com"))
    rule = bound("a.foo.com", "bar.com", "*.baz.com", "other.org")
    (host,) = only_config(gateway, rule).virtual_hosts
    assert host.domains == ("a.foo.com", "www.baz.com")
    assert host.name == "a.foo.com:8080"


def test_two_rules_for_one_host_are_concatenated_with_catch_alls_last() -> None:
    older = bound(
        "*",
        name="old",
        created="2020-01-01T00:00:00Z",
        routes=(a_route("a", prefix="/a"), a_route("old")),
    )
    younger = bound("*", name="new", created="2021-01-01T00:00:00Z", routes=(a_route("b", prefix="/b"), a_route("new")))
    (host,) = only_config(a_gateway(), younger, older).virtual_hosts
    chosen = [cluster.split("|")[3].split(".")[0] for route in host.routes for cluster in clusters_of(route)]
    assert chosen == ["a", "b", "old", "new"]


def test_hosts_with_different_routes_have_virtual_hosts_of_their_own() -> None:
    config = only_config(a_gateway(), bound("a.com", name="a"), bound("b.com", name="b"))
    assert [(host.name, host.domains) for host in config.virtual_hosts] == [
        ("a.com:8080", ("a.com",)),
        ("b.com:8080", ("b.com",)),
    ]


def test_the_listener_port_names_the_configuration_and_the_declared_one_the_host() -> None:
    scope = a_gateway_scope(own_target_ports=FrozenMap({80: 8080}))
    rule = bound("*", routes=(a_route("a", match=(a_match(port=80, uri=prefix("/a")),)), a_route("b")))
    config = only_config(a_gateway(port=80), rule, scope=scope)
    assert config.name == "http.8080"
    assert [host.name for host in config.virtual_hosts] == ["*:80"]
    assert len(config.virtual_hosts[0].routes) == 2


def test_plain_servers_of_a_port_share_and_https_servers_do_not() -> None:
    servers = (
        a_server("a.com", tls=ServerTlsMode.SIMPLE, name="a"),
        a_server("b.com", tls=ServerTlsMode.SIMPLE, name="b"),
    )
    found = configs(
        a_gateway("one", hosts=("a.com",)),
        a_gateway("two", hosts=("b.com",)),
        a_gateway("tls", servers=servers),
        a_virtual_service("a.com", "b.com", gateways=("one", "two", "tls"), name="vs"),
    )
    assert list(found) == ["http.8080", "https.443.a.tls.default", "https.443.b.tls.default"]
    assert [host.domains for host in found["http.8080"].virtual_hosts] == [("a.com", "b.com")]
    assert [host.domains for host in found["https.443.a.tls.default"].virtual_hosts] == [("a.com",)]


def test_matches_that_name_gateways_see_their_own_only() -> None:
    to_one = a_route("one", match=(a_match(gateways=("one",)),))
    to_two = a_route("two", match=(a_match(gateways=("two",)),))
    rule = a_virtual_service("*", gateways=("one", "two"), routes=(to_one, to_two), name="vs")
    found = configs(a_gateway("one", port=81), a_gateway("two", port=82), rule)
    suffix = "default.svc.cluster.local"
    assert [clusters_of(route) for route in found["http.81"].virtual_hosts[0].routes] == [
        {f"outbound|81||one.{suffix}": 1}
    ]
    assert [clusters_of(route) for route in found["http.82"].virtual_hosts[0].routes] == [
        {f"outbound|82||two.{suffix}": 1}
    ]


def test_https_redirect_covers_hosts_with_and_without_rules() -> None:
    redirect = ServerTlsSettings(https_redirect=True)
    server = a_server("a.com", "b.com", port=80, protocol="HTTP", name="http", tls=redirect)
    hosts = virtual_hosts(only_config(a_gateway(servers=(server,)), bound("a.com")))
    assert {name: (host.require_tls, bool(host.routes)) for name, host in hosts.items()} == {
        "a.com:80": (True, True),
        "b.com:80": (True, False),
    }


def test_opaque_servers_have_no_routes() -> None:
    servers = (
        a_server(port=443, tls=ServerTlsMode.PASSTHROUGH),
        a_server(port=3306, protocol="TCP", name="tcp"),
    )
    assert configs(a_gateway(servers=servers)) == {}


def test_one_rule_replans_its_own_host() -> None:
    gateway, rules = a_gateway(), [bound(f"h{number}.com", name=f"h{number}") for number in range(30)]
    memo, first = Memo(), a_context(gateway, *rules)
    (before,) = tuple(route_configs(first, SCOPE, memo).values())
    memo = memo.successor()
    misses = memo.misses
    rules[7] = bound("h7.com", name="h7", routes=(a_route("other"),))
    (after,) = route_configs(a_context(gateway, *rules, previous=first), SCOPE, memo).values()
    changed = [new.name for old, new in zip(before.virtual_hosts, after.virtual_hosts, strict=True) if old is not new]
    assert changed == ["h7.com:8080"]
    assert memo.misses - misses <= 8


def test_unchanged_inputs_give_the_same_objects_without_work() -> None:
    memo = Memo()
    resources: list[Resource[Any]] = [a_gateway(), BOOKINFO, PRODUCTPAGE]
    first = a_context(*resources)
    before = tuple(route_configs(first, SCOPE, memo).values())
    memo = memo.successor()
    misses = memo.misses
    (after,) = route_configs(a_context(*resources, previous=first), SCOPE, memo).values()
    assert before[0] is after
    assert memo.misses == misses


@pytest.mark.parametrize(("address", "domain"), [("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")])
def test_addresses_are_hosts_as_they_are(address: str, domain: str) -> None:
    (host,) = only_config(a_gateway(hosts=(address,)), bound(address)).virtual_hosts
    assert (host.name, host.domains) == (f"{domain}:8080", (domain,))


def test_what_policies_say_to_filters_is_said_for_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    attached = AttachedFilters(routes=(RouteCorsPlan(),))
    monkeypatch.setattr(filters, "plan_access", lambda *_, **__: attached)
    assert only_config(a_gateway(), BOOKINFO, PRODUCTPAGE).filters == attached.routes
    assert only_config(a_gateway()).filters == attached.routes

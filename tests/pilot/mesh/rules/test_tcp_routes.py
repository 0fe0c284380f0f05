from datetime import timedelta
from typing import Any

from galley.frozen import FrozenMap
from galley.kinds.networking.destination_rule import ConnectionPoolSettings, TcpSettings, TrafficPolicy
from galley.kinds.networking.virtual_service import TcpRoute, TlsRoute
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import AccessLogPlan
from pilot.mesh.filters import CONNECT_TIMEOUT
from pilot.mesh.rules.destinations import KnownDestination
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.tcp_routes import (
    NO_POLICIES,
    OpaqueTarget,
    TcpPolicy,
    TcpRouting,
    plan_target_chains,
    plan_tcp_proxy,
    tcp_policies,
    tcp_policy,
)
from tests.builders import a_context, a_destination_rule, a_manifest, a_rule, a_scope, labels
from tests.builders_traffic import a_tcp_route, a_tls_route, end_of, tcp_of

MINUTE = timedelta(minutes=1)
SITE = RouteSite(gateway="mesh", port=5432, labels=labels(app="web"), namespace="default")
ROUTING = TcpRouting(site=SITE)
DB = OpaqueTarget(host="db.com", port=5432, is_tls=False)
SECURE = OpaqueTarget(host="db.com", port=5432, is_tls=True, by_name=True)


def plan(target: OpaqueTarget, *rules: TrafficRule, routing: TcpRouting = ROUTING) -> tuple[FilterChainPlan, ...]:
    return plan_target_chains(target, rules, routing)


def tcp(*routes: TcpRoute, **traits: Any) -> TrafficRule:
    return a_rule("db.com", routes=(), tcp=routes, **traits)


def tls(*routes: TlsRoute, **traits: Any) -> TrafficRule:
    return a_rule("db.com", routes=(), tls=routes, **traits)


def test_without_rules_a_tcp_service_takes_everything() -> None:
    (chain,) = plan(DB)
    assert (end_of(chain), chain.match) == ("outbound|5432||db.com", ChainMatchPlan())
    assert chain.terminal.stat_prefix == "outbound|5432||db.com"
    assert chain.transport_connect_timeout == CONNECT_TIMEOUT


def test_without_rules_a_tls_service_is_told_by_its_name_where_the_address_is_shared() -> None:
    assert plan(SECURE)[0].match == ChainMatchPlan(server_names=("db.com",))
    own_address = OpaqueTarget(host="db.com", port=5432, is_tls=True)
    assert plan(own_address)[0].match == ChainMatchPlan()


def test_address_ranges_of_the_service() -> None:
    target = OpaqueTarget(host="db.com", port=5432, is_tls=False, prefix_ranges=("10.0.0.0/8",))
    assert plan(target)[0].match == ChainMatchPlan(prefix_ranges=("10.0.0.0/8",))
    assert plan(target, tcp(a_tcp_route("a.com")))[0].match == ChainMatchPlan(prefix_ranges=("10.0.0.0/8",))


def test_a_tcp_route_without_subnets_is_terminal() -> None:
    chains = plan(DB, tcp(a_tcp_route("a.com"), a_tcp_route("b.com")), tcp(a_tcp_route("c.com")))
    assert [end_of(chain) for chain in chains] == ["outbound|5432||a.com"]


def test_subnets_add_chains_and_evaluation_goes_on() -> None:
    by_subnet = a_tcp_route("a.com", destination_subnets=("10.0.0.0/8",))
    chains = plan(DB, tcp(by_subnet))
    assert [(end_of(chain), chain.match.prefix_ranges) for chain in chains] == [
        ("outbound|5432||a.com", ("10.0.0.0/8",)),
        ("outbound|5432||db.com", ()),
    ]
    assert [end_of(chain) for chain in plan(DB, tcp(by_subnet, a_tcp_route("b.com")))][1:] == ["outbound|5432||b.com"]


def test_a_subnet_equal_to_the_range_of_the_service_replaces_it() -> None:
    target = OpaqueTarget(host="db.com", port=5432, is_tls=False, prefix_ranges=("10.0.0.0/8",))
    (chain,) = plan(target, tcp(a_tcp_route("a.com", destination_subnets=("10.0.0.0/8",))))
    assert end_of(chain) == "outbound|5432||a.com"


def test_all_static_conditions_of_an_opaque_match_count() -> None:
    def chosen(**match: Any) -> bool:
        return end_of(plan(DB, tcp(a_tcp_route("a.com", **match)))[-1]) == "outbound|5432||a.com"

    assert chosen(port=5432)
    assert not chosen(port=80)
    assert chosen(gateways=("mesh",), source_labels=labels(app="web"))
    assert not chosen(gateways=("mesh",), source_labels=labels(app="other"))
    assert not chosen(gateways=("egress",))
    assert chosen(source_namespace="default")
    assert not chosen(source_namespace="prod")


def test_tls_matches_replace_the_default_chain() -> None:
    chains = plan(SECURE, tls(a_tls_route("a.com", "B.com", "a.com"), a_tls_route("c.com", "c.com", port=443)))
    assert [(chain.match.server_names, end_of(chain)) for chain in chains] == [
        (("a.com", "b.com"), "outbound|5432||a.com"),
        (("c.com",), "outbound|443||c.com"),
    ]


def test_the_first_of_equal_tls_matches_wins() -> None:
    only_web = a_tls_route("a.com", "db.com", source_labels=labels(app="web"))
    chains = plan(SECURE, tls(only_web, a_tls_route("b.com", "db.com")))
    assert [end_of(chain) for chain in chains] == ["outbound|5432||a.com"]


def test_tls_subnets_override_those_of_the_service() -> None:
    target = OpaqueTarget(host="db.com", port=443, is_tls=True, prefix_ranges=("10.0.0.0/8",))
    own, given = plan(
        target, tls(a_tls_route("a.com", "a"), a_tls_route("b", "b", destination_subnets=("11.0.0.0/8",)))
    )
    assert (own.match.prefix_ranges, given.match.prefix_ranges) == (("10.0.0.0/8",), ("11.0.0.0/8",))


def test_a_tls_route_without_match_is_nothing() -> None:
    route = TlsRoute(route=a_tls_route("a.com", "a").route)
    assert [end_of(chain) for chain in plan(SECURE, tls(route))] == ["outbound|5432||db.com"]


def test_weights_and_the_name_of_the_statistics() -> None:
    rule = tcp(a_tcp_route("db.com", weights={"v1": 20, "v2": 80, "v3": 0}), name="split", namespace="prod")
    proxy = plan_tcp_proxy(rule.tcp[0].shares, rule, ROUTING)
    assert proxy is not None
    assert [(share.cluster, share.weight) for share in proxy.clusters] == [
        ("outbound|5432|v1|db.com", 20),
        ("outbound|5432|v2|db.com", 80),
    ]
    assert proxy.stat_prefix == "split.prod"
    none = tcp(a_tcp_route("db.com", weights={"v1": 0, "v2": 0}))
    assert plan_tcp_proxy(none.tcp[0].shares, none, ROUTING) is None


def test_policy_log_and_known_ports_of_a_destination() -> None:
    log = AccessLogPlan(path="/dev/stdout")
    routing = TcpRouting(
        site=SITE,
        destinations=FrozenMap({"a.com": KnownDestination(host="a.com", only_port=7)}),
        policies=FrozenMap({"a.com": TcpPolicy(idle_timeout=MINUTE, max_connection_duration=2 * MINUTE)}),
        access_log=log,
    )
    proxy = tcp_of(plan(DB, tcp(a_tcp_route("a.com")), routing=routing)[0])
    assert (proxy.clusters[0].cluster, proxy.access_log) == ("outbound|7||a.com", log)
    assert (proxy.idle_timeout, proxy.max_connection_duration) == (MINUTE, 2 * MINUTE)


def test_policies_come_from_the_top_level_of_destination_rules() -> None:
    pool = ConnectionPoolSettings(tcp=TcpSettings(idle_timeout=MINUTE))
    rule = a_destination_rule("reviews", policy=TrafficPolicy(connection_pool=pool))
    context, scope = a_context(a_manifest(), a_manifest("details"), rule), a_scope()
    hosts = tuple(service.hostname for service in context.visible_services(scope).services)
    found = tcp_policies(
        (*hosts, "unknown.com"),
        context.visible_services(scope).named,
        lambda service: context.destination_rule(scope, service),
    )
    assert found == FrozenMap({"reviews.default.svc.cluster.local": TcpPolicy(idle_timeout=MINUTE)})
    assert tcp_policies(("unknown.com",), context.visible_services(scope).named, lambda _: None) is NO_POLICIES
    assert tcp_policy(None) == TcpPolicy()

"""Rules of another API than Istio's beside VirtualServices: a reader is all that it needs."""

from __future__ import annotations

from typing import Any

import pytest

from galley.exports import Exports
from galley.frozen import frozen
from galley.hosts.names import MESH_GATEWAY, service_host
from galley.kinds.networking.gateway import ServerTlsMode
from galley.kinds.values import StringMatch
from galley.meta import Resource, ResourceKey
from galley.snapshot import ConfigSnapshot
from pilot.ir.route import VirtualHostPlan
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.rules.model import (
    ConnectionCondition,
    ConnectionRule,
    HttpCondition,
    HttpForward,
    HttpRule,
    RuleDestination,
    RuleSettings,
    RuleShare,
    TrafficRule,
)
from pilot.mesh.rules.rule_index import RULE_READERS, RuleReader
from tests.builders import (
    a_context,
    a_gateway,
    a_gateway_scope,
    a_manifest,
    a_resource,
    a_route,
    a_scope,
    a_sidecar,
    a_virtual_service,
    attached,
)
from tests.builders_traffic import (
    a_listener_scope,
    a_match,
    a_server,
    clusters_of,
    ends_of,
    listeners,
    prefix,
    route_configs,
    virtual_hosts,
)

SUFFIX = "default.svc.cluster.local"
SERVICES = (a_manifest("web"), a_manifest("shop"), a_manifest("ads"))


@frozen
class PathTable:
    """A toy API: for one host, which service has which path; and which has all TLS connections for it."""

    host: str
    paths: tuple[tuple[str, str], ...] = ()
    gateway: str = ""
    tls_service: str = ""


def no_parts(_: Resource[PathTable], __: ConfigSnapshot) -> tuple[Resource[Any], ...]:
    """Nothing but the table itself makes its rules."""
    return ()


def read_path_table(
    resource: Resource[PathTable], _: tuple[Resource[Any], ...], settings: RuleSettings
) -> tuple[TrafficRule, ...]:
    """A rule for sidecars, and one for the gateway if there is one: several rules of one resource."""
    table = resource.spec

    def shares(service: str) -> tuple[RuleShare, ...]:
        return (RuleShare(RuleDestination(service_host(service, resource.namespace, settings.domain))),)

    def rule(gateway: str) -> TrafficRule:
        tls = ConnectionRule(
            "spec.tlsService", (ConnectionCondition(sni_hosts=(table.host,)),), shares(table.tls_service)
        )
        return TrafficRule(
            origin=resource.key,
            hosts=(table.host,),
            gateways=(gateway,),
            exports=Exports(everywhere=True),
            age=resource.age,
            http=tuple(
                HttpRule(
                    f"spec.paths.{path}", (HttpCondition(uri=StringMatch(prefix=path)),), HttpForward(shares(service))
                )
                for path, service in table.paths
            ),
            tls=(tls,) if table.tls_service else (),
        )

    return tuple(map(rule, (MESH_GATEWAY, table.gateway))) if table.gateway else (rule(MESH_GATEWAY),)


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULE_READERS, PathTable, RuleReader(read_path_table, no_parts))


def a_path_table(host: str, *, name: str = "table", created: str = "", **traits: object) -> Resource[PathTable]:
    return a_resource(PathTable(host, **traits), name, created=created)  # type: ignore[arg-type]


def routed(host: VirtualHostPlan) -> list[tuple[str, str]]:
    """Each route as its path and the service that has it."""
    return [
        (route.match.uri.prefix or "" if route.match.uri else "/", next(iter(clusters_of(route))).split("|")[3])
        for route in host.routes
    ]


def at_sidecar(context: PushContext, name: str) -> VirtualHostPlan:
    return virtual_hosts(route_configs(context)["9080"])[f"{name}.{SUFFIX}:9080"]


def test_both_route_side_by_side_at_a_sidecar() -> None:
    table = a_path_table(f"shop.{SUFFIX}", paths=(("/ads", "ads"), ("/", "shop")))
    context = a_context(*SERVICES, table, a_virtual_service("web", routes=(a_route("web", subset="v1"),)))
    shop, web = at_sidecar(context, "shop"), at_sidecar(context, "web")
    assert routed(shop) == [("/ads", f"ads.{SUFFIX}"), ("/", f"shop.{SUFFIX}")]
    assert shop.origins[0] == table.key
    assert [route.rule for route in shop.routes] == [table.key, table.key]
    assert routed(web) == [("/", f"web.{SUFFIX}")]


@pytest.mark.parametrize(("created", "owner"), [("2020-01-01T00:00:00Z", "ads"), ("2022-01-01T00:00:00Z", "web")])
def test_of_rules_for_one_host_at_a_sidecar_the_older_counts_whatever_its_api(created: str, owner: str) -> None:
    table = a_path_table(f"shop.{SUFFIX}", paths=(("/", "ads"),), created=created)
    rule = a_virtual_service("shop", routes=(a_route("web"),), created="2021-01-01T00:00:00Z")
    assert routed(at_sidecar(a_context(*SERVICES, table, rule), "shop")) == [("/", f"{owner}.{SUFFIX}")]


def test_both_are_merged_at_a_gateway() -> None:
    table = a_path_table(
        "shop.example.com", paths=(("/ads", "ads"),), gateway="default/edge", created="2020-01-01T00:00:00Z"
    )
    rule = a_virtual_service(
        "shop.example.com", routes=(a_route("web", match=(a_match(uri=prefix("/web")),)),), gateways=("edge",)
    )
    context = a_context(*SERVICES, a_gateway("edge"), table, rule)
    ((host,),) = (config.virtual_hosts for config in route_configs(context, a_gateway_scope()).values())
    assert routed(host) == [("/ads", f"ads.{SUFFIX}"), ("/web", f"web.{SUFFIX}")]
    assert {table.key, rule.key} < set(host.origins)


def test_a_sidecar_imports_its_rules_and_their_destinations() -> None:
    table = a_path_table(f"shop.{SUFFIX}", paths=(("/", "ads"),))
    foreign = a_path_table(f"web.{SUFFIX}", name="foreign", paths=(("/", "ads"),))
    context = a_context(*SERVICES, table, foreign, a_sidecar(f"./shop.{SUFFIX}"))
    visible = context.visible_services(a_scope(attached=attached(ResourceKey("Sidecar", "default", "default"))))
    assert [rule.name for rule in visible.rules] == ["table"]
    assert [service.hostname for service in visible.extra] == [f"ads.{SUFFIX}"]


def test_its_opaque_rules_pass_tls_on_at_a_gateway() -> None:
    table = a_path_table("shop.example.com", tls_service="shop", gateway="default/edge")
    gateway = a_gateway("edge", servers=(a_server(tls=ServerTlsMode.PASSTHROUGH),))
    found = listeners(a_context(*SERVICES, gateway, table), a_listener_scope(a_gateway_scope()))
    (chain,) = found["0.0.0.0_443"].chains
    assert chain.match.server_names == ("shop.example.com",)
    assert ends_of(found["0.0.0.0_443"]) == [f"outbound|9080||shop.{SUFFIX}"]


def test_what_did_not_change_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counting(
        resource: Resource[PathTable], parts: tuple[Resource[Any], ...], settings: RuleSettings
    ) -> tuple[TrafficRule, ...]:
        read.append(resource.name)
        return read_path_table(resource, parts, settings)

    monkeypatch.setitem(RULE_READERS, PathTable, RuleReader(counting, no_parts))
    kept = a_path_table("a.com", name="kept", paths=(("/", "web"),))
    before = a_context(*SERVICES, kept, a_path_table("b.com", name="old"))
    after = a_context(*SERVICES, kept, a_path_table("b.com", name="new"), previous=before)
    assert read == ["kept", "old", "new"]
    assert after.rules.by_reading[kept, ()] is before.rules.by_reading[kept, ()]

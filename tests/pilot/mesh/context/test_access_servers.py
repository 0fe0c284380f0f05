"""Which servers the access filters of a proxy can ask."""

from __future__ import annotations

import pytest

from citadel.jwks.key_sets import KeyFetcher
from pilot.mesh.context.access_servers import access_servers
from pilot.mesh.context.attached_kinds import Side
from pilot.mesh.context.scope import NO_SERVERS, AccessServers, OutboundScope
from pilot.mesh.context.scoping import attached_keys, outbound_scope
from tests.builders import a_proxy
from tests.pilot.mesh.access_builders import AUTHZ_SERVER, REVIEWS, WORKLOAD, a_context_of, a_mesh, a_policy

ASKING = a_policy("{action: CUSTOM, provider: {name: ask}, rules: [{}]}", name="ask")


def servers(*documents: str, fetcher: KeyFetcher = KeyFetcher.CONTROL_PLANE) -> AccessServers:
    context = a_context_of(REVIEWS, WORKLOAD, *documents, key_fetcher=fetcher)
    attached = attached_keys(context, a_proxy(), Side.INBOUND)
    return access_servers(context, lambda: outbound_scope(context, a_proxy()), attached)


def a_provider(service: str = "authz.example", port: int = 9000, name: str = "ask") -> str:
    return a_mesh(f"[{{name: {name}, envoyExtAuthzGrpc: {{service: {service}, port: {port}}}}}]")


@pytest.mark.parametrize("service", ["authz.example", "default/authz.example"])
def test_a_server_is_asked_through_the_cluster_of_its_service(service: str) -> None:
    found = servers(AUTHZ_SERVER, ASKING, a_provider(service)).authorization["ask"]
    assert (found.cluster, found.host) == ("outbound|9000||authz.example", "authz.example")


@pytest.mark.parametrize(
    "mesh",
    [
        a_provider(name="other"),
        a_provider(port=9001),
        a_provider(service="nobody.example"),
        a_provider(service="elsewhere/authz.example"),
        a_mesh("[{name: ask, prometheus: {}}]"),
    ],
)
def test_a_server_that_the_proxy_does_not_reach_is_not_there(mesh: str) -> None:
    assert servers(AUTHZ_SERVER, ASKING, mesh) == NO_SERVERS


def test_a_service_that_is_not_exported_to_the_proxy_is_not_there() -> None:
    hidden = AUTHZ_SERVER.replace("{name: authz}", "{name: authz, namespace: elsewhere}") + "  exportTo: [.]\n"
    assert servers(hidden, ASKING, a_provider()) == NO_SERVERS


def test_the_scope_is_worked_out_only_where_it_is_asked_for() -> None:
    context = a_context_of(REVIEWS, WORKLOAD, a_policy("{rules: [{}]}"))

    def never() -> OutboundScope:
        raise AssertionError("nobody asks")

    assert access_servers(context, never, attached_keys(context, a_proxy(), Side.INBOUND)) is NO_SERVERS


KEYS = AUTHZ_SERVER.replace("authz.example", "keys.example").replace(
    "[{name: grpc, number: 9000, protocol: GRPC}]",
    "[{name: http, number: 80, protocol: HTTP}, {name: https, number: 443, protocol: HTTPS}]",
)


@pytest.mark.parametrize(
    ("uri", "cluster"),
    [
        ("http://keys.example/keys", "outbound|80||keys.example"),
        ("https://KEYS.example/keys?tenant=b", "outbound|443||keys.example"),
        ("https://keys.example:80/keys", "outbound|80||keys.example"),
        ("https://keys.example:8443/keys", None),
        ("https://unknown.example/keys", None),
        ("http://10.0.0.1/keys", None),
    ],
)
def test_keys_are_fetched_through_the_cluster_for_host_and_port(uri: str, cluster: str | None) -> None:
    rule = a_policy(f"{{jwtRules: [{{issuer: 'https://a', jwksUri: '{uri}'}}]}}", kind="RequestAuthentication")
    assert servers(KEYS, rule, fetcher=KeyFetcher.ENVOY).key_clusters.get(uri) == cluster
    assert servers(KEYS, rule) == NO_SERVERS


def test_what_an_issuer_names_envoys_cannot_find() -> None:
    rule = a_policy("{jwtRules: [{issuer: 'http://keys.example'}]}", kind="RequestAuthentication")
    assert servers(KEYS, rule, fetcher=KeyFetcher.ENVOY) == NO_SERVERS

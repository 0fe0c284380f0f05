"""Where rules lead."""

from __future__ import annotations

import pytest

from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")
SUBSETS = a_resource("DestinationRule", "host: reviews\nsubsets: [{name: v1}, {name: v2}]")


def a_rule(destination: str, *, namespace: str = "default", hosts: str = "[other.example.com]") -> str:
    spec = f"hosts: {hosts}\nhttp: [{{route: [{{destination: {destination}}}]}}]"
    return a_resource("VirtualService", spec, namespace=namespace)


@pytest.mark.parametrize(
    "destination",
    [
        "{host: reviews}",
        "{host: reviews.default.svc.cluster.local, subset: v1}",
        "{host: Reviews, subset: v2, port: {number: 9080}}",
    ],
)
def test_a_destination_that_exists_is_not_mentioned(destination: str) -> None:
    assert short(REVIEWS, SUBSETS, a_rule(destination)) == []


@pytest.mark.parametrize(
    ("destination", "expected", "hint"),
    [
        ("{host: ratings}", "unknown-host spec.http[0].route[0].destination.host", ""),
        (
            "{host: reviews.default}",
            "unknown-host spec.http[0].route[0].destination.host",
            "write reviews.default.svc.cluster.local: only names without a dot are completed",
        ),
        (
            "{host: reviews, subset: v3}",
            "unknown-subset spec.http[0].route[0].destination.subset",
            "its subsets are v1, v2",
        ),
        (
            "{host: reviews, port: {number: 80}}",
            "unknown-port spec.http[0].route[0].destination.port.number",
            "its ports are 9080",
        ),
    ],
)
def test_a_destination_that_does_not_exist_is(destination: str, expected: str, hint: str) -> None:
    (diagnostic,) = diagnose(REVIEWS, SUBSETS, a_rule(destination))
    assert f"{diagnostic.code} {diagnostic.origin.field}" == expected
    assert diagnostic.origin.file == "2.yaml"
    assert diagnostic.hint == hint


def test_a_short_name_is_one_of_the_rule_s_own_namespace() -> None:
    (diagnostic,) = diagnose(REVIEWS, a_rule("{host: reviews}", namespace="prod"))
    assert diagnostic.code == "unknown-host"
    assert diagnostic.hint == "there is reviews.default.svc.cluster.local"


def test_a_service_with_several_ports_needs_one_to_be_named() -> None:
    service = a_service("reviews", ports="{port: 80, name: http}, {port: 90, name: tcp}")
    assert short(service, a_rule("{host: reviews}")) == ["1.yaml missing-port spec.http[0].route[0].destination"]
    assert short(service, a_rule("{host: reviews, port: {number: 90}}")) == []


def test_hosts_of_service_entries_count_and_their_wildcards() -> None:
    ports = "ports: [{number: 80, name: http, protocol: HTTP}]"
    entry = a_resource("ServiceEntry", f"hosts: [api.example.com, '*.wiki.org']\n{ports}\nresolution: NONE")
    assert short(entry, a_rule("{host: api.example.com}")) == []
    assert short(entry, a_rule("{host: de.wiki.org}")) == []
    assert short(entry, a_rule("{host: wiki.org}")) == ["1.yaml unknown-host spec.http[0].route[0].destination.host"]


def test_mirrors_and_opaque_routes_are_looked_at() -> None:
    spec = """
        hosts: [a.example.com]
        http:
        - route: [{destination: {host: reviews}}]
          mirror: {host: lost1}
        - match: [{uri: {exact: /}}]
          route: [{destination: {host: reviews}}]
          mirrors: [{destination: {host: lost2}}]
        tls:
        - match: [{sniHosts: [a.example.com]}]
          route: [{destination: {host: lost3}}]
        tcp:
        - route: [{destination: {host: lost4}}]
        """
    assert [line.split(" ", 1)[1] for line in short(REVIEWS, a_resource("VirtualService", spec))] == [
        "unknown-host spec.http[0].mirror.host",
        "unknown-host spec.http[1].mirrors[0].destination.host",
        "unknown-host spec.tls[0].route[0].destination.host",
        "unknown-host spec.tcp[0].route[0].destination.host",
    ]


def test_subsets_of_a_wildcard_rule_count() -> None:
    wildcard = a_resource("DestinationRule", "host: '*.default.svc.cluster.local'\nsubsets: [{name: v9}]")
    assert short(REVIEWS, wildcard, a_rule("{host: reviews, subset: v9}")) == []


def test_a_destination_rule_for_a_host_that_no_service_has() -> None:
    assert short(REVIEWS, a_resource("DestinationRule", "host: reviews")) == []
    assert short(REVIEWS, a_resource("DestinationRule", "host: '*.local'")) == []
    (diagnostic,) = diagnose(REVIEWS, a_resource("DestinationRule", "host: reviews.default"))
    assert diagnostic.code == "unknown-host"
    assert "IST0174" in diagnostic.message
    assert diagnostic.hint.startswith("write reviews.default.svc.cluster.local")
    assert short(REVIEWS, a_resource("DestinationRule", "host: '*.org'")) == ["1.yaml unknown-host spec.host"]
    wildcard = a_resource("ServiceEntry", "hosts: ['*.org']\nports: [{number: 80, name: p, protocol: HTTP}]")
    assert short(wildcard, a_resource("DestinationRule", "host: '*.org'")) == []
    assert short(wildcard, a_resource("DestinationRule", "host: a.org")) == ["1.yaml unknown-host spec.host"]


def test_a_sidecar_that_imports_what_does_not_exist() -> None:
    hosts = "'*/reviews.default.svc.cluster.local', './*', '*/*.local', '~/*', ./reviews, './*.org'"
    diagnostics = diagnose(REVIEWS, a_resource("Sidecar", f"egress: [{{hosts: [{hosts}]}}]"))
    assert [(one.code, one.origin.field) for one in diagnostics] == [
        ("unknown-host", "spec.egress[0].hosts[4]"),
        ("unknown-host", "spec.egress[0].hosts[5]"),
    ]
    assert "full name" in diagnostics[0].hint


def test_a_sidecar_that_imports_from_another_namespace_than_the_services() -> None:
    def egress(host: str, namespace: str = "default") -> list[str]:
        return short(REVIEWS, a_resource("Sidecar", f"egress: [{{hosts: ['{host}']}}]", namespace=namespace))

    host = "reviews.default.svc.cluster.local"
    unknown = ["1.yaml unknown-host spec.egress[0].hosts[0]"]
    assert egress(f"default/{host}") == egress(f"./{host}") == egress(f"*/{host}", "other") == []
    assert egress(f"other/{host}") == egress(f"./{host}", "other") == unknown
    assert egress(f"./{host}", "istio-system") == []

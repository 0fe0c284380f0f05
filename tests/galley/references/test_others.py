"""Diagnostics about DestinationRules, Gateways, services, Sidecars and MeshConfig."""

from __future__ import annotations

from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")


def an_entry(name: str, host: str, protocol: str = "HTTP") -> str:
    ports = f"ports: [{{number: 80, name: p, protocol: {protocol}}}]"
    return a_resource("ServiceEntry", f"hosts: [{host}]\n{ports}\nresolution: DNS", name=name)


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


def test_resources_that_nobody_sees_are_not_seen_together() -> None:
    hidden = [an_entry(name, "a.com").rstrip() + "\n  exportTo: ['~']\n" for name in "ab"]
    assert short(*hidden) == []


def test_several_destination_rules_for_one_host_in_one_namespace() -> None:
    one = a_resource("DestinationRule", "host: reviews", name="a")
    two = a_resource("DestinationRule", "host: reviews.default.svc.cluster.local", name="b")
    assert short(REVIEWS, two, one) == ["1.yaml duplicate-host spec.host"]
    elsewhere = two.replace("namespace: default", "namespace: other")
    assert short(REVIEWS, elsewhere, one) == []


def a_gateway(name: str, host: str, selector: str = "{istio: gw}") -> str:
    servers = f"servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['{host}']}}]"
    return a_resource("Gateway", f"selector: {selector}\n{servers}", name=name)


def test_gateways_that_serve_one_host_on_one_port_of_the_same_proxies() -> None:
    one = a_gateway("a", "a.com")
    assert short(one, a_gateway("b", "a.com")) == ["1.yaml conflicting-gateways spec.servers[0].hosts[0]"]
    assert len(short(one, a_gateway("b", "a.com", "{istio: gw, app: x}"))) == 1
    assert short(one, a_gateway("b", "b.com")) == []
    assert short(one, a_gateway("b", "a.com", "{istio: other}")) == []


def test_a_service_that_is_defined_twice() -> None:
    assert short(an_entry("a", "a.com"), an_entry("b", "A.com")) == ["1.yaml duplicate-host spec.hosts[0]"]
    assert short(REVIEWS, an_entry("a", "reviews.default.svc.cluster.local")) == ["1.yaml duplicate-host spec.hosts[0]"]
    assert short(an_entry("a", "a.com"), an_entry("b", "a.com", "GRPC")) == [
        "1.yaml duplicate-host spec.hosts[0]",
        "1.yaml conflicting-protocol spec.ports[0].protocol",
    ]


def test_two_sidecars_for_the_same_workloads() -> None:
    egress = "egress: [{hosts: ['./*']}]"
    plain = [a_resource("Sidecar", egress, name=name) for name in "ab"]
    assert short(REVIEWS, *plain) == ["2.yaml conflicting-sidecars spec.workloadSelector"]
    chosen = [a_resource("Sidecar", "workloadSelector: {labels: {a: b}}\n" + egress, name=name) for name in "cd"]
    assert "IST0110" in diagnose(REVIEWS, *chosen)[0].message
    assert short(REVIEWS, plain[0], chosen[0]) == []


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


def test_a_second_mesh_config_has_no_effect() -> None:
    head = "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: {name: NAME}\naccessLogFile: /dev/stdout\n"
    assert short(head.replace("NAME", "a"), head.replace("NAME", "b")) == ["1.yaml several-meshes kind"]


def test_diagnostics_come_by_file_and_line() -> None:
    rules = [a_resource("DestinationRule", f"host: lost{number}", name=f"r{number}") for number in range(3)]
    both = "---\n".join(rules[1:])
    diagnostics = diagnose(both, rules[0])
    assert [(one.origin.file, one.origin.line) for one in diagnostics] == [("0.yaml", 7), ("0.yaml", 15), ("1.yaml", 7)]

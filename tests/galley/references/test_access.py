"""Policies about access that nobody has, or that ask what nobody can answer."""

from __future__ import annotations

import pytest

from tests.galley.documents import document
from tests.galley.references.cases import a_resource, a_service, diagnose, short

REVIEWS = a_service("reviews")
WORKLOAD = a_resource("WorkloadEntry", "address: 10.0.0.1\nlabels: {app: web, version: v1}")
TOKENS = "jwtRules: [{issuer: 'https://issuer.example'}]"


def a_policy(spec: str, *, kind: str = "AuthorizationPolicy", namespace: str = "default") -> str:
    text = document(kind, spec, name="policy", api_version="security.istio.io/v1")
    return text.replace("  name: policy\n", f"  name: policy\n  namespace: {namespace}\n")


def selecting(labels: str, **traits: str) -> str:
    return a_policy(f"selector: {{matchLabels: {labels}}}", **traits)


@pytest.mark.parametrize("kind", ["AuthorizationPolicy", "RequestAuthentication"])
def test_a_selector_that_no_known_workload_satisfies_is_told(kind: str) -> None:
    assert short(REVIEWS, selecting("{app: review}", kind=kind)) == ["1.yaml no-workloads spec.selector"]
    assert short(REVIEWS, selecting("{app: reviews}", kind=kind)) == []


def test_labels_that_only_the_workload_itself_may_know_are_left_alone() -> None:
    assert short(REVIEWS, selecting("{tier: front}")) == []
    assert short(REVIEWS, selecting("{app: reviews, version: v1}")) == []


def test_a_workload_entry_has_no_other_labels() -> None:
    assert short(WORKLOAD, selecting("{app: web, version: v1}")) == []
    assert short(WORKLOAD, selecting("{ap: web}")) == ["1.yaml no-workloads spec.selector"]


@pytest.mark.parametrize(
    "source",
    [
        "hosts: [a.example]\nresolution: STATIC\nports: [{number: 80, name: http, protocol: HTTP}]\n"
        "endpoints: [{address: 10.0.0.1, labels: {app: web}}]",
        "hosts: [a.example]\nresolution: STATIC\nlocation: MESH_INTERNAL\n"
        "ports: [{number: 80, name: http, protocol: HTTP}]\nworkloadSelector: {labels: {app: web}}",
    ],
)
def test_service_entries_tell_of_workloads_too(source: str) -> None:
    entry = a_resource("ServiceEntry", source)
    assert short(entry, selecting("{app: web}")) == []
    assert short(entry, selecting("{app: wep}")) == ["1.yaml no-workloads spec.selector"]


def test_a_workload_group_tells_of_workloads_that_will_come() -> None:
    group = a_resource("WorkloadGroup", "metadata: {labels: {app: late}}\ntemplate: {}")
    assert short(REVIEWS, group, selecting("{app: late}")) == []


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert short(selecting("{app: reviews}")) == []
    assert short(REVIEWS, selecting("{app: web}", namespace="elsewhere")) == []


def test_gateways_are_workloads_of_any_namespace_and_no_knowledge_of_others() -> None:
    gateway = a_resource(
        "Gateway", "selector: {app: edge}\nservers: [{hosts: ['*'], port: {number: 80, name: http, protocol: HTTP}}]"
    )
    assert short(gateway, selecting("{app: anything}", namespace="elsewhere")) == []
    assert short(REVIEWS, gateway, selecting("{app: edge}")) == []


def test_the_root_namespaces_policies_select_in_the_whole_mesh() -> None:
    assert short(REVIEWS, selecting("{app: reviews}", namespace="istio-system")) == []
    assert short(REVIEWS, selecting("{app: review}", namespace="istio-system")) != []


CUSTOM = a_policy("action: CUSTOM\nprovider: {name: ask}\nrules: [{}]")


def a_mesh(provider: str) -> str:
    return f"apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nextensionProviders: [{provider}]\n"


def test_a_provider_that_cannot_be_asked_is_told() -> None:
    assert short(CUSTOM) == ["0.yaml unknown-provider spec.provider.name"]
    server = "{service: authz.example, port: 9000}"
    assert short(CUSTOM, a_mesh(f"{{name: ask, envoyExtAuthzGrpc: {server}}}")) == []
    (found,) = diagnose(CUSTOM, a_mesh(f"{{name: other, envoyExtAuthzHttp: {server}}}"))
    assert "denied" in found.message
    assert found.hint == "there is other"
    (found,) = [one for one in diagnose(CUSTOM, a_mesh("{name: ask, prometheus: {}}")) if one.origin.file == "0.yaml"]
    assert "is no authorization server" in found.message


RULES = [
    ("rules: [{from: [{source: {requestPrincipals: ['*']}}]}]", "spec.rules[0].from[0].source.requestPrincipals"),
    (
        "action: DENY\nrules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]",
        "spec.rules[0].from[0].source.notRequestPrincipals",
    ),
    ("rules: [{when: [{key: 'request.auth.claims[a][b]', values: [c]}]}]", "spec.rules[0].when[0].key"),
    ("rules: [{when: [{key: request.auth.audiences, notValues: [c]}]}]", "spec.rules[0].when[0].key"),
]


@pytest.mark.parametrize(("spec", "field"), RULES)
def test_rules_about_tokens_that_nobody_verifies_are_told(spec: str, field: str) -> None:
    assert f"0.yaml no-tokens {field}" in short(a_policy(spec))
    assert [
        one for one in short(a_policy(spec), a_policy(TOKENS, kind="RequestAuthentication")) if "tokens" in one
    ] == []


@pytest.mark.parametrize(
    ("reader", "reaches"),
    [
        (a_policy(TOKENS, kind="RequestAuthentication", namespace="istio-system"), True),
        (a_policy(TOKENS, kind="RequestAuthentication", namespace="elsewhere"), False),
        (a_policy(f"selector: {{matchLabels: {{app: a}}}}\n{TOKENS}", kind="RequestAuthentication"), True),
        (a_policy(f"selector: {{matchLabels: {{version: v1}}}}\n{TOKENS}", kind="RequestAuthentication"), True),
        (a_policy(f"selector: {{matchLabels: {{app: b}}}}\n{TOKENS}", kind="RequestAuthentication"), False),
        (a_policy("selector: {matchLabels: {app: a}}", kind="RequestAuthentication"), False),
    ],
)
def test_what_verifies_tokens_must_reach_the_same_workloads(reader: str, reaches: bool) -> None:
    policy = a_policy("selector: {matchLabels: {app: a}}\n" + RULES[0][0])
    assert ("0.yaml no-tokens " + RULES[0][1] not in short(policy, reader)) is reaches


def test_rules_that_ask_for_no_tokens_need_none() -> None:
    assert short(a_policy("rules: [{when: [{key: 'request.headers[a]', values: [b]}]}]")) == []


def asking(provider: str, selector: str) -> str:
    selected = f"selector: {{matchLabels: {selector}}}\n" if selector else ""
    policy = a_policy(f"{selected}action: CUSTOM\nprovider: {{name: {provider}}}\nrules: [{{}}]")
    return policy.replace("name: policy", f"name: {provider}")


@pytest.mark.parametrize(
    ("one", "other", "rivals"),
    [
        ("", "", True),
        ("{app: reviews}", "", True),
        ("{app: reviews}", "{version: v1}", True),
        ("{app: reviews}", "{app: web}", False),
    ],
)
def test_several_authorization_servers_at_one_workload_are_told(one: str, other: str, rivals: bool) -> None:
    ask = "{name: %s, envoyExtAuthzGrpc: {service: ask.example, port: 9000}}"
    mesh = a_mesh(", ".join(ask % name for name in ("ask", "other")))
    policies = [asking(name, selector) for name, selector in (("ask", one), ("other", other))]
    told = [line for line in short(mesh, *policies) if "rival" in line]
    assert told == (["2.yaml rival-providers spec.provider.name"] if rivals else [])

from __future__ import annotations

import pytest

from galley.decoding.documents import decode_file
from galley.kinds.security.authorization_policy import ConditionKey, condition_key
from tests.galley.documents import document
from tests.galley.kinds.checks.cases import found, short

API = "security.istio.io/v1"


def policy(spec: str) -> list[str]:
    return short(found("AuthorizationPolicy", spec, api_version=API, identities=True))


def rule(text: str) -> list[str]:
    return policy(f"rules: [{text}]")


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "rules: []",
        "rules: [{}]",
        "{action: DENY, rules: [{}]}",
        "{action: AUDIT}",
        "{action: CUSTOM, provider: {name: ask}, rules: [{to: [{operation: {paths: [/a]}}]}]}",
        "{selector: {matchLabels: {app: x}}, rules: [{from: []}]}",
        "rules: [{to: [{operation: {paths: ['/a/*/b', '*', '/x*', '/{*}/b/{**}', '/a/{**}/c.js']}}]}]",
        "rules: [{to: [{operation: {ports: ['0', '65535']}}]}]",
        "rules: [{from: [{source: {ipBlocks: [10.0.0.1, '2001:db8::/32'], principals: ['*']}}]}]",
        "rules: [{from: [{source: {serviceAccounts: [a, b/c], trustDomains: ['*.example', td]}}]}]",
        "rules: [{when: [{key: 'request.auth.claims[a][b]', values: [x]}]}]",
        "rules: [{when: [{key: 'experimental.envoy.filters.network.x[k]', notValues: ['[x]']}]}]",
    ],
)
def test_good_policies(spec: str) -> None:
    assert policy(spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("action: DENY", "error missing-field spec.rules"),
        ("{action: DENY, rules: []}", "error missing-field spec.rules"),
        ("{action: CUSTOM, rules: [{}]}", "error missing-field spec.provider.name"),
        ("{action: ALLOW, provider: {name: x}, rules: [{}]}", "error exclusive-fields spec.provider"),
        *(
            (
                f"{{action: CUSTOM, provider: {{name: x}}, rules: [{{from: [{{source: {{{field}: [a]}}}}]}}]}}",
                f"error exclusive-fields spec.rules[0].from[0].source.{field}",
            )
            for field in ("principals", "requestPrincipals", "notNamespaces", "serviceAccounts", "notTrustDomains")
        ),
        (
            "{action: CUSTOM, provider: {name: x}, rules: [{when: [{key: 'request.auth.claims[a]', values: [b]}]}]}",
            "error exclusive-fields spec.rules[0].when[0].key",
        ),
    ],
)
def test_bad_policies(spec: str, expected: str) -> None:
    assert policy(spec) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{from: [{}]}", "error missing-field spec.rules[0].from[0].source"),
        ("{from: [{source: {}}]}", "error missing-field spec.rules[0].from[0].source"),
        ("{to: [{operation: {}}]}", "error missing-field spec.rules[0].to[0].operation"),
        ("{when: [{key: source.user, values: [a]}]}", "error unknown-attribute spec.rules[0].when[0].key"),
        ("{when: [{key: 'request.headers[]', values: [a]}]}", "error unknown-attribute spec.rules[0].when[0].key"),
        ("{when: [{key: 'request.headers[a][b]', values: [a]}]}", "error unknown-attribute spec.rules[0].when[0].key"),
        ("{when: [{key: source.ip}]}", "error missing-field spec.rules[0].when[0]"),
        ("{when: [{key: source.ip, values: [x]}]}", "error invalid-address spec.rules[0].when[0].values[0]"),
        (
            "{to: [{operation: {ports: [http]}}]}",
            "error invalid-port spec.rules[0].to[0].operation.ports[0]",
        ),
        (
            "{to: [{operation: {notPorts: ['65536']}}]}",
            "error invalid-port spec.rules[0].to[0].operation.notPorts[0]",
        ),
        (
            "{from: [{source: {ipBlocks: [10.0.0.300]}}]}",
            "error invalid-address spec.rules[0].from[0].source.ipBlocks[0]",
        ),
        (
            "{to: [{operation: {methods: ['']}}]}",
            "error missing-value spec.rules[0].to[0].operation.methods[0]",
        ),
        *(
            (
                f"{{to: [{{operation: {{paths: ['{path}']}}}}]}}",
                "error invalid-path spec.rules[0].to[0].operation.paths[0]",
            )
            for path in ("/a{*}/b", "/a/{id}", "/{**}/a/{**}", "/{**}/{*}", "/{*}/a*", "{*}", "/a}", '/{*}/"')
        ),
        *(
            (
                f"{{from: [{{source: {{serviceAccounts: ['{value}']}}}}]}}",
                "error invalid-value spec.rules[0].from[0].source.serviceAccounts[0]",
            )
            for value in ("a/b/c", "a/", "*", "/a")
        ),
        (
            "{from: [{source: {serviceAccounts: [a], principals: [b]}}]}",
            "error exclusive-fields spec.rules[0].from[0].source.serviceAccounts",
        ),
        (
            "{from: [{source: {trustDomains: ['a*b']}}]}",
            "error invalid-value spec.rules[0].from[0].source.trustDomains[0]",
        ),
    ],
)
def test_bad_rules(text: str, expected: str) -> None:
    assert rule(text) == [expected]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("{to: [{operation: {paths: [/admin]}}]}", True),
        ("{to: [{operation: {paths: [/admin], ports: ['80']}}]}", False),
        ("{from: [{source: {requestPrincipals: [a]}}]}", True),
        ("{from: [{source: {namespaces: [a]}}]}", False),
        ("{}", False),
    ],
)
def test_denying_what_only_http_has_denies_all_opaque_connections(text: str, warned: bool) -> None:
    expected = ["warning denies-all-tcp spec.rules[0]"] if warned else []
    assert policy(f"{{action: DENY, rules: [{text}]}}") == expected


@pytest.mark.parametrize(
    ("action", "value", "refused"),
    [("ALLOW", "true", False), ("DENY", "F", False), ("AUDIT", "true", True), ("DENY", "maybe", True)],
)
def test_the_annotation_for_dry_runs(action: str, value: str, refused: bool) -> None:
    text = document("AuthorizationPolicy", f"{{action: {action}, rules: [{{}}]}}", api_version=API)
    text = text.replace("metadata:\n", f'metadata:\n  annotations: {{istio.io/dry-run: "{value}"}}\n')
    assert "dry-run" in text
    diagnostics = decode_file(text.encode(), "a.yaml")[1]
    assert any(one.is_error for one in diagnostics) is refused


@pytest.mark.parametrize(
    ("action", "part", "expected"),
    [
        ("DENY", "from: [{source: {principals: [a]}}]", "warning not-enforced spec.rules[0].from[0].source.principals"),
        (
            "ALLOW",
            "from: [{source: {namespaces: [a]}}]",
            "warning no-identities spec.rules[0].from[0].source.namespaces",
        ),
        (
            "DENY",
            "when: [{key: source.principal, values: [a]}]",
            "warning not-enforced spec.rules[0].when[0].values",
        ),
        ("ALLOW", "from: [{source: {notPrincipals: [a]}}]", ""),
        ("DENY", "to: [{operation: {paths: [/a], ports: ['80']}}]", ""),
    ],
)
def test_without_identities_nobody_is_known(action: str, part: str, expected: str) -> None:
    diagnostics = short(found("AuthorizationPolicy", f"{{action: {action}, rules: [{{{part}}}]}}", api_version=API))
    assert diagnostics == [expected] * bool(expected)


def test_a_rule_that_would_deny_nobody_refuses_the_file() -> None:
    rule = "{action: DENY, rules: [{from: [{source: {namespaces: [bad]}}]}]}"
    diagnostics = decode_file(document("AuthorizationPolicy", rule, api_version=API).encode(), "a.yaml")[1]
    assert [one.code for one in diagnostics if one.is_error] == ["not-enforced"]


def test_keys_of_conditions() -> None:
    assert condition_key("source.ip") == ConditionKey("source.ip")
    assert condition_key("request.headers[X-Team]") == ConditionKey("request.headers", ("X-Team",))
    assert condition_key("request.auth.claims[a][b.c]") == ConditionKey("request.auth.claims", ("a", "b.c"))
    metadata = ConditionKey("experimental.envoy.filters.http.x", ("k",))
    assert condition_key("experimental.envoy.filters.http.x[k]") == metadata
    for wrong in ("", "source", "source.ip[x]", "request.auth.claims", "experimental.envoy.filters.[k]", "a[b"):
        assert condition_key(wrong) is None

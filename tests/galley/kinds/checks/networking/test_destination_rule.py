"""Rules of a DestinationRule: subsets, policies, load balancers, pools, client TLS."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short


def diagnostics_of(spec: str) -> list[str]:
    """The diagnostics, without the notes on what is not translated yet."""
    return [line for line in short(found("DestinationRule", spec)) if "not-supported-yet" not in line]


def policy(text: str) -> list[str]:
    lines = diagnostics_of("host: a\ntrafficPolicy: " + text)
    return [line.replace("spec.trafficPolicy", "", 1) for line in lines]


@pytest.mark.parametrize(
    "spec",
    [
        "host: reviews\nsubsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]",
        "host: '*.local'\nexportTo: ['.']\ntrafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}",
        "host: a\ntrafficPolicy: {connectionPool: {tcp: {maxConnections: 1, idleTimeout: 0s}}}",
        "host: a\ntrafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, interval: 1s, maxEjectionPercent: 100}}",
        "host: a\ntrafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE}}]}",
        "host: a\ntrafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /c, privateKey: /k, caCertificates: /ca}}",
        "host: a\ntrafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: user, ttl: 0s}}}}",
    ],
)
def test_good_rules_have_no_diagnostics(spec: str) -> None:
    assert diagnostics_of(spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("subsets: []", ["error missing-field spec.host"]),
        ("host: a_b", ["error invalid-host spec.host"]),
        ("host: a\ntrafficPolicy: {}", ["error empty-policy spec.trafficPolicy"]),
        ("host: a\nsubsets: [{name: v1}, {name: v1}]", ["error duplicate-subset spec.subsets[1].name"]),
        (
            "host: a\nsubsets: [{name: v_1}, {labels: {a: b}}]",
            [
                "error invalid-name spec.subsets[0].name",
                "error missing-field spec.subsets[1].name",
            ],
        ),
        ("host: a\nsubsets: [{name: v1, labels: {'a b': c}}]", ['error invalid-label spec.subsets[0].labels["a b"]']),
        ("host: a\nsubsets: [{name: v1, trafficPolicy: {}}]", ["error empty-policy spec.subsets[0].trafficPolicy"]),
        (
            "host: a\nexportTo: ['*']\nworkloadSelector: {matchLabels: {app: '*'}}",
            [
                'error invalid-selector spec.workloadSelector.matchLabels["app"]',
                "error invalid-export-to spec.exportTo",
            ],
        ),
    ],
)
def test_diagnostics(spec: str, expected: list[str]) -> None:
    assert sorted(diagnostics_of(spec)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{connectionPool: {}}", ["error empty-policy .connectionPool"]),
        ("{connectionPool: {tcp: {maxConnections: -1}}}", ["error invalid-number .connectionPool.tcp.maxConnections"]),
        (
            "{connectionPool: {tcp: {connectTimeout: 0s}}}",
            ["error invalid-duration .connectionPool.tcp.connectTimeout"],
        ),
        (
            "{connectionPool: {http: {useClientProtocol: true, h2UpgradePolicy: UPGRADE}}}",
            ["error exclusive-fields .connectionPool.http.useClientProtocol"],
        ),
        (
            "{connectionPool: {http: {http2KeepAlive: {interval: 1s}}}}",
            ["error missing-field .connectionPool.http.http2KeepAlive.timeout"],
        ),
        ("{outlierDetection: {}}", ["info default-settings .outlierDetection"]),
        (
            "{outlierDetection: {maxEjectionPercent: 101, baseEjectionTime: 0s}}",
            [
                "error invalid-percentage .outlierDetection.maxEjectionPercent",
                "error invalid-duration .outlierDetection.baseEjectionTime",
            ],
        ),
        (
            "{outlierDetection: {consecutiveLocalOriginFailures: 5}}",
            ["error ineffective-setting .outlierDetection.consecutiveLocalOriginFailures"],
        ),
        ("{portLevelSettings: [{tls: {mode: SIMPLE}}]}", ["error missing-field .portLevelSettings[0].port"]),
        ("{portLevelSettings: [{port: {number: 80}}]}", ["error empty-policy .portLevelSettings[0]"]),
        (
            "{portLevelSettings: [{port: {number: 80}, tls: {}}, {port: {number: 80}, tls: {}}]}",
            ["warning duplicate-port .portLevelSettings[1].port.number"],
        ),
        (
            "{tunnel: {protocol: GET, targetPort: 0}, proxyProtocol: {}}",
            [
                "error unknown-protocol .tunnel.protocol",
                "error missing-field .tunnel.targetHost",
                "error invalid-port .tunnel.targetPort",
                "error exclusive-fields .proxyProtocol",
            ],
        ),
        (
            "{tls: {mode: MUTUAL}}",
            ["error missing-certificate .tls.clientCertificate", "error missing-certificate .tls.privateKey"],
        ),
        (
            "{tls: {mode: SIMPLE, insecureSkipVerify: true, caCertificates: /ca, subjectAltNames: [a]}}",
            [
                "error conflicting-certificates .tls.caCertificates",
                "error conflicting-certificates .tls.subjectAltNames",
            ],
        ),
        ("{loadBalancer: {consistentHash: {}}}", ["warning missing-field .loadBalancer.consistentHash"]),
        (
            "{loadBalancer: {consistentHash: {httpHeaderName: 'a b', maglev: {tableSize: 65536}}}}",
            [
                "error invalid-header .loadBalancer.consistentHash.httpHeaderName",
                "error invalid-number .loadBalancer.consistentHash.maglev.tableSize",
            ],
        ),
        (
            "{loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 9, ringHash: {minimumRingSize: 5}}}}",
            ["error exclusive-fields .loadBalancer.consistentHash.minimumRingSize"],
        ),
        (
            "{loadBalancer: {consistentHash: {httpCookie: {attributes: [{name: a}, {name: a}]}}}}",
            [
                "error missing-field .loadBalancer.consistentHash.httpCookie.name",
                "error duplicate-name .loadBalancer.consistentHash.httpCookie.attributes[1].name",
            ],
        ),
        (
            "{loadBalancer: {localityLbSetting: {failover: [{from: a, to: a}]}}}",
            [
                "error invalid-locality .loadBalancer.localityLbSetting.failover[0]",
                "warning ineffective-setting .loadBalancer.localityLbSetting.failover",
            ],
        ),
        (
            "{loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 5, c: 101}}], failoverPriority: [d]}}}",
            [
                "error exclusive-fields .loadBalancer.localityLbSetting.distribute",
                'error invalid-weight .loadBalancer.localityLbSetting.distribute[0].to["c"]',
                "error invalid-weight .loadBalancer.localityLbSetting.distribute[0].to",
            ],
        ),
        (
            "{loadBalancer: {warmup: {minimumPercent: 200, aggression: 0}}}",
            [
                "error missing-field .loadBalancer.warmup.duration",
                "error invalid-percentage .loadBalancer.warmup.minimumPercent",
                "error invalid-number .loadBalancer.warmup.aggression",
            ],
        ),
    ],
)
def test_diagnostics_in_policies(text: str, expected: list[str]) -> None:
    assert sorted(policy(text)) == sorted(expected)

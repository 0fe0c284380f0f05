"""Rules of a VirtualService beside its HTTP routes."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short

ROUTE = "http: [{route: [{destination: {host: reviews}}]}]"


@pytest.mark.parametrize(
    "spec",
    [
        f"hosts: [reviews]\n{ROUTE}",
        f"hosts: ['*']\ngateways: [bookinfo-gateway]\n{ROUTE}",
        f"hosts: ['*.example.com', example.com, 10.0.0.1]\n{ROUTE}",
        f"hosts: [a.com]\ngateways: [mesh, istio-system/gw, ./gw]\nexportTo: ['.', other]\n{ROUTE}",
        "hosts: [a.com]\ntls: [{match: [{port: 443, sniHosts: [a.com]}], route: [{destination: {host: b.com}}]}]",
        "hosts: ['*.a.com']\ntls: [{match: [{sniHosts: ['*.b.a.com', c.a.com]}], route: [{destination: {host: b}}]}]",
        "hosts: [echo]\ntcp: [{match: [{port: 31400}], route: [{destination: {host: echo, port: {number: 9}}}]}]",
    ],
)
def test_good_rules_have_no_diagnostics(spec: str) -> None:
    assert short(found("VirtualService", spec)) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("hosts: [a]", ["error missing-field spec"]),
        (ROUTE, []),
        (f"gateways: [gw]\n{ROUTE}", ["error missing-field spec.hosts"]),
        (f"hosts: [a_b.com]\n{ROUTE}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: ['a.*.com']\n{ROUTE}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: ['*a.com']\n{ROUTE}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: ['*']\n{ROUTE}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: ['*']\ngateways: [gw, mesh]\n{ROUTE}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: [a, b, A]\n{ROUTE}", ["error duplicate-host spec.hosts[2]"]),
        (f"hosts: [a.com, '*.com']\n{ROUTE}", ["error duplicate-host spec.hosts[1]"]),
        (f"hosts: [a]\ngateways: [a_b]\n{ROUTE}", ["error invalid-gateway-name spec.gateways[0]"]),
        (f"hosts: [a]\ngateways: [a/b/c]\n{ROUTE}", ["error invalid-gateway-name spec.gateways[0]"]),
        (
            f"hosts: [a]\ngateways: [gw.ns.svc.cluster.local]\n{ROUTE}",
            ["warning deprecated-gateway-name spec.gateways[0]"],
        ),
        (f"hosts: [a]\nexportTo: ['*', b]\n{ROUTE}", ["error invalid-export-to spec.exportTo[0]"]),
        (f"hosts: [a]\nexportTo: ['~']\n{ROUTE}", ["error invalid-export-to spec.exportTo[0]"]),
        (f"hosts: [a]\nexportTo: ['.', default]\n{ROUTE}", ["error invalid-export-to spec.exportTo[1]"]),
        (f"hosts: [a]\nexportTo: [A_b]\n{ROUTE}", ["error invalid-export-to spec.exportTo[0]"]),
        ("hosts: [a]\ntls: [{route: [{destination: {host: b}}]}]", ["error missing-field spec.tls[0].match"]),
        (
            "hosts: [a]\ntls: [{match: [{sniHosts: []}], route: [{destination: {host: b}}]}]",
            ["error missing-field spec.tls[0].match[0].sniHosts"],
        ),
        (
            "hosts: [a.com]\ntls: [{match: [{sniHosts: [b.com]}], route: [{destination: {host: b}}]}]",
            ["error invalid-host spec.tls[0].match[0].sniHosts[0]"],
        ),
        (
            "hosts: [a.com]\ntls: [{match: [{sniHosts: [10.0.0.1]}], route: [{destination: {host: b}}]}]",
            ["warning invalid-host spec.tls[0].match[0].sniHosts[0]"],
        ),
        (
            "hosts: [a]\ntcp: [{match: [{port: 70000, destinationSubnets: [10.0.0.0/40]}], route: []}]",
            [
                "error invalid-address spec.tcp[0].match[0].destinationSubnets[0]",
                "error invalid-port spec.tcp[0].match[0].port",
                "error missing-field spec.tcp[0].route",
            ],
        ),
        (
            "hosts: [a]\ntcp: [{route: [{destination: {host: b}, weight: 0}, {destination: {host: c}}]}]",
            ["error invalid-weight spec.tcp[0].route"],
        ),
    ],
)
def test_diagnostics(spec: str, expected: list[str]) -> None:
    assert sorted(short(found("VirtualService", spec))) == sorted(expected)


def test_a_diagnostic_is_at_the_line_of_its_field_and_all_are_told() -> None:
    diagnostics = found(
        "VirtualService",
        """
        hosts:
        - reviews
        - '*.*'
        http:
        - route:
          - destination:
              host: reviews
              port:
                number: 0
          timeout: 0s
        """,
    )
    assert [(one.origin.line, one.origin.column, one.code) for one in diagnostics] == [
        (8, 5, "invalid-host"),
        (14, 19, "invalid-port"),
        (15, 14, "invalid-duration"),
    ]

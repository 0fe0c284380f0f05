"""Rules of HTTP routes: matches, actions, and what surrounds them."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short

TO = "route: [{destination: {host: reviews}}]"


def diagnostics_of(route: str, *, head: str = "hosts: [a]") -> list[str]:
    return [line.replace("spec.http[0]", "", 1) for line in short(found("VirtualService", f"{head}\nhttp:\n- {route}"))]


@pytest.mark.parametrize(
    "route",
    [
        "{match: [{headers: {end-user: {exact: jason}}}], route: [{destination: {host: reviews, subset: v2}}]}",
        "{match: [{uri: {prefix: ''}}, {uri: {regex: '/v[0-9]+/.*'}}, {queryParams: {a: {}}}], " + TO + "}",
        "{match: [{headers: {':path': {regex: '*'}, x: {}}}], " + TO + "}",
        "{route: [{destination: {host: a, subset: v1}, weight: 75}, {destination: {host: a, subset: v3}, weight: 25}]}",
        "{fault: {delay: {percentage: {value: 100.0}, fixedDelay: 7s}}, " + TO + "}",
        "{fault: {abort: {percentage: {value: 0.01}, httpStatus: 500}}, " + TO + "}",
        "{timeout: 0.5s, retries: {attempts: 3, perTryTimeout: 100ms, retryOn: 'gateway-error,503 , reset'}, "
        + TO
        + "}",
        "{retries: {attempts: 0}, " + TO + "}",
        "{redirect: {uri: /v1, authority: b.com, redirectCode: 308}}",
        "{match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}}",
        "{directResponse: {status: 503, body: {string: no}}}",
        "{rewrite: {uriRegexRewrite: {match: '/a/(.*)', rewrite: '/b/\\1\\\\'}}, " + TO + "}",
        "{mirror: {host: b}, mirrorPercentage: {value: 10.0}, " + TO + "}",
        "{corsPolicy: {allowOrigins: [{exact: https://a.com}], allowMethods: [POST], maxAge: 24h}, " + TO + "}",
        "{headers: {request: {set: {Host: b, x: y}, remove: [z]}, response: {add: {a: '%REQ(x)%'}}}, " + TO + "}",
    ],
)
def test_good_routes_have_no_diagnostics(route: str) -> None:
    assert diagnostics_of(route) == []


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("{match: [{uri: {exact: /a}}]}", ["error missing-field "]),
        ("{match: [{uri: {regex: '(a'}}], " + TO + "}", ["error invalid-regex .match[0].uri.regex"]),
        ("{match: [{uri: {regex: 'a(?=b)'}}], " + TO + "}", ["error invalid-regex .match[0].uri.regex"]),
        ("{match: [{uri: {regex: " + "a" * 1025 + "}}], " + TO + "}", ["error invalid-regex .match[0].uri.regex"]),
        ("{match: [{uri: {regex: ''}}], " + TO + "}", ["error invalid-regex .match[0].uri.regex"]),
        ("{match: [{uri: {exact: '/a/.*'}}], " + TO + "}", ["warning literal-pattern .match[0].uri.exact"]),
        (
            "{match: [{headers: {x: {prefix: 'a*'}}}], " + TO + "}",
            ['warning literal-pattern .match[0].headers["x"].prefix'],
        ),
        ("{match: [{headers: {x: {prefix: ''}}}], " + TO + "}", ['error empty-match .match[0].headers["x"].prefix']),
        ("{match: [{headers: {'a b': {}}}], " + TO + "}", ['error invalid-header .match[0].headers["a b"]']),
        ("{match: [{port: 65536}], " + TO + "}", ["error invalid-port .match[0].port"]),
        ("{match: [{sourceLabels: {app: 'a b'}}], " + TO + "}", ['error invalid-label .match[0].sourceLabels["app"]']),
        (
            "{match: [{headers: {'@request.auth.claims.a': {exact: b}}}], " + TO + "}",
            ['error claim-without-gateway .match[0].headers["@request.auth.claims.a"]'],
        ),
        (
            "{match: [{withoutHeaders: {'@request.auth.claims.a': {exact: b}}}], " + TO + "}",
            ['error claim-without-gateway .match[0].withoutHeaders["@request.auth.claims.a"]'],
        ),
        ("{route: [{destination: {host: '*'}}]}", ["error invalid-host .route[0].destination.host"]),
        ("{route: [{}]}", ["error missing-field .route[0].destination"]),
        ("{route: [{destination: {host: a, subset: v_1}}]}", ["error invalid-name .route[0].destination.subset"]),
        (
            "{route: [{destination: {host: a}, weight: -1}, {destination: {host: b}, weight: 2}]}",
            ["error invalid-number .route[0].weight"],
        ),
        ("{route: [{destination: {host: a}}, {destination: {host: b}}]}", ["error invalid-weight .route"]),
        ("{redirect: {uri: /a}, " + TO + "}", ["error exclusive-fields .route"]),
        (
            "{redirect: {uri: /a}, directResponse: {status: 200}, rewrite: {uri: /}}",
            ["error exclusive-fields .directResponse", "error exclusive-fields .rewrite"],
        ),
        ("{redirect: {}}", ["error missing-field .redirect"]),
        ("{redirect: {redirectCode: 304, uri: /}}", ["error invalid-status .redirect.redirectCode"]),
        ("{redirect: {scheme: ftp}}", ["error invalid-scheme .redirect.scheme"]),
        (
            "{match: [{uri: {exact: /a}}], redirect: {prefixRewrite: /b}}",
            ["error rewrite-without-prefix .redirect.prefixRewrite"],
        ),
        ("{directResponse: {status: 199}}", ["error invalid-status .directResponse.status"]),
        (
            "{directResponse: {status: 200, body: {string: " + "a" * 102_401 + "}}}",
            ["warning body-too-large .directResponse.body"],
        ),
        ("{rewrite: {}, " + TO + "}", ["error missing-field .rewrite"]),
        (
            "{rewrite: {uri: /, uriRegexRewrite: {match: a, rewrite: b}}, " + TO + "}",
            ["error exclusive-fields .rewrite.uriRegexRewrite"],
        ),
        (
            "{rewrite: {uriRegexRewrite: {match: '(a)', rewrite: '\\2'}}, " + TO + "}",
            ["error invalid-substitution .rewrite.uriRegexRewrite.rewrite"],
        ),
        (
            "{rewrite: {uriRegexRewrite: {match: '(a)', rewrite: 'x\\n'}}, " + TO + "}",
            ["error invalid-substitution .rewrite.uriRegexRewrite.rewrite"],
        ),
        ("{timeout: 0s, " + TO + "}", ["error invalid-duration .timeout"]),
        ("{timeout: 1500us, " + TO + "}", ["error invalid-duration .timeout"]),
        ("{retries: {attempts: -1}, " + TO + "}", ["error invalid-number .retries.attempts"]),
        ("{retries: {retryOn: 5xx}, " + TO + "}", ["error retries-off .retries.attempts"]),
        ("{retries: {attempts: 1, retryOn: 5x}, " + TO + "}", ["error unknown-condition .retries.retryOn"]),
        (
            "{timeout: 1s, retries: {attempts: 1, perTryTimeout: 2s}, " + TO + "}",
            ["warning ineffective-setting .retries.perTryTimeout"],
        ),
        ("{fault: {}, " + TO + "}", ["error missing-field .fault"]),
        ("{fault: {delay: {fixedDelay: 5s}}, " + TO + "}", ["warning ineffective-setting .fault.delay"]),
        (
            "{fault: {delay: {fixedDelay: 5s, percent: 10}}, " + TO + "}",
            ["warning deprecated-field .fault.delay.percent"],
        ),
        ("{fault: {delay: {percentage: {value: 1}}}, " + TO + "}", ["error missing-field .fault.delay.fixedDelay"]),
        (
            "{fault: {abort: {httpStatus: 500, percentage: {value: 100.1}}}, " + TO + "}",
            ["error invalid-percentage .fault.abort.percentage.value"],
        ),
        (
            "{fault: {abort: {httpStatus: 500, percentage: {value: 0.00001}}}, " + TO + "}",
            ["error invalid-percentage .fault.abort.percentage.value"],
        ),
        (
            "{fault: {abort: {httpStatus: 99, percentage: {value: 1}}}, " + TO + "}",
            ["error invalid-status .fault.abort.httpStatus"],
        ),
        (
            "{fault: {abort: {grpcStatus: GONE, percentage: {value: 1}}}, " + TO + "}",
            ["error invalid-status .fault.abort.grpcStatus"],
        ),
        ("{fault: {abort: {percentage: {value: 1}}}, " + TO + "}", ["warning ineffective-setting .fault.abort"]),
        ("{mirror: {host: b}, mirrors: [{destination: {host: c}}], " + TO + "}", ["error exclusive-fields .mirrors"]),
        ("{mirror: {host: b}, mirrorPercent: 50, " + TO + "}", ["warning deprecated-field .mirrorPercent"]),
        ("{mirrors: [{percentage: {value: 5}}], " + TO + "}", ["error missing-field .mirrors[0].destination"]),
        (
            "{corsPolicy: {allowOrigins: [{exact: ''}], allowMethods: [FETCH], maxAge: 1.5s, allowHeaders: ['a b']}, "
            + TO
            + "}",
            [
                "error empty-match .corsPolicy.allowOrigins[0]",
                "error unknown-method .corsPolicy.allowMethods[0]",
                "error invalid-header .corsPolicy.allowHeaders[0]",
                "error invalid-duration .corsPolicy.maxAge",
            ],
        ),
        (
            "{headers: {request: {set: {':path': a}}}, " + TO + "}",
            ['error invalid-header .headers.request.set[":path"]'],
        ),
        ("{headers: {request: {remove: [host]}}, " + TO + "}", ["error invalid-header .headers.request.remove[0]"]),
        ("{headers: {response: {set: {Host: a}}}, " + TO + "}", ['error invalid-header .headers.response.set["Host"]']),
        (
            '{headers: {request: {set: {a: "b\\u0000"}}}, ' + TO + "}",
            ['error invalid-header .headers.request.set["a"]'],
        ),
        (
            "{headers: {request: {set: {Host: a}}}, rewrite: {authority: b}, " + TO + "}",
            ["error conflicting-authority .headers.request"],
        ),
    ],
)
def test_diagnostics(route: str, expected: list[str]) -> None:
    assert sorted(diagnostics_of(route)) == sorted(expected)


@pytest.mark.parametrize("field", ["headers", "withoutHeaders"])
@pytest.mark.parametrize(
    ("claim", "is_one"),
    [(".a", True), (".a.b", True), ("[a][b.c]", True), ("", False), (".", False), ("s", False), ("[a].b", False)],
)
def test_a_gateway_may_ask_for_claims(field: str, claim: str, is_one: bool) -> None:
    name = f"@request.auth.claims{claim}"
    route = f"{{match: [{{{field}: {{'{name}': {{exact: b}}}}}}], {TO}}}"
    expected = [] if is_one else [f'error invalid-header .match[0].{field}["{name}"]']
    assert diagnostics_of(route, head="hosts: [a.com]\ngateways: [gw]") == expected


def test_a_rule_after_one_that_takes_everything_is_never_reached() -> None:
    first = "- {match: [{name: all, uri: {prefix: /}}], " + TO + "}\n"
    for catch_all in ("- {" + TO + "}\n", first):
        spec = "hosts: [a]\nhttp:\n" + catch_all + "- {match: [{uri: {exact: /b}}], " + TO + "}\n"
        assert short(found("VirtualService", spec)) == ["warning unreachable-rule spec.http[1]"]


@pytest.mark.parametrize("match", ["{port: 80}", "{sourceLabels: {a: b}}", "{gateways: [mesh]}", "{uri: {exact: /}}"])
def test_a_rule_after_one_that_asks_for_something_is_reached(match: str) -> None:
    spec = "hosts: [a]\nhttp:\n- {match: [" + match + "], " + TO + "}\n- {" + TO + "}\n"
    assert short(found("VirtualService", spec)) == []


def test_a_repeated_match_is_told() -> None:
    spec = (
        "hosts: [a]\nhttp:\n- {match: [{uri: {exact: /a}}], "
        + TO
        + "}\n- {match: [{uri: {exact: /a}}%s], "
        + TO
        + "}\n"
    )
    assert short(found("VirtualService", spec % "")) == ["warning unreachable-rule spec.http[1]"]
    assert short(found("VirtualService", spec % ", {uri: {exact: /b}}")) == [
        "info ineffective-match spec.http[1].match[0]"
    ]


@pytest.mark.parametrize(
    ("route", "field"),
    [
        ('redirect: {uri: "/a%sb"}', ".redirect.uri"),
        ('redirect: {authority: "a%sb"}', ".redirect.authority"),
        ('match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: "/a%sb"}', ".redirect.prefixRewrite"),
        ('rewrite: {uri: "/a%sb"}, ' + TO, ".rewrite.uri"),
        ('rewrite: {authority: "a%sb"}, ' + TO, ".rewrite.authority"),
        ('rewrite: {uriRegexRewrite: {match: a, rewrite: "/a%sb"}}, ' + TO, ".rewrite.uriRegexRewrite.rewrite"),
    ],
)
@pytest.mark.parametrize("character", ["\\n", "\\r", "\\0", "\\x1f", "\\x7f"])
def test_no_control_characters_in_the_request_line(route: str, field: str, character: str) -> None:
    assert diagnostics_of("{" + route % character + "}") == [f"error invalid-header {field}"]


def test_a_query_parameter_has_a_name() -> None:
    route = "{match: [{queryParams: {'': {exact: a}}}], " + TO + "}"
    assert diagnostics_of(route) == ["error missing-field .match[0].queryParams"]

"""What Galley accepts, Envoy takes: awkward texts, numbers and durations in the fields that reach it.

One value that Envoy refuses would cost a whole route configuration or listener: one team's mistake would stop others.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from galley.publishing.validate import validate
from pilot.offline import read_node, snapshot_for
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, EncodedResource
from tests.certificates import write_key_pair
from tests.e2e.harness.variants import every_envoy
from tests.envoy_validate import RefusedByEnvoyError, validate_resources

Json = Any

TEXTS = (
    "", "a", "/", "/a b", "a\nb", "a\rb", "a\tb", "\n", "a\x00b", "a\x1fb", "a\x7fb", "ä", "\u0100", "\u2028", "💥",
    "%", "%%", "%REQ(a)%", "%NO_SUCH%", "%REQ(", "%DURATION", "a" * 256, "b" * 5000, "*", "*a", "*.shop.example",
    "*shop.example", "a,b", "a:b", "a/b", ":a", "{a}", "\\1", "\\", '"', "'", "#", "?", "a?b=c", "#a", "-1", "0",
    "Shop.Example", "a.", ".a",
)  # fmt: skip
REGEXES = (
    "", "*", ".*", "a{1000}", "(a{1000}){2}", "[", "(?=a)", "\\C", "\\pL", "\\x{100}", "\u0100", "[\u0100-\u0200]",
    "ä", "ÿ", "\n", "\x00", "\\", "a" * 1000, "(?i)ä", "[^a]", ".", "((((((a{10}){10}){10}){10})))", "\\x{FF}",
    "\\x{10FFFF}", "\\b", "(?P<n>a)", "[[:alpha:]]", "\\Q*\\E",
)  # fmt: skip
FORMATS = (
    *TEXTS, "%START_TIME%", "%START_TIME(%s.%3f)%", "%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%", "%START_TIME()%",
    "%REQ()%", "%REQ(a?b):10%", "%REQ(a?b?c)%", "%REQ(a b)%", "%REQ(a):0%", "%REQ(a):x%", "%REQ%", "%DURATION():1%",
    "%DURATION%%", "%duration%", "% DURATION%", "%DURATION %", "%RESPONSE_CODE%:%", "%PROTOCOL:5%", "%PROTOCOL(a)%",
    "%DYNAMIC_METADATA(a:b):3%", "%DYNAMIC_METADATA%", "%FILTER_STATE(a:PLAIN:4)%", "%FILTER_STATE(a:NONE)%",
    "%UPSTREAM_METADATA([\"a\",\"b\"])%", "%ENVIRONMENT(A)%", "%CEL(request.path)%", "%METADATA(ROUTE:a:b)%",
    "%METADATA(NO:a)%", "%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ms)%", "%COMMON_DURATION(A)%", "%RESPONSE_FLAGS_LONG%",
    "%TRAILER(a)%", "%GRPC_STATUS(SNAKE_STRING)%", "%GRPC_STATUS(x)%", "%GRPC_STATUS_NUMBER%",
    "%REQ_WITHOUT_QUERY(:path)%", "%QUERY_PARAM(a)%", "%PATH(NQ:PATH)%", "%PATH(x)%",
    "%DOWNSTREAM_PEER_CERT_V_START(%b)%", "%DOWNSTREAM_PEER_CERT_V_START%", "%RESPONSE_FLAGS%%%", "%%%", "%%REQ(a)%",
    "%EMIT_TIME(%s)%", "%LOCAL_REPLY_BODY%", "%TLS_JA3_FINGERPRINT%", "%TLS_JA4_FINGERPRINT%",
    "%REQUEST_HEADERS_BYTES%", "%BYTES_RETRANSMITTED%", "%UNIQUE_ID%", "%STREAM_ID%", "%REQUEST_TX_DURATION%",
    "%RESPONSE_TX_DURATION%", "%UPSTREAM_CLUSTER_RAW%", "%HOSTNAME%", "%COALESCE(a)%", "%RESPONSE_CODE_DETAILS:7%",
    "%UPSTREAM_FILTER_STATE(a)%", "%CUSTOM_FLAGS%", "%TRACE_ID%", "%SPAN_ID%", "%REQ(a)%%RESP(b)%", "%RESP(a?b)%",
    "%REQ(:AUTHORITY?X)%", "%REQ(ä)%", "%START_TIME(%E4Y)%", "%START_TIME(%9f)%", "%START_TIME(%10f)%",
    "%START_TIME(%)%",
)  # fmt: skip
SOCKETS = (
    "unix:///a", "unix:///" + "a" * 106, "unix:///" + "a" * 107, "unix://@a", "unix://@" + "a" * 107,
    "unix:///a\nb", "unix:///a\x00b", "unix://a", "unix://",
)  # fmt: skip
PINS = ("a" * 64, "A" * 64, "aa:" * 31 + "aa", "a" * 95, "A" * 43 + "=", "A" * 44, "=" * 44)
NUMBERS = (-1, 0, 1, 2, 99, 100, 101, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32)
DURATIONS = ("0s", "1ns", "1us", "999us", "1ms", "1.5ms", "1s", "24h", "8760h", "100000h", "2562047h", "-1s")


def documents(certificate: Path, key: Path) -> dict[str, Json]:
    """A small world: a service, rules for it, a gateway, settings. Envoy takes all of it."""
    networking = "networking.istio.io/v1"
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    route = [{"destination": {"host": "shop.example", "port": {"number": 80}}}]
    opaque = [{"destination": {"host": "shop.example", "port": {"number": 443}}}]
    pair = {"serverCertificate": str(certificate), "privateKey": str(key), "caCertificates": str(certificate)}
    specs = {
        "ServiceEntry": {
            "hosts": ["shop.example"],
            "ports": [port, {"number": 443, "name": "tls", "protocol": "TLS"}],
            "resolution": "STATIC",
            "endpoints": [{"address": "10.0.0.1"}],
        },
        "VirtualService": {
            "hosts": ["shop.example"],
            "gateways": ["mesh", "gw"],
            "http": [{"match": [{"uri": {"prefix": "/a"}}], "route": route}, {"route": route}],
            "tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": opaque}],
        },
        "DestinationRule": {
            "host": "shop.example",
            "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 9}}},
        },
        "Gateway": {
            "selector": {"istio": "gw"},
            "servers": [
                {"port": port, "hosts": ["shop.example"]},
                {
                    "port": {"number": 8443, "name": "s", "protocol": "HTTPS"},
                    "hosts": ["shop.example"],
                    "tls": {"mode": "SIMPLE", **pair},
                },
            ],
        },
        "Sidecar": {"egress": [{"hosts": ["*/*"]}]},
        "MeshConfig": {"accessLogFile": "/dev/stdout"},
    }
    versions = {"MeshConfig": "mesh.istio.io/v1alpha1"}
    return {
        kind: {
            "apiVersion": versions.get(kind, networking),
            "kind": kind,
            "metadata": {"name": "gw" if kind == "Gateway" else "a"},
            "spec": spec,
        }
        for kind, spec in specs.items()
    }


_ROUTE = "VirtualService http[0]"
_POLICY = "DestinationRule trafficPolicy"
FIELDS: tuple[tuple[str, Json, tuple[Any, ...]], ...] = (
    # The value stands for VALUE, as text, key or number.
    (f"{_ROUTE}.match", [{"uri": {"exact": "VALUE"}}], TEXTS),
    (f"{_ROUTE}.match", [{"uri": {"prefix": "VALUE"}}], TEXTS),
    (f"{_ROUTE}.match", [{"uri": {"regex": "VALUE"}}], REGEXES),
    (f"{_ROUTE}.match", [{"authority": {"exact": "VALUE"}}], TEXTS),
    (f"{_ROUTE}.match", [{"method": {"prefix": "VALUE"}}], TEXTS),
    (f"{_ROUTE}.match", [{"scheme": {"exact": "VALUE"}}], TEXTS),
    (f"{_ROUTE}.match", [{"headers": {"x-a": {"exact": "VALUE"}}}], TEXTS),
    (f"{_ROUTE}.match", [{"headers": {"x-a": {"prefix": "VALUE"}}}], TEXTS),
    (f"{_ROUTE}.match", [{"headers": {"x-a": {"regex": "VALUE"}}}], REGEXES),
    (f"{_ROUTE}.match", [{"headers": {"VALUE": {"exact": "a"}}}], TEXTS),
    (f"{_ROUTE}.match", [{"withoutHeaders": {"VALUE": {}}}], TEXTS),
    (f"{_ROUTE}.match", [{"queryParams": {"VALUE": {"exact": "a"}}}], TEXTS),
    (f"{_ROUTE}.match", [{"queryParams": {"a": {"exact": "VALUE"}}}], TEXTS),
    (f"{_ROUTE}.match", [{"queryParams": {"a": {"prefix": "VALUE"}}}], TEXTS),
    (f"{_ROUTE}.match", [{"queryParams": {"a": {"regex": "VALUE"}}}], REGEXES),
    (f"{_ROUTE}.match", [{"port": "VALUE"}], NUMBERS),
    (f"{_ROUTE}.name", "VALUE", TEXTS),
    (f"{_ROUTE}.rewrite", {"uri": "VALUE"}, TEXTS),
    (f"{_ROUTE}.rewrite", {"authority": "VALUE"}, TEXTS),
    (f"{_ROUTE}.rewrite", {"uriRegexRewrite": {"match": "VALUE", "rewrite": "/a"}}, REGEXES),
    (f"{_ROUTE}.rewrite", {"uriRegexRewrite": {"match": "(a)", "rewrite": "VALUE"}}, TEXTS),
    ("VirtualService http[0]", {"redirect": {"uri": "VALUE"}}, TEXTS),
    ("VirtualService http[0]", {"redirect": {"authority": "VALUE"}}, TEXTS),
    ("VirtualService http[0]", {"match": [{"uri": {"prefix": "/a"}}], "redirect": {"prefixRewrite": "VALUE"}}, TEXTS),
    ("VirtualService http[0]", {"redirect": {"uri": "/", "port": "VALUE"}}, NUMBERS),
    ("VirtualService http[0]", {"directResponse": {"status": 200, "body": {"string": "VALUE"}}}, TEXTS),
    ("VirtualService http[0]", {"directResponse": {"status": "VALUE"}}, NUMBERS),
    *(
        (f"{_ROUTE}.headers", {side: {way: {"x-a": "VALUE"}}}, FORMATS)
        for side in ("request", "response")
        for way in ("set", "add")
    ),
    (f"{_ROUTE}.headers", {"request": {"set": {"VALUE": "a"}}}, TEXTS),
    (f"{_ROUTE}.headers", {"request": {"set": {"Host": "VALUE"}}}, TEXTS),
    (f"{_ROUTE}.headers", {"response": {"remove": ["VALUE"]}}, TEXTS),
    (f"{_ROUTE}.route[0].headers", {"request": {"add": {"x-a": "VALUE"}}}, FORMATS),
    (f"{_ROUTE}.route[0].weight", "VALUE", NUMBERS),
    (f"{_ROUTE}.route", [{"destination": {"host": "shop.example"}, "weight": "VALUE"}] * 2, NUMBERS),
    ("VirtualService tls[0].route", [{"destination": {"host": "shop.example"}, "weight": "VALUE"}] * 3, NUMBERS),
    (f"{_ROUTE}.timeout", "VALUE", DURATIONS),
    (f"{_ROUTE}.retries", {"attempts": "VALUE"}, NUMBERS),
    (f"{_ROUTE}.retries", {"attempts": 2, "perTryTimeout": "VALUE"}, DURATIONS),
    (f"{_ROUTE}.retries", {"attempts": 2, "backoff": "VALUE"}, DURATIONS),
    (f"{_ROUTE}.retries", {"attempts": 2, "retryOn": "VALUE"}, TEXTS),
    (f"{_ROUTE}.fault", {"delay": {"fixedDelay": "VALUE", "percentage": {"value": 1}}}, DURATIONS),
    (f"{_ROUTE}.fault", {"abort": {"httpStatus": "VALUE", "percentage": {"value": 1}}}, NUMBERS),
    (f"{_ROUTE}.corsPolicy", {"allowOrigins": [{"exact": "VALUE"}]}, TEXTS),
    (f"{_ROUTE}.corsPolicy", {"allowOrigins": [{"prefix": "VALUE"}]}, TEXTS),
    (f"{_ROUTE}.corsPolicy", {"allowOrigins": [{"regex": "VALUE"}]}, REGEXES),
    (f"{_ROUTE}.corsPolicy", {"allowOrigin": ["VALUE"]}, TEXTS),
    (f"{_ROUTE}.corsPolicy", {"allowMethods": ["VALUE"]}, TEXTS),
    (f"{_ROUTE}.corsPolicy", {"allowHeaders": ["VALUE"]}, TEXTS),
    (f"{_ROUTE}.corsPolicy", {"maxAge": "VALUE"}, DURATIONS),
    (f"{_ROUTE}.mirrorPercentage", {"value": "VALUE"}, NUMBERS),
    ("VirtualService tls[0].match[0].sniHosts[0]", "VALUE", TEXTS),
    ("VirtualService hosts[0]", "VALUE", TEXTS),
    ("Gateway servers[0].hosts[0]", "VALUE", TEXTS),
    ("Gateway servers[1].hosts[0]", "VALUE", TEXTS),
    ("Gateway servers[0].name", "VALUE", TEXTS),
    ("Gateway servers[0].bind", "VALUE", (*TEXTS, *SOCKETS)),
    *(
        (f"Gateway servers[1].tls.{name}", ["VALUE"], (*TEXTS, *PINS))
        for name in ("verifyCertificateHash", "verifyCertificateSpki", "subjectAltNames", "cipherSuites")
    ),
    *((_POLICY, {"tls": {"mode": "SIMPLE", name: "VALUE"}}, TEXTS) for name in ("sni",)),
    (_POLICY, {"tls": {"mode": "SIMPLE", "subjectAltNames": ["VALUE"]}}, TEXTS),
    *((_POLICY, {"connectionPool": {"tcp": {name: "VALUE"}}}, NUMBERS) for name in ("maxConnections",)),
    *(
        (_POLICY, {"connectionPool": {"tcp": {name: "VALUE"}}}, DURATIONS)
        for name in ("connectTimeout", "maxConnectionDuration", "idleTimeout")
    ),
    (_POLICY, {"connectionPool": {"tcp": {"tcpKeepalive": {"time": "VALUE", "probes": 3}}}}, DURATIONS),
    (_POLICY, {"connectionPool": {"tcp": {"tcpKeepalive": {"probes": "VALUE"}}}}, NUMBERS),
    *(
        (_POLICY, {"connectionPool": {"http": {name: "VALUE"}}}, NUMBERS)
        for name in (
            "http1MaxPendingRequests",
            "http2MaxRequests",
            "maxRequestsPerConnection",
            "maxRetries",
            "maxConcurrentStreams",
        )
    ),
    (_POLICY, {"connectionPool": {"http": {"idleTimeout": "VALUE"}}}, DURATIONS),
    (_POLICY, {"connectionPool": {"http": {"http2KeepAlive": {"interval": "VALUE", "timeout": "1s"}}}}, DURATIONS),
    *(
        (_POLICY, {"outlierDetection": {name: "VALUE"}}, NUMBERS)
        for name in ("consecutive5xxErrors", "consecutiveGatewayErrors", "maxEjectionPercent", "minHealthPercent")
    ),
    *((_POLICY, {"outlierDetection": {name: "VALUE"}}, DURATIONS) for name in ("interval", "baseEjectionTime")),
    *(
        (_POLICY, {"loadBalancer": {"consistentHash": {name: "VALUE"}}}, TEXTS)
        for name in ("httpHeaderName", "httpQueryParameterName")
    ),
    (_POLICY, {"loadBalancer": {"consistentHash": {"httpCookie": {"name": "VALUE", "ttl": "1s"}}}}, TEXTS),
    (_POLICY, {"loadBalancer": {"consistentHash": {"httpCookie": {"name": "a", "path": "VALUE", "ttl": "1s"}}}}, TEXTS),
    (_POLICY, {"loadBalancer": {"consistentHash": {"httpCookie": {"name": "a", "ttl": "VALUE"}}}}, DURATIONS),
    (
        _POLICY,
        {"loadBalancer": {"consistentHash": {"httpHeaderName": "a", "ringHash": {"minimumRingSize": "VALUE"}}}},
        NUMBERS,
    ),
    (_POLICY, {"loadBalancer": {"consistentHash": {"httpHeaderName": "a", "maglev": {"tableSize": "VALUE"}}}}, NUMBERS),
    (_POLICY, {"loadBalancer": {"simple": "ROUND_ROBIN", "warmup": {"duration": "VALUE"}}}, DURATIONS),
    ("ServiceEntry hosts[0]", "VALUE", TEXTS),
    ("ServiceEntry endpoints[0]", {"address": "VALUE"}, (*TEXTS, *SOCKETS)),
    (
        "ServiceEntry",
        {
            "hosts": ["x.example"],
            "ports": [{"number": 90, "name": "tcp", "protocol": "TCP"}],
            "resolution": "STATIC",
            "endpoints": [{"address": "VALUE"}],
        },
        SOCKETS,
    ),
    ("ServiceEntry endpoints[0].weight", "VALUE", NUMBERS),
    ("ServiceEntry endpoints[0].locality", "VALUE", TEXTS),
    (
        "ServiceEntry",
        {
            "hosts": ["x.example"],
            "ports": [{"number": 90, "name": "tcp", "protocol": "TCP"}],
            "resolution": "DNS",
            "endpoints": [{"address": "VALUE"}],
        },
        TEXTS,
    ),
    (
        "Sidecar egress",
        [
            {
                "port": {"number": 0, "name": "u", "protocol": "TCP"},
                "bind": "VALUE",
                "captureMode": "NONE",
                "hosts": ["*/*"],
            }
        ],
        SOCKETS,
    ),
    (
        "Sidecar",
        {"ingress": [{"port": {"number": 99, "name": "u", "protocol": "HTTP"}, "defaultEndpoint": "VALUE"}]},
        SOCKETS,
    ),
    ("MeshConfig", {"accessLogFile": "/dev/stdout", "accessLogFormat": "VALUE"}, FORMATS),
    (
        "MeshConfig",
        {"accessLogFile": "/dev/stdout", "accessLogEncoding": "JSON", "accessLogFormat": {"JSON": {"a": "VALUE"}}},
        FORMATS,
    ),
    *(
        ("MeshConfig", {name: "VALUE"}, DURATIONS)
        for name in ("connectTimeout", "protocolDetectionTimeout", "dnsRefreshRate")
    ),
    ("MeshConfig", {"defaultConfig": {"gatewayTopology": {"numTrustedProxies": "VALUE"}}}, NUMBERS),
    ("MeshConfig", {"tcpKeepalive": {"probes": "VALUE"}}, NUMBERS),
    ("MeshConfig", {"tcpKeepalive": {"time": "VALUE"}}, DURATIONS),
)

SIDECAR = read_node(
    {"id": "sidecar~10.0.0.9~a.default~default.svc.cluster.local", "metadata": {"NAMESPACE": "default"}}
)
GATEWAY = read_node(
    {"id": "router~10.0.0.8~gw.default~x", "metadata": {"NAMESPACE": "default", "LABELS": {"istio": "gw"}}}
)


@dataclass(frozen=True)
class Attempt:
    """One document with one value, and what it makes of two proxies."""

    name: str
    resources: tuple[EncodedResource, ...]


def put(node: Json, value: Any) -> Json:
    """``node`` with ``value`` for each VALUE; below JSON it is written as JSON."""
    if isinstance(node, dict) and set(node) == {"JSON"}:
        return json.dumps(put(node["JSON"], value))
    if isinstance(node, dict):
        return {value if key == "VALUE" else key: put(inner, value) for key, inner in node.items()}
    if isinstance(node, list):
        return [put(inner, value) for inner in node]
    return value if node == "VALUE" else node


def place(documents: dict[str, Json], target: str, content: Json) -> None:
    """Write ``content`` at ``target``, such as ``VirtualService http[0].name``; a mapping is merged into a spec."""
    kind, _, path = target.partition(" ")
    steps: list[str | int] = ["spec"]
    steps += [int(number) if number else name for number, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
    node = documents[kind]
    for step in steps[:-1]:
        node = node[step]
    replaced = target == "VirtualService http[0]" or not isinstance(content, dict) or not isinstance(node, dict)
    last = steps[-1]
    if not replaced and isinstance(node.get(last), dict) and kind in ("MeshConfig", "Sidecar", "DestinationRule"):
        content = {**node[last], **content}
    node[last] = content


def attempts(world: dict[str, Json]) -> Iterator[Attempt]:
    """All documents that Galley accepts, with their resources."""
    for target, content, values in FIELDS:
        for value in values:
            changed = copy.deepcopy(world)
            place(changed, target, put(content, value))
            contents = {f"{kind}.yaml": json.dumps(document).encode() for kind, document in changed.items()}
            checked = validate(contents)
            if checked.has_errors:
                continue
            snapshots = [snapshot_for(checked, proxy) for proxy in (SIDECAR, GATEWAY)]
            resources = [
                resource
                for snapshot in snapshots
                for url in (CLUSTER, ENDPOINT, LISTENER, ROUTE)
                for resource in snapshot.of(url)
            ]
            yield Attempt(f"{target} {content} {value!r}", tuple(resources))


def refused(several: list[Attempt], envoy: Path) -> Iterator[str]:
    """Those of which Envoy refuses a resource, in its words; found by halves, so that many good ones cost one run."""
    resources = {resource.any: resource for one in several for resource in one.resources}
    try:
        validate_resources(resources.values(), envoy=envoy)
    except RefusedByEnvoyError as error:
        if len(several) == 1:
            yield f"{several[0].name}: {str(error)[-300:]}"
            return
        half = len(several) // 2
        yield from refused(several[:half], envoy)
        yield from refused(several[half:], envoy)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> list[Attempt]:
    certificate, key = write_key_pair(tmp_path_factory.mktemp("files"), "server", host="shop.example")
    return list(attempts(documents(certificate, key)))


@every_envoy
def test_envoy_takes_what_galley_accepts(accepted: list[Attempt], envoy: Path) -> None:
    assert len(accepted) > 500
    assert not list(refused(accepted, envoy))

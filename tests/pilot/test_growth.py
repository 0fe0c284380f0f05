"""The work for a mesh grows as its configuration does: from the text of the files to what proxies are served.

Work is counted in lines that run, not timed. What is compared are differences, so that what is done once does not hide
what grows: from n to 2n entries, then from 2n to 4n, which is twice as much where work is in proportion.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import pytest
import yaml

from galley.publishing.loading import LoadOptions, load_unit
from galley.references import check_references
from galley.snapshot import build_snapshot
from galley.sources import Unit
from pilot.generate import Generator
from pilot.mesh.context.push_context import build_push_context
from pilot.node.node_id import ProxyKind
from pilot.registry.build import build_catalog
from tests.builders import a_proxy, labels

SIZES = (12, 24, 48)
MOST = 2.3

Entry = dict[str, Any]


def a_document(kind: str, name: str, spec: Entry, group: str = "networking.istio.io/v1") -> Entry:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}


def a_service(name: str, port: int = 80) -> Entry:
    ports = [{"name": "http", "port": port, "targetPort": 8080}]
    return a_document("Service", name, {"selector": {"app": name}, "ports": ports}, "v1")


def a_service_entry(name: str, **more: Any) -> Entry:
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    spec = {"hosts": [f"{name}.example.com"], "ports": ports, "resolution": "STATIC", **more}
    return a_document("ServiceEntry", name, spec)


def a_virtual_service(name: str, **more: Any) -> Entry:
    http = [{"route": [{"destination": {"host": name}}]}]
    return a_document("VirtualService", name, {"hosts": [name], "http": http, **more})


def a_policy(name: str, **more: Any) -> Entry:
    return a_document("AuthorizationPolicy", name, more, "security.istio.io/v1")


GATEWAY = a_document(
    "Gateway",
    "gateway",
    {
        "selector": {"istio": "ingress"},
        "servers": [{"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}],
    },
)
SHOP = a_service("shop")


def to(host: str, **more: Any) -> Entry:
    return {"route": [{"destination": {"host": host, **more}}]}


def several(make: Callable[[int], Entry], size: int) -> list[Entry]:
    return [make(number) for number in range(size)]


INPUTS: dict[str, Callable[[int], Iterable[Entry]]] = {
    "services": lambda n: several(lambda one: a_service(f"s{one}"), n),
    "services on ports of their own": lambda n: several(lambda one: a_service(f"s{one}", 1000 + one), n),
    "ports of one service": lambda n: [
        a_document(
            "Service",
            "s",
            {"selector": {"app": "s"}, "ports": several(lambda one: {"name": f"http-{one}", "port": 1000 + one}, n)},
            "v1",
        )
    ],
    "service entries": lambda n: several(lambda one: a_service_entry(f"s{one}"), n),
    "hosts of one service entry": lambda n: [
        a_service_entry("s", hosts=[f"h{one}.example.com" for one in range(n)], resolution="DNS")
    ],
    "addresses of service entries": lambda n: several(
        lambda one: a_service_entry(
            f"s{one}",
            addresses=[f"10.1.{one}.0/24"],
            resolution="NONE",
            ports=[{"number": 99, "name": "tcp", "protocol": "TCP"}],
        ),
        n,
    ),
    "endpoints of one service entry": lambda n: [
        a_service_entry("s", endpoints=[{"address": f"10.0.{one}.1"} for one in range(n)])
    ],
    "workload entries": lambda n: [
        a_service_entry("s", workloadSelector={"labels": {"app": "s"}}),
        *several(
            lambda one: a_document("WorkloadEntry", f"w{one}", {"address": f"10.0.{one}.1", "labels": {"app": "s"}}), n
        ),
    ],
    "virtual services": lambda n: [
        *several(lambda one: a_service(f"s{one}"), n),
        *several(lambda one: a_virtual_service(f"s{one}"), n),
    ],
    "virtual services of one host": lambda n: [
        SHOP,
        *several(lambda one: {**a_virtual_service("shop"), "metadata": {"name": f"v{one}"}}, n),
    ],
    "virtual services at a gateway": lambda n: [
        GATEWAY,
        SHOP,
        *several(
            lambda one: a_document(
                "VirtualService",
                f"v{one}",
                {"hosts": [f"h{one}.example.com"], "gateways": ["gateway"], "http": [to("shop")]},
            ),
            n,
        ),
    ],
    "hosts of one virtual service": lambda n: [
        GATEWAY,
        SHOP,
        a_document(
            "VirtualService",
            "v",
            {"hosts": [f"h{one}.example.com" for one in range(n)], "gateways": ["gateway"], "http": [to("shop")]},
        ),
    ],
    "routes of one virtual service": lambda n: [
        SHOP,
        a_virtual_service(
            "shop", http=several(lambda one: {"match": [{"uri": {"prefix": f"/{one}"}}], **to("shop")}, n)
        ),
    ],
    "matches of one route": lambda n: [
        SHOP,
        a_virtual_service(
            "shop", http=[{"match": several(lambda one: {"uri": {"prefix": f"/{one}"}}, n), **to("shop")}]
        ),
    ],
    "headers of one match": lambda n: [
        SHOP,
        a_virtual_service(
            "shop", http=[{"match": [{"headers": {f"x-{one}": {"exact": "a"} for one in range(n)}}], **to("shop")}]
        ),
    ],
    "subsets": lambda n: [
        SHOP,
        a_document(
            "DestinationRule",
            "shop",
            {"host": "shop", "subsets": several(lambda one: {"name": f"v{one}", "labels": {"version": f"v{one}"}}, n)},
        ),
        a_virtual_service(
            "shop",
            http=[
                {"route": several(lambda one: {"destination": {"host": "shop", "subset": f"v{one}"}, "weight": 1}, n)}
            ],
        ),
    ],
    "destination rules": lambda n: [
        *several(lambda one: a_service(f"s{one}"), n),
        *several(
            lambda one: a_document(
                "DestinationRule",
                f"s{one}",
                {"host": f"s{one}", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}}},
            ),
            n,
        ),
    ],
    "servers of one gateway": lambda n: [
        a_document(
            "Gateway",
            "g",
            {
                "selector": {"istio": "ingress"},
                "servers": several(
                    lambda one: {
                        "port": {"number": 8000 + one, "name": f"http-{one}", "protocol": "HTTP"},
                        "hosts": [f"h{one}.example.com"],
                    },
                    n,
                ),
            },
        )
    ],
    "gateways on one port": lambda n: [
        SHOP,
        *several(
            lambda one: a_document(
                "Gateway",
                f"g{one}",
                {
                    "selector": {"istio": "ingress"},
                    "servers": [
                        {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": [f"h{one}.example.com"]}
                    ],
                },
            ),
            n,
        ),
        *several(
            lambda one: a_document(
                "VirtualService",
                f"v{one}",
                {"hosts": [f"h{one}.example.com"], "gateways": [f"g{one}"], "http": [to("shop")]},
            ),
            n,
        ),
    ],
    "hosts of a sidecar": lambda n: [
        *several(lambda one: a_service(f"s{one}"), n),
        a_document(
            "Sidecar", "default", {"egress": [{"hosts": [f"./s{one}.default.svc.cluster.local" for one in range(n)]}]}
        ),
    ],
    "policies": lambda n: several(
        lambda one: a_policy(f"p{one}", rules=[{"to": [{"operation": {"paths": [f"/{one}"]}}]}]), n
    ),
    "rules of one policy": lambda n: [
        a_policy("p", rules=several(lambda one: {"to": [{"operation": {"paths": [f"/{one}"]}}]}, n))
    ],
    "paths of one rule": lambda n: [
        a_policy("p", rules=[{"to": [{"operation": {"paths": [f"/{one}" for one in range(n)]}}]}])
    ],
    "peer authentications": lambda n: several(
        lambda one: a_document(
            "PeerAuthentication",
            f"p{one}",
            {"selector": {"matchLabels": {"app": f"a{one}"}}, "mtls": {"mode": "STRICT"}},
            "security.istio.io/v1",
        ),
        n,
    ),
    "envoy filters": lambda n: several(
        lambda one: a_document(
            "EnvoyFilter",
            f"e{one}",
            {
                "configPatches": [
                    {
                        "applyTo": "CLUSTER",
                        "match": {"cluster": {"service": f"s{one}.default.svc.cluster.local"}},
                        "patch": {"operation": "MERGE", "value": {"connect_timeout": "3s"}},
                    }
                ]
            },
            "networking.istio.io/v1alpha3",
        ),
        n,
    ),
}


def work_of(documents: Iterable[Entry]) -> int:
    """Lines that run until a sidecar and a gateway have what they are served, by files that hold ``documents``."""
    content = yaml.safe_dump_all(documents).encode()
    steps = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        steps += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        loaded = load_unit(Unit.of("rules.yaml", content), LoadOptions(identities=True))
        config, _ = build_snapshot(loaded.resources)
        check_references(config)
        generator = Generator(build_push_context(config, build_catalog(config, ())))
        for proxy in (a_proxy(), a_proxy(kind=ProxyKind.GATEWAY, labels=labels(istio="ingress"))):
            generator.snapshot_of(proxy)
    finally:
        sys.settrace(before)
    assert loaded.is_acceptable, loaded.diagnostics
    return steps


def grows_in_proportion(small: int, middle: int, large: int) -> bool:
    """Whether these steps, for `SIZES` entries, are hardly more for each entry the more there are."""
    return large - middle <= MOST * (middle - small)


@pytest.mark.parametrize("what", INPUTS)
def test_twice_the_input_is_twice_the_work(what: str) -> None:
    work_of(INPUTS[what](SIZES[0]))  # what is made once and kept, is made now
    steps = [work_of(INPUTS[what](size)) for size in SIZES]
    assert grows_in_proportion(*steps), steps


def test_a_square_would_be_found() -> None:
    assert grows_in_proportion(*(10_000 + 70 * size for size in SIZES))
    assert not grows_in_proportion(*(10_000 + 70 * size + 2 * size * size for size in SIZES))

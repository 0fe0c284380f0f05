"""What the bootstrap writes into a node is what the server reads, for every combination of flags."""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoycodec.discovery import DiscoveryRequest, Node, decode_discovery_request, encode_discovery_request
from galley.frozen import FrozenMap
from pilot.commands.bootstrap import add_bootstrap_parser, read_bootstrap_options
from pilot.dataplane.bootstrap import BootstrapOptions, PipeAddress, XdsTls, build_node
from pilot.mesh.context.proxy import Proxy, read_proxy
from pilot.node.locality import Locality
from pilot.node.metadata import Interception, NodeMetadata, read_metadata, with_addresses, write_metadata
from pilot.node.node_id import NodeError, ProxyKind
from pilot.offline import read_node
from pilot.serving import proxy_of_node

DOCUMENT = Path(__file__).parents[3] / "docs/decisions/node-metadata.md"

_NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_PORTS = st.integers(1, 65535)
_IPS = (
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
    .filter(lambda ip: not (ip.is_multicast or ip.is_unspecified or str(ip) == "255.255.255.255"))
    .map(str)
)
_LABELS = st.dictionaries(_NAMES, _NAMES, max_size=3)


@st.composite
def bootstrap_flags(draw: st.DrawFn) -> list[str]:
    """Flags of `pilot bootstrap`, of any kind and in any combination that is not refused."""
    kind = draw(st.sampled_from(["sidecar", "gateway"]))
    name = ".".join(draw(st.lists(_NAMES, min_size=1, max_size=2)))
    flags = [kind, f"--name={name}", f"--ip={draw(_IPS)}"]
    flags += [f"--other-ip={ip}" for ip in draw(st.lists(_IPS, max_size=2))]
    optional = {
        "--namespace": _NAMES,
        "--service-account": _NAMES,
        "--workload-name": _NAMES,
        "--workload-group": _NAMES,
        "--locality": st.lists(_NAMES, min_size=1, max_size=3).map("/".join),
        "--cluster-id": _NAMES,
        "--network": _NAMES,
        "--mesh-id": _NAMES,
        "--domain-suffix": _NAMES,
        "--labels": _LABELS.map(lambda labels: ",".join(f"{key}={value}" for key, value in labels.items())),
    }
    flags += [f"{flag}={draw(values)}" for flag, values in optional.items() if draw(st.booleans())]
    flags += draw(st.sampled_from([[], ["--register"], ["--no-register"]]))
    numbers = draw(st.dictionaries(_NAMES, _PORTS, max_size=3))
    flags += [f"--port={port}={number}" for port, number in numbers.items()]
    return flags + (draw(_sidecar_flags(numbers)) if kind == "sidecar" else [])


@st.composite
def _sidecar_flags(draw: st.DrawFn, ports: dict[str, int]) -> list[str]:
    mode = draw(st.sampled_from(list(Interception)))
    flags = [f"--mode={mode.value}"]
    if mode is not Interception.NONE:
        return flags + draw(st.sampled_from([[], ["--dns-capture"]]))
    flags += [f"--app-port={name}={number % 65535 + 1}" for name, number in ports.items() if draw(st.booleans())]
    return flags + [f"--http-proxy-port={port}" for port in draw(st.lists(_PORTS, max_size=1))]


def options_of(flags: list[str]) -> BootstrapOptions:
    parser = argparse.ArgumentParser()
    add_bootstrap_parser(parser.add_subparsers())
    return read_bootstrap_options(parser.parse_args(["bootstrap", *flags]))


def read_over_the_wire(node: dict[str, Any]) -> Proxy:
    """As a server reads the node that an Envoy with this bootstrap sends: numbers have become floats."""
    locality = node.get("locality", {})
    sent = Node(id=node["id"], cluster=node["cluster"], metadata=node["metadata"], **locality)
    request = decode_discovery_request(encode_discovery_request(DiscoveryRequest("type", node=sent)), with_node=True)
    assert request.node is not None
    return proxy_of_node(request.node)


@given(bootstrap_flags(), st.booleans(), st.sampled_from(["", "5ca1ab1e"]))
def test_what_the_bootstrap_writes_is_what_the_server_reads(flags: list[str], agent: bool, agent_id: str) -> None:
    options = options_of(flags)
    tls = XdsTls(roots="", names=("pilot",), secrets=PipeAddress("/run/sds.sock")) if agent else None
    options = BootstrapOptions(**{**vars(options), "xds_tls": tls, "agent_id": agent_id})
    node = build_node(options)
    expected = Proxy(
        id=node["id"],
        kind=options.kind,
        addresses=(options.ip, *options.other_ips),
        name=options.name,
        namespace=options.namespace,
        dns_domain=f"{options.namespace}.svc.{options.domain_suffix}",
        labels=options.labels,
        service_account=options.service_account,
        workload_name=options.workload_name or options.name,
        workload_group=options.workload_group,
        interception=options.interception,
        http_proxy_port=options.http_proxy_port or 0,
        ports=options.ports,
        app_ports=options.app_ports,
        self_register=options.self_register or bool(options.workload_group),
        network=options.network,
        locality=options.locality,
        has_agent=agent,
        agent_id=agent_id,
        dns_capture=options.dns_capture,
        node_cluster=node["cluster"],
        texts=FrozenMap({key: value for key, value in node["metadata"].items() if isinstance(value, str)}),
    )
    assert read_node({"node": json.loads(json.dumps(node))}) == expected
    assert read_over_the_wire(node) == expected


_METADATA = st.builds(
    NodeMetadata,
    name=_NAMES,
    namespace=st.just("") | _NAMES,
    addresses=st.lists(_IPS, max_size=3).map(tuple),
    labels=_LABELS.map(FrozenMap),
    interception=st.none() | st.sampled_from(Interception),
    http_proxy_port=st.just(0) | _PORTS,
    dns_capture=st.booleans(),
    auto_addresses=st.booleans(),
    self_register=st.booleans(),
    has_agent=st.booleans(),
    is_agent=st.booleans(),
    accept_http_10=st.booleans(),
    ports=st.dictionaries(_NAMES, _PORTS, max_size=3).map(FrozenMap),
    app_ports=st.dictionaries(_NAMES, _PORTS, max_size=3).map(FrozenMap),
)


@given(_METADATA)
def test_all_metadata_that_is_written_is_read(metadata: NodeMetadata) -> None:
    assert read_metadata(json.loads(json.dumps(write_metadata(metadata)))) == metadata


def test_what_nobody_has_said_is_left_out() -> None:
    assert write_metadata(NodeMetadata()) == {}
    assert read_metadata({"ISTIO_VERSION": "1.30", "LABELS": None, "HTTP_PROXY_PORT": ""}) == NodeMetadata()


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"PORTS": {"http": math.inf}}, "PORTS: inf is not a port number"),
        ({"PORTS": {"http": math.nan}}, "PORTS: nan is not a port number"),
        ({"PORTS": {"http": -1.0}}, "PORTS: -1.0 is not a port number"),
        ({"PORTS": {"http": 1e300}}, "PORTS: 1e+300 is not a port number"),
        ({"PORTS": {"http": 80.5}}, "PORTS: 80.5 is not a port number"),
        ({"PORTS": {"http": True}}, "PORTS: True is not a port number"),
        ({"PORTS": {"http": []}}, "PORTS: [] is not a port number"),
        ({"PORTS": [80.0]}, "PORTS: [80.0] is not a mapping"),
        ({"PORTS": dict.fromkeys(map(str, range(1001)), 1)}, "PORTS: these are 1,001 entries, and 1,000 are the most"),
        ({"LABELS": {"app": 1.0}}, "LABELS: 1.0 is not a printable text"),
        ({"LABELS": {"app\n": "a"}}, "LABELS: 'app\\n' is not a printable text"),
        ({"LABELS": "app=a"}, "LABELS: 'app=a' is not a mapping"),
        ({"NAMESPACE": {}}, "NAMESPACE: {} is not a printable text"),
        ({"NAMESPACE": "\x1b[2J"}, "NAMESPACE: '\\x1b[2J' is not a printable text"),
        ({"INSTANCE_IPS": "::1%lo"}, "INSTANCE_IPS: '::1%lo' has a zone, which means nothing to another host"),
        (
            {"INSTANCE_IPS": "fe80::1%e"},
            "INSTANCE_IPS: 'fe80::1%e' has a zone, which means nothing to another host",
        ),
        ({"INSTANCE_IPS": "224.0.0.1"}, "INSTANCE_IPS: '224.0.0.1' is not the address of a host"),
        ({"INSTANCE_IPS": "ff02::1"}, "INSTANCE_IPS: 'ff02::1' is not the address of a host"),
        ({"INSTANCE_IPS": "255.255.255.255"}, "INSTANCE_IPS: '255.255.255.255' is not the address of a host"),
        ({"INSTANCE_IPS": 7.0}, "INSTANCE_IPS: 7.0 is not a text"),
        (
            {"INSTANCE_IPS": ",".join(["10.0.0.1"] * 100_000)},
            "INSTANCE_IPS: these are 100,000 addresses, and 64 are the most",
        ),
        ({"INTERCEPTION_MODE": "none"}, "INTERCEPTION_MODE: 'none' is not REDIRECT, TPROXY or NONE"),
        ({"PORTS": {"http": 65536}}, "PORTS: 65536 is not a port number"),
        ({"HTTP_PROXY_PORT": "http"}, "HTTP_PROXY_PORT: 'http' is not a port number"),
        ({"INSTANCE_IPS": "10.0.0.1,reviews"}, "INSTANCE_IPS: 'reviews' is not an IP address"),
    ],
)
def test_a_value_that_is_none_is_told_with_its_node_and_key(written: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NodeError, match=f"^node 'sidecar~10.0.0.7~a.b~b': {re.escape(complaint)}$"):
        read_proxy(node_id="sidecar~10.0.0.7~a.b~b", metadata=written)


@pytest.mark.parametrize("address", ["::1%lo", "224.0.0.1", "ff02::1", "255.255.255.255", "nobody"])
def test_the_address_of_an_id_is_that_of_a_host(address: str) -> None:
    with pytest.raises(NodeError):
        read_proxy(node_id=f"sidecar~{address}~a.b~b", metadata={})


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
@pytest.mark.parametrize("place", ["id", "metadata"])
def test_an_address_that_is_left_open_reaches_nobody(address: str, place: str) -> None:
    node = Node(id=f"sidecar~{address}~a.b~b")
    if place == "metadata":
        node = Node(id="sidecar~10.0.0.7~a.b~b", metadata={"INSTANCE_IPS": f"10.0.0.7,{address}"})
    with pytest.raises(NodeError, match="is not the address of a host"):
        proxy_of_node(node)


@pytest.mark.parametrize(("written", "expected"), [(True, True), ("True", True), ("1", False), (None, False)])
def test_a_flag_is_a_boolean_or_its_word(written: Any, expected: bool) -> None:
    assert read_metadata({"DNS_CAPTURE": written}).dns_capture is expected


def test_other_addresses_leave_every_other_key_as_it_is() -> None:
    written = {"INSTANCE_IPS": "0.0.0.0", "ISTIO_VERSION": "1.30", "PORTS": {"http": 9080.0}}
    assert with_addresses(written, ("10.0.0.7", "fd00::7")) == {**written, "INSTANCE_IPS": "10.0.0.7,fd00::7"}


def test_every_key_is_explained() -> None:
    every = NodeMetadata(
        "a", "b", "c", "d", ("10.0.0.7",), FrozenMap({"a": "b"}), Interception.NONE, 1, True, False, True, True, True,
        "e", "f", "g", "h", "i", True, FrozenMap({"a": 1}), FrozenMap({"a": 2}),
    )  # fmt: skip
    explained = set(re.findall(r"`([A-Z0-9_]+)", DOCUMENT.read_text()))
    assert write_metadata(every).keys() == explained - {"NONE"}


def test_a_locality_of_a_node_in_a_file() -> None:
    node = {"id": "router~10.0.0.7~a.b~b", "locality": {"region": "eu", "subZone": "rack"}}
    proxy = read_node(node)
    assert (proxy.kind, proxy.locality) == (ProxyKind.GATEWAY, Locality("eu", "", "rack"))

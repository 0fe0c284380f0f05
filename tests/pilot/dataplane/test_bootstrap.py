"""The bootstrap says who an Envoy is and where its control plane listens, under Istio's names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from galley.frozen import FrozenMap
from pilot.dataplane.bootstrap import BootstrapOptions, PipeAddress, SocketAddress, build_bootstrap, build_node
from pilot.node.locality import Locality
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary


def options(**changes: Any) -> BootstrapOptions:
    return BootstrapOptions(**{"kind": ProxyKind.SIDECAR, "name": "reviews-1", "ip": "10.0.0.7", **changes})


def clusters(bootstrap: dict[str, Any]) -> dict[str, Any]:
    return {cluster["name"]: cluster for cluster in bootstrap["static_resources"]["clusters"]}


def test_the_node_id_has_type_address_instance_and_domain() -> None:
    assert build_node(options(namespace="shop"))["id"] == "sidecar~10.0.0.7~reviews-1.shop~shop.svc.cluster.local"
    gateway = build_node(options(kind=ProxyKind.GATEWAY, name="ingress", domain_suffix="corp.example"))
    assert gateway["id"] == "router~10.0.0.7~ingress.default~default.svc.corp.example"


def test_the_metadata_carries_the_workload() -> None:
    node = build_node(
        options(
            labels=FrozenMap({"app": "reviews", "version": "v1"}),
            service_account="bookinfo-reviews",
            workload_name="reviews",
            workload_group="reviews-vms",
            ports=FrozenMap({"http": 9080}),
            app_ports=FrozenMap({"http": 19080}),
            interception=Interception.NONE,
            http_proxy_port=15080,
            self_register=True,
            cluster_id="west",
            network="vpn",
        )
    )
    assert node["cluster"] == "reviews.default"
    assert node["metadata"] == {
        "NAME": "reviews-1",
        "NAMESPACE": "default",
        "SERVICE_ACCOUNT": "bookinfo-reviews",
        "WORKLOAD_NAME": "reviews",
        "INSTANCE_IPS": "10.0.0.7",
        "LABELS": {"app": "reviews", "version": "v1"},
        "INTERCEPTION_MODE": "NONE",
        "HTTP_PROXY_PORT": "15080",
        "SELF_REGISTER": "true",
        "AUTO_REGISTER_GROUP": "reviews-vms",
        "CLUSTER_ID": "west",
        "NETWORK": "vpn",
        "PORTS": {"http": 9080},
        "APP_PORTS": {"http": 19080},
    }


def test_what_is_not_said_is_left_out_of_the_metadata() -> None:
    metadata = build_node(options(kind=ProxyKind.GATEWAY))["metadata"]
    assert metadata.keys().isdisjoint(
        {"SELF_REGISTER", "AUTO_REGISTER_GROUP", "HTTP_PROXY_PORT", "PORTS", "NETWORK", "INTERCEPTION_MODE"}
    )


def test_only_the_known_parts_of_a_locality_are_sent() -> None:
    assert build_node(options(locality=Locality("eu", "eu-1")))["locality"] == {"region": "eu", "zone": "eu-1"}
    assert "locality" not in build_node(options())


@pytest.mark.parametrize(("delta", "api_type"), [(True, "DELTA_GRPC"), (False, "GRPC")])
def test_listeners_and_clusters_come_from_the_control_plane(delta: bool, api_type: str) -> None:
    dynamic = build_bootstrap(options(delta=delta))["dynamic_resources"]
    assert dynamic["ads_config"]["api_type"] == api_type
    assert dynamic["ads_config"]["set_node_on_first_message_only"] is True
    for part in ("lds_config", "cds_config"):
        assert dynamic[part] == {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


@pytest.mark.parametrize(
    ("address", "discovery"),
    [
        (SocketAddress("10.0.0.1", 15010), "STATIC"),
        (SocketAddress("::1", 15010), "STATIC"),
        (SocketAddress("pilot.example", 15010), "LOGICAL_DNS"),
        (PipeAddress("/run/pilot.sock"), "STATIC"),
    ],
)
def test_the_control_plane_may_be_an_address_a_name_or_a_socket_file(
    address: SocketAddress | PipeAddress, discovery: str
) -> None:
    cluster = clusters(build_bootstrap(options(xds=address)))["xds-grpc"]
    assert cluster["type"] == discovery
    assert cluster.get("dns_lookup_family") == ("ALL" if discovery == "LOGICAL_DNS" else None)
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
    if isinstance(address, PipeAddress):
        assert endpoint == {"pipe": {"path": "/run/pilot.sock"}}
    else:
        assert endpoint == {"socket_address": {"address": address.host, "port_value": 15010}}


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("10.0.0.7", "10.1.0.7"), {"address": "0.0.0.0", "port_value": 15021}),
        (("fd00::7",), {"address": "::", "port_value": 15021}),
        (("10.0.0.7", "fd00::7"), {"address": "::", "port_value": 15021, "ipv4_compat": True}),
    ],
)
def test_own_listeners_are_reachable_in_the_families_of_the_proxy(
    addresses: tuple[str, ...], expected: dict[str, Any]
) -> None:
    built = build_bootstrap(options(ip=addresses[0], other_ips=addresses[1:], status_port=15021))
    (listener,) = built["static_resources"]["listeners"]
    assert listener["address"] == {"socket_address": expected}
    assert built["node"]["metadata"]["INSTANCE_IPS"] == ",".join(addresses)


def test_its_own_listeners_are_opened_only_when_asked_for() -> None:
    assert "listeners" not in build_bootstrap(options())["static_resources"]
    listeners = build_bootstrap(options(status_port=15021, stats_port=15090))["static_resources"]["listeners"]
    ports = {listener["name"]: listener["address"]["socket_address"]["port_value"] for listener in listeners}
    assert ports == {"status": 15021, "stats": 15090}


@pytest.mark.e2e
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"delta": False, "xds": SocketAddress("pilot.example", 15010), "locality": Locality("a", "b", "c")},
        {
            "interception": Interception.NONE,
            "ports": FrozenMap({"http": 9080}),
            "app_ports": FrozenMap({"http": 19080}),
            "admin": PipeAddress("/tmp/envoy-admin.sock"),
            "xds": PipeAddress("/tmp/xds.sock"),
            "status_port": 15021,
            "stats_port": 15090,
        },
        {"kind": ProxyKind.GATEWAY, "labels": FrozenMap({"istio": "ingressgateway"}), "status_port": 15021},
    ],
    ids=["plain", "sotw", "none", "gateway"],
)
def test_envoy_accepts_it(tmp_path: Path, version: str, case: dict[str, Any]) -> None:
    config = tmp_path / "bootstrap.json"
    config.write_text(json.dumps(build_bootstrap(options(**case))))
    checked = subprocess.run(
        [envoy_binary(version), "--mode", "validate", "-c", config], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "deprecated" not in checked.stderr.lower()

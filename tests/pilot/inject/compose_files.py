"""Compose files as values, for Hypothesis."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

NAMES = ("web", "api", "db", "cache", "worker")
NETWORKS = ("front", "back")

_host_ports = st.sampled_from(["8080:80", "127.0.0.1:5432:5432", 9000, "53:53/udp", "${PORT:-8081}:81", "3000-3002"])
_long_port = st.fixed_dictionaries({"target": st.integers(1, 65535)}, optional={"published": st.integers(1, 65535)})
_networks = st.one_of(
    st.lists(st.sampled_from(NETWORKS), min_size=1, unique=True),
    st.dictionaries(
        st.sampled_from(NETWORKS),
        st.one_of(st.none(), st.fixed_dictionaries({"aliases": st.just(["other"])})),
        min_size=1,
    ),
)


def services() -> st.SearchStrategy[dict[str, Any]]:
    """Several services, some of which are labelled out or have no network of their own."""
    service = st.fixed_dictionaries(
        {"image": st.sampled_from(["nginx", "postgres:16", "x"])},
        optional={
            "ports": st.lists(st.one_of(_host_ports, _long_port), max_size=3),
            "expose": st.lists(st.sampled_from(["8000", 80, "70-72"]), max_size=2),
            "networks": _networks,
            "hostname": st.just("h"),
            "dns": st.sampled_from(["10.0.0.1", ["10.0.0.1"]]),
            "extra_hosts": st.just(["a:10.0.0.2"]),
            "sysctls": st.sampled_from([{"net.core.somaxconn": 1}, ["kernel.msgmax=1", "net.ipv4.ip_forward=1"]]),
            "labels": st.sampled_from([{"version": "v1"}, ["version=v1"], {"sidecar.istio.io/inject": "false"}]),
            "environment": st.just({"TEXT": "two\nlines\n"}),
            "depends_on": st.sampled_from([["db"], {"db": {"condition": "service_healthy"}}, []]),
            "profiles": st.just(["debug"]),
            "scale": st.integers(1, 3),
            "deploy": st.fixed_dictionaries({"replicas": st.integers(1, 3)}),
            "container_name": st.just("mine"),
            "network_mode": st.sampled_from(["host", "none", "bridge"]),
        },
    )
    return st.dictionaries(st.sampled_from(NAMES), service.map(_consistent), min_size=1)


def _consistent(service: dict[str, Any]) -> dict[str, Any]:
    """Nobody has a network mode and networks."""
    return {key: value for key, value in service.items() if key != "networks" or "network_mode" not in service}


def texts() -> st.SearchStrategy[str]:
    """The same as YAML, in several styles."""
    return st.builds(_dump, services(), st.sampled_from([False, None, True]), st.booleans())


def _dump(services: dict[str, Any], flow: bool | None, sections: bool) -> str:
    document: dict[str, Any] = {"services": services}
    if sections:
        document |= {"volumes": {"data": None}, "networks": dict.fromkeys(NETWORKS)}
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=flow)

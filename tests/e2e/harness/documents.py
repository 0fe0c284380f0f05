"""Configuration documents with good defaults, so that a test shows only what it is about."""

from __future__ import annotations

from typing import Any

import yaml

Document = dict[str, Any]


def write(*documents: Document) -> str:
    """The documents as one YAML file."""
    return yaml.safe_dump_all(documents, sort_keys=False)


def service(name: str, *, port: int = 9080, port_name: str = "http", **spec: Any) -> Document:
    """A Kubernetes Service that selects ``app: name``."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": port_name, "port": port}], **spec},
    }


def istio(kind: str, name: str, spec: Document, *, namespace: str = "default") -> Document:
    """A resource of networking.istio.io/v1."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def virtual_service(host: str, *http: Document, **spec: Any) -> Document:
    """A VirtualService for ``host`` with the given HTTP rules."""
    return istio("VirtualService", host.replace("*", "all"), {"hosts": [host], "http": list(http), **spec})


def to(host: str, subset: str | None = None, *, weight: int | None = None, port: int | None = None) -> Document:
    """One destination of a route."""
    destination: Document = {"host": host}
    if subset is not None:
        destination["subset"] = subset
    if port is not None:
        destination["port"] = {"number": port}
    return {"destination": destination} if weight is None else {"destination": destination, "weight": weight}


def destination_rule(host: str, *subsets: str, **spec: Any) -> Document:
    """A DestinationRule with a subset for each of the given versions."""
    named = [{"name": version, "labels": {"version": version}} for version in subsets]
    return istio("DestinationRule", host, {"host": host, **({"subsets": named} if named else {}), **spec})


def gateway(*servers: Document, name: str = "gateway", selector: str = "ingressgateway") -> Document:
    """A Gateway for the proxies with label ``istio: selector``."""
    return istio("Gateway", name, {"selector": {"istio": selector}, "servers": list(servers)})


def server(port: int, *hosts: str, protocol: str = "HTTP", **more: Any) -> Document:
    """One server of a Gateway."""
    return {
        "port": {"number": port, "name": f"{protocol.lower()}-{port}", "protocol": protocol},
        "hosts": list(hosts or ("*",)),
        **more,
    }


def mesh_config(**settings: Any) -> Document:
    """The mesh's settings."""
    return {"apiVersion": "mesh.istio.io/v1alpha1", "kind": "MeshConfig", **settings}

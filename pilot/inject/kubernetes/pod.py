"""The containers and volumes that a pod gets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pilot.inject.options import InjectOptions
from pilot.node.metadata import Interception
from pilot.node.ports import PROXY_GID, PROXY_UID, READINESS_PATH, READINESS_PORT, STATISTICS_PORT

Json = dict[str, Any]

INIT, PROXY = "istio-init", "istio-proxy"
_CREDENTIALS, _TOKEN, _ROOTS = "istio-credentials", "istio-token", "istiod-ca-cert"
SIDECAR_VOLUMES = (_CREDENTIALS, _TOKEN, _ROOTS)

_TOKEN_SECONDS = 43200
_QUANTITY = re.compile(r"[0-9.]+([eE][-+]?[0-9]+|m|k|[KMGTPE]i?)?")
_RESOURCES = {
    "proxyCPU": ("requests", "cpu", "100m"),
    "proxyMemory": ("requests", "memory", "128Mi"),
    "proxyCPULimit": ("limits", "cpu", "2"),
    "proxyMemoryLimit": ("limits", "memory", "1Gi"),
}
"""Istio's annotations for resources, where they go, and Istio's defaults."""


def init_container(options: InjectOptions, interception: Interception, flags: Iterable[str]) -> Json:
    """Writes the capture rules, as root and with the two capabilities that takes."""
    dns = ["--redirect-dns", "--no-dns-tcp"] if options.dns_capture else []
    return {
        "name": INIT,
        "image": options.image,
        "args": ["redirect", f"--mode={interception.value}", *flags, *dns],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": False,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "runAsUser": 0,
        },
    }


def proxy_container(
    options: InjectOptions,
    interception: Interception,
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    workload: str,
    containers: Iterable[Any],
) -> Json:
    """`pilot agent` with its Envoy. Raises ValueError for a quantity that is none."""
    probe = {"httpGet": {"path": READINESS_PATH, "port": READINESS_PORT}}
    return {
        "name": PROXY,
        "image": annotations.get("sidecar.istio.io/proxyImage", options.agent_image),
        "args": _arguments(options, interception, labels, workload, containers),
        "env": [_from_field(name, field) for name, field in _FIELDS.items()],
        "ports": [{"name": "http-envoy-prom", "containerPort": STATISTICS_PORT, "protocol": "TCP"}],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 600, "timeoutSeconds": 3},
        "readinessProbe": {**probe, "periodSeconds": 15, "failureThreshold": 4, "timeoutSeconds": 3},
        "resources": _resources(annotations),
        "securityContext": _security_context(interception),
        "volumeMounts": [
            {"name": _CREDENTIALS, "mountPath": "/var/lib/istio"},
            {"name": _TOKEN, "mountPath": "/var/run/secrets/tokens", "readOnly": True},
            {"name": _ROOTS, "mountPath": "/var/run/secrets/istio", "readOnly": True},
        ],
    }


def volumes(options: InjectOptions) -> tuple[Json, ...]:
    """A token of the pod's service account for the audience istio-ca, the roots, and memory for the agent's key."""
    token = {"audience": "istio-ca", "expirationSeconds": _TOKEN_SECONDS, "path": "istio-token"}
    return (
        {"name": _CREDENTIALS, "emptyDir": {"medium": "Memory"}},
        {"name": _TOKEN, "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": _ROOTS, "configMap": {"name": options.root_config_map}},
    )


_FIELDS = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "INSTANCE_IP": "status.podIP",
    "SERVICE_ACCOUNT": "spec.serviceAccountName",
}


def _from_field(name: str, field: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}


def _arguments(
    options: InjectOptions,
    interception: Interception,
    labels: Mapping[str, str],
    workload: str,
    containers: Iterable[Any],
) -> list[str]:
    return [
        "sidecar",
        "--name=$(POD_NAME)",
        "--namespace=$(POD_NAMESPACE)",
        "--service-account=$(SERVICE_ACCOUNT)",
        "--ip=$(INSTANCE_IP)",
        *([f"--workload-name={workload}"] if workload else []),
        *([f"--labels={','.join(f'{key}={value}' for key, value in labels.items())}"] if labels else []),
        *(f"--port={name}={number}" for name, number in _named_ports(containers).items()),
        f"--mode={interception.value}",
        *(["--dns-capture"] if options.dns_capture else []),
        f"--xds-address={options.xds_address}",
        f"--ca-address={options.ca_address}",
        "--root-cert=/var/run/secrets/istio/root-cert.pem",
        "--token=/var/run/secrets/tokens/istio-token",
        "--credentials=/var/lib/istio/agent",
    ]


def _named_ports(containers: Iterable[Any]) -> dict[str, int]:
    """Ports that Services may name as their target."""
    named: dict[str, int] = {}
    for container in containers:
        if not isinstance(container, Mapping) or container.get("name") == PROXY:
            continue
        for port in container.get("ports") or []:
            number = port.get("containerPort") if isinstance(port, Mapping) else None
            if isinstance(number, int) and port.get("name") and port.get("protocol", "TCP") == "TCP":
                named.setdefault(str(port["name"]), number)
    return named


def _resources(annotations: Mapping[str, str]) -> Json:
    resources: Json = {"requests": {}, "limits": {}}
    for name, (section, resource, default) in _RESOURCES.items():
        quantity = annotations.get(f"sidecar.istio.io/{name}", default)
        if not _QUANTITY.fullmatch(quantity):
            raise ValueError(f"the annotation sidecar.istio.io/{name} {quantity!r} is no quantity, such as {default}")
        resources[section][resource] = quantity
    return resources


def _security_context(interception: Interception) -> Json:
    """TPROXY needs NET_ADMIN, which Kubernetes gives to root alone; the capture rules know the proxy by its group."""
    tproxy = interception is Interception.TPROXY
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {**({"add": ["NET_ADMIN"]} if tproxy else {}), "drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": PROXY_GID,
        "runAsNonRoot": not tproxy,
        "runAsUser": 0 if tproxy else PROXY_UID,
    }

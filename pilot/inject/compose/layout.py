"""The services that inject adds to a compose file, as values: a pod and a sidecar for each workload, the control plane,
and the step that mints bootstraps."""

from __future__ import annotations

import shlex
from typing import Any

from galley.frozen import FrozenMap, frozen
from pilot.inject.options import InjectOptions, SidecarKind
from pilot.node.metadata import Interception
from pilot.node.ports import PROXY_GID, PROXY_UID, READINESS_PATH, READINESS_PORT, XDS_MTLS_PORT, XDS_TLS_PORT
from pilot.registry.container_labels import ContainerLabels

Json = dict[str, Any]

MARK = "pilothouse.io/injected"
"""The label of what inject made. Its value says what: see the constants below."""
POD, SIDECAR, INSTANCE, CONTROL = "pod", "sidecar", "instance", "control-plane"
REPLICAS_LABEL = "pilothouse.io/replicas"

PILOT, BOOTSTRAPS = "pilot", "bootstraps"
CONTROL_PLANE = (PILOT, BOOTSTRAPS)
STATE_VOLUME, ROOTS_VOLUME = "pilothouse", "pilothouse-roots"
MESH_NETWORK = "pilothouse"

STATE = "/var/lib/pilothouse"
_ROOTS = "/etc/pilothouse"
"""Where a stock sidecar finds the roots that the control plane publishes, and follows them."""
_CAPTURED = "/run/captured"
_EVERY_THREE_SECONDS = {"interval": "3s", "timeout": "5s", "retries": 40}
_PROXY_USER = f"{PROXY_UID}:{PROXY_GID}"
_TPROXY_USER = f"0:{PROXY_GID}"
"""Docker gives capabilities to root alone; the capture rules know this proxy by its group."""
_READY = (
    f"exec 3<>/dev/tcp/127.0.0.1/{READINESS_PORT} && "
    f"printf 'GET {READINESS_PATH} HTTP/1.1\\r\\nHost: pod\\r\\nConnection: close\\r\\n\\r\\n' >&3 && "
    "grep -q '200 OK' <&3"
)
"""The stock image has no curl."""


CANONICAL_NAME = "service.istio.io/canonical-name"


@frozen
class ComposeWorkload:
    """One instance of a service of a compose file: the service of which it is one, the settings in its labels, and how
    it is captured."""

    service: str
    instance: str
    settings: ContainerLabels
    ports: FrozenMap[str, int]
    flags: tuple[str, ...] = ()
    interception: Interception = Interception.REDIRECT
    profiles: tuple[str, ...] = ()
    replicas: int = 1

    @property
    def selector(self) -> tuple[str, str]:
        """The label that the workloads of this service have, and no others: ``app``, unless the user means something
        else by it."""
        app = self.settings.labels.get("app")
        return ("app", app) if app == self.settings.service else (CANONICAL_NAME, self.settings.service)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the workload."""
        return {**self.settings.labels, **dict([self.selector])}

    @property
    def pod(self) -> str:
        """The name of the service that holds its network namespace."""
        return f"{self.instance}-pod"

    @property
    def sidecar(self) -> str:
        """The name of the service that is its proxy."""
        return f"{self.instance}-sidecar"

    @property
    def volume(self) -> str:
        """The name of the volume from which the proxy starts: its bootstrap, or token and roots."""
        return f"{self.instance}-bootstrap"


def pod_service(workload: ComposeWorkload, options: InjectOptions) -> Json:
    """Holds the network namespace. Root and NET_ADMIN are for the capture rules, which it writes first."""
    replicas = {REPLICAS_LABEL: str(workload.replicas)} if workload.replicas > 1 else {}
    dns = ["--redirect-dns", "--no-dns-tcp"] if options.dns_capture else []
    return {
        "image": options.image,
        "command": [
            "pilot",
            "redirect",
            f"--mode={workload.interception.value}",
            *workload.flags,
            *dns,
            "--hold",
            f"--ready-file={_CAPTURED}",
        ],
        "user": "root",
        "cap_drop": ["ALL"],
        "cap_add": ["NET_ADMIN", "NET_RAW", "SETUID", "SETGID"],
        "restart": "unless-stopped",
        "stop_grace_period": "1s",
        "healthcheck": {"test": ["CMD", "test", "-e", _CAPTURED], **_EVERY_THREE_SECONDS},
        **_profiles(workload),
        "labels": {MARK: POD, **replicas},
    }


def sidecar_service(workload: ComposeWorkload, options: InjectOptions) -> Json:
    """The proxy, in the namespace of the pod."""
    agent = options.sidecar is SidecarKind.AGENT
    tproxy = workload.interception is Interception.TPROXY
    return {
        "image": options.agent_image if agent else options.proxy_image,
        "command": _agent_command(workload, options) if agent else _envoy_command(),
        "user": _TPROXY_USER if tproxy else _PROXY_USER,
        "cap_drop": ["ALL"],
        **({"cap_add": ["NET_ADMIN", "DAC_OVERRIDE"]} if tproxy else {}),
        "network_mode": f"service:{workload.pod}",
        "volumes": [f"{workload.volume}:/etc/envoy"]
        if agent
        else [f"{workload.volume}:/etc/envoy:ro", f"{ROOTS_VOLUME}:{_ROOTS}:ro"],
        "depends_on": {
            workload.pod: {"condition": "service_healthy"},
            PILOT: {"condition": "service_healthy"},
            BOOTSTRAPS: {"condition": "service_completed_successfully"},
        },
        "restart": "unless-stopped",
        "healthcheck": {"test": ["CMD", "bash", "-c", _READY], **_EVERY_THREE_SECONDS},
        **_profiles(workload),
        "labels": {MARK: SIDECAR},
    }


def _envoy_command() -> list[str]:
    levels = ["--log-level", "warning", "--component-log-level", "misc:error"]
    return ["envoy", "-c", "/etc/envoy/envoy.yaml", "--concurrency", "1", *levels]


def _agent_command(workload: ComposeWorkload, options: InjectOptions) -> list[str]:
    return [
        "sidecar",
        *_node_flags(workload, options),
        f"--xds-address={PILOT}:{XDS_MTLS_PORT}",
        f"--ca-address={PILOT}:{XDS_TLS_PORT}",
        "--root-cert=/etc/envoy/root-cert.pem",
        "--token=/etc/envoy/token",
        "--credentials=/etc/envoy/agent",
    ]


def _node_flags(workload: ComposeWorkload, options: InjectOptions) -> list[str]:
    settings = workload.settings
    return [
        f"--name={workload.instance}",
        f"--namespace={settings.namespace}",
        f"--service-account={settings.service_account}",
        f"--workload-name={workload.service}",
        "--ip=peer",
        f"--labels={','.join(f'{key}={value}' for key, value in workload.labels.items())}",
        *(f"--port={name}={number}" for name, number in workload.ports.items()),
        f"--mode={workload.interception.value}",
        *(["--dns-capture"] if options.dns_capture else []),
    ]


def pilot_service(options: InjectOptions) -> Json:
    """Watches the rules and serves the sidecars."""
    socket = "/var/run/docker.sock"
    return {
        "image": options.image,
        "command": [
            "pilot",
            "serve",
            "--config=/rules",
            "--allow-empty",
            f"--citadel={STATE}",
            f"--state={STATE}",
            f"--xds-address=0.0.0.0:{XDS_TLS_PORT}",
            f"--xds-mtls-address=0.0.0.0:{XDS_MTLS_PORT}",
            f"--xds-san={PILOT}",
            *(["--docker"] if options.docker else []),
        ],
        "volumes": [
            f"{options.rules}:/rules:ro",
            f"{STATE_VOLUME}:{STATE}",
            f"{ROOTS_VOLUME}:{STATE}/public",
            *([f"{socket}:{socket}:ro"] if options.docker else []),
        ],
        **({"group_add": ["${DOCKER_GID:-0}"]} if options.docker else {}),
        "restart": "unless-stopped",
        "healthcheck": {"test": ["CMD", "pilot", "health"], **_EVERY_THREE_SECONDS},
        "labels": _control_labels(),
    }


def bootstraps_service(workloads: tuple[ComposeWorkload, ...], options: InjectOptions) -> Json:
    """Mints, once, what each sidecar starts with, into the volume of that sidecar."""
    lines = [line for workload in workloads for line in _minting(workload, options)]
    return {
        "image": options.image,
        "user": "root",
        "command": ["sh", "-ec", "\n".join([*lines, f"chown -R {_PROXY_USER} /bootstraps"]) + "\n"],
        "volumes": [f"{STATE_VOLUME}:{STATE}", *(f"{one.volume}:/bootstraps/{one.instance}" for one in workloads)],
        "depends_on": {PILOT: {"condition": "service_healthy"}},
        "labels": _control_labels(),
    }


def _minting(workload: ComposeWorkload, options: InjectOptions) -> list[str]:
    folder = f"/bootstraps/{workload.instance}"
    if options.sidecar is SidecarKind.AGENT:
        settings = workload.settings
        words = ["citadel", "token", "create", f"--state={STATE}", f"--namespace={settings.namespace}"]
        words += [f"--service-account={settings.service_account}", "--ttl=90d", f"--out={folder}/token"]
        return [_line(words), _line(["cp", f"{STATE}/citadel/root-cert.pem", folder])]
    words = ["pilot", "bootstrap", "sidecar", *_node_flags(workload, options)]
    words += [
        f"--xds-address={PILOT}:{XDS_TLS_PORT}",
        f"--citadel={STATE}",
        f"--root-cert-sds={_ROOTS}/root-cert.sds.json",
    ]
    words += [f"--output={folder}/envoy.yaml"]
    return [_line(words)]


def _line(words: list[str]) -> str:
    return shlex.join(words).replace("$", "$$")


def _profiles(workload: ComposeWorkload) -> Json:
    return {"profiles": list(workload.profiles)} if workload.profiles else {}


def _control_labels() -> Json:
    return {MARK: CONTROL, "pilothouse.io/discover": "false"}

"""KINDS, the one table: API group and kind to the type that holds it, its versions and its checks.

An API group with several kinds has a folder (``networking``, ``security``, ``kubernetes``), a kind that is alone in its
group a file of its name; its checks are at the same path below ``checks``. ``values`` holds what several kinds share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from galley.kinds.checks.kubernetes.service import check_service
from galley.kinds.checks.mesh_config import check_mesh_config
from galley.kinds.checks.networking.destination_rule import check_destination_rule
from galley.kinds.checks.networking.envoy_filter import check_envoy_filter
from galley.kinds.checks.networking.gateway import check_gateway
from galley.kinds.checks.networking.service_entry import check_service_entry
from galley.kinds.checks.networking.sidecar import check_sidecar
from galley.kinds.checks.networking.virtual_service import check_virtual_service
from galley.kinds.checks.networking.workload import check_workload_entry, check_workload_group
from galley.kinds.checks.security.authorization_policy import check_authorization_policy
from galley.kinds.checks.security.peer_authentication import check_peer_authentication
from galley.kinds.checks.security.request_authentication import check_request_authentication
from galley.kinds.checks.telemetry import check_telemetry
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.envoy_filter import EnvoyFilter
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.service_entry import ServiceEntry, WorkloadEntry, WorkloadGroup
from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.networking.virtual_service import VirtualService
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.security.request_authentication import RequestAuthentication
from galley.kinds.telemetry import Telemetry
from galley.meta import Resource
from galley.text.recorder import Recorder

NETWORKING = "networking.istio.io"
SECURITY = "security.istio.io"
ISTIO_VERSIONS = ("v1", "v1beta1", "v1alpha3")

Check = Callable[[Recorder, Resource[Any]], None]
"""Records all that is wrong with one resource of the kind."""


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind. ``type`` is None where it is known but not read: ``unsupported`` says then what that means.

    A kind with ``is_security`` set that is not read is an error instead of a warning. A kind that is not namespaced
    has the namespace "".
    """

    group: str
    kind: str
    type: type | None
    versions: tuple[str, ...] = ISTIO_VERSIONS
    check: Check | None = None
    unsupported: str = ""
    is_security: bool = False
    is_namespaced: bool = True

    @property
    def api_versions(self) -> tuple[str, ...]:
        """What ``apiVersion`` may say, newest first."""
        return tuple(f"{self.group}/{version}" if self.group else version for version in self.versions)


MESH_CONFIG = KindSpec(
    "mesh.istio.io", "MeshConfig", MeshConfig, ("v1alpha1",), check=check_mesh_config, is_namespaced=False
)
"""Settings of the whole mesh. A document needs no name, and its fields may stand at the top, as in Istio's own file."""

_ROWS = (
    KindSpec(NETWORKING, "VirtualService", VirtualService, check=check_virtual_service),
    KindSpec(NETWORKING, "DestinationRule", DestinationRule, check=check_destination_rule),
    KindSpec(NETWORKING, "Gateway", Gateway, check=check_gateway),
    KindSpec(NETWORKING, "ServiceEntry", ServiceEntry, check=check_service_entry),
    KindSpec(NETWORKING, "WorkloadEntry", WorkloadEntry, check=check_workload_entry),
    KindSpec(NETWORKING, "WorkloadGroup", WorkloadGroup, check=check_workload_group),
    KindSpec(NETWORKING, "Sidecar", Sidecar, check=check_sidecar),
    KindSpec("", "Service", KubernetesService, ("v1",), check=check_service),
    MESH_CONFIG,
    KindSpec(
        SECURITY,
        "PeerAuthentication",
        PeerAuthentication,
        ("v1", "v1beta1"),
        check=check_peer_authentication,
        is_security=True,
    ),
    KindSpec(
        SECURITY,
        "RequestAuthentication",
        RequestAuthentication,
        ("v1", "v1beta1"),
        check=check_request_authentication,
        is_security=True,
    ),
    KindSpec(
        SECURITY,
        "AuthorizationPolicy",
        AuthorizationPolicy,
        ("v1", "v1beta1"),
        check=check_authorization_policy,
        is_security=True,
    ),
    KindSpec(NETWORKING, "EnvoyFilter", EnvoyFilter, ("v1alpha3",), check=check_envoy_filter),
    KindSpec(NETWORKING, "ProxyConfig", None, ("v1beta1",), unsupported="write proxies' settings into their bootstrap"),
    KindSpec("telemetry.istio.io", "Telemetry", Telemetry, ("v1", "v1alpha1"), check=check_telemetry),
    KindSpec("extensions.istio.io", "WasmPlugin", None, ("v1alpha1",), unsupported="the plugin is not loaded"),
    KindSpec("extensions.istio.io", "TrafficExtension", None, ("v1alpha1",), unsupported="the extension is not loaded"),
    KindSpec("install.istio.io", "IstioOperator", None, ("v1alpha1",), unsupported="nothing is installed"),
)

KINDS: dict[tuple[str, str], KindSpec] = {(row.group, row.kind): row for row in _ROWS}

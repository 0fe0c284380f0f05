"""What a person may ask of `pilot inject`, and what comes back."""

from __future__ import annotations

from enum import StrEnum

from galley.frozen import FrozenMap, frozen
from galley.meta import Labels
from pilot.node.metadata import Interception
from pilot.node.ports import PROXY_UID, XDS_MTLS_PORT, XDS_TLS_PORT

TRAFFIC_PREFIX = "traffic.sidecar.istio.io/"
PROXY_USER_REMARK = (
    f"runs as {PROXY_UID}, the user of the proxy, whose traffic is not captured: it goes past the mesh; "
    "give the application another user"
)
INTERCEPTION_MODE = "sidecar.istio.io/interceptionMode"


class SidecarKind(StrEnum):
    """STOCK: an unchanged Envoy, whose key the control plane makes. AGENT: `pilot agent`, which makes the key itself,
    renews it, and drains Envoy before it ends."""

    STOCK = "stock"
    AGENT = "agent"


@frozen
class InjectOptions:
    """Settings of one run. ``capture`` holds Istio's traffic annotations by name without prefix (as
    ``excludeOutboundPorts``) for workloads that do not set them. ``rules`` is the directory of rules as the compose
    file names it."""

    image: str = "pilothouse:latest"
    proxy_image: str = "envoyproxy/envoy:v1.40.0"
    agent_image: str = "pilothouse-agent:latest"
    sidecar: SidecarKind = SidecarKind.STOCK
    interception: Interception = Interception.REDIRECT
    dns_capture: bool = False
    inject_by_default: bool = True
    capture: Labels = FrozenMap()
    rules: str = "./rules"
    docker: bool = False
    xds_address: str = f"pilot.istio-system.svc:{XDS_MTLS_PORT}"
    ca_address: str = f"pilot.istio-system.svc:{XDS_TLS_PORT}"
    root_config_map: str = "istio-ca-root-cert"
    native_sidecar: bool = True


@frozen
class Remark:
    """Something the user should know: about ``line`` (from 1) of the input, or 0 for all of it."""

    line: int
    text: str


class InjectError(Exception):
    """The input cannot be injected; nothing was changed. ``line`` counts from 1, 0 when no line is to blame."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line

"""Sidecar: what a workload's proxy listens on and which services it knows (networking.istio.io)."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from galley.frozen import frozen
from galley.kinds.attachment import Attachment, Precedence
from galley.kinds.networking.destination_rule import ConnectionPoolSettings
from galley.kinds.networking.gateway import ServerTlsSettings
from galley.kinds.values import Destination, NetworkingWorkloadSelector, unenforced, unsupported


class CaptureMode(StrEnum):
    """Whether traffic reaches a listener by redirection (IPTABLES) or by connecting to it (NONE)."""

    DEFAULT = "DEFAULT"
    IPTABLES = "IPTABLES"
    NONE = "NONE"


@frozen
class SidecarPort:
    """A port of an ingress or egress listener."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = unsupported(0, "it is deprecated and ignored")


@frozen
class IstioEgressListener:
    """An outbound listener and the services (``namespace/host``) that it imports."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    hosts: tuple[str, ...] = ()


@frozen
class IstioIngressListener:
    """An inbound listener; ``default_endpoint`` is where the application listens (``127.0.0.1:PORT``, ``unix://…``)."""

    port: SidecarPort | None = None
    bind: str = ""
    capture_mode: CaptureMode = CaptureMode.DEFAULT
    default_endpoint: str = ""
    tls: ServerTlsSettings | None = unenforced(None, "the listener would be plain text")
    connection_pool: ConnectionPoolSettings | None = None


class OutboundTrafficPolicyMode(StrEnum):
    """What happens to traffic for unknown destinations."""

    REGISTRY_ONLY = "REGISTRY_ONLY"
    ALLOW_ANY = "ALLOW_ANY"
    ALLOW_ANY_DYNAMIC_DNS = "ALLOW_ANY_DYNAMIC_DNS"


@frozen
class OutboundTrafficPolicy:
    """Treatment of unknown destinations; absent ``mode`` is REGISTRY_ONLY, the first value of Istio's enum."""

    mode: OutboundTrafficPolicyMode = OutboundTrafficPolicyMode.REGISTRY_ONLY
    egress_proxy: Destination | None = unsupported(None, "unknown traffic goes out directly")


@frozen
class Sidecar:
    """Configuration of the proxies that ``workload_selector`` selects (none: all of the namespace)."""

    attachment: ClassVar[Attachment[Sidecar]] = Attachment(
        Precedence.NARROWEST, selector=lambda spec: spec.workload_selector
    )
    workload_selector: NetworkingWorkloadSelector | None = None
    ingress: tuple[IstioIngressListener, ...] = ()
    egress: tuple[IstioEgressListener, ...] = ()
    outbound_traffic_policy: OutboundTrafficPolicy | None = None
    inbound_connection_pool: ConnectionPoolSettings | None = None

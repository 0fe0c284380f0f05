"""MeshConfig: settings of the whole mesh (mesh.istio.io), from a file, with Istio's defaults."""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

from galley.frozen import frozen
from galley.kinds.extension_provider import ExtensionProvider
from galley.kinds.http import HttpRetry
from galley.kinds.networking.destination_rule import LocalityLbSetting
from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode
from galley.kinds.telemetry import NO_TAGS, CustomTags
from galley.kinds.values import ClientTlsSettings, TcpKeepalive, unsupported, until_identities

EVERYWHERE = ("*",)

_NOT_CALLED = "spans are sent to Zipkin, or to a provider that a Telemetry resource or defaultProviders name"

DEFAULT_TRUST_DOMAIN = "cluster.local"
"""The trust domain of a mesh that names none (Istio's)."""

DEFAULT_SAMPLING = 1.0
"""The percentage of requests that begin a trace where nothing else is said (Istio's)."""


class InboundTrafficPolicyMode(StrEnum):
    """Where inbound traffic is forwarded: to its original destination, or to 127.0.0.1."""

    PASSTHROUGH = "PASSTHROUGH"
    LOCALHOST = "LOCALHOST"


@frozen
class InboundTrafficPolicy:
    """Treatment of inbound traffic."""

    mode: InboundTrafficPolicyMode = InboundTrafficPolicyMode.PASSTHROUGH


@frozen
class MeshOutboundTrafficPolicy:
    """Mesh-wide treatment of unknown destinations."""

    mode: OutboundTrafficPolicyMode = OutboundTrafficPolicyMode.ALLOW_ANY
    tls: ClientTlsSettings | None = unsupported(None)


class MeshH2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 ports are spoken to in HTTP/2 by default."""

    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


class AccessLogEncoding(StrEnum):
    """Format of access log lines."""

    TEXT = "TEXT"
    JSON = "JSON"


class NormalizationType(StrEnum):
    """How paths are normalized before they are matched; DEFAULT is BASE."""

    DEFAULT = "DEFAULT"
    NONE = "NONE"
    BASE = "BASE"
    MERGE_SLASHES = "MERGE_SLASHES"
    DECODE_AND_MERGE_SLASHES = "DECODE_AND_MERGE_SLASHES"


@frozen
class PathNormalization:
    """Path normalization of every proxy; policies see the normalized path."""

    normalization: NormalizationType = NormalizationType.DEFAULT


class ForwardClientCertDetails(StrEnum):
    """What a gateway does with ``x-forwarded-client-cert``."""

    UNDEFINED = "UNDEFINED"
    SANITIZE = "SANITIZE"
    FORWARD_ONLY = "FORWARD_ONLY"
    APPEND_FORWARD = "APPEND_FORWARD"
    SANITIZE_SET = "SANITIZE_SET"
    ALWAYS_FORWARD_ONLY = "ALWAYS_FORWARD_ONLY"


@frozen
class Topology:
    """What stands in front of a gateway."""

    num_trusted_proxies: int = 0
    forward_client_cert_details: ForwardClientCertDetails = ForwardClientCertDetails.UNDEFINED
    proxy_protocol: Any = unsupported(None, "no PROXY protocol is expected")


@frozen
class ZipkinAddress:
    """A Zipkin at ``host:port``, which is that of a service; a name without the mesh's domain is completed."""

    address: str = ""


@frozen
class ProxyTracing:
    """Spans, as far as neither Telemetry resources nor ``defaultProviders`` say it. ``sampling`` is a percentage; 0
    and more than 100 are Istio's default."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("zipkin", "lightstep", "datadog", "stackdriver", "open_census_agent"),
    )
    zipkin: ZipkinAddress | None = None
    lightstep: Any = unsupported(None, _NOT_CALLED)
    datadog: Any = unsupported(None, _NOT_CALLED)
    stackdriver: Any = unsupported(None, _NOT_CALLED)
    open_census_agent: Any = unsupported(None, _NOT_CALLED)
    custom_tags: CustomTags = NO_TAGS
    max_path_tag_length: int = 0
    sampling: float = 0.0
    tls_settings: Any = unsupported(None, "a DestinationRule for the server's host says it")
    enable_istio_tags: bool | None = None


@frozen
class DefaultProviders:
    """The providers of workloads for which no Telemetry resource names others; of tracing the first one counts."""

    tracing: tuple[str, ...] = ()
    metrics: tuple[str, ...] = unsupported((), "Envoys' own statistics are always there")
    access_logging: tuple[str, ...] = unsupported((), "MeshConfig's accessLogFile says where all proxies log")


@frozen
class ProxyConfig:
    """``defaultConfig``: only the fields that reach xDS; all others belong to a proxy's bootstrap."""

    gateway_topology: Topology | None = None
    discovery_address: str = unsupported("", "pilot bootstrap --xds-address says where Envoys connect")
    concurrency: int | None = unsupported(None, "start Envoy with --concurrency")
    discovery_refresh_delay: timedelta | None = unsupported(None)
    drain_duration: timedelta | None = unsupported(None, "start Envoy with --drain-time-s")
    termination_drain_duration: timedelta | None = unsupported(None)
    proxy_admin_port: int = unsupported(0, "pilot bootstrap --admin-port says it")
    status_port: int = unsupported(0)
    stat_name_length: int = unsupported(0)
    service_cluster: str = unsupported("", "pilot bootstrap says it")
    interception_mode: str = unsupported("", "pilot bootstrap --mode says it")
    config_path: str = unsupported("")
    binary_path: str = unsupported("")
    tracing_service_name: str = unsupported("")
    tracing: ProxyTracing = ProxyTracing()
    proxy_metadata: Any = unsupported(None, "node metadata comes from pilot bootstrap")
    proxy_headers: Any = unsupported(None)
    proxy_stats_matcher: Any = unsupported(None)
    extra_stat_tags: Any = unsupported(None)
    hold_application_until_proxy_starts: bool | None = unsupported(None)
    control_plane_auth_policy: str = unsupported("")
    mesh_id: str = unsupported("", "pilot bootstrap says it")
    image: Any = unsupported(None)
    readiness_probe: Any = unsupported(None)
    runtime_values: Any = unsupported(None)
    envoy_access_log_service: Any = unsupported(None)
    envoy_metrics_service: Any = unsupported(None)
    ca_certificates_pem: Any = unsupported(None)
    private_key_provider: Any = unsupported(None)
    connection_settings: Any = unsupported(None)
    availability_zone: str = unsupported("")
    custom_config_file: str = unsupported("")
    proxy_bootstrap_template_path: str = unsupported("")
    statsd_udp_address: str = unsupported("")
    zipkin_address: str = unsupported("")
    envoy_metrics_service_address: str = unsupported("")
    sds: Any = unsupported(None)
    stats_compression: bool | None = unsupported(None)
    file_flush_interval: timedelta | None = unsupported(None)
    file_flush_min_size_kb: int | None = unsupported(None)


@frozen
class MeshConfig:
    """The mesh's settings; every default is Istio's."""

    proxy_listen_port: int = 15001
    proxy_inbound_listen_port: int = 15006
    proxy_http_port: int = 0
    connect_timeout: timedelta = timedelta(seconds=10)
    protocol_detection_timeout: timedelta = timedelta(0)
    tcp_keepalive: TcpKeepalive | None = None
    access_log_file: str = ""
    access_log_format: str = ""
    access_log_encoding: AccessLogEncoding = AccessLogEncoding.TEXT
    default_config: ProxyConfig = ProxyConfig()
    outbound_traffic_policy: MeshOutboundTrafficPolicy = MeshOutboundTrafficPolicy()
    inbound_traffic_policy: InboundTrafficPolicy = InboundTrafficPolicy()
    default_service_export_to: tuple[str, ...] = EVERYWHERE
    default_virtual_service_export_to: tuple[str, ...] = EVERYWHERE
    default_destination_rule_export_to: tuple[str, ...] = EVERYWHERE
    root_namespace: str = "istio-system"
    dns_refresh_rate: timedelta = timedelta(seconds=60)
    h2_upgrade_policy: MeshH2UpgradePolicy = MeshH2UpgradePolicy.DO_NOT_UPGRADE
    default_http_retry_policy: HttpRetry | None = None
    trust_domain: str = DEFAULT_TRUST_DOMAIN
    trust_domain_aliases: tuple[str, ...] = field(
        default=(), metadata={"unsupported": "the mesh issues no identities", **until_identities()}
    )
    enable_auto_mtls: bool | None = None
    mesh_mtls: Any = field(default=None, metadata={"name": "meshMTLS", "unenforced": "no mutual TLS is configured yet"})
    tls_defaults: Any = unsupported(None)
    locality_lb_setting: LocalityLbSetting = LocalityLbSetting()
    zone_aware_lb_setting: Any = unsupported(None, "endpoints of all zones count alike")
    hbone_idle_timeout: timedelta | None = unsupported(None)
    ingress_class: str = unsupported("")
    ingress_service: str = unsupported("")
    ingress_selector: str = unsupported("")
    ingress_controller_mode: str = unsupported("")
    enable_tracing: bool = True
    enable_envoy_access_log_service: bool = unsupported(False)
    disable_envoy_listener_log: bool = unsupported(False)
    config_sources: Any = unsupported(None, "pilot serve --config names the directories")
    ca_certificates: Any = unsupported(None)
    certificates: Any = unsupported(None)
    inbound_cluster_stat_name: str = unsupported("")
    outbound_cluster_stat_name: str = unsupported("")
    service_settings: Any = unsupported(None)
    service_scope_configs: Any = unsupported(None)
    enable_prometheus_merge: bool | None = unsupported(None)
    verify_certificate_at_client: bool | None = unsupported(None)
    ca: Any = unsupported(None)
    extension_providers: tuple[ExtensionProvider, ...] = ()
    default_providers: DefaultProviders = DefaultProviders()
    discovery_selectors: Any = unsupported(None)
    path_normalization: PathNormalization = PathNormalization()
    default_traffic_policy: Any = unsupported(None)
    service_entry_visibility: Any = unsupported(None)

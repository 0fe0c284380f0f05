"""Rules of connection pools (circuit breakers) and outlier detection."""

from __future__ import annotations

from dataclasses import fields

from galley.kinds.checks.scalars import check_duration, check_not_negative, check_percent
from galley.kinds.networking.destination_rule import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HttpSettings,
    OutlierDetection,
    TcpSettings,
)
from galley.text.recorder import Recorder


def check_connection_pool(recorder: Recorder, path: str, pool: ConnectionPoolSettings) -> None:
    """Limits that are not negative, durations that Envoy can keep."""
    if pool.tcp is None and pool.http is None:
        recorder.error(path, "empty-policy", "says nothing", "give tcp or http")
    if pool.tcp is not None:
        _check_tcp(recorder, f"{path}.tcp", pool.tcp)
    if pool.http is not None:
        _check_http(recorder, f"{path}.http", pool.http)


def _check_tcp(recorder: Recorder, path: str, tcp: TcpSettings) -> None:
    check_not_negative(recorder, f"{path}.maxConnections", tcp.max_connections)
    check_duration(recorder, f"{path}.connectTimeout", tcp.connect_timeout)
    check_duration(recorder, f"{path}.maxConnectionDuration", tcp.max_connection_duration)
    check_duration(recorder, f"{path}.idleTimeout", tcp.idle_timeout, zero=True)
    if tcp.tcp_keepalive is not None:
        check_not_negative(recorder, f"{path}.tcpKeepalive.probes", tcp.tcp_keepalive.probes)
        check_duration(recorder, f"{path}.tcpKeepalive.time", tcp.tcp_keepalive.time)
        check_duration(recorder, f"{path}.tcpKeepalive.interval", tcp.tcp_keepalive.interval)


def _check_http(recorder: Recorder, path: str, http: HttpSettings) -> None:
    limits = {
        "http1MaxPendingRequests": http.http1_max_pending_requests,
        "http2MaxRequests": http.http2_max_requests,
        "maxRequestsPerConnection": http.max_requests_per_connection,
        "maxRetries": http.max_retries,
        "maxConcurrentStreams": http.max_concurrent_streams,
    }
    for name, limit in limits.items():
        check_not_negative(recorder, f"{path}.{name}", limit)
    check_duration(recorder, f"{path}.idleTimeout", http.idle_timeout, zero=True)
    if http.use_client_protocol and http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE:
        what = "is not possible together with h2UpgradePolicy: UPGRADE"
        recorder.error(f"{path}.useClientProtocol", "exclusive-fields", what, "keep one of the two")
    if http.http2_keep_alive is not None:
        for name, duration in (
            ("interval", http.http2_keep_alive.interval),
            ("timeout", http.http2_keep_alive.timeout),
        ):
            check_duration(recorder, f"{path}.http2KeepAlive.{name}", duration)
            if duration is None:
                recorder.error(f"{path}.http2KeepAlive.{name}", "missing-field", "is required")


def check_outlier_detection(recorder: Recorder, path: str, outlier: OutlierDetection) -> None:
    """Percentages, durations, and detectors that can work together."""
    if all(getattr(outlier, field.name) == field.default for field in fields(outlier)):
        what = "has no settings; Envoy's defaults apply: 5 consecutive 5xx within 10s, at most 10% ejected"
        recorder.advise(path, "default-settings", what)
    check_duration(recorder, f"{path}.interval", outlier.interval)
    check_duration(recorder, f"{path}.baseEjectionTime", outlier.base_ejection_time)
    check_percent(recorder, f"{path}.maxEjectionPercent", outlier.max_ejection_percent)
    check_percent(recorder, f"{path}.minHealthPercent", outlier.min_health_percent)
    counts = {
        "consecutiveErrors": outlier.consecutive_errors,
        "consecutive5xxErrors": outlier.consecutive_5xx_errors,
        "consecutiveGatewayErrors": outlier.consecutive_gateway_errors,
        "consecutiveLocalOriginFailures": outlier.consecutive_local_origin_failures,
    }
    for name, count in counts.items():
        check_not_negative(recorder, f"{path}.{name}", count)
    if outlier.consecutive_local_origin_failures is not None and not outlier.split_external_local_origin_errors:
        what = "needs splitExternalLocalOriginErrors: true"
        recorder.error(f"{path}.consecutiveLocalOriginFailures", "ineffective-setting", what)

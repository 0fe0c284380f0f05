"""Providers of telemetry in MeshConfig: the servers to which proxies report."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from galley.frozen import frozen
from galley.kinds.values import named, unsupported


class TraceContextOption(StrEnum):
    """In which headers a trace is passed on: B3's alone, or W3C's ``traceparent`` as well."""

    USE_B3 = "USE_B3"
    USE_B3_WITH_W3C_PROPAGATION = "USE_B3_WITH_W3C_PROPAGATION"


@frozen
class ProviderHeader:
    """A header that proxies send to a provider."""

    name: str = ""
    value: str = ""
    env_name: str = unsupported("", "the environment of the control plane is nobody's to send; write the value")


@frozen
class ZipkinTracing:
    """A Zipkin, which is sent spans as JSON. ``service`` is a host, or ``namespace/host``.

    ``max_tag_length`` is the most characters of a path in a span; 0 leaves it to the mesh, or to Envoy (256).
    """

    service: str = ""
    port: int = 0
    max_tag_length: int = 0
    enable64bit_trace_id: bool = named("enable64bitTraceId", False)
    path: str = ""
    trace_context_option: TraceContextOption = TraceContextOption.USE_B3
    timeout: timedelta | None = None
    headers: tuple[ProviderHeader, ...] = ()

"""Extension providers of MeshConfig: servers that policies name, such as one that is asked about requests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from galley.frozen import FrozenMap, frozen
from galley.kinds.telemetry_provider import ZipkinTracing
from galley.kinds.values import unsupported

_NO_TELEMETRY = "no telemetry provider is called yet"
_TEN_MINUTES = timedelta(seconds=600)


@frozen
class RequestBodyInCheck:
    """How much of a request's body goes to the authorization server: up to ``max_request_bytes``."""

    max_request_bytes: int = 0
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


@frozen
class ExternalAuthorizationHttp:
    """An authorization server that is asked over HTTP. ``service`` is a host, or ``namespace/host``.

    Header lists hold names, ``prefix*`` or ``*suffix``, in any case.
    """

    service: str = ""
    port: int = 0
    timeout: timedelta = _TEN_MINUTES
    path_prefix: str = ""
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_request_headers_in_check: tuple[str, ...] = ()
    include_headers_in_check: tuple[str, ...] = ()
    """The former name of ``include_request_headers_in_check``."""
    include_additional_headers_in_check: FrozenMap[str, str] = FrozenMap()
    include_request_body_in_check: RequestBodyInCheck | None = None
    headers_to_upstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_allow: tuple[str, ...] = ()
    headers_to_downstream_on_deny: tuple[str, ...] = ()


@frozen
class ExternalAuthorizationGrpc:
    """An authorization server of Envoy's gRPC API; ``service`` as above."""

    service: str = ""
    port: int = 0
    timeout: timedelta = _TEN_MINUTES
    fail_open: bool = False
    clear_route_cache: bool = False
    status_on_error: str = ""
    include_request_body_in_check: RequestBodyInCheck | None = None


@frozen
class ExtensionProvider:
    """One provider by its name; exactly one of the others says what it is."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (
        (
            "envoy_ext_authz_http",
            "envoy_ext_authz_grpc",
            "zipkin",
            "lightstep",
            "datadog",
            "stackdriver",
            "opencensus",
            "skywalking",
            "opentelemetry",
            "prometheus",
            "envoy_file_access_log",
            "envoy_http_als",
            "envoy_tcp_als",
            "envoy_otel_als",
        ),
    )
    name: str = ""
    envoy_ext_authz_http: ExternalAuthorizationHttp | None = None
    envoy_ext_authz_grpc: ExternalAuthorizationGrpc | None = None
    zipkin: ZipkinTracing | None = None
    lightstep: Any = unsupported(None, _NO_TELEMETRY)
    datadog: Any = unsupported(None, _NO_TELEMETRY)
    stackdriver: Any = unsupported(None, _NO_TELEMETRY)
    opencensus: Any = unsupported(None, _NO_TELEMETRY)
    skywalking: Any = unsupported(None, _NO_TELEMETRY)
    opentelemetry: Any = unsupported(None, _NO_TELEMETRY)
    prometheus: Any = unsupported(None, _NO_TELEMETRY)
    envoy_file_access_log: Any = unsupported(None, _NO_TELEMETRY)
    envoy_http_als: Any = unsupported(None, _NO_TELEMETRY)
    envoy_tcp_als: Any = unsupported(None, _NO_TELEMETRY)
    envoy_otel_als: Any = unsupported(None, _NO_TELEMETRY)

    @property
    def tracing(self) -> ZipkinTracing | None:
        """The server that it sends spans to, if it is one for that."""
        return self.zipkin

    @property
    def collector(self) -> ZipkinTracing | None:
        """The server that it reports to, if it is one of telemetry."""
        return self.tracing

    @property
    def authorization(self) -> ExternalAuthorizationHttp | ExternalAuthorizationGrpc | None:
        """The authorization server that it is, if it is one."""
        return self.envoy_ext_authz_http or self.envoy_ext_authz_grpc


def provider_named(providers: tuple[ExtensionProvider, ...], name: str) -> ExtensionProvider | None:
    """The provider that a Telemetry resource or ``defaultProviders`` names, in any case (Istio's rule)."""
    return next((one for one in providers if one.name.lower() == name.lower()), None)

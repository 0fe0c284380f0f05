"""Rules of MeshConfig's extension providers."""

from __future__ import annotations

from http import HTTPStatus

from galley.kinds.checks.scalars import check_duration, check_port, is_dns_label, is_header_name, wrong_with_name
from galley.kinds.checks.telemetry_provider import check_zipkin
from galley.kinds.extension_provider import (
    ExtensionProvider,
    ExternalAuthorizationGrpc,
    ExternalAuthorizationHttp,
)
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_LONGEST_NAME = 63


def check_extension_providers(recorder: Recorder, path: str, providers: tuple[ExtensionProvider, ...]) -> None:
    """All that is wrong with the providers, of which each has a name of its own."""
    seen: set[str] = set()
    for index, provider in enumerate(providers):
        field = f"{path}[{index}]"
        if not all(map(is_dns_label, provider.name.split("."))) or len(provider.name) > _LONGEST_NAME:
            recorder.error(f"{field}.name", "invalid-name", f"{quoted(provider.name)} is not a name of a provider")
        if provider.name in seen:
            recorder.error(
                f"{field}.name", "duplicate-name", f"{quoted(provider.name)} is given to another provider, too"
            )
        seen.add(provider.name)
        if provider.envoy_ext_authz_http is not None:
            _check_http(recorder, f"{field}.envoyExtAuthzHttp", provider.envoy_ext_authz_http)
        if provider.envoy_ext_authz_grpc is not None:
            _check_server(recorder, f"{field}.envoyExtAuthzGrpc", provider.envoy_ext_authz_grpc)
        if provider.zipkin is not None:
            check_zipkin(recorder, f"{field}.zipkin", provider.zipkin)


def _check_server(recorder: Recorder, path: str, server: ExternalAuthorizationHttp | ExternalAuthorizationGrpc) -> None:
    host = server.service.rpartition("/")[2]
    if wrong := wrong_with_name(host):
        recorder.error(f"{path}.service", "invalid-host", wrong)
    check_port(recorder, f"{path}.port", server.port)
    check_duration(recorder, f"{path}.timeout", server.timeout)
    if server.status_on_error and not _is_status(server.status_on_error):
        what = f"must be an HTTP status, not {quoted(server.status_on_error)}"
        recorder.error(f"{path}.statusOnError", "invalid-status", what)
    body = server.include_request_body_in_check
    if body is not None and not 0 < body.max_request_bytes < 2**32:
        what = "must be above 0"
        recorder.error(f"{path}.includeRequestBodyInCheck.maxRequestBytes", "invalid-number", what)


def _is_status(text: str) -> bool:
    return (
        text.isascii() and text.isdecimal() and len(text) == 3 and int(text) in {status.value for status in HTTPStatus}
    )


def _check_http(recorder: Recorder, path: str, server: ExternalAuthorizationHttp) -> None:
    _check_server(recorder, path, server)
    if server.path_prefix and not server.path_prefix.startswith("/"):
        recorder.error(f"{path}.pathPrefix", "invalid-path", "must begin with /")
    lists = {
        "includeRequestHeadersInCheck": server.include_request_headers_in_check,
        "includeHeadersInCheck": server.include_headers_in_check,
        "headersToUpstreamOnAllow": server.headers_to_upstream_on_allow,
        "headersToDownstreamOnAllow": server.headers_to_downstream_on_allow,
        "headersToDownstreamOnDeny": server.headers_to_downstream_on_deny,
    }
    for name, values in lists.items():
        for index, value in enumerate(values):
            bare = value.removeprefix("*") if value.startswith("*") else value.removesuffix("*")
            if not is_header_name(bare) or "*" in bare:
                what = f"must be a header name, with a wildcard at one end at most, not {quoted(value)}"
                recorder.error(f"{path}.{name}[{index}]", "invalid-header", what)
    for name in server.include_additional_headers_in_check:
        if not is_header_name(name):
            field = f"{path}.includeAdditionalHeadersInCheck"
            recorder.error(field, "invalid-header", f"{quoted(name)} is not a header name")

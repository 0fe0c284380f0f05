"""What MeshConfig's providers of authorization may say."""

from __future__ import annotations

import pytest

from galley.decoding.documents import decode_file


def found(*providers: str) -> list[str]:
    text = "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nextensionProviders: [" + ", ".join(providers) + "]\n"
    return [f"{one.code} {one.origin.field}" for one in decode_file(text.encode(), "mesh.yaml")[1] if one.is_error]


def http(more: str, name: str = "ask") -> str:
    return f"{{name: {name}, envoyExtAuthzHttp: {{service: ask.example, port: 80, {more}}}}}"


def grpc(more: str, name: str = "ask") -> str:
    return f"{{name: {name}, envoyExtAuthzGrpc: {{service: ask.example, port: 80, {more}}}}}"


FIELD = "extensionProviders[0]"


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (http("pathPrefix: /check, headersToUpstreamOnAllow: [x-*, '*-y', z]"), []),
        (grpc("statusOnError: '503', includeRequestBodyInCheck: {maxRequestBytes: 8}"), []),
        (http("pathPrefix: check"), [f"invalid-path {FIELD}.envoyExtAuthzHttp.pathPrefix"]),
        (
            http("headersToUpstreamOnAllow: ['*a*']"),
            [f"invalid-header {FIELD}.envoyExtAuthzHttp.headersToUpstreamOnAllow[0]"],
        ),
        (
            http("includeAdditionalHeadersInCheck: {'a b': c}"),
            [f"invalid-header {FIELD}.envoyExtAuthzHttp.includeAdditionalHeadersInCheck"],
        ),
        (grpc("statusOnError: '999'"), [f"invalid-status {FIELD}.envoyExtAuthzGrpc.statusOnError"]),
        (grpc("statusOnError: forbidden"), [f"invalid-status {FIELD}.envoyExtAuthzGrpc.statusOnError"]),
        (
            grpc("includeRequestBodyInCheck: {maxRequestBytes: 0}"),
            [f"invalid-number {FIELD}.envoyExtAuthzGrpc.includeRequestBodyInCheck.maxRequestBytes"],
        ),
        (
            "{name: ask, envoyExtAuthzGrpc: {service: 'a b', port: 80}}",
            [f"invalid-host {FIELD}.envoyExtAuthzGrpc.service"],
        ),
        ("{name: ask, envoyExtAuthzGrpc: {service: a, port: 70000}}", [f"invalid-port {FIELD}.envoyExtAuthzGrpc.port"]),
        (http("", name="a_b"), [f"invalid-name {FIELD}.name"]),
    ],
)
def test_a_provider(provider: str, expected: list[str]) -> None:
    assert found(provider) == expected


def test_two_providers_of_one_name() -> None:
    assert found(http(""), grpc("")) == ["duplicate-name extensionProviders[1].name"]

from __future__ import annotations

import pytest

from citadel.envoy.tls import (
    SYSTEM_ROOTS_FILE,
    downstream_tls_socket,
    render_downstream_tls,
    render_upstream_tls,
    upstream_tls_socket,
)
from citadel.ir import KeyPairFiles, ServerTls, UpstreamTls
from galley.kinds.networking.gateway import TlsProtocol
from tests.rendered import as_json

PAIR = KeyPairFiles(certificate="/certs/tls.crt", private_key="/certs/tls.key")
PAIR_JSON = {"certificateChain": {"filename": "/certs/tls.crt"}, "privateKey": {"filename": "/certs/tls.key"}}


def test_upstream_verifies_against_the_systems_roots_by_default() -> None:
    assert as_json(render_upstream_tls(UpstreamTls(sni="example.com"))) == {
        "sni": "example.com",
        "commonTlsContext": {
            "tlsParams": {"tlsMinimumProtocolVersion": "TLSv1_2", "tlsMaximumProtocolVersion": "TLSv1_3"},
            "validationContext": {"trustedCa": {"filename": SYSTEM_ROOTS_FILE}},
        },
    }


def test_upstream_mutual_with_files() -> None:
    tls = UpstreamTls(ca_file="/certs/ca.crt", crl_file="/certs/ca.crl", client_certificate=PAIR, alpn=("h2",))
    common = as_json(render_upstream_tls(tls))["commonTlsContext"]
    assert common["tlsCertificates"] == [PAIR_JSON]
    assert common["validationContext"] == {
        "trustedCa": {"filename": "/certs/ca.crt"},
        "crl": {"filename": "/certs/ca.crl"},
    }
    assert common["alpnProtocols"] == ["h2"]


@pytest.mark.parametrize(
    ("name", "san_type"),
    [
        ("api.example.com", "DNS"),
        ("spiffe://cluster.local/ns/default/sa/api", "URI"),
        ("10.0.0.1", "IP_ADDRESS"),
        ("fd00::1", "IP_ADDRESS"),
        ("api@example.com", "EMAIL"),
    ],
)
def test_alternative_names_are_compared_exactly_by_their_type(name: str, san_type: str) -> None:
    context = as_json(render_upstream_tls(UpstreamTls(sni="a", subject_alt_names=(name,))))
    assert context["commonTlsContext"]["validationContext"]["matchTypedSubjectAltNames"] == [
        {"sanType": san_type, "matcher": {"exact": name}}
    ]


def test_upstream_that_skips_verification_has_no_validation_context() -> None:
    context = as_json(render_upstream_tls(UpstreamTls(sni="a", insecure_skip_verify=True, subject_alt_names=("b",))))
    assert "validationContext" not in context["commonTlsContext"]


def test_simple_server() -> None:
    assert as_json(render_downstream_tls(ServerTls(certificates=(PAIR,)))) == {
        "commonTlsContext": {
            "tlsParams": {},
            "tlsCertificates": [PAIR_JSON],
            "alpnProtocols": ["h2", "http/1.1"],
        },
        "requireClientCertificate": False,
    }


def test_mutual_server() -> None:
    tls = ServerTls(
        certificates=(PAIR,),
        require_client_certificate=True,
        ca_file="/certs/ca.crt",
        crl_file="/certs/ca.crl",
        subject_alt_names=("client.example.com",),
        verify_certificate_spki=("NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A=",),
    )
    context = as_json(render_downstream_tls(tls))
    assert context["requireClientCertificate"] is True
    assert context["commonTlsContext"]["validationContext"] == {
        "trustedCa": {"filename": "/certs/ca.crt"},
        "crl": {"filename": "/certs/ca.crl"},
        "matchTypedSubjectAltNames": [{"sanType": "DNS", "matcher": {"exact": "client.example.com"}}],
        "verifyCertificateSpki": ["NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A="],
    }


def test_a_server_that_demands_a_certificate_but_knows_no_authority_accepts_none() -> None:
    context = as_json(render_downstream_tls(ServerTls(certificates=(PAIR,), require_client_certificate=True)))
    assert context["commonTlsContext"]["validationContext"] == {"verifyCertificateHash": ["00" * 32]}


def test_a_server_that_skips_verification_accepts_untrusted_certificates() -> None:
    tls = ServerTls(certificates=(PAIR,), require_client_certificate=True, insecure_skip_verify=True)
    context = as_json(render_downstream_tls(tls))
    assert context["commonTlsContext"]["validationContext"] == {"trustChainVerification": "ACCEPT_UNTRUSTED"}


def test_versions_and_known_cipher_suites() -> None:
    tls = ServerTls(
        certificates=(PAIR,),
        min_version=TlsProtocol.TLSV1_2,
        max_version=TlsProtocol.TLSV1_3,
        cipher_suites=("ECDHE-RSA-AES256-GCM-SHA384", "ROT13", "ECDHE-RSA-AES256-GCM-SHA384"),
    )
    assert as_json(render_downstream_tls(tls))["commonTlsContext"]["tlsParams"] == {
        "tlsMinimumProtocolVersion": "TLSv1_2",
        "tlsMaximumProtocolVersion": "TLSv1_3",
        "cipherSuites": ["ECDHE-RSA-AES256-GCM-SHA384"],
    }


def test_sockets_carry_the_contexts() -> None:
    server = as_json(downstream_tls_socket(ServerTls(certificates=(PAIR,))))
    client = as_json(upstream_tls_socket(UpstreamTls(sni="example.com")))
    assert server["name"] == client["name"] == "envoy.transport_sockets.tls"
    assert server["typedConfig"]["@type"].endswith(".DownstreamTlsContext")
    assert client["typedConfig"]["@type"].endswith(".UpstreamTlsContext")
    assert client["typedConfig"]["sni"] == "example.com"

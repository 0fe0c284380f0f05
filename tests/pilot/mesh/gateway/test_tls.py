from typing import Any

import pytest

from citadel.ir import KeyPairFiles, ServerTls
from galley.kinds.networking.gateway import ServerTlsMode, ServerTlsSettings, TlsCertificate, TlsProtocol
from pilot.mesh.gateway.tls import can_terminate, plan_server_tls

FILES = {"server_certificate": "/cert.pem", "private_key": "/key.pem"}
PAIR = KeyPairFiles(certificate="/cert.pem", private_key="/key.pem")


def settings(mode: ServerTlsMode = ServerTlsMode.SIMPLE, **traits: Any) -> ServerTlsSettings:
    return ServerTlsSettings(mode=mode, **{**FILES, **traits})


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (settings(), True),
        (settings(server_certificate=""), False),
        (settings(private_key=""), False),
        (settings(credential_name="bookinfo"), False),
        (settings(credential_names=("rsa", "ecdsa")), False),
        (settings(ServerTlsMode.MUTUAL), False),
        (settings(ServerTlsMode.MUTUAL, ca_certificates="/ca.pem"), True),
        (settings(ServerTlsMode.OPTIONAL_MUTUAL), False),
        (settings(ServerTlsMode.OPTIONAL_MUTUAL, insecure_skip_verify=True), True),
    ],
)
def test_whether_a_server_can_be_opened(tls: ServerTlsSettings, expected: bool) -> None:
    assert can_terminate(tls) is expected


def test_simple_asks_nothing_of_clients() -> None:
    assert plan_server_tls(settings(ca_certificates="/ca.pem")) == ServerTls(certificates=(PAIR,))


def test_mutual_requires_a_certificate_and_optional_mutual_verifies_it() -> None:
    checks: dict[str, Any] = {"ca_certificates": "/ca.pem", "ca_crl": "/crl.pem", "subject_alt_names": ("client",)}
    mutual = plan_server_tls(settings(ServerTlsMode.MUTUAL, **checks))
    assert (mutual.require_client_certificate, mutual.ca_file, mutual.crl_file) == (True, "/ca.pem", "/crl.pem")
    assert mutual.subject_alt_names == ("client",)
    optional = plan_server_tls(settings(ServerTlsMode.OPTIONAL_MUTUAL, **checks))
    assert (optional.require_client_certificate, optional.ca_file) == (False, "/ca.pem")


def test_versions_ciphers_and_several_certificates() -> None:
    pairs = (TlsCertificate(server_certificate="/rsa", private_key="/rsa.key"), TlsCertificate("/ec", "/ec.key"))
    tls = plan_server_tls(
        settings(
            tls_certificates=pairs,
            min_protocol_version=TlsProtocol.TLSV1_2,
            max_protocol_version=TlsProtocol.TLSV1_3,
            cipher_suites=("ROT13", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        )
    )
    assert [one.certificate for one in tls.certificates] == ["/rsa", "/ec"]
    assert (tls.min_version, tls.max_version) == (TlsProtocol.TLSV1_2, TlsProtocol.TLSV1_3)
    assert tls.cipher_suites == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert tls.alpn == ("h2", "http/1.1")

import pytest

from citadel.ir import KeyPairFiles
from galley.kinds.values import ClientTlsMode, ClientTlsSettings
from pilot.mesh.clusters.upstream_tls import upstream_tls


@pytest.mark.parametrize("mode", [ClientTlsMode.DISABLE, ClientTlsMode.ISTIO_MUTUAL])
def test_modes_that_originate_no_tls(mode: ClientTlsMode) -> None:
    assert upstream_tls(ClientTlsSettings(mode=mode, client_certificate="c", private_key="k")) is None


def test_simple_verifies_the_name_that_was_asked_for_with_the_systems_roots() -> None:
    tls = upstream_tls(ClientTlsSettings(mode=ClientTlsMode.SIMPLE, client_certificate="c", private_key="k"))
    assert tls is not None
    assert (tls.ca_file, tls.client_certificate, tls.alpn) == (None, None, ())
    assert tls.auto_sni
    assert tls.auto_san_validation


def test_mutual_presents_its_certificate() -> None:
    tls = upstream_tls(
        ClientTlsSettings(
            mode=ClientTlsMode.MUTUAL,
            client_certificate="/c.pem",
            private_key="/k.pem",
            ca_certificates="/ca.pem",
            ca_crl="/crl.pem",
            sni="a.com",
        )
    )
    assert tls is not None
    assert tls.client_certificate == KeyPairFiles(certificate="/c.pem", private_key="/k.pem")
    assert (tls.ca_file, tls.crl_file, tls.sni) == ("/ca.pem", "/crl.pem", "a.com")
    assert not tls.auto_sni
    assert not tls.auto_san_validation


def test_mutual_without_files_still_verifies_the_server() -> None:
    tls = upstream_tls(ClientTlsSettings(mode=ClientTlsMode.MUTUAL, credential_name="secret"))
    assert tls is not None
    assert tls.client_certificate is None


def test_expected_names_are_the_rules_else_the_services() -> None:
    simple = ClientTlsSettings(mode=ClientTlsMode.SIMPLE)
    own = ClientTlsSettings(mode=ClientTlsMode.SIMPLE, subject_alt_names=("mine",))
    first, second = upstream_tls(simple, ("its",)), upstream_tls(own, ("its",))
    assert first is not None
    assert second is not None
    assert (first.subject_alt_names, second.subject_alt_names) == (("its",), ("mine",))


def test_http2_is_offered_on_http2_clusters_only() -> None:
    simple = ClientTlsSettings(mode=ClientTlsMode.SIMPLE, insecure_skip_verify=True)
    tls = upstream_tls(simple, http2=True)
    assert tls is not None
    assert (tls.alpn, tls.insecure_skip_verify, tls.auto_san_validation) == (("h2",), True, False)

from __future__ import annotations

from citadel.envoy.mesh_tls import plain_text_socket, render_mesh_client_tls, render_mesh_server_tls
from citadel.envoy.tls import downstream_tls_socket, upstream_tls_socket
from citadel.ir import MeshClientTls, MeshServerTls, MeshTls
from tests.rendered import as_json

MESH = MeshTls(trust_domains=("cluster.local", "old.local"))
OVER_ADS = {"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"}
ANY_OF_THE_MESH = [
    {"sanType": "URI", "matcher": {"prefix": "spiffe://cluster.local/"}},
    {"sanType": "URI", "matcher": {"prefix": "spiffe://old.local/"}},
]


def test_a_server_shows_its_identity_and_wants_one_of_the_mesh() -> None:
    context = as_json(render_mesh_server_tls(MeshServerTls(mesh=MESH)))
    assert context["requireClientCertificate"] is True
    common = context["commonTlsContext"]
    assert common["tlsCertificateSdsSecretConfigs"] == [{"name": "default", "sdsConfig": OVER_ADS}]
    assert common["combinedValidationContext"] == {
        "defaultValidationContext": {"matchTypedSubjectAltNames": ANY_OF_THE_MESH},
        "validationContextSdsSecretConfig": {"name": "ROOTCA", "sdsConfig": OVER_ADS},
    }
    assert common["alpnProtocols"] == ["h2", "http/1.1"]
    versions = common["tlsParams"]
    assert (versions["tlsMinimumProtocolVersion"], versions["tlsMaximumProtocolVersion"]) == ("TLSv1_2", "TLSv1_3")


def test_a_client_shows_its_identity_and_wants_one_of_those_expected() -> None:
    name = "spiffe://cluster.local/ns/default/sa/shop"
    tls = MeshClientTls(mesh=MESH, sni="outbound_.80_._.shop", subject_alt_names=(name,), alpn=("istio",))
    context = as_json(render_mesh_client_tls(tls))
    common = context["commonTlsContext"]
    assert context["sni"] == "outbound_.80_._.shop"
    assert common["tlsCertificateSdsSecretConfigs"] == [{"name": "default", "sdsConfig": OVER_ADS}]
    expected = [{"sanType": "URI", "matcher": {"exact": name}}]
    validation = common["combinedValidationContext"]
    assert validation["defaultValidationContext"] == {"matchTypedSubjectAltNames": expected}
    assert validation["validationContextSdsSecretConfig"] == {"name": "ROOTCA", "sdsConfig": OVER_ADS}
    assert common["alpnProtocols"] == ["istio"]


def test_a_client_that_expects_nobody_in_particular_wants_one_of_the_mesh() -> None:
    common = as_json(render_mesh_client_tls(MeshClientTls(mesh=MESH, sni="x")))["commonTlsContext"]
    found = common["combinedValidationContext"]["defaultValidationContext"]
    assert found == {"matchTypedSubjectAltNames": ANY_OF_THE_MESH}


def test_sockets() -> None:
    server = as_json(downstream_tls_socket(MeshServerTls(mesh=MESH)))
    assert server["typedConfig"]["@type"].endswith(".DownstreamTlsContext")
    client = as_json(upstream_tls_socket(MeshClientTls(mesh=MESH, sni="x")))
    assert client["typedConfig"]["@type"].endswith(".UpstreamTlsContext")
    assert as_json(plain_text_socket())["name"] == "envoy.transport_sockets.raw_buffer"


def test_beside_an_agent_certificate_and_roots_come_from_its_socket() -> None:
    mesh = MeshTls(trust_domains=("cluster.local",), from_agent=True)
    source = {
        "apiConfigSource": {
            "apiType": "GRPC",
            "transportApiVersion": "V3",
            "setNodeOnFirstMessageOnly": True,
            "grpcServices": [{"envoyGrpc": {"clusterName": "sds-grpc"}}],
        },
        "initialFetchTimeout": "0s",
        "resourceApiVersion": "V3",
    }
    for context in (
        render_mesh_server_tls(MeshServerTls(mesh=mesh)),
        render_mesh_client_tls(MeshClientTls(mesh=mesh, sni="x")),
    ):
        common = as_json(context)["commonTlsContext"]
        assert common["tlsCertificateSdsSecretConfigs"] == [{"name": "default", "sdsConfig": source}]
        roots = common["combinedValidationContext"]["validationContextSdsSecretConfig"]
        assert roots == {"name": "ROOTCA", "sdsConfig": source}

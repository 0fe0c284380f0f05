"""A gateway that ends TLS with certificate files, asks for client certificates, and redirects plain HTTP."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import gateway, server, service, to, virtual_service, write
from tests.e2e.harness.mesh import Mesh

HOST = "shop.example"


@dataclass(frozen=True)
class Certificate:
    """Paths of a certificate and its key."""

    chain: Path
    key: Path


def issue(directory: Path, name: str, ca: Certificate | None = None) -> Certificate:
    """A certificate for ``name``, made by openssl: self-signed (a CA), or issued by ``ca``."""
    made = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(made.key), "-out", str(made.chain), "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName=DNS:{name}"]
    if ca is not None:
        command += ["-CA", str(ca.chain), "-CAkey", str(ca.key), "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return made


def get(host: str, port: int, context: ssl.SSLContext, path: str = "/") -> tuple[int, str]:
    """Status and body of a request over TLS that names the gateway's host, not its loopback address."""
    connection = http.client.HTTPConnection(HOST, timeout=10)
    connection.sock = context.wrap_socket(socket.create_connection((host, port), 10), server_hostname=HOST)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def ca(tmp_path: Path) -> Certificate:
    return issue(tmp_path, "ca.example")


def start(mesh: Mesh, *servers: dict[str, Any]) -> str:
    rule = virtual_service(HOST, {"route": [to("shop", port=9080)]}, gateways=["gateway"])
    mesh.write("shop.yaml", write(service("shop"), gateway(*servers), rule))
    mesh.serve()
    mesh.workload("shop", {"app": "shop"})
    return mesh.gateway().options.ip


def test_https_from_files_and_a_redirect_to_it(mesh: Mesh, tmp_path: Path, ca: Certificate) -> None:
    own = issue(tmp_path, HOST, ca)
    plain, secure = mesh.addresses.port(), mesh.addresses.port()
    tls = {"mode": "SIMPLE", "serverCertificate": str(own.chain), "privateKey": str(own.key)}
    host = start(
        mesh,
        server(plain, HOST, tls={"httpsRedirect": True}),
        server(secure, HOST, protocol="HTTPS", tls=tls),
    )
    context = ssl.create_default_context(cafile=str(ca.chain))
    status, body = eventually(lambda: get(host, secure, context, "/path"), 10)
    assert status == 200
    assert '"path": "/path"' in body
    connection = http.client.HTTPConnection(host, plain, timeout=10)
    connection.request("GET", "/path", headers={"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("location")) == (301, f"https://{HOST}/path")
    connection.close()


def test_mutual_tls_refuses_who_has_no_certificate(mesh: Mesh, tmp_path: Path, ca: Certificate) -> None:
    own, client = issue(tmp_path, HOST, ca), issue(tmp_path, "client.example", ca)
    port = mesh.addresses.port()
    tls = {
        "mode": "MUTUAL",
        "serverCertificate": str(own.chain),
        "privateKey": str(own.key),
        "caCertificates": str(ca.chain),
    }
    host = start(mesh, server(port, HOST, protocol="HTTPS", tls=tls))
    known = ssl.create_default_context(cafile=str(ca.chain))
    known.load_cert_chain(client.chain, client.key)
    assert eventually(lambda: get(host, port, known), 10)[0] == 200
    stranger = ssl.create_default_context(cafile=str(ca.chain))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        get(host, port, stranger)

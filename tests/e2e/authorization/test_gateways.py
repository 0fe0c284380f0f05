"""Policies at a gateway: hosts, and the client's address as trusted proxies tell it and nobody else."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from tests.e2e.authorization.harness import Caller, authorization_policy, echoes, put_in_force
from tests.e2e.authorization.table import Case, Json
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import gateway, istio, mesh_config, server, service, to, virtual_service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.upstreams import TcpEcho

EDGE = {"matchLabels": {"istio": "ingressgateway"}}
BAD, GOOD = "203.0.113.7", "198.51.100.1"
# X-Forwarded-For as the client sends it, and whether a request counts as one of BAD, with 0, 1 and 2 trusted proxies.
FORWARDED: list[tuple[str, bool, bool, bool]] = [
    ("", False, False, False),
    (BAD, False, True, False),
    (GOOD, False, False, False),
    (f"{BAD}, {GOOD}", False, False, True),
    (f"{GOOD}, {BAD}", False, True, False),
    (f"{BAD}, {GOOD}, {GOOD}", False, False, False),
    (f"{GOOD}, {BAD}, {GOOD}", False, False, True),
    (f"{BAD},{BAD},{BAD}", False, True, True),
    (f"  {GOOD} ,  {BAD}  ", False, True, False),
    (f"{BAD}:1234", False, False, False),
    ("no address", False, False, False),
    (f"{BAD}, no address", False, False, True),
    (f"no address, {BAD}", False, True, False),
]
HOSTS: list[tuple[str, int]] = [
    ("shop.example", 200),
    ("SHOP.example", 200),
    ("secret.example", 403),
    ("Secret.Example", 403),
    ("secret.example:80", 403),
    ("sub.secret.example", 200),
]


def policy(*rules: Json) -> Json:
    spec = {"action": "DENY", "selector": EDGE, "rules": list(rules)}
    return {"namespace": "istio-system", "name": "edge", "spec": spec}


def ask(callers: Caller, address: tuple[str, int], host: str, forwarded: str = "") -> int:
    lines = ["GET / HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"X-Forwarded-For: {forwarded}"] if forwarded else []
    return callers.send_raw(address, "plain", ("\r\n".join(lines) + "\r\n\r\n").encode())


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_the_address_of_a_client_is_what_trusted_proxies_say(
    mesh: Mesh, plane: IssuingControlPlane, tmp_path: Path, hops: int
) -> None:
    port = mesh.addresses.port()
    topology = {"gatewayTopology": {"numTrustedProxies": hops}}
    rule = virtual_service("*", {"route": [to("shop", port=9080)]}, gateways=["gateway"])
    mesh.write("shop.yaml", yaml_of(service("shop"), gateway(server(port)), rule, mesh_config(defaultConfig=topology)))
    mesh.serve()
    mesh.workload("shop", {"app": "shop"})
    address, callers = (mesh.gateway().options.ip, port), Caller(plane, tmp_path)
    eventually(lambda: ask(callers, address, "shop.example") == 200, 15, what="the gateway to answer")
    denied = policy(
        {"from": [{"source": {"remoteIpBlocks": [BAD]}}]},
        {"to": [{"operation": {"hosts": ["secret.example", "secret.example:*"]}}]},
    )
    put_in_force(mesh, callers, address, Case("edge", [denied], []), 0, namespace="istio-system", caller="plain")
    wrong = []
    for forwarded, *bad in FORWARDED:
        status = ask(callers, address, "shop.example", forwarded)
        if status != (403 if bad[hops] else 200):
            wrong.append(f"X-Forwarded-For: {forwarded}: {status}")
    for host, expected in HOSTS:
        status = ask(callers, address, host)
        wrong += [f"{host}: {status}"] if status != expected else []
    assert not wrong, "\n".join(wrong)


def test_a_tcp_server_admits_by_address(mesh: Mesh, plane: IssuingControlPlane) -> None:
    port = mesh.addresses.port()
    route = {"match": [{"port": port}], "route": [to("db", port=9080)]}
    rule = istio("VirtualService", "db", {"hosts": ["*"], "gateways": ["gateway"], "tcp": [route]})
    services = yaml_of(service("db", port_name="tcp"), gateway(server(port, protocol="TCP")), rule)
    mesh.write("db.yaml", services)
    mesh.serve()
    mesh.workload("db", {"app": "db"}, app=TcpEcho, port_name="tcp")
    edge, bad, good = mesh.gateway().options.ip, mesh.addresses.host(), mesh.addresses.host()

    def admitted(source: str) -> bool:
        with socket.create_connection((edge, port), 10, source_address=(source, 0)) as connection:
            return echoes(connection)

    eventually(lambda: admitted(bad) and admitted(good), 15, what="the gateway to forward")
    for name, source in (("by ipBlocks", "ipBlocks"), ("by remoteIpBlocks", "remoteIpBlocks")):
        denied = policy({"from": [{"source": {source: [bad]}}]})
        mesh.write("policies.yaml", yaml_of(authorization_policy(denied)))
        eventually(lambda: not admitted(bad), 15, what=f"the policy {name}")
        assert admitted(good)
        mesh.write("policies.yaml", "")
        eventually(lambda: admitted(bad), 15, what="no policy")


def test_tls_that_is_passed_on_is_admitted_by_its_name(mesh: Mesh, plane: IssuingControlPlane) -> None:
    port, names = mesh.addresses.port(), ("open.example", "secret.example")
    routes = [{"match": [{"port": port, "sniHosts": [name]}], "route": [to("db", port=9080)]} for name in names]
    rule = istio("VirtualService", "db", {"hosts": list(names), "gateways": ["gateway"], "tls": routes})
    passing = server(port, *names, protocol="TLS", tls={"mode": "PASSTHROUGH"})
    mesh.write("db.yaml", yaml_of(service("db", port_name="tcp"), gateway(passing), rule))
    mesh.serve()
    mesh.workload("db", {"app": "db"}, app=TcpEcho, port_name="tcp")
    edge = (mesh.gateway().options.ip, port)
    eventually(
        lambda: passes(edge, "open.example") and passes(edge, "secret.example"), 15, what="the gateway to forward"
    )
    denied = policy({"when": [{"key": "connection.sni", "values": ["secret.example"]}]})
    mesh.write("policies.yaml", yaml_of(authorization_policy(denied)))
    eventually(lambda: not passes(edge, "secret.example"), 15, what="the policy")
    assert passes(edge, "open.example")


def passes(address: tuple[str, int], name: str) -> bool:
    """Whether a client's first words of TLS, which ask for ``name``, come back from a `TcpEcho`."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello, received = outgoing.read(), b""
    try:
        with socket.create_connection(address, 10) as connection:
            connection.sendall(hello)
            while hello not in received and (chunk := connection.recv(65536)):
                received += chunk
    except OSError:
        return False
    return hello in received

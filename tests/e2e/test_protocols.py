"""Services that do not speak HTTP/1.1: plain TCP, where the server may speak first, and gRPC."""

from __future__ import annotations

import socket
from functools import partial

import grpc

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import gateway, istio, server, service, to, virtual_service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.upstreams import GrpcEcho, TcpEcho


def converse(host: str, port: int) -> tuple[bytes, bytes]:
    """What a TCP server says first, and what it returns for ``hello``."""
    with socket.create_connection((host, port), 5) as connection, connection.makefile("rwb") as stream:
        greeting = stream.readline()
        stream.write(b"hello\n")
        stream.flush()
        return greeting, stream.readline()


def test_a_tcp_service_is_reached_through_sidecar_and_gateway(mesh: Mesh) -> None:
    port = mesh.addresses.port()
    rule = istio(
        "VirtualService",
        "store",
        {
            "hosts": ["*"],
            "gateways": ["gateway"],
            "tcp": [{"match": [{"port": port}], "route": [to("store", port=6000)]}],
        },
    )
    mesh.write(
        "store.yaml",
        write(service("store", port=6000, port_name="tcp-store"), gateway(server(port, protocol="TCP")), rule),
    )
    mesh.serve()
    mesh.workload("store", {"app": "store"}, app=TcpEcho, port=6000, port_name="tcp-store")
    client, ingress = mesh.client(), mesh.gateway()
    for host, at in ((client.host, 6000), (ingress.options.ip, port)):
        assert eventually(partial(converse, host, at), 10) == (b"store\n", b"hello\n")


def test_a_grpc_service_is_called_over_http2(mesh: Mesh) -> None:
    port = mesh.addresses.port()
    mesh.write(
        "greeter.yaml",
        write(
            service("greeter", port=7000, port_name="grpc"),
            gateway(server(port, protocol="GRPC")),
            virtual_service(
                "*",
                {"match": [{"uri": {"prefix": "/greeter.Greeter/"}}], "route": [to("greeter", port=7000)]},
                gateways=["gateway"],
            ),
        ),
    )
    mesh.serve()
    mesh.workload("greeter", {"app": "greeter"}, app=GrpcEcho, port=7000, port_name="grpc")
    ingress = mesh.gateway()
    cluster = "outbound|7000||greeter.default.svc.cluster.local"
    ingress.wait_for_endpoint(cluster)
    with grpc.insecure_channel(f"{ingress.options.ip}:{port}") as channel:
        call = channel.unary_unary("/greeter.Greeter/Hello", bytes, bytes)
        assert call(b"world", timeout=10, wait_for_ready=True) == b"greeter: world"
    assert "http2_protocol_options" in str(ingress.clusters()[cluster])

"""`pilot authz denials`: what real Envoys refuse is told with the line that refuses it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.authorization.authorization_servers import HttpAuthorizer
from tests.e2e.authorization.harness import authorization_policy, echoes, key_set, request_authentication
from tests.e2e.authorization.table import ISSUER, Json
from tests.e2e.harness.client import request
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import istio, mesh_config, service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.upstreams import TcpEcho


def _policy(name: str, app: str, spec: Json) -> Any:
    spec = {"selector": {"matchLabels": {"app": app}}, **spec}
    return authorization_policy({"namespace": "default", "name": name, "spec": spec})


def _paths(*paths: str) -> Json:
    return {"to": [{"operation": {"paths": list(paths)}}]}


def write_policies(mesh: Mesh, authorizer: HttpAuthorizer) -> Path:
    entry = {
        "hosts": ["authorizer.example"],
        "resolution": "STATIC",
        "ports": [{"number": 9000, "name": "auth", "protocol": "HTTP"}],
        "endpoints": [{"address": authorizer.host, "ports": {"auth": authorizer.port}}],
    }
    provider = {"name": "asks", "envoyExtAuthzHttp": {"service": "authorizer.example", "port": 9000}}
    mesh.write(
        "services.yaml",
        yaml_of(
            service("shop"),
            service("store", port_name="tcp"),
            istio("ServiceEntry", "authorizer", entry),
            mesh_config(extensionProviders=[provider]),
        ),
    )
    return mesh.write(
        "policies.yaml",
        yaml_of(
            request_authentication({"issuer": ISSUER, "jwks": key_set()}, selector={"matchLabels": {"app": "shop"}}),
            _policy(
                "some", "shop", {"action": "ALLOW", "rules": [_paths("/nowhere"), _paths("/", "/admin", "/asked")]}
            ),
            _policy("admins", "shop", {"action": "DENY", "rules": [_paths("/nowhere"), _paths("/admin")]}),
            _policy("asked", "shop", {"action": "CUSTOM", "provider": {"name": "asks"}, "rules": [_paths("/asked")]}),
            _policy("closed", "store", {"action": "ALLOW"}),
        ),
    )


def denials(mesh: Mesh, *arguments: str) -> list[Json]:
    """What the command tells, as JSON."""
    host, port = mesh.control_plane.admin
    command = [sys.executable, "-m", "pilot", "authz", "denials", "--admin-address", f"{host}:{port}", "-o", "json"]
    told = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in told.stdout.splitlines()]


def text_from(origin: str) -> str:
    """The file that an origin names, from its line on, without the line after the document."""
    file, line, _ = origin.split(maxsplit=1)[0].rsplit(":", 2)
    rest = Path(file).read_text().splitlines()[int(line) - 1 :]
    return "\n".join(rest).partition("\n---")[0]


def ask(workload: Workload, path: str, **headers: str) -> int:
    return request((workload.host, SERVICE_PORT), path, headers={"host": "shop", **headers}).status


def test_each_denial_is_told_with_what_decided_it_and_where_that_is_written(mesh: Mesh) -> None:
    authorizer = HttpAuthorizer(mesh.addresses.host(), 19000)
    try:
        write_policies(mesh, authorizer)
        mesh.serve()
        shop = mesh.workload("shop", {"app": "shop"})
        store = mesh.workload("store", {"app": "store"}, app=TcpEcho, port_name="tcp")
        eventually(lambda: ask(shop, "/") == 200, 15, what="the shop to answer")
        assert ask(shop, "/admin?token=1") == ask(shop, "/other") == ask(shop, "/asked") == 403
        assert ask(shop, "/", authorization="Bearer no.to.ken") == 401
        assert not _echoes(store)

        told = eventually(lambda: found if len(found := denials(mesh)) >= 5 else None, 15, what="five denials")
        by_reason = {one["decidedBy"]: one for one in told if one["code"]}
        assert [(one["path"], one["code"]) for one in by_reason.values()] == [
            ("/admin?token=1", 403),
            ("/other", 403),
            ("/asked", 403),
            ("/", 401),
        ]
        rule = by_reason["rule"]
        assert (rule["policy"], rule["rule"], rule["method"], rule["authority"]) == ("default/admins", 1, "GET", "shop")
        assert "/admin" in text_from(rule["origins"][0])
        assert _names(by_reason["no rule"]) == ["some"]
        assert _names(by_reason["server"]) == ["asked"]
        assert _names(by_reason["token"]) == ["tokens"]
        assert "Jwt" in by_reason["token"]["why"]
        (opaque,) = [one for one in told if not one["code"]]
        assert _names(opaque) == ["closed"]
        assert "~store" in opaque["proxy"]
        assert denials(mesh, "--proxy", "store") == [opaque]
    finally:
        authorizer.stop()


def _echoes(workload: Workload) -> bool:
    with socket.create_connection((workload.host, SERVICE_PORT), 10) as connection:
        return echoes(connection)


def _names(denial: Json) -> list[str]:
    """The names of the policies at whose documents a denial points."""
    return [text_from(origin).split("name: ", 1)[1].split()[0].strip("},'\"") for origin in denial["origins"]]

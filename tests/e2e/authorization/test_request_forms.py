"""Hosts, headers and requests of unusual form: what a policy sees is what the application gets."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
import yaml

from tests.e2e.authorization.harness import Caller, Exchange, put_in_force
from tests.e2e.authorization.table import Case, Json, Try
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.variants import every_envoy

RULES: list[Json] = [
    {"to": [{"operation": {"paths": ["/admin", "/admin/*"]}}]},
    {"to": [{"operation": {"hosts": ["secret.example"]}}]},
    {"when": [{"key": "request.headers[x-role]", "values": ["admin"]}]},
    {"when": [{"key": "request.headers[x-internal]", "values": ["*"]}]},
]
POLICY: Json = {"namespace": "default", "name": "deny", "spec": {"action": "DENY", "rules": RULES}}
USUAL = {"method": "GET", "scheme": "http", "path": "/", "authority": "shop"}
_END = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)


def read_requests() -> list[Json]:
    """All rows of ``requests.yaml``."""
    groups = yaml.safe_load(Path(__file__).with_name("tables").joinpath("requests.yaml").read_text())
    return [row for group in groups.values() for row in group]


def written(lines: str) -> str:
    """A request of HTTP/1 from its row."""
    more = "" if "Host:" in lines or "host:" in lines else "\r\nHost: shop"
    close = "" if "Connection:" in lines else "\r\nConnection: close"
    return lines.replace("|", "\r\n") + more + close + "\r\n\r\n"


def send_http2(connection: socket.socket, headers: Sequence[tuple[str, str]]) -> int:
    """Send one request without body, correct or not, on a new ``connection``; the status of its answer, or 0."""
    config = h2.config.H2Configuration(
        client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    client = h2.connection.H2Connection(config)
    client.initiate_connection()
    client.send_headers(1, headers, end_stream=True)
    connection.sendall(client.data_to_send())
    status = 0
    try:
        while received := connection.recv(65536):
            events = client.receive_data(received)
            for event in events:
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
            if any(isinstance(event, _END) for event in events):
                break
            connection.sendall(client.data_to_send())
    except (OSError, h2.exceptions.ProtocolError):
        return status
    return status


def ask_http2(shop: Workload, row: Json) -> Exchange:
    """What becomes of a row's request over HTTP/2."""
    pseudo = {**USUAL, **row["pseudo"]}
    headers = [(f":{name}", value) for name, value in pseudo.items() if value is not None]
    further: list[tuple[str, str]] = [(name, value) for name, value in row.get("more", ())]
    # Pseudo headers go first (RFC 9113, section 8.3).
    headers += sorted(further, key=lambda header: not header[0].startswith(":"))
    before = shop.http.count
    with socket.create_connection((shop.host, SERVICE_PORT), timeout=10) as connection:
        status = send_http2(connection, headers)
    seen = shop.http.requests[before:]
    return Exchange(status, seen[-1] if seen else None)


def problem(answer: Exchange, row: Json, version: str) -> str:
    """What is other than the row says of this version of Envoy; "" when nothing is."""
    if answer.status != row.get("before", {}).get(version, row["status"]):
        return f"answered {answer.status}"
    if (answer.seen is not None) != (answer.status == 200):
        return "reached somebody, and should not" if answer.seen else "reached nobody"
    if answer.seen is None:
        return ""
    got: dict[str, Any] = {"host": answer.seen.headers.get("host"), "path": answer.seen.path}
    return "".join(f"{name} is {got[name]!r} " for name in got.keys() & row.keys() if got[name] != row[name])


@every_envoy
def test_requests_of_unusual_form(
    mesh: Mesh, plane: IssuingControlPlane, shop: Workload, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    callers, address = Caller(plane, tmp_path), (shop.host, SERVICE_PORT)
    eventually(lambda: callers.send(address, Try("GET", "/", "web", "shop")) == 200, 15, what="the shop to answer")
    put_in_force(mesh, callers, address, Case("unusual forms", [POLICY], []), 0)
    rows, version = read_requests(), str(request.node.callspec.params["envoy"])
    assert len(rows) >= 90
    wrong = []
    for row in rows:
        answer = callers.ask(shop, written(row["ask"])) if "ask" in row else ask_http2(shop, row)
        found = problem(answer, row, version)
        wrong += [f"{row}: {found}"] if found else []
    assert not wrong, "\n".join(wrong)

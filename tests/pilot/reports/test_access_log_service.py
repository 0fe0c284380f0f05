"""Who may report, over a real channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

from envoycodec.discovery import Node
from envoycodec.upb import parse_json
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.reports import access_log_service
from pilot.reports.access_log_service import SERVICE, AccessLogService
from pilot.reports.denial import Denials
from pilot.server.ads import AdsServer, start_ads
from pilot.server.fleet import Fleet
from pilot.serving import PilotMesh
from pilot.xds.variant import XdsVariant
from tests.builders import a_proxy
from tests.pilot.server.served import Notes

PROXY = a_proxy(address="127.0.0.1")
ENTRY = {"response": {"responseCode": 403, "responseCodeDetails": "rbac_access_denied_matched_policy[none]"}}


class Reports:
    """A server that takes reports of a fleet with one proxy, at 127.0.0.1."""

    def __init__(self, server: AdsServer, fleet: Fleet[Proxy], denials: Denials) -> None:
        self.server, self.fleet, self.denials = server, fleet, denials

    def connect(self, peer: str = "ipv4:127.0.0.1:1") -> None:
        self.fleet.open(Node(id=PROXY.id), XdsVariant.DELTA, peer)

    async def send(self, *messages: bytes) -> grpc.StatusCode:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port}") as channel:
            call: Any = channel.stream_unary(f"/{SERVICE}/StreamAccessLogs", bytes, bytes)(iter(messages))
            code: grpc.StatusCode = await call.code()
            return code


@pytest.fixture
async def reports() -> AsyncIterator[Reports]:
    fleet: Fleet[Proxy] = Fleet(PilotMesh(MeshState(deregister_after=1.0), None), Notes())
    denials = Denials()
    server = await start_ads("127.0.0.1:0", fleet, handlers=(AccessLogService(fleet, denials, None).handler(),))
    yield Reports(server, fleet, denials)
    await server.stop(0)


def a_message(node_id: str = PROXY.id, *entries: Any, identified: bool = True) -> bytes:
    content: dict[str, Any] = {"httpLogs": {"logEntry": list(entries)}}
    if identified:
        content["identifier"] = {"logName": "denials", "node": {"id": node_id}}
    return parse_json("envoy.service.accesslog.v3.StreamAccessLogsMessage", content)


async def test_a_connected_proxy_reports_for_itself(reports: Reports) -> None:
    reports.connect()
    assert await reports.send(a_message(PROXY.id, ENTRY), a_message("", ENTRY, identified=False)) is grpc.StatusCode.OK
    assert [one.proxy for one in reports.denials.since(0, 9)] == [PROXY.id] * 2


async def test_who_is_not_connected_or_elsewhere_is_refused(reports: Reports) -> None:
    assert await reports.send(a_message(PROXY.id, ENTRY)) is grpc.StatusCode.PERMISSION_DENIED
    reports.connect("ipv4:10.0.0.9:1")
    assert await reports.send(a_message(PROXY.id, ENTRY)) is grpc.StatusCode.PERMISSION_DENIED
    assert reports.denials.count == 0


@pytest.mark.parametrize("message", [b"\xff", a_message(identified=False), a_message("nobody")])
async def test_what_does_not_say_who_it_is_of_is_refused(message: bytes, reports: Reports) -> None:
    reports.connect()
    assert await reports.send(message) is grpc.StatusCode.PERMISSION_DENIED


async def test_streams_of_one_address_are_bounded(reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log_service, "MOST_STREAMS_PER_HOST", 0)
    reports.connect()
    assert await reports.send(a_message(PROXY.id, ENTRY)) is grpc.StatusCode.RESOURCE_EXHAUSTED

"""The status as people and scripts read it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from envoycodec.discovery import Node
from pilot.server.status import ProxyStatus, Rejection, SyncState, TypeProgress, TypeStatus, describe_fleet
from pilot.xds.events import Acked, Nacked, Respond
from pilot.xds.resources import CLUSTER, LISTENER, EncodedResource, ResourceSet

NODE = Node(id="sidecar~10.0.0.1~reviews-v1.shop~shop.svc.cluster.local", user_agent_version=(1, 40, 0))
REFUSED = Rejection("0.0.0.0_80", "7", "no such filter", ("rules.yaml:3", "rules.yaml:3", "gateway.yaml:1"), 12.0)


def status(state: SyncState, *rejections: Rejection) -> TypeStatus:
    return TypeStatus(state, "2", "1", "9", 11.0, rejections)


def origins(rejection: Rejection) -> Iterable[str]:
    return map(str, rejection.origins)


def test_a_fleet_is_described_by_proxy_and_type_in_push_order() -> None:
    types = {LISTENER: status(SyncState.NACK, REFUSED), CLUSTER: status(SyncState.SYNCED)}
    (proxy,) = json.loads(
        json.dumps(describe_fleet((ProxyStatus(1, NODE, "ipv4:1", "SotW", 10.0, types),), now=15.5, origins=origins))
    )
    assert (proxy["name"], proxy["namespace"], proxy["envoyVersion"]) == ("reviews-v1", "shop", "1.40.0")
    assert proxy["connectedSeconds"] == 5.5
    assert list(proxy["types"]) == ["CDS", "LDS"]
    assert "error" not in proxy["types"]["CDS"]
    assert proxy["types"]["LDS"]["status"] == "NACK"
    assert proxy["types"]["LDS"]["error"] == {
        "message": "no such filter",
        "version": "7",
        "resources": ["0.0.0.0_80"],
        "origins": ["rules.yaml:3", "gateway.yaml:1"],
        "time": 12.0,
    }


def test_the_origins_of_a_rejection_can_be_found_by_another() -> None:
    proxy = ProxyStatus(1, NODE, "", "delta", 0.0, {LISTENER: status(SyncState.NACK, REFUSED)})
    (described,) = describe_fleet((proxy,), now=0.0, origins=lambda rejection: [f"where {rejection.name} is from"])
    assert described["types"]["LDS"]["error"]["origins"] == ["where 0.0.0.0_80 is from"]


def test_a_node_id_of_another_form_is_its_name() -> None:
    (described,) = describe_fleet((ProxyStatus(1, Node(id="me"), "", "delta", 0.0, {}),), now=0.0, origins=origins)
    assert (described["name"], described["namespace"], described["envoyVersion"]) == ("me", "", "")


def test_progress_from_nothing_to_a_repaired_rejection() -> None:
    progress = TypeProgress()
    assert progress.status({}).state is SyncState.NOT_SENT
    bad = EncodedResource("a", "1", b"", ("origin",))
    response = Respond(CLUSTER, "v1", "n1", ResourceSet(CLUSTER, [bad]))
    progress.sent(response, 1.0)
    assert progress.status({}).state is SyncState.STALE
    assert progress.nacked(Nacked(CLUSTER, response, "no", (bad,)), 2.0) == (
        Rejection("a", "1", "no", ("origin",), 2.0),
    )
    assert progress.status({"a": "1"}).state is SyncState.NACK
    progress.sent(Respond(CLUSTER, "v2", "n2", ResourceSet(CLUSTER, ())), 3.0)
    progress.acked(Acked(CLUSTER, "v2", response))
    done = progress.status({})
    assert (done.state, done.sent_version, done.acked_version, done.rejections) == (SyncState.SYNCED, "v2", "v2", ())

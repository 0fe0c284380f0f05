"""What a peer's address counts for, and stands in for."""

from __future__ import annotations

import pytest

from envoycodec.discovery import Node
from pilot.server.peers import block_of, host_of, locate_node

OPEN = "sidecar~0.0.0.0~reviews.default~default.svc.cluster.local"


@pytest.mark.parametrize(
    ("peer", "host", "block"),
    [
        ("ipv4:10.0.0.7:41234", "ipv4:10.0.0.7", "ipv4:10.0.0.7"),
        ("unix:/run/socket", "unix:/run/socket", "unix:/run/socket"),
        ("unix:", "unix:", "unix:"),
        ("ipv6:%5B2a00:1450:1:2:3:4:5:6%5D:41234", "ipv6:%5B2a00:1450:1:2:3:4:5:6%5D", "ipv6:2a00:1450:1:2::/64"),
        ("ipv6:[2a00:1450:1:2::9]:41234", "ipv6:[2a00:1450:1:2::9]", "ipv6:2a00:1450:1:2::/64"),
        ("ipv6:[2a00:1450:1:3::9]:41234", "ipv6:[2a00:1450:1:3::9]", "ipv6:2a00:1450:1:3::/64"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:41234", "ipv6:%5B::ffff:10.0.0.7%5D", "ipv4:10.0.0.7"),
        ("ipv6:%5B::1%5D:41234", "ipv6:%5B::1%5D", "ipv6:%5B::1%5D"),
        ("ipv6:%5Bfd00::7%5D:41234", "ipv6:%5Bfd00::7%5D", "ipv6:%5Bfd00::7%5D"),
        ("ipv6:%5Bfe80::1%25eth0%5D:41234", "ipv6:%5Bfe80::1%25eth0%5D", "ipv6:%5Bfe80::1%25eth0%5D"),
        ("ipv6:nonsense:41234", "ipv6:nonsense", "ipv6:nonsense"),
    ],
)
def test_public_addresses_of_ipv6_count_by_their_block(peer: str, host: str, block: str) -> None:
    assert (host_of(peer), block_of(host_of(peer))) == (host, block)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:172.18.0.5:41234", "172.18.0.5"),
        ("ipv6:[fd00::7]:41234", "fd00::7"),
        ("ipv6:%5Bfd00::7%5D:41234", "fd00::7"),
        ("ipv6:%5Bfe80::7%25eth0%5D:41234", "fe80::7"),
        ("ipv6:%5B::ffff:172.18.0.5%5D:41234", "172.18.0.5"),
    ],
)
def test_the_peers_address_is_the_nodes(peer: str, address: str) -> None:
    located = locate_node(Node(id=OPEN, metadata={"INSTANCE_IPS": "0.0.0.0", "NAMESPACE": "default"}), peer)
    assert located.id == f"sidecar~{address}~reviews.default~default.svc.cluster.local"
    assert located.metadata == {"INSTANCE_IPS": address, "NAMESPACE": "default"}


def test_further_addresses_stay() -> None:
    node = Node(id=OPEN, metadata={"INSTANCE_IPS": "0.0.0.0,fd00::7"})
    assert locate_node(node, "ipv4:172.18.0.5:41234").metadata["INSTANCE_IPS"] == "172.18.0.5,fd00::7"


def test_ipv6_may_be_left_open_too() -> None:
    node = Node(id=OPEN.replace("0.0.0.0", "::"))
    assert locate_node(node, "ipv6:[fd00::7]:41234").id.startswith("sidecar~fd00::7~")


@pytest.mark.parametrize("node_id", ["sidecar~10.0.0.7~reviews.default~default", "anything", "a~b", ""])
def test_other_nodes_stay_as_they_are(node_id: str) -> None:
    node = Node(id=node_id)
    assert locate_node(node, "ipv4:172.18.0.5:41234") is node


@pytest.mark.parametrize("peer", ["unix:", "unix:/run/xds.sock", "ipv4:nonsense:1"])
def test_who_has_no_address_is_told_to_write_one(peer: str) -> None:
    with pytest.raises(ValueError, match="--ip ADDRESS"):
        locate_node(Node(id=OPEN), peer)

"""What a peer's address counts for."""

from __future__ import annotations

import pytest

from pilot.server.peers import block_of, host_of


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

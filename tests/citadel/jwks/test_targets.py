from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.jwks.targets import Targets, parse_targets


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("fd00::7", "private"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff0e::1", "multicast"),
        ("100.64.0.1", "not a public"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::a00:1", "private"),
        ("2002:7f00:1::", "loopback"),
    ],
)
def test_what_is_near_the_control_plane_is_refused(address: str, why: str) -> None:
    assert why in Targets().refusal(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert Targets().refusal(address) == ""


def test_an_operator_permits_more() -> None:
    targets = parse_targets(["10.0.0.0/8", "::1"])
    assert targets.refusal("10.1.2.3") == ""
    assert targets.refusal("::1") == ""
    assert targets.refusal("127.0.0.1") != ""


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_however_it_is_written(address: object) -> None:
    assert bool(Targets().refusal(str(address))) is bool(Targets().refusal(f"::ffff:{address}"))

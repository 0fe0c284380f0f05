"""What the machine says of itself."""

import pytest

from pilot.redirect import system
from pilot.redirect.system import RedirectError, has_ipv6, nameservers, run

LOOPBACK = "00000000000000000000000000000001 01 80 10 80       lo\n"
PASSTHROUGH = "00000000000000000000000000000006 01 80 00 80       lo\n"
LINK_LOCAL = "fe80000000000000cc3b81fffee4e1c5 02 40 20 80     eth0\n"
GLOBAL = "fd000000000000000000000000000001 02 40 00 80     eth0\n"


def test_ipv6_is_there_with_a_global_address_on_a_real_interface() -> None:
    assert has_ipv6(LOOPBACK + LINK_LOCAL + GLOBAL)
    assert not has_ipv6(LOOPBACK + PASSTHROUGH + LINK_LOCAL)
    assert not has_ipv6("")


def test_resolvers_of_resolv_conf() -> None:
    lines = (
        "search x",
        "nameserver 10.0.0.2",
        "# nameserver 1.1.1.1",
        "nameserver fe80::1%eth0",
        "nameserver 10.0.0.2",
    )
    assert nameservers("\n".join((*lines, "nameserver"))) == ("10.0.0.2", "fe80::1")


def test_a_missing_tool_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "SYSTEM_PATH", "/nowhere")
    with pytest.raises(RedirectError, match="nft is not installed: apt-get install nftables"):
        run(("nft", "list"))


def test_a_failing_tool_is_quoted() -> None:
    with pytest.raises(RedirectError, match="sh -c echo no >&2; exit 3 failed: no"):
        run(("sh", "-c", "echo no >&2; exit 3"))

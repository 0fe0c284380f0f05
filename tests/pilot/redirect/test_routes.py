"""Policy routing: only what is missing is added, only what is there is taken away."""

import pytest

from pilot.node.metadata import Interception
from pilot.redirect.options import CaptureOptions
from pilot.redirect.routes import RoutingState, plan_routing
from pilot.redirect.ruleset import Family

REDIRECT, TPROXY = CaptureOptions(), CaptureOptions(interception=Interception.TPROXY)
RULES = "0:\tfrom all lookup local\n32765:\tfrom all fwmark 0x539 lookup 133\n32766:\tfrom all lookup main\n"
ROUTES = "local default dev lo scope host \n"
LOOPBACK = "1: lo: <LOOPBACK>\n    inet6 ::6/128 scope global \n"
COMPLETE = RoutingState(rules=RULES, routes=ROUTES, loopback=LOOPBACK)


def test_tproxy_routes_marked_packets_to_loopback() -> None:
    assert plan_routing(TPROXY, Family.IPV4, RoutingState()) == (
        ("ip", "-4", "rule", "add", "fwmark", "1337", "lookup", "133"),
        ("ip", "-4", "route", "add", "local", "default", "dev", "lo", "table", "133"),
    )


def test_ipv6_has_an_address_from_which_the_proxy_calls_its_application() -> None:
    assert plan_routing(REDIRECT, Family.IPV6, RoutingState()) == (("ip", "-6", "addr", "add", "::6/128", "dev", "lo"),)
    assert plan_routing(REDIRECT, Family.IPV4, RoutingState()) == ()


@pytest.mark.parametrize("family", list(Family))
def test_what_is_there_is_not_added_again(family: Family) -> None:
    state = COMPLETE if family is Family.IPV6 else RoutingState(rules=RULES, routes=ROUTES)
    assert plan_routing(TPROXY, family, state) == ()


def test_what_another_mode_left_behind_is_removed() -> None:
    assert [command[2:4] for command in plan_routing(REDIRECT, Family.IPV6, COMPLETE)] == [
        ("rule", "del"),
        ("route", "del"),
    ]


def test_removal() -> None:
    removed = plan_routing(TPROXY, Family.IPV6, COMPLETE, wanted=False)
    assert [command[2:4] for command in removed] == [("rule", "del"), ("route", "del"), ("addr", "del")]
    assert plan_routing(TPROXY, Family.IPV6, RoutingState(), wanted=False) == ()


def test_the_mark_is_compared_whole() -> None:
    other = RoutingState(rules="32765:\tfrom all fwmark 0x539/0xfff lookup 133\n", routes=ROUTES)
    assert len(plan_routing(TPROXY, Family.IPV4, other)) == 1

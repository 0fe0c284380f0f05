"""Tables of our own are known again by their digest, and replaced as a whole."""

from pilot.node.metadata import Interception
from pilot.redirect.capture import plan_capture
from pilot.redirect.nftables import plan_transaction, render_tables
from pilot.redirect.options import CaptureOptions
from pilot.redirect.ruleset import Family, Ruleset

DEFAULT = plan_capture(CaptureOptions(), Family.IPV4)
TPROXY = plan_capture(CaptureOptions(interception=Interception.TPROXY), Family.IPV4)
OTHERS = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n"


def test_tables_that_are_there_need_no_change() -> None:
    assert plan_transaction(DEFAULT, OTHERS + render_tables(DEFAULT)) == ""
    assert plan_transaction(TPROXY, render_tables(TPROXY) + OTHERS) == ""


def test_the_first_time_nothing_is_deleted() -> None:
    assert plan_transaction(DEFAULT, OTHERS) == render_tables(DEFAULT)


def test_another_mode_replaces_all_tables_at_once() -> None:
    change = plan_transaction(DEFAULT, render_tables(TPROXY))
    deletions = "delete table ip istio-proxy-mangle\ndelete table ip istio-proxy-nat\n"
    assert change == deletions + render_tables(DEFAULT)


def test_a_rule_removed_by_hand_is_noticed() -> None:
    listed = render_tables(DEFAULT).replace("\t\tip daddr 127.0.0.1/32 return\n", "")
    assert plan_transaction(DEFAULT, listed) == "delete table ip istio-proxy-nat\n" + render_tables(DEFAULT)


def test_removal_deletes_what_is_there() -> None:
    nothing = Ruleset(Family.IPV4, ())
    assert plan_transaction(nothing, render_tables(DEFAULT) + OTHERS) == "delete table ip istio-proxy-nat\n"
    assert plan_transaction(nothing, OTHERS) == ""


def test_tables_of_the_other_family_are_not_ours() -> None:
    ipv6 = render_tables(plan_capture(CaptureOptions(), Family.IPV6))
    assert "delete" not in plan_transaction(DEFAULT, ipv6)

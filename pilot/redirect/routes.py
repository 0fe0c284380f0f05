"""Policy routing beside the packet filter rules: what `ip` must add or take away."""

from __future__ import annotations

from galley.frozen import frozen
from pilot.redirect.options import CaptureOptions
from pilot.redirect.ruleset import Family

PASSTHROUGH_ADDRESS = "::6/128"
"""An inbound proxy calls its application from here. Its IPv4 counterpart 127.0.0.6 is local everywhere."""

Command = tuple[str, ...]


@frozen
class RoutingState:
    """What the kernel says now: the outputs of `ip rule show`, `ip route show table T`, `ip addr show dev lo`."""

    rules: str = ""
    routes: str = ""
    loopback: str = ""


def needs_routing(options: CaptureOptions, family: Family) -> bool:
    """Whether packet filter rules alone are not enough."""
    return options.uses_tproxy or (family is Family.IPV6 and options.captures_inbound)


def plan_routing(
    options: CaptureOptions, family: Family, state: RoutingState, *, wanted: bool = True
) -> tuple[Command, ...]:
    """The `ip` commands from ``state`` to what the capture needs, or with ``wanted`` False back to nothing."""
    ip = ("ip", "-4" if family is Family.IPV4 else "-6")
    rule = ("fwmark", str(options.inbound_mark), "lookup", str(options.route_table))
    route = ("local", "default", "dev", "lo", "table", str(options.route_table))
    address = (PASSTHROUGH_ADDRESS, "dev", "lo")
    marked = wanted and options.uses_tproxy
    called = wanted and family is Family.IPV6 and options.captures_inbound
    steps = (
        ("rule", rule, _has_rule(options, state), marked),
        ("route", route, any(line.startswith("local default dev lo") for line in state.routes.splitlines()), marked),
        ("addr", address, f"inet6 {PASSTHROUGH_ADDRESS} " in state.loopback, called),
    )
    return tuple((*ip, what, "add" if add else "del", *words) for what, words, present, add in steps if add != present)


def _has_rule(options: CaptureOptions, state: RoutingState) -> bool:
    rule = f"fwmark {options.inbound_mark:#x} lookup {options.route_table}"
    return any(line.rstrip().endswith(rule) for line in state.rules.splitlines())


def queries(options: CaptureOptions, family: Family) -> tuple[Command, Command, Command]:
    """The commands whose outputs are the fields of `RoutingState`."""
    ip = ("ip", "-4" if family is Family.IPV4 else "-6")
    return (
        (*ip, "rule", "show"),
        (*ip, "route", "show", "table", str(options.route_table)),
        (*ip, "addr", "show", "dev", "lo"),
    )

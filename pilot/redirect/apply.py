"""Bring the packet filter of this network namespace to what a workload's capture needs; twice is as good as once."""

from __future__ import annotations

from enum import StrEnum

from pilot.redirect.capture import plan_capture
from pilot.redirect.iptables import plan_restore, render_restore
from pilot.redirect.nftables import plan_transaction, render_tables
from pilot.redirect.options import CaptureOptions
from pilot.redirect.routes import RoutingState, needs_routing, plan_routing, queries
from pilot.redirect.ruleset import Family, Ruleset
from pilot.redirect.system import RedirectError, find_tool, install_hint, run

NO_TABLE = 2
"""What `ip route show table` ends with while nothing was ever put into that table."""


class Backend(StrEnum):
    """Who writes the rules. The first three are programs named like it, with -save and -restore beside them."""

    IPTABLES = "iptables"
    IPTABLES_NFT = "iptables-nft"
    IPTABLES_LEGACY = "iptables-legacy"
    NFT = "nft"


def choose_backend() -> Backend:
    """What is installed, iptables first. Raises RedirectError when nothing is."""
    for backend in (Backend.IPTABLES, Backend.NFT):
        if find_tool(_programs(backend, Family.IPV4)[0]):
            return backend
    raise RedirectError(f"neither iptables nor nft is installed: {install_hint('iptables')}")


def render_script(options: CaptureOptions, families: tuple[Family, ...], backend: Backend) -> str:
    """All that a first run would do, as a shell script."""
    parts: list[str] = []
    for family in families:
        parts += [" ".join(command) for command in plan_routing(options, family, RoutingState())]
        ruleset = plan_capture(options, family)
        if backend is Backend.NFT:
            parts.append(f"nft -f - <<'END'\n{render_tables(ruleset)}END")
        else:
            restore = " ".join(_restore_command(backend, family))
            parts.append(f"{restore} <<'END'\n{render_restore(ruleset)}END")
    return "\n".join(parts) + "\n"


def apply_capture(options: CaptureOptions, families: tuple[Family, ...], backend: Backend) -> tuple[str, ...]:
    """Capture traffic. The result says what was changed: nothing when all was there. Raises RedirectError."""
    changes: list[str] = []
    for family in families:
        # Routing first: a marked packet without its route would be lost. Without need for it the tool may be missing.
        if needs_routing(options, family) or find_tool("ip"):
            changes += _run_all(plan_routing(options, family, _read_routing(options, family)))
        changes += _apply_rules(plan_capture(options, family), backend)
    return tuple(changes)


def remove_capture(options: CaptureOptions, families: tuple[Family, ...], backend: Backend) -> tuple[str, ...]:
    """Leave all traffic alone again. The result says what was changed. Raises RedirectError."""
    changes: list[str] = []
    for family in families:
        changes += _apply_rules(Ruleset(family, ()), backend)
        if find_tool("ip"):
            changes += _run_all(plan_routing(options, family, _read_routing(options, family), wanted=False))
    return tuple(changes)


def _apply_rules(wanted: Ruleset, backend: Backend) -> list[str]:
    family = wanted.family
    if backend is Backend.NFT:
        text = plan_transaction(wanted, run(("nft", "-s", "list", "ruleset", family.value)))
        command: tuple[str, ...] = ("nft", "-f", "-")
    else:
        text = plan_restore(wanted, run((_programs(backend, family)[0],)))
        command = _restore_command(backend, family)
    if not text:
        return []
    run(command, text)
    return [f"{'wrote' if wanted.tables else 'removed'} the {'IPv4' if family is Family.IPV4 else 'IPv6'} rules"]


def _programs(backend: Backend, family: Family) -> tuple[str, str]:
    """What prints the rules, and what changes them."""
    if backend is Backend.NFT:
        return "nft", "nft"
    name = backend.value if family is Family.IPV4 else backend.value.replace("iptables", "ip6tables")
    return f"{name}-save", f"{name}-restore"


def _restore_command(backend: Backend, family: Family) -> tuple[str, ...]:
    # -n leaves the rules of others alone; -w waits for whoever else is changing them.
    return (_programs(backend, family)[1], "-n", "-w")


def _read_routing(options: CaptureOptions, family: Family) -> RoutingState:
    rules, routes, loopback = (run(command, accept=(0, NO_TABLE)) for command in queries(options, family))
    return RoutingState(rules=rules, routes=routes, loopback=loopback)


def _run_all(commands: tuple[tuple[str, ...], ...]) -> list[str]:
    for command in commands:
        run(command)
    return [" ".join(command) for command in commands]

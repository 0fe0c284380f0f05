"""Rules in iptables' words: as `iptables-save` prints them, and as a change that `iptables-restore -n` makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from galley.frozen import frozen
from pilot.redirect.ruleset import (
    BUILT_IN_CHAINS,
    OWN_CHAINS,
    TABLE_NAMES,
    ConnectionMark,
    ConntrackZone,
    Family,
    Jump,
    Redirect,
    Rule,
    Ruleset,
    SetMark,
    Table,
    Target,
    TransparentProxy,
    Verdict,
)

_ALL_BITS = "0xffffffff"
_ANY_ADDRESS = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}


@frozen
class TableState:
    """What a table holds of ours: ``chains`` of our own with their rules, and ``jumps`` to them in built-in chains."""

    chains: tuple[tuple[str, tuple[str, ...]], ...] = ()
    jumps: tuple[str, ...] = ()


EMPTY = TableState()


def render_restore(ruleset: Ruleset) -> str:
    """What makes the rules where there were none; for reading, and for a first look at a change."""
    return plan_restore(ruleset, "")


def plan_restore(wanted: Ruleset, saved: str) -> str:
    """Input of `iptables-restore -n` by which ``wanted`` replaces what ``saved`` (`iptables-save`) holds of ours.

    Chains of others stay untouched. The result is "" when nothing is to be done. A ruleset without tables removes
    everything.
    """
    current = read_saved(saved)
    tables = {table.name: table for table in wanted.tables}
    parts = [_change(name, tables.get(name), wanted.family, current.get(name, EMPTY)) for name in TABLE_NAMES]
    return "".join(parts)


def read_saved(saved: str) -> dict[str, TableState]:
    """What `iptables-save` says of our chains, by table."""
    found: dict[str, tuple[dict[str, list[str]], list[str]]] = {}
    chains: dict[str, list[str]] = {}
    jumps: list[str] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            chains, jumps = found.setdefault(line[1:].strip(), ({}, []))
        elif line.startswith(":"):
            name = line[1:].split()[0]
            if name in OWN_CHAINS:
                chains[name] = []
        elif line.startswith("-A "):
            _, name, *words = line.split()
            if name in chains:
                chains[name].append(line.strip())
            elif _jumped_to(words) in OWN_CHAINS:
                jumps.append(line.strip())
    return {
        table: TableState(tuple(sorted((name, tuple(rules)) for name, rules in chains.items())), _by_chain(jumps))
        for table, (chains, jumps) in found.items()
    }


def _jumped_to(words: list[str]) -> str:
    for option, value in pairwise(words):
        if option in ("-j", "-g"):
            return value
    return ""


def _state(table: Table | None, family: Family) -> TableState:
    if table is None:
        return EMPTY
    own = sorted(
        (chain.name, tuple(f"-A {chain.name} {render_rule(rule, family)}" for rule in chain.rules))
        for chain in table.chains
        if chain.name not in BUILT_IN_CHAINS
    )
    jumps = (f"-A {name} {render_rule(rule, family)}" for name, rule in _built_in(table))
    return TableState(tuple(own), _by_chain(jumps))


def _by_chain(jumps: Iterable[str]) -> tuple[str, ...]:
    """The chains in one order; within a chain the order is what matters, and stays."""
    return tuple(sorted(jumps, key=lambda jump: jump.split()[1]))


def _built_in(table: Table) -> Iterator[tuple[str, Rule]]:
    for chain in table.chains:
        if chain.name in BUILT_IN_CHAINS:
            yield from ((chain.name, rule) for rule in chain.rules)


def _change(name: str, table: Table | None, family: Family, current: TableState) -> str:
    wanted = _state(table, family)
    if wanted == current:
        return ""
    kept = tuple(chain.name for chain in table.chains if chain.name not in BUILT_IN_CHAINS) if table else ()
    stale = [chain for chain, _ in current.chains if chain not in kept]
    lines = [f"*{name}"]
    lines += [f":{chain} - [0:0]" for chain in (*kept, *stale)]  # makes the chain, or empties it
    lines += [f"-D {jump.removeprefix('-A ')}" for jump in current.jumps]
    lines += [f"-X {chain}" for chain in stale]
    if table is not None:
        lines += _insertions(table, family)
        for chain in table.chains:
            first = chain.name in BUILT_IN_CHAINS
            lines += [f"-A {chain.name} {render_rule(r, family)}" for r in chain.rules if not (first and r.first)]
    return "\n".join([*lines, "COMMIT", ""])


def _insertions(table: Table, family: Family) -> Iterable[str]:
    for chain in table.chains:
        if chain.name in BUILT_IN_CHAINS:
            first = [rule for rule in chain.rules if rule.first]
            for position, rule in enumerate(first, start=1):
                yield f"-I {chain.name} {position} {render_rule(rule, family)}"


def render_rule(rule: Rule, family: Family) -> str:
    """Conditions and target in the order and spelling of `iptables-save`, so that texts can be compared."""
    return " ".join((*_addresses(rule), *_matches(rule), "-j", _target(rule.target, family)))


def _addresses(rule: Rule) -> Iterator[str]:
    if rule.source:
        yield f"-s {rule.source}"
    if rule.destination:
        yield f"-d {rule.destination}"
    if rule.not_destination:
        yield f"! -d {rule.not_destination}"
    if rule.in_interface:
        yield f"-i {rule.in_interface}"
    if rule.out_interface:
        yield f"-o {rule.out_interface}"
    if rule.protocol:
        yield f"-p {rule.protocol}"


def _matches(rule: Rule) -> Iterator[str]:
    if rule.source_port:
        yield f"-m {rule.protocol} --sport {rule.source_port}"
    if rule.destination_port:
        yield f"-m {rule.protocol} --dport {rule.destination_port}"
    if len(rule.not_destination_ports) == 1:
        yield f"-m {rule.protocol} ! --dport {rule.not_destination_ports[0]}"
    elif rule.not_destination_ports:
        yield f"-m multiport ! --dports {','.join(map(str, rule.not_destination_ports))}"
    for owner in rule.owners:
        kind, number = ("uid", owner.uid) if owner.uid is not None else ("gid", owner.gid)
        yield f"-m owner {'! ' if owner.other else ''}--{kind}-owner {number}"
    if rule.mark:
        yield f"-m mark --mark {rule.mark:#x}"
    if rule.not_mark:
        yield f"-m mark ! --mark {rule.not_mark:#x}"
    if rule.connection_mark:
        yield f"-m connmark --mark {rule.connection_mark:#x}"
    if rule.states:
        yield f"-m conntrack --ctstate {','.join(rule.states)}"


def _target(target: Target, family: Family) -> str:  # noqa: PLR0911 - one answer for each kind
    match target:
        case Verdict():
            return target.value
        case Jump(chain):
            return chain
        case Redirect(port):
            return f"REDIRECT --to-ports {port}"
        case TransparentProxy(port, mark):
            address = _ANY_ADDRESS[family]
            return f"TPROXY --on-port {port} --on-ip {address} --tproxy-mark {mark:#x}/{_ALL_BITS}"
        case SetMark(mark):
            return f"MARK --set-xmark {mark:#x}/{_ALL_BITS}"
        case ConnectionMark():
            return f"CONNMARK --{target.value}-mark --nfmask {_ALL_BITS} --ctmask {_ALL_BITS}"
        case ConntrackZone(zone):
            return f"CT --zone {zone}"

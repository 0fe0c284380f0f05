"""Rules in nftables' words: tables of our own, replaced as a whole in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pilot.redirect.ruleset import (
    OUTPUT,
    PREROUTING,
    TABLE_NAMES,
    Chain,
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

PREFIX = "istio-proxy-"

# One step before iptables' own priorities (-300, -150, -100), whose nat rules lead Docker's DNS queries away.
_HOOKS = {
    ("raw", PREROUTING): "type filter hook prerouting priority -301",
    ("raw", OUTPUT): "type filter hook output priority -301",
    ("mangle", PREROUTING): "type filter hook prerouting priority -151",
    ("mangle", OUTPUT): "type route hook output priority -151",
    ("nat", PREROUTING): "type nat hook prerouting priority -101",
    ("nat", OUTPUT): "type nat hook output priority -101",
}


def table_names(family: Family) -> tuple[str, ...]:
    """All tables that may be ours, as nft names them: with their family."""
    return tuple(f"{family} {PREFIX}{name}" for name in TABLE_NAMES)


def render_tables(ruleset: Ruleset) -> str:
    """The tables as a file for `nft -f`. A comment carries their digest, by which `read_digest` knows them again."""
    return "".join(_render_table(table, ruleset.family) for table in ruleset.tables)


def plan_transaction(wanted: Ruleset, listed: str) -> str:
    """Input of `nft -f -` by which ``wanted`` replaces our tables in ``listed`` (`nft list ruleset` of one family).

    The result is "" when nothing is to be done. A ruleset without tables removes everything.
    """
    present = [name for name in table_names(wanted.family) if f"table {name} {{" in listed]
    tables = [(f"{wanted.family} {PREFIX}{table.name}", table) for table in wanted.tables]
    same = [name for name, _ in tables] == present and all(
        _is_listed(table, wanted.family, _section(listed, name)) for name, table in tables
    )
    if same:
        return ""
    return "".join(f"delete table {name}\n" for name in present) + render_tables(wanted)


def _section(listed: str, name: str) -> str:
    return listed.partition(f"table {name} {{\n")[2].partition("\n}")[0]


def _is_listed(table: Table, family: Family, section: str) -> bool:
    """Whether the section has the table's digest and as many rules, should somebody have changed it by hand."""
    rules = sum(len(chain.rules) for chain in table.chains)
    words = ("table ", "chain ", "type ", "comment ", "}")
    listed = [line for line in map(str.strip, section.splitlines()) if line and not line.startswith(words)]
    return _digest(table, family) in section and len(listed) == rules


def _digest(table: Table, family: Family) -> str:
    text = "\n".join(_chain_lines(table, family))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _render_table(table: Table, family: Family) -> str:
    header = f'table {family} {PREFIX}{table.name} {{\n\tcomment "pilothouse {_digest(table, family)}"\n'
    return header + "\n".join(_chain_lines(table, family)) + "\n}\n"


def _chain_lines(table: Table, family: Family) -> Iterator[str]:
    for chain in table.chains:
        yield from _render_chain(table.name, chain, family)


def _render_chain(table_name: str, chain: Chain, family: Family) -> Iterator[str]:
    yield f"\tchain {chain.name} {{"
    hook = _HOOKS.get((table_name, chain.name))
    if hook:
        yield f"\t\t{hook}; policy accept;"
    yield from (f"\t\t{render_rule(rule, family)}" for rule in chain.rules)
    yield "\t}"


def render_rule(rule: Rule, family: Family) -> str:
    """Conditions and statements of one rule."""
    return " ".join((*_conditions(rule, family), _statement(rule.target)))


def _conditions(rule: Rule, family: Family) -> Iterator[str]:
    yield from _address_conditions(rule, family)
    has_port = rule.source_port or rule.destination_port or rule.not_destination_ports
    if rule.protocol and not has_port:
        yield f"meta l4proto {rule.protocol}"
    if rule.source_port:
        yield f"{rule.protocol} sport {rule.source_port}"
    if rule.destination_port:
        yield f"{rule.protocol} dport {rule.destination_port}"
    if rule.not_destination_ports:
        yield f"{rule.protocol} dport != {{ {', '.join(map(str, sorted(rule.not_destination_ports)))} }}"
    for owner in rule.owners:
        kind, number = ("skuid", owner.uid) if owner.uid is not None else ("skgid", owner.gid)
        yield f"meta {kind} {'!= ' if owner.other else ''}{number}"
    for key, mark in (("meta mark", rule.mark), ("meta mark !=", rule.not_mark), ("ct mark", rule.connection_mark)):
        if mark:
            yield f"{key} {mark:#x}"
    if rule.states:
        yield f"ct state {','.join(rule.states).lower()}"


def _address_conditions(rule: Rule, family: Family) -> Iterator[str]:
    for key, value in (("saddr", rule.source), ("daddr", rule.destination), ("daddr !=", rule.not_destination)):
        if value:
            yield f"{family} {key} {value}"
    for key, interface in (("iifname", rule.in_interface), ("oifname", rule.out_interface)):
        if interface:
            yield f'{key} "{interface}"'


def _statement(target: Target) -> str:  # noqa: PLR0911 - one answer for each kind
    match target:
        case Verdict():
            return target.value.lower()
        case Jump(chain):
            return f"jump {chain}"
        case Redirect(port):
            return f"redirect to :{port}"
        case TransparentProxy(port, mark):
            return f"tproxy to :{port} meta mark set {mark:#x} accept"
        case SetMark(mark):
            return f"meta mark set {mark:#x}"
        case ConnectionMark.SAVE:
            return "ct mark set meta mark"
        case ConnectionMark.RESTORE:
            return "meta mark set ct mark"
        case ConntrackZone(zone):
            return f"ct zone set {zone}"

"""The whole rule sets as text: beside each other in ``expected/``, to be read like the rules on a machine.

``pilot redirect --dry-run`` with the flags of a case, its ``--backend`` and ``--ipv6 off`` writes the same.
"""

import argparse
import shlex
from pathlib import Path

import pytest

from pilot.commands.redirect import add_redirect_parser, capture_options
from pilot.redirect.apply import Backend, render_script
from pilot.redirect.capture import plan_capture
from pilot.redirect.options import CaptureOptions
from pilot.redirect.ruleset import BUILT_IN_CHAINS, OWN_CHAINS, Family, Jump, Verdict

EXPECTED = Path(__file__).parent / "expected"
CASES = {
    "default": "",
    "tproxy": "-m TPROXY",
    "lists": "-b 8080,9090 -d 8081 -i 10.0.0.0/8,fd00::/8 -x 10.9.0.1 -q 5432 -o 22,25 -k tap0 -c eth9",
    "groups": "-u 1337,1338 -g 77 --include-owner-groups 500,501",
    "dns": "--capture-all-dns --drop-invalid",
    "resolvers": "--redirect-dns --dns-tcp",
    "nothing-inbound": "-b ''",
    "ports": "-p 25001 -z 25006 -e 25008 -m TPROXY -t 7 -r 8",
}
RESOLVERS = ("10.0.0.53", "fd00::53")


def options_of(flags: str) -> CaptureOptions:
    parser = argparse.ArgumentParser()
    add_redirect_parser(parser.add_subparsers())
    return capture_options(parser.parse_args(["redirect", *shlex.split(flags)]), lambda: RESOLVERS)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("backend", [Backend.IPTABLES, Backend.NFT])
@pytest.mark.parametrize("family", list(Family))
def test_the_rules_of(name: str, backend: Backend, family: Family) -> None:
    script = render_script(options_of(CASES[name]), (family,), backend)
    file = EXPECTED / f"{name}.{'ipv4' if family is Family.IPV4 else 'ipv6'}.{backend}"
    assert script == file.read_text()


@pytest.mark.parametrize("flags", CASES.values(), ids=CASES)
@pytest.mark.parametrize("family", list(Family))
def test_every_jump_leads_to_a_chain_of_the_same_table(flags: str, family: Family) -> None:
    for table in plan_capture(options_of(flags), family).tables:
        own = {chain.name for chain in table.chains if chain.name not in BUILT_IN_CHAINS}
        assert own <= set(OWN_CHAINS)
        jumps = {rule.target.chain for chain in table.chains for rule in chain.rules if isinstance(rule.target, Jump)}
        assert jumps <= own


@pytest.mark.parametrize("flags", ["", "-m TPROXY", "-b 15021,8080", "-m TPROXY -b 15090"])
def test_the_ports_of_the_sidecar_itself_return_before_anything_is_captured(flags: str) -> None:
    for table in plan_capture(options_of(flags), Family.IPV4).tables:
        for chain in (chain for chain in table.chains if chain.name == "ISTIO_INBOUND"):
            first_jump = next(i for i, rule in enumerate(chain.rules) if isinstance(rule.target, Jump))
            spared = {r.destination_port for r in chain.rules[:first_jump] if r.target is Verdict.RETURN}
            assert {15008, 15020, 15021, 15090} <= spared


def test_a_range_that_covers_everything_is_no_condition() -> None:
    everything = plan_capture(options_of("-i 0.0.0.0/0,::/0"), Family.IPV6)
    assert everything == plan_capture(options_of(""), Family.IPV6)


def test_loopback_is_left_alone_unless_a_range_names_it() -> None:
    def returns_on_loopback(flags: str) -> bool:
        (nat,) = plan_capture(options_of(flags), Family.IPV4).tables
        (output,) = (chain for chain in nat.chains if chain.name == "ISTIO_OUTPUT")
        return any(r.out_interface == "lo" and any(o.other for o in r.owners) for r in output.rules)

    assert returns_on_loopback("")
    assert not returns_on_loopback("-i 127.16.0.0/16")


def test_dns_is_not_captured_where_its_port_is_excluded() -> None:
    assert options_of("--capture-all-dns -o 53").dns is None

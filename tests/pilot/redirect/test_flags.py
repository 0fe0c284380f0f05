"""The command's flags and its own words."""

import argparse
from pathlib import Path

import pytest

from pilot.__main__ import main
from pilot.commands import redirect
from pilot.redirect import apply, system
from pilot.redirect.flags import add_redirect_flags


def run(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str, str]:
    status = main(["redirect", *flags])
    written = capsys.readouterr()
    return status, written.out, written.err


def file_with(directory: Path, text: str) -> Path:
    file = directory / "file"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("short", "long", "istio"),
    [
        ("-p 1", "--outbound-port 1", "--envoy-port 1"),
        ("-z 1", "--inbound-port 1", "--inbound-capture-port 1"),
        ("-u 5", "--proxy-uids 5", "--proxy-uid 5"),
        ("-m TPROXY", "--mode tproxy", "--istio-inbound-interception-mode TPROXY"),
        ("-b 80", "--include-inbound-ports 80", "--istio-inbound-ports 80"),
        ("-d 80", "--exclude-inbound-ports 80", "--istio-local-exclude-ports 80"),
        ("-i 10.0.0.0/8", "--include-outbound-cidrs 10.0.0.0/8", "--istio-service-cidr 10.0.0.0/8"),
        ("-x 10.0.0.0/8", "--exclude-outbound-cidrs 10.0.0.0/8", "--istio-service-exclude-cidr 10.0.0.0/8"),
        ("-q 80", "--include-outbound-ports 80", "--istio-outbound-ports 80"),
        ("-o 80", "--exclude-outbound-ports 80", "--istio-local-outbound-ports-exclude 80"),
        ("-k eth1", "--virtual-interfaces eth1", "--kube-virt-interfaces eth1"),
        ("-c eth1", "--exclude-interfaces eth1", "--istio-exclude-interfaces eth1"),
    ],
)
def test_short_readable_and_istios_names_mean_the_same(
    capsys: pytest.CaptureFixture[str], short: str, long: str, istio: str
) -> None:
    scripts = {run(capsys, "-n", "--ipv6", "off", *flag.split()) for flag in (short, long, istio)}
    assert len(scripts) == 1
    assert scripts != {run(capsys, "-n", "--ipv6", "off")}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("-p 0", "'0' is not a port between 1 and 65535"),
        ("-b http", "'http' is not a port"),
        ("-i 10.0.0.0/33", "'10.0.0.0/33' is not an address range, such as 10.0.0.0/8 or fd00::/8"),
        ("-m ROUTE", "'ROUTE' is neither REDIRECT nor TPROXY"),
        ("-u envoy", "'envoy' is not a numeric id"),
        ("-t 1338", "choose another mark"),
        ("-c eth0;reboot", "'eth0;reboot' is not the name of a network interface"),
        ('-c a"b', "is not the name of a network interface"),
    ],
)
def test_wrong_values_say_what_would_be_right(capsys: pytest.CaptureFixture[str], flags: str, complaint: str) -> None:
    with pytest.raises(SystemExit) as exit_status:
        main(["redirect", "-n", *flags.split(maxsplit=1)])
    assert exit_status.value.code == 2
    assert complaint in capsys.readouterr().err


def test_without_privilege_it_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(system, "PROC_STATUS", file_with(tmp_path, "CapEff:\t00000000a80405fb\n"))
    status, _, error = run(capsys)
    assert status == 1
    assert "needs root or CAP_NET_ADMIN" in error
    assert "cap_add: [NET_ADMIN]" in error


def test_without_any_tool_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(system, "PROC_STATUS", file_with(tmp_path, "CapEff:\t000001ffffffffff\n"))
    monkeypatch.setattr(apply, "find_tool", lambda name: None)
    status, _, error = run(capsys)
    assert status == 1
    assert "neither iptables nor nft is installed: apt-get install iptables" in error


def test_dns_of_unknown_resolvers_cannot_be_captured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(redirect, "RESOLV_CONF", Path("/nowhere"))
    assert "--capture-all-dns" in run(capsys, "-n", "--redirect-dns")[2]


@pytest.mark.parametrize(
    ("flags", "resolver", "advice"),
    [
        ("", "10.0.0.2", []),
        ("--redirect-dns", "10.0.0.2", ["--dns-capture"]),
        ("--redirect-dns -i 10.0.0.0/8", "10.0.0.2", ["--dns-capture", "240.240.0.0/16,2001:2::/48"]),
        ("--redirect-dns -i 10.0.0.0/8,240.0.0.0/4,::/0", "10.0.0.2", ["--dns-capture"]),
        ("--redirect-dns -x 240.240.0.0/12", "10.0.0.2", ["--dns-capture", "240.240.0.0/16 "]),
        ("--capture-all-dns", "10.0.0.2", ["--dns-capture"]),
        ("--capture-all-dns", "127.0.0.11", ["--dns-capture", "in a circle"]),
        ("--redirect-dns", "127.0.0.11", ["--dns-capture"]),
    ],
)
def test_where_dns_is_captured_it_says_what_else_is_needed(flags: str, resolver: str, advice: list[str]) -> None:
    parser = argparse.ArgumentParser()
    add_redirect_flags(parser)
    options = redirect.capture_options(parser.parse_args(flags.split()), lambda: (resolver,))
    given = redirect.dns_advice(options)
    assert len(given) == len(advice)
    assert all(part in line for part, line in zip(advice, given, strict=True))


def test_a_resolver_on_loopback_excludes_zones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(redirect, "RESOLV_CONF", file_with(tmp_path, "nameserver 127.0.0.11\n"))
    script = run(capsys, "-n", "--ipv6", "off", "--capture-all-dns")[1]
    assert "ISTIO_OUTPUT_DNS -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053" in script
    assert "--zone" not in script

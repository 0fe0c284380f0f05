"""Addresses and settings that can and cannot be served."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot.settings import AddressError, IdentitySettings, ListenAddress, Settings, parse_address

ANYWHERE = ListenAddress("0.0.0.0", 15012)
LOOPBACK = ListenAddress("127.0.0.1", 15010)


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("127.0.0.1:15010", "127.0.0.1", 15010, "127.0.0.1:15010"),
        ("[::1]:15010", "::1", 15010, "[::1]:15010"),
        ("localhost:0", "localhost", 0, "localhost:0"),
        (":15010", "0.0.0.0", 15010, "0.0.0.0:15010"),
    ],
)
def test_addresses(text: str, host: str, port: int, written: str) -> None:
    address = parse_address(text)
    assert (address.host, address.port, str(address)) == (host, port, written)


@pytest.mark.parametrize("text", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "h:-1"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(AddressError, match=r"127\.0\.0\.1:15010"):
        parse_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_word(host: str) -> None:
    assert Settings(config=(Path("rules"),), xds_address=ListenAddress(host=host, port=1)).check() == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "pilot.example.com"])
def test_beyond_loopback_nothing_is_served_without_transport_security(host: str) -> None:
    address = ListenAddress(host=host, port=15010)
    assert "--insecure" in Settings(config=(), xds_address=address).check()
    assert "--insecure" in Settings(config=(), admin_address=address).check()
    assert Settings(config=(), xds_address=address, admin_address=address, insecure=True).check() == ""


def settings(address: ListenAddress, identity: IdentitySettings | None = None, *, insecure: bool = False) -> Settings:
    return Settings(config=(), xds_address=address, identity=identity, insecure=insecure)


def identity(names: tuple[str, ...] = (), plaintext: ListenAddress | None = None) -> IdentitySettings:
    return IdentitySettings(citadel=Path("state"), server_names=names, plaintext_address=plaintext)


def test_plaintext_stays_on_loopback() -> None:
    assert settings(LOOPBACK).check() == ""
    assert "--citadel" in settings(ANYWHERE).check()
    assert settings(ANYWHERE, insecure=True).check() == ""
    assert "--plaintext-address" in settings(ANYWHERE, identity(("pilot.example",), ANYWHERE)).check()
    assert settings(ANYWHERE, identity(("pilot.example",), LOOPBACK)).check() == ""


def test_a_port_with_tls_may_be_anywhere_and_must_have_a_name() -> None:
    assert settings(ANYWHERE, identity(("pilot.example",))).check() == ""
    assert "--xds-san" in settings(ANYWHERE, identity()).check()


@pytest.mark.parametrize(
    ("address", "names", "expected"),
    [
        ("10.0.0.1:15012", (), ("10.0.0.1",)),
        ("[::1]:15012", (), ("::1",)),
        (":15012", ("a", "b"), ("a", "b")),
        ("10.0.0.1:15012", ("a",), ("a",)),
    ],
)
def test_the_server_is_known_by_what_it_listens_on_or_as_told(
    address: str, names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert settings(parse_address(address), identity(names)).server_names == expected

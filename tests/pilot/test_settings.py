"""Addresses and settings that can and cannot be served."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot.settings import AddressError, ListenAddress, Settings, parse_address


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

"""Flags that say how configuration is read."""

from __future__ import annotations

import argparse

import pytest

from galley.commands.flags import add_reading_flags, read_domain


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_reading_flags(parser)
    return parser.parse_args(arguments)


def test_the_domain_of_a_mesh_is_istios_unless_said() -> None:
    assert parse().domain == "cluster.local"
    assert parse("--domain", "Mesh.Example.").domain == "mesh.example"


@pytest.mark.parametrize("text", ["", ".", "a..b", "*.a", "a b", "a.1"])
def test_what_is_no_domain_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read_domain(text)

"""The rules that the demo serves: laid out once, then the user's. What was edited is never overwritten or deleted."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[1]
GATEWAY_FILE = "gateway.yaml"
EVERY_ADDRESS = "0.0.0.0"

_PORT = re.compile(r"^(?P<before>[ -]*number:[ ]*)(?P<value>\d+)", re.MULTILINE)
_BIND = re.compile(r"^(?P<before>[ -]*bind:[ ]*)(?P<value>[^\s#]+)", re.MULTILINE)


@dataclass(frozen=True)
class Entrance:
    """Where the gateway listens: an IP address and a port."""

    address: str
    port: int


def read_entrance(rules: Path) -> Entrance | None:
    """The entrance that the first server in ``rules/gateway.yaml`` names; None where nothing can be found there.

    A server without ``bind`` listens on every address, as in Istio.
    """
    try:
        text = (rules / GATEWAY_FILE).read_text()
    except (OSError, UnicodeDecodeError):
        return None
    port, bind = _PORT.search(text), _BIND.search(text)
    if port is None:
        return None
    return Entrance(bind["value"].strip("'\"") if bind else EVERY_ADDRESS, int(port["value"]))


def write_entrance(rules: Path, entrance: Entrance) -> bool:
    """Make the first server in ``rules/gateway.yaml`` listen there, and leave all else in the file as it is.

    Whether anything had to be changed.
    """
    found = read_entrance(rules)
    if found is None or found == entrance:
        return False
    file = rules / GATEWAY_FILE
    text = file.read_text()
    if found.address != entrance.address:
        address = f'"{entrance.address}"'
        if _BIND.search(text):
            text = _BIND.sub(lambda bind: bind["before"] + address, text, count=1)
        else:
            text = re.sub(r"(?m)^([ ]*)- port:", rf"\1- bind: {address}\n\1  port:", text, count=1)
    text = _PORT.sub(lambda port: f"{port['before']}{entrance.port}", text, count=1)
    file.write_text(text)
    return True


def lay_out_rules(rules: Path, log_name: str = "/dev/stdout") -> bool:
    """Fill ``rules`` with the sample's where there is no such directory yet. Whether that was so.

    ``log_name`` is the file that every Envoy writes a line to for each request.
    """
    if rules.exists():
        return False
    rules.mkdir(parents=True)
    for source in sorted((SAMPLE / "rules").glob("*.yaml")):
        shutil.copyfile(source, rules / source.name)
    (rules / "mesh.yaml").write_text(
        "# Every Envoy writes a line for each request.\n"
        f"apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\naccessLogFile: {log_name}\n"
    )
    return True


def set_aside(rules: Path, now: datetime) -> Path | None:
    """Move ``rules`` away under a name with the date. Where to; None when there were none."""
    if not rules.exists():
        return None
    aside = rules.with_name(f"{rules.name}.{now:%Y-%m-%dT%H-%M-%S}")
    number = 1
    while aside.exists():
        number += 1
        aside = rules.with_name(f"{rules.name}.{now:%Y-%m-%dT%H-%M-%S}.{number}")
    rules.rename(aside)
    return aside

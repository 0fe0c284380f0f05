"""What can be seen of a running demo: the control plane's pages, and the files in the directory of rules."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from samples.bookinfo.demo.admin import AdminInterface, NoAnswerError

POLL_SECONDS = 0.1
QUIET_SECONDS = 0.4
LONGEST_SECONDS = 5.0

KINDS = {"CDS": "clusters", "EDS": "endpoints", "LDS": "listeners", "RDS": "routes", "SDS": "secrets"}
"""What a person calls the types of `pilot proxy-status`."""

Resources = Mapping[str, str]
"""``Kind name`` of each resource in a file, with a digest of its content."""


@dataclass(frozen=True)
class Observation:
    """What can be seen at one moment.

    ``files`` are the rules on disk by name, with the time at which each was saved; of those in ``held``, whose newest
    content is not in force, the resources are those that are. ``sent`` says of each proxy what was last sent to it, by
    kind, as nonce and time. ``changes`` counts how often the control plane has looked at the files. Times are seconds
    since the epoch.
    """

    files: Mapping[str, tuple[Resources, float]] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    complaints: tuple[str, ...] = ()
    rejections: tuple[str, ...] = ()
    sent: Mapping[str, Mapping[str, tuple[str, float]]] = field(default_factory=dict)
    is_settled: bool = True
    changes: int = 0

    def differs(self, other: Observation) -> bool:
        """Whether something has happened between the two that a person wants to know of."""
        return replace(self, changes=0, is_settled=True) != replace(other, changes=0, is_settled=True)


def observe(admin: AdminInterface, rules: Path, before: Observation | None = None) -> Observation:
    """What can be seen now. Of a file that is held, ``before`` knows what it had in it when it was accepted.

    Raises NoAnswerError.
    """
    report, proxies = admin.json("/debug/reportz"), admin.json("/debug/syncz")
    held = frozenset(_short(one["path"], rules) for one in report.get("held", ()))
    types = {proxy["name"]: proxy["types"] for proxy in proxies}
    return Observation(
        files={name: _read(rules, name, before if name in held else None) for name in _names(rules)},
        held=held,
        complaints=tuple(_complaint(one, rules) for one in report.get("diagnostics", ())),
        rejections=tuple(text for name, states in types.items() for text in _rejections(name, states, rules)),
        sent={
            name: {KINDS.get(kind, kind): (state["nonce"], state["sentAt"]) for kind, state in states.items()}
            for name, states in types.items()
        },
        is_settled=not any(state["status"] == "STALE" for states in types.values() for state in states.values()),
        changes=_changes(admin.text("/metrics")),
    )


def observe_settled(
    admin: AdminInterface, rules: Path, check_alive: Callable[[], None], since: Observation | None = None
) -> Observation:
    """What can be seen once nothing has moved for a moment, and the control plane has looked at what was saved
    after ``since``. At the latest after five seconds. ``check_alive`` may raise.
    """
    begun = moved = time.monotonic()
    last = since
    while True:
        check_alive()
        seen, now = try_observe(admin, rules, last), time.monotonic()
        if seen is not None:
            if last is None or seen.differs(last):
                moved = now
            last = seen
            has_looked = since is None or seen.files == since.files or seen.changes > since.changes
            if (has_looked and seen.is_settled and now - moved >= QUIET_SECONDS) or now - begun >= LONGEST_SECONDS:
                return seen
        time.sleep(POLL_SECONDS)


def try_observe(admin: AdminInterface, rules: Path, before: Observation | None) -> Observation | None:
    """What can be seen now; None while the control plane does not answer."""
    try:
        return observe(admin, rules, before)
    except NoAnswerError:
        return None


def _short(text: str, rules: Path) -> str:
    return text.replace(f"{rules}/", "")


def _complaint(diagnostic: Mapping[str, Any], rules: Path) -> str:
    return f"{'✗' if diagnostic['severity'] == 'error' else '!'} {_short(diagnostic['text'], rules)}"


def _rejections(proxy: str, states: Mapping[str, Any], rules: Path) -> Iterator[str]:
    for kind, state in states.items():
        if error := state.get("error"):
            places = "".join(f" at {place}" for place in error["origins"][:1])
            yield f"{proxy} rejected {KINDS.get(kind, kind)}{_short(places, rules)}: {error['message']}"


def _names(rules: Path) -> list[str]:
    found = (file for file in rules.rglob("*") if file.suffix in {".yaml", ".yml", ".json"} and file.name[0] != ".")
    return sorted(str(file.relative_to(rules)) for file in found)


def _read(rules: Path, name: str, accepted: Observation | None) -> tuple[Resources, float]:
    file = rules / name
    try:
        saved, text = file.stat().st_mtime, file.read_text()
    except (OSError, UnicodeDecodeError):
        return {}, 0.0
    if accepted is not None:
        return accepted.files.get(name, ({}, 0.0))[0], saved
    return read_resources(text), saved


def read_resources(text: str) -> Resources:
    """What is in a file; nothing for text that is not YAML."""
    try:
        documents = [document for document in yaml.safe_load_all(text) if isinstance(document, dict)]
    except yaml.YAMLError:
        return {}
    return {_title(document): _digest(document) for document in documents}


def _title(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    return f"{document.get('kind', '?')} {name}".rstrip()


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def _changes(metrics: str) -> int:
    found = re.search(r"(?m)^pilot_config_changes(?:_total)? (\S+)", metrics)
    return int(float(found[1])) if found else 0

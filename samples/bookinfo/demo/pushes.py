"""One line for each push while the demo runs: what changed, and which proxies it reached; and every complaint."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from samples.bookinfo.demo.admin import AdminInterface
from samples.bookinfo.demo.observation import LONGEST_SECONDS, POLL_SECONDS, Observation, observe_settled, try_observe

SHOWN_AT_MOST = 3


def follow_pushes(
    admin: AdminInterface, rules: Path, check_alive: Callable[[], None], before: Observation
) -> Iterator[str]:
    """Lines about everything that happens after ``before``, each with the time of day before it.

    ``check_alive`` is called in between, and may raise.
    """
    while True:
        time.sleep(POLL_SECONDS)
        check_alive()
        seen = try_observe(admin, rules, before)
        if seen is not None and seen.differs(before):
            after = observe_settled(admin, rules, check_alive, since=before)
            clock = time.strftime("%H:%M:%S")
            yield from (f"{clock} {line}" for line in describe(before, after))
            before = after


def describe(before: Observation, after: Observation) -> Iterator[str]:
    """What a person wants to know of the step from ``before`` to ``after``."""
    yield from (text for text in after.complaints if text not in before.complaints)
    for name in sorted(after.held - before.held):
        yield f"{name} is held back: what it said before stays in force"
    changed = "; ".join([*_files(before, after), *_comings_and_goings(before, after)])
    if reached := _reached(before, after):
        yield f"{changed or 'endpoints changed'} → {reached}{_delay(before, after)}"
    elif changed:
        yield f"{changed}: no change for any proxy"
    if before.held and not after.held:
        yield "all files in force again"
    yield from (f"✗ {text}" for text in after.rejections if text not in before.rejections)
    if before.rejections and not after.rejections:
        yield "no proxy rejects anything any more"


def _files(before: Observation, after: Observation) -> Iterator[str]:
    for name in sorted({*before.files, *after.files} - after.held):
        if before.files.get(name) != after.files.get(name):
            yield _describe_file(name, before, after)


def _describe_file(name: str, before: Observation, after: Observation) -> str:
    """``reviews.yaml: VirtualService reviews changed``"""
    old = before.files[name][0] if name in before.files else {}
    new = after.files[name][0] if name in after.files else {}
    parts = [
        _some([key for key in new if key not in old], "added"),
        _some([key for key in new if key in old and new[key] != old[key]], "changed"),
        _some([key for key in old if key not in new], "removed"),
    ]
    said = ", ".join(part for part in parts if part)
    return f"{name}: {said}" if said else f"{name} {'saved' if name in after.files else 'removed'}"


def _some(titles: Collection[str], verb: str) -> str:
    if not titles:
        return ""
    return f"{', '.join(titles) if len(titles) <= SHOWN_AT_MOST else f'{len(titles)} resources'} {verb}"


def _comings_and_goings(before: Observation, after: Observation) -> Iterator[str]:
    for proxies, verb in (
        (after.sent.keys() - before.sent.keys(), "joined"),
        (before.sent.keys() - after.sent.keys(), "left"),
    ):
        if proxies:
            yield f"{', '.join(sorted(proxies))} {verb}"


def _reached(before: Observation, after: Observation) -> str:
    """``productpage-v1 (routes)``: who was sent what; proxies that were sent the same kinds stand together."""
    groups: dict[str, list[str]] = {}
    for proxy, sent in sorted(after.sent.items()):
        old = before.sent.get(proxy, {})
        kinds = [kind for kind, last in sent.items() if last[0] and last != old.get(kind)]
        if kinds:
            groups.setdefault(", ".join(kinds), []).append(proxy)
    everybody = sorted(after.sent)
    return "; ".join(f"{_proxies(proxies, everybody)} ({kinds})" for kinds, proxies in groups.items())


def _proxies(some: list[str], everybody: list[str]) -> str:
    """``some``, as shortly as it can be said."""
    others = [proxy for proxy in everybody if proxy not in some]
    if len(some) <= SHOWN_AT_MOST:
        return ", ".join(some)
    if not others:
        return f"all {len(some)} proxies"
    return f"all but {others[0]}" if len(others) == 1 else ", ".join(some)


def _delay(before: Observation, after: Observation) -> str:
    """How long after the save the last proxy was sent something; nothing where no file was saved."""
    saved = [content[1] for name, content in after.files.items() if before.files.get(name) != content]
    sent = [moment for kinds in after.sent.values() for _, moment in kinds.values()]
    if not saved or not sent or not 0 <= (seconds := max(sent) - max(saved)) < LONGEST_SECONDS:
        return ""
    return f", {seconds * 1000:.0f} ms after the save"

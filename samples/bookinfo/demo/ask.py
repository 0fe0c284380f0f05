"""Asks the demo's gateway many times and counts the answers; says what circuit breakers and retries did meanwhile.

``samples/bookinfo/ask`` runs it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from samples.bookinfo.demo.admin import AdminInterface, NoAnswerError
from samples.bookinfo.demo.visitor import PAGE, RATINGS, REVIEWS, Visit, Visitor

HOME = Path(__file__).resolve().parents[3] / ".demo"
SHORTCUTS = {"page": PAGE, "reviews": REVIEWS, "ratings": RATINGS, "details": "/api/v1/products/0"}
FILTER = r"upstream_(rq_retry|rq_retry_success|rq_pending_overflow|rq_timeout)$|outlier_detection.ejections_active$"

_COUNTER = re.compile(
    r"cluster\.outbound\|\d+\|(?P<subset>[^|]*)\|(?P<host>[^.]+)[^:]*\.(?P<name>[a-z_]+): (?P<value>\d+)"
)
_MEANINGS = {
    "upstream_rq_retry": "tried again",
    "upstream_rq_retry_success": "of these with success",
    "upstream_rq_pending_overflow": "refused by the circuit breaker",
    "upstream_rq_timeout": "took longer than allowed",
    "ejections_active": "instances taken out for their errors",
}

Counts = Mapping[tuple[str, str, str], int]
"""What an Envoy counted, by its name, the service that it asked, and the counter."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    flags = _parser().parse_args(arguments)
    try:
        places = json.loads((flags.home / "places.json").read_text())
    except (OSError, ValueError):
        print(f"ask: no demo has run with {flags.home}; start it with: make demo", file=sys.stderr)
        return 2
    envoys = {name: AdminInterface(*_host_and_port(address)) for name, address in places["envoys"].items()}
    visitor = Visitor(places["entrance"]["port"], flags.user, host=places["entrance"]["host"])
    path = SHORTCUTS.get(flags.what, flags.what)
    before = read_counts(envoys)
    started = time.monotonic()
    visits = visitor.many(flags.count, path, _headers(flags), parallel=flags.parallel)
    seconds = time.monotonic() - started
    if not any(visit.status for visit in visits):
        print(f"ask: no answer: {visits[0].text}; is the demo running?", file=sys.stderr)
        return 1
    print(f"{flags.count} requests for {path}, {flags.parallel} at once, in {seconds:.1f} s")
    for line in (*describe_answers(visits), *describe_counts(before, read_counts(envoys))):
        print(f"  {line}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ask", description=__doc__)
    parser.add_argument("what", help=f"{', '.join(SHORTCUTS)}, or a path")
    parser.add_argument("-n", "--count", type=int, default=50, help="how many requests (default: %(default)s)")
    parser.add_argument("--parallel", type=int, default=4, metavar="N", help="so many at once (default: %(default)s)")
    parser.add_argument("--user", default="", help="who asks, such as jason")
    parser.add_argument("--seconds", type=float, default=0.0, help="have ratings take so long for each answer")
    parser.add_argument(
        "--failures", type=int, default=0, metavar="PERCENT", help="have so much of ratings' answers fail"
    )
    parser.add_argument("--home", type=Path, default=HOME, help="the directory of the demo (default: .demo)")
    return parser


def _headers(flags: argparse.Namespace) -> dict[str, str]:
    wanted = {"x-ratings-seconds": flags.seconds, "x-ratings-failures": flags.failures}
    return {name: str(value) for name, value in wanted.items() if value}


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def describe_answers(visits: Sequence[Visit]) -> Iterator[str]:
    """How many answers there were of each kind, and how long the slowest took."""
    kinds = Counter(
        f"reviews {visit.version}" if visit.version in {"v1", "v2", "v3"} else f"status {visit.status or 'none'}"
        for visit in visits
    )
    for kind, count in sorted(kinds.items()):
        yield f"{kind:<12}{count:5}"
    yield f"the slowest took {max(visit.seconds for visit in visits):.2f} s"


def read_counts(envoys: Mapping[str, AdminInterface]) -> Counts:
    """What circuit breakers and retries have counted so far. An Envoy that does not answer counts nothing."""
    found: dict[tuple[str, str, str], int] = {}
    for envoy, admin in envoys.items():
        try:
            text = admin.text(f"/stats?filter={FILTER.replace('|', '%7C')}")
        except NoAnswerError:
            continue
        for match in _COUNTER.finditer(text):
            key = envoy, match["host"], match["name"]
            found[key] = found.get(key, 0) + int(match["value"])
    return found


def describe_counts(before: Counts, after: Counts) -> Iterator[str]:
    """``productpage-v1 → ratings: 12 refused by the circuit breaker``"""
    said: dict[tuple[str, str], list[str]] = {}
    for (envoy, host, name), value in after.items():
        grown = value if name == "ejections_active" else value - before.get((envoy, host, name), 0)
        if grown > 0 and name in _MEANINGS:
            said.setdefault((envoy, host), []).append(f"{grown} {_MEANINGS[name]}")
    for (envoy, host), parts in sorted(said.items()):
        yield f"{envoy} → {host}: {', '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())

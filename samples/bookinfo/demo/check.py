"""What `make demo-check` does: rules are applied one after the other, and traffic must do what they say."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from samples.bookinfo.demo.observation import try_observe
from samples.bookinfo.demo.rules import SAMPLE
from samples.bookinfo.demo.stage import Stage
from samples.bookinfo.demo.visitor import NO_RATINGS, NO_REVIEWS, PAGE, RATINGS, Visit, Visitor

T = TypeVar("T")

RULE_SECONDS = 10.0
POLL_SECONDS = 0.05
BREAKAGE = "  http:\n  - route:\n    - destinaton: {host: reviews\n"


class CheckFailedError(Exception):
    """Traffic did not do what the rules say. The message tells what was expected and what was seen."""


@dataclass(frozen=True)
class Step:
    """One thing to show. ``run`` returns what was seen, or raises CheckFailedError."""

    name: str
    run: Callable[[], str]


class BookinfoCheck:
    """The steps, in order; each relies on the rules that those before it left."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._anybody = Visitor(stage.layout.entrance.port, host=stage.layout.visited)

    def steps(self) -> Iterator[Step]:
        """All steps."""
        yield Step("the page comes through the gateway", self.page)
        yield Step("all three versions of reviews take part", self.all_versions)
        yield Step("80/20 between v1 and v3", self.split)
        yield Step("jason sees v2, others v1", self.jason)
        yield Step("a broken file is reported, traffic goes on", self.broken_file)
        yield Step("the repaired file is in force", self.repaired_file)
        yield Step("ratings fails for jason alone", self.abort)
        yield Step("ratings is slow for jason alone", self.delay)
        yield Step("what fails now and then is tried again", self.retries)
        yield Step("the circuit breaker refuses what is too much", self.circuit_breaker)

    def page(self) -> str:
        visit = self._anybody.get(PAGE)
        expect(visit.status == 200 and "Book details" in visit.text, f"the page: {visit.status} {visit.text[:80]}")
        outside = self._anybody.get("/reviews/0")
        expect(outside.status == 404, f"/reviews/0 is not published, but the gateway answered {outside.status}")
        return f"{len(visit.text)} bytes"

    def all_versions(self) -> str:
        seen = await_that(
            lambda: self._anybody.versions(30),
            lambda found: set(found) == {"v1", "v2", "v3"},
            "v1, v2 and v3 among 30 requests",
        )
        return counted(seen)

    def split(self) -> str:
        took = self._apply("reviews-80-20", "reviews", lambda: set(self._anybody.versions(16)) <= {"v1", "v3"})
        seen = self._anybody.versions(400)
        # 320 and 80 are meant; 8 is one standard deviation, and five of them pass with all but certainty.
        expect(set(seen) == {"v1", "v3"} and abs(seen["v3"] - 80) <= 40, f"expected about 320/80, saw {counted(seen)}")
        return f"{counted(seen)} of 400; {took}"

    def jason(self) -> str:
        jason = self._anybody.sign_in("jason")
        expect(jason.user == "jason", "the login form did not sign jason in")
        took = self._apply("reviews-jason-v2", "reviews", lambda: jason.get().version == "v2")
        self._expect_versions(jason, "v2")
        self._expect_versions(self._anybody, "v1")
        page = jason.get(PAGE)
        expect("★" in page.text and "stars black" in page.text, "jason's page has no black stars")
        return took

    def broken_file(self) -> str:
        file = self._stage.rules / "reviews.yaml"
        with file.open("a") as broken:
            broken.write(BREAKAGE)
        report = await_that(self._reports, bool, "a report that names reviews.yaml and the line")
        self._expect_versions(replace(self._anybody, user="jason"), "v2")
        self._expect_versions(self._anybody, "v1")
        return f"{report[-1].removeprefix('✗ ')[:90]} …"

    def _reports(self) -> list[str]:
        """What the control plane says of reviews.yaml, from the file's name on."""
        seen = try_observe(self._stage.admin, self._stage.rules, None)
        return [text for text in (seen.complaints if seen else ()) if "reviews.yaml:" in text]

    def repaired_file(self) -> str:
        return self._apply("reviews-80-20", "reviews", lambda: "v3" in self._anybody.versions(40) or None)

    def abort(self) -> str:
        self._apply("reviews-jason-v2", "reviews", lambda: replace(self._anybody, user="jason").get().version == "v2")
        jason = replace(self._anybody, user="jason")
        took = self._apply("ratings-abort", "ratings", lambda: NO_RATINGS in jason.get(PAGE).text)
        others = self._anybody.get("/api/v1/products/0/ratings")
        expect(others.status == 200, f"others should get ratings, but got {others.status}")
        return took

    def delay(self) -> str:
        jason = replace(self._anybody, user="jason")
        self._copy("ratings-delay", "ratings")
        slow = await_that(lambda: jason.get(PAGE), lambda visit: NO_REVIEWS in visit.text, f"{NO_REVIEWS!r} for jason")
        # The page asks twice and gives up after 3 s each time.
        expect(5.5 <= slow.seconds <= 8.0, f"jason's page should take about 6 s, took {slow.seconds:.1f} s")
        quick: Visit = self._anybody.get(PAGE)
        expect(quick.seconds < 2.0 and quick.version == "v1", f"others waited {quick.seconds:.1f} s")
        return f"jason waits {slow.seconds:.1f} s, others {quick.seconds * 1000:.0f} ms"

    def retries(self) -> str:
        failing = {"x-ratings-failures": "50"}
        before = self._ratings(40, failing)
        expect(before["status 500"] > 0, f"without retries half should fail, saw {counted(before)}")
        took = self._apply("retries", "ratings", lambda: self._ratings(40, failing)["status 200"] >= 38)
        return f"{counted(before)} of 40 without; {took}"

    def circuit_breaker(self) -> str:
        slow = {"x-ratings-seconds": "0.2"}
        self._apply("circuit-breaker", "destination-rules", lambda: self._ratings(8, slow)["status 503"] >= 4)
        seen = self._ratings(16, slow)
        expect(seen["status 200"] > 0 and seen["status 503"] > 0, f"expected both 200 and 503, saw {counted(seen)}")
        return f"{counted(seen)} of 16, 8 at once"

    def _ratings(self, count: int, headers: Mapping[str, str]) -> Counter[str]:
        return Counter(f"status {visit.status}" for visit in self._anybody.many(count, RATINGS, headers, parallel=8))

    def _copy(self, rule: str, target: str) -> None:
        """Save a rule from ``try/`` as an editor would."""
        file = self._stage.rules / f"{target}.yaml"
        temporary: Path = file.with_name(f".{file.name}.tmp")
        shutil.copyfile(SAMPLE / "try" / f"{rule}.yaml", temporary)
        temporary.replace(file)

    def _apply(self, rule: str, target: str, in_force: Callable[[], object]) -> str:
        """Save a rule and wait until traffic shows it. How long that took."""
        self._copy(rule, target)
        saved = time.monotonic()
        await_that(in_force, bool, f"{rule} in force")
        return f"{(time.monotonic() - saved) * 1000:.0f} ms after the save"

    @staticmethod
    def _expect_versions(visitor: Visitor, version: str) -> None:
        seen = visitor.versions(20)
        expect(set(seen) == {version}, f"{visitor.user or 'anybody'} should see {version}, saw {counted(seen)}")


def expect(condition: bool, otherwise: str) -> None:
    """Raises CheckFailedError with ``otherwise`` unless ``condition``."""
    if not condition:
        raise CheckFailedError(otherwise)


def await_that(measure: Callable[[], T], enough: Callable[[T], object], what: str) -> T:
    """Measure until it is ``enough``; what was measured then. Raises CheckFailedError after ten seconds."""
    deadline = time.monotonic() + RULE_SECONDS
    while not enough(seen := measure()):
        if time.monotonic() > deadline:
            raise CheckFailedError(f"expected {what}; last saw {seen!r:.200}")
        time.sleep(POLL_SECONDS)
    return seen


def counted(versions: Counter[str]) -> str:
    """``v1 320, v3 80``"""
    return ", ".join(f"{version} {count}" for version, count in sorted(versions.items()))

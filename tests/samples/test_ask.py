"""The counter of answers says what circuit breakers and retries did."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.bookinfo.demo.admin import AdminInterface
from samples.bookinfo.demo.ask import describe_answers, describe_counts, main, read_counts
from samples.bookinfo.demo.visitor import Visit

CLUSTER = "cluster.outbound|9080|v1|ratings.default.svc.cluster.local"


class Envoy(AdminInterface):
    def __init__(self, stats: str) -> None:
        super().__init__("127.0.0.1", 0)
        self.__dict__["stats"] = stats

    def text(self, path: str, timeout: float = 5.0) -> str:
        return str(self.__dict__["stats"])


def test_answers_are_counted_by_version_or_status() -> None:
    visits = [
        Visit(200, '{"version": "v1"}', 0.1),
        Visit(200, '{"version": "v3"}', 0.25),
        Visit(200, '{"version": "v1"}', 0.1),
        Visit(503, "", 0.1),
        Visit(0, "refused", 0.1),
    ]
    assert [" ".join(line.split()) for line in describe_answers(visits)] == [
        "reviews v1 2",
        "reviews v3 1",
        "status 503 1",
        "status none 1",
        "the slowest took 0.25 s",
    ]


def test_what_grew_is_said_by_proxy_and_service() -> None:
    before = read_counts({"page": Envoy(f"{CLUSTER}.upstream_rq_retry: 2\n{CLUSTER}.upstream_rq_timeout: 1\n")})
    after = read_counts(
        {
            "page": Envoy(
                f"{CLUSTER}.upstream_rq_retry: 5\n{CLUSTER}.upstream_rq_retry_success: 1\n"
                f"{CLUSTER}.upstream_rq_timeout: 1\n{CLUSTER.replace('|v1|', '||')}.upstream_rq_pending_overflow: 4\n"
                f"{CLUSTER}.outlier_detection.ejections_active: 1\n"
            ),
            "gone": AdminInterface("127.0.0.1", 1),
        }
    )
    assert list(describe_counts(before, after)) == [
        "page → ratings: 3 tried again, 1 of these with success, 4 refused by the circuit breaker, "
        "1 instances taken out for their errors"
    ]
    assert list(describe_counts(after, after)) == ["page → ratings: 1 instances taken out for their errors"]


def test_without_a_demo_it_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reviews", "--home", str(tmp_path)]) == 2
    assert "make demo" in capsys.readouterr().err

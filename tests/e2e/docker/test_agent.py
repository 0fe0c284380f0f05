"""`pilot agent` in containers, beside workloads with a stock Envoy: docker-compose.agent.yml."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.docker.conftest import new_stack
from tests.e2e.docker.engine import ROOT, Engine
from tests.e2e.docker.stack import docker
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.traffic import Traffic

REVIEWS = "/api/v1/products/0/reviews"


def test_agents_serve_beside_stock_envoys_and_leave_without_a_failed_request(engine: Engine, tmp_path: Path) -> None:
    with new_stack(engine, tmp_path, ROOT / "docker-compose.agent.yml") as stack:
        print(f"from nothing to a whole page: {stack.up():.1f} s")
        eventually(lambda: set(stack.versions(30)) == {"v1", "v2", "v3"}, 30, what="all three versions answer")
        for version in ("v1", "v2", "v3"):
            sidecar = f"reviews-{version}-sidecar"
            assert stack.stat(sidecar, "0.0.0.0_15006.ssl.handshake") > 0
            assert docker("exec", stack.container(sidecar), "stat", "-c", "%a %u", "identity.pem") == "600 1337"
        with Traffic(stack.gateway, REVIEWS) as traffic:
            stack("stop", "-t", "20", "reviews-v2-sidecar")
            eventually(lambda: "v2" not in stack.versions(20), 20, what="the one that left is not asked")
            stack("start", "reviews-v2-sidecar")
            eventually(lambda: "v2" in stack.versions(20), 60, what="the one that is back is asked")
            # Another Envoy in its place, by an agent that is the first process of its container and an ordinary user.
            docker("kill", "-s", "HUP", stack.container("reviews-v3-sidecar"))
            took_over = lambda: "it has taken over" in stack("logs", "reviews-v3-sidecar")  # noqa: E731
            eventually(took_over, 60, what="a hot restart")
            eventually(lambda: "v3" in stack.versions(20), 20, what="the one that took over is asked")
        assert traffic.failures == []
        print(f"{len(traffic.outcomes)} requests, 0 failed")

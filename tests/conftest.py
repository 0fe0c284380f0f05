"""What holds for all tests."""

from __future__ import annotations

import os

import pytest

# Some tests fork, beside others that have used gRPC in the same process: its handlers must not run in such a child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite what golden tests expect from what comes out"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether what golden tests expect is to be rewritten."""
    return bool(request.config.getoption("--update-golden"))

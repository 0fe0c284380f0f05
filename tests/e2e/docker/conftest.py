"""Docker for the tests here: made ready when the first needs it; where it cannot be, they are skipped and say why."""

from __future__ import annotations

import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.docker.engine import Engine, NoDockerError, ready_engine
from tests.e2e.docker.stack import Stack
from tests.e2e.harness.addresses import own_addresses

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """A Docker Engine with all images."""
    try:
        return ready_engine()
    except NoDockerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bookinfo(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The project's own docker-compose.yml, up and serving; each test leaves it so."""
    with new_stack(engine, tmp_path_factory.mktemp("compose")) as stack:
        stack.up()
        yield stack


def new_stack(engine: Engine, home: Path, *overrides: Path) -> Stack:
    """A Compose project with a name and a port of its own, not started."""
    name = f"compose-{os.getpid()}-{next(_numbers)}"
    return Stack(engine, home, name, own_addresses().port(), *overrides)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of the containers with a failure."""
    report = yield
    funcargs: dict[str, object] = getattr(item, "funcargs", {})
    for name, stack in funcargs.items():
        if report.failed and report.when == "call" and isinstance(stack, Stack):
            report.sections.append((name, stack.report()))
    return report

"""From a saved file to a published snapshot: one changed file among many, through the file system and inotify."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from galley.publishing.latest import Latest
from galley.publishing.publisher import ConfigReport, PublishOptions, publish
from galley.snapshot import ConfigSnapshot
from galley.sources.directory import DirectorySource

_RULE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: rule-{number}}}
spec:
  hosts: [service-{number}.example.com]
  http:
  - match:
    - headers: {{end-user: {{exact: jason}}}}
    route:
    - destination: {{host: service-{number}.example.com, port: {{number: 80}}}}
      weight: 80
    - destination: {{host: other-{number}.example.com, port: {{number: 80}}}}
      weight: 20
    timeout: {timeout}s
"""


@dataclass(frozen=True, slots=True)
class ReloadTimes:
    """Seconds: from the start to the first snapshot, and from each save to the snapshot with it."""

    files: int
    first: float
    saves: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.saves)


async def measure_reload(files: int = 1000, saves: int = 20) -> ReloadTimes:
    """Write ``files`` files, publish them with a state directory, then save one of them again and again."""
    with tempfile.TemporaryDirectory() as directory:
        conf, state = Path(directory, "conf"), Path(directory, "state")
        await asyncio.to_thread(_write_all, conf, files)
        configs: Latest[ConfigSnapshot] = Latest()
        reports: Latest[ConfigReport] = Latest()
        started = time.perf_counter()
        publishing = asyncio.create_task(
            publish(DirectorySource([str(conf)]), configs, reports, PublishOptions(state=str(state)))
        )
        try:
            serial, _ = await configs.newer_than(0)
            first = time.perf_counter() - started
            times = []
            for number in range(saves):
                await asyncio.sleep(0.2)  # a person does not save in a burst
                saved = time.perf_counter()
                _write(conf, number, timeout=9)
                serial, _ = await configs.newer_than(serial)
                times.append(time.perf_counter() - saved)
        finally:
            publishing.cancel()
            await asyncio.wait([publishing])
    return ReloadTimes(files=files, first=first, saves=tuple(times))


def _write_all(conf: Path, files: int) -> None:
    conf.mkdir()
    for number in range(files):
        _write(conf, number, timeout=5)


def _write(conf: Path, number: int, *, timeout: int) -> None:
    (conf / f"rule-{number}.yaml").write_text(_RULE.format(number=number, timeout=timeout))


if __name__ == "__main__":
    result = asyncio.run(measure_reload(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
    print(
        f"{result.files} files: first snapshot {result.first * 1000:.0f} ms; one file saved: "
        f"median {result.median * 1000:.0f} ms, worst {max(result.saves) * 1000:.0f} ms"
    )

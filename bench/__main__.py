"""`python -m bench`: times and sizes of generation, start-up and publishing, as tables with ratios.

Everything that is compared is measured in one run. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.identity import IdentityResult, measure_identity
from bench.policies import PolicyCost, measure_policies
from bench.publishing import Comparison, Publishing, measure_publishing
from bench.reading import ReadingRates, measure_reading
from bench.reload import ReloadTimes, measure_reload
from bench.report import (
    generation_report,
    identity_report,
    machine,
    memory_report,
    policies_report,
    publishing_report,
    reading_report,
    reload_report,
    startup_report,
)
from bench.startup import Startup, measure_startup


@dataclass(frozen=True)
class Results:
    """All that was measured."""

    generation: list[dict[str, Any]]
    startups: list[Startup]
    reading: ReadingRates
    reload: ReloadTimes
    policies: PolicyCost
    identity: IdentityResult
    comparisons: list[Comparison]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. Progress goes to stderr."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)

    sizes = options.services or ([10, 100] if options.quick else [10, 100, 1000])
    generation, startups = [], []
    for services in sizes:
        tell(f"{services} services: generation")
        generation.append(_generation(services, 2 if options.quick else 5))
        tell(f"{services} services: start-up")
        startups.append(measure_startup(services))
    tell(f"{max(sizes)} files: saving one")
    reading = measure_reading(50 if options.quick else 500)
    reload = asyncio.run(measure_reload(max(sizes), 3 if options.quick else 15))
    tell("policies")
    policies = measure_policies(100, 1000, 1 if options.quick else 5)
    tell("identity")
    identity = measure_identity(requests=100 if options.quick else 2000, clients=10 if options.quick else 100)
    comparisons = _publishing(options, sizes, tell)
    measured = Results(generation, startups, reading, reload, policies, identity, comparisons)
    tell("done")
    if options.output == "json":
        print(_as_json(measured))
    else:
        _print(measured)
    return 0


def _generation(services: int, repeats: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.generation", str(services), str(repeats)]
    result: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return result


def _publishing(options: argparse.Namespace, sizes: Sequence[int], tell: Any) -> list[Comparison]:
    """For sizes from a hundred services on, or for all that were asked for by number."""
    clients = options.clients if options.clients is not None else (50 if options.quick else 1000)
    found = []
    for services in sizes if options.services else [size for size in sizes if size >= 100]:
        settings = Publishing(
            services=services,
            clients=clients,
            processes=options.processes,
            repeats=1 if options.quick else 3,
            sotw=options.sotw,
            registering=options.self_register,
        )
        if clients:
            found += measure_publishing(settings, tell)
    return found


def _print(measured: Results) -> None:
    facts = machine()
    print(f"{facts['system']}, {facts['cores']} cores, Python {facts['python']}, grpcio {facts['grpcio']}\n")
    print("\n\n".join(generation_report(measured.generation)))
    print(f"\n## From process start to first response\n\n{startup_report(measured.startups)}")
    print(f"\n{reading_report(measured.reading)}\n{reload_report(measured.reload)}")
    print(f"\n## Policies about access\n\n{policies_report(measured.policies)}")
    print("\n## Identity\n\n" + "\n\n".join(identity_report(measured.identity)))
    if measured.comparisons:
        print(f"\n## {measured.comparisons[0].clients:,} clients\n\n{publishing_report(measured.comparisons)}")
        print(f"\n{memory_report(measured.comparisons)}")


def _as_json(measured: Results) -> str:
    publishing = [asdict(one) for one in measured.comparisons]
    for one in publishing:
        for side in ("pilot", "raw"):
            one[side]["sample"] = [[type_url, len(data)] for type_url, data in one[side]["sample"]]
    results = {
        "machine": machine(),
        "generation": measured.generation,
        "startup": [asdict(one) for one in measured.startups],
        "reading": asdict(measured.reading),
        "reload": asdict(measured.reload),
        "policies": asdict(measured.policies),
        "identity": asdict(measured.identity),
        "publishing": publishing,
    }
    return json.dumps(results, indent=2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument(
        "--services",
        type=int,
        nargs="+",
        metavar="N",
        help="sizes of the mesh (default: 10 100 1000; clients from 100 on)",
    )
    parser.add_argument("--clients", type=int, metavar="N", help="simulated Envoys (default: 1000; 0 leaves them out)")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="client processes (default: 2)")
    parser.add_argument("--sotw", action="store_true", help="clients speak state-of-the-world xDS instead of delta")
    parser.add_argument("--self-register", action="store_true", help="clients are the endpoints of their services")
    parser.add_argument("--quick", action="store_true", help="small and inexact, to see that it works")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="(default: text)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

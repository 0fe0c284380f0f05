"""What was measured, as tables: every time beside what it is to be compared with, from the same run."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from typing import Any

import grpc

from bench.identity import IdentityResult
from bench.policies import PolicyCost
from bench.publishing import Comparison
from bench.reading import ReadingRates
from bench.reload import ReloadTimes
from bench.startup import Startup
from bench.tables import kilobytes, milliseconds, percent, ratio, table

FIRST = "first proxy: generate"


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "grpcio": grpc.__version__,
    }


def generation_report(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Times, sizes and memory by number of services."""
    yield "## Generation (ms; % of the first proxy's time at the largest size)"
    yield table(["", *_sizes(results), "%"], _times(results))
    yield "## Per service (µs)"
    yield table(["", *_sizes(results)], _per_service(results))
    yield "## Bytes sent to one proxy (KB; % of everything by delta at the largest size)"
    full = results[-1]["bytes"]["full, delta"]
    yield table(
        ["", *_sizes(results), "%"],
        [
            [what, *(kilobytes(r["bytes"][what]) for r in results), percent(results[-1]["bytes"][what], full)]
            for what in results[0]["bytes"]
        ],
    )
    yield "## Work done for a change (plans made, resources encoded, sets put together)"
    yield table(["", *_sizes(results)], [[what, *map(_work(what), results)] for what in results[0]["work"]])
    yield "## Memory (MB)"
    yield table(
        ["", *_sizes(results)],
        [[what, *(f"{r['memory'][what]:,.0f}" for r in results)] for what in results[0]["memory"]],
    )


def _sizes(results: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{r['services']:,} services" for r in results]


def _times(results: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    base = results[-1]["seconds"][FIRST]
    for what in results[0]["seconds"]:
        times = [r["seconds"][what] for r in results]
        yield [what, *map(milliseconds, times), percent(times[-1], base)]


def _per_service(results: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    for what in ("load, all files", "context, all files", FIRST, "first proxy: join, delta"):
        yield [what, *(f"{1e6 * r['seconds'][what] / r['services']:,.0f}" for r in results)]


def _work(what: str) -> Any:
    return lambda r: " / ".join(str(count) for count in r["work"][what].values())


def policies_report(result: PolicyCost) -> str:
    """What policies add, as ratios of the same mesh without."""
    changed = f"one policy changed ({result.plans} plans, {result.encodings} encoded)"
    rows = (("without", result.without), ("with", result.with_policies), (changed, result.one_changed))
    return table(
        [f"context and {result.proxies:,} proxies, {result.policies:,} policies", "ms", "of without"],
        [[what, milliseconds(value), percent(value, result.without)] for what, value in rows],
    )


def startup_report(results: Sequence[Startup]) -> str:
    """Start-up by number of services."""
    return table(
        ["", "listening ms", "first response ms", "with kept state ms", "CPU s", "MB"],
        [
            [
                f"{r.services:,} services",
                *map(milliseconds, (r.listening, r.first_response, r.again)),
                f"{r.cpu:.2f}",
                f"{r.memory:,.0f}",
            ]
            for r in results
        ],
    )


def reading_report(result: ReadingRates) -> str:
    """How fast files are read, in documents a second of processor time."""
    return table(
        ["", "bytes each", "composed / s", "composed and decoded / s", "ratio"],
        [
            [
                f"{result.documents:,} documents",
                f"{result.bytes:.0f}",
                f"{result.composed:,.0f}",
                f"{result.decoded:,.0f}",
                percent(result.decoded, result.composed),
            ]
        ],
    )


def reload_report(result: ReloadTimes) -> str:
    """From a saved file to the snapshot with it, through the file system."""
    times = (result.first, result.median, max(result.saves))
    return table(
        ["", "first snapshot ms", "one file saved ms", "worst ms", "one / first"],
        [[f"{result.files:,} files", *map(milliseconds, times), percent(result.median, result.first)]],
    )


def publishing_report(results: Sequence[Comparison]) -> str:
    """One row a case, with what the raw server took for the same bytes, and how often that goes into ours."""
    head = ["", "first ACK ms", "last ACK ms", "raw ms", "ratio", "CPU s", "raw CPU s", "ratio", "clients' CPU s", "MB"]
    return table(head, map(_comparison, results))


def _comparison(c: Comparison) -> list[str]:
    return [
        f"{c.services:,} services: {c.case}",
        milliseconds(c.pilot.first_ack),
        milliseconds(c.pilot.last_ack),
        milliseconds(c.raw.last_ack),
        ratio(c.pilot.last_ack, c.raw.last_ack),
        f"{c.pilot.server_cpu:.2f}",
        f"{c.raw.server_cpu:.2f}",
        ratio(c.pilot.server_cpu, c.raw.server_cpu),
        f"{c.pilot.client_cpu:.2f}",
        f"{c.pilot.received / 1e6:,.1f}",
    ]


def identity_report(result: IdentityResult) -> Iterator[str]:
    """Signing, first configurations and refusals."""
    signing, first = result.signing, result.first
    yield table(
        ["requests / s", "signing alone", "calls alone", "CreateCertificate", "of signing", "of calls"],
        [
            [
                f"{signing.requests:,} over mutual TLS",
                *(f"{rate:,.0f}" for rate in (signing.signing, signing.calls, signing.served)),
                percent(signing.served, signing.signing),
                percent(signing.served, signing.calls),
            ]
        ],
    )
    yield table(
        ["first configuration of all", "plaintext ms", "TLS, token, certificate ms", "ratio"],
        [
            [
                f"{first.clients:,} clients at once",
                milliseconds(first.plaintext),
                milliseconds(first.secured),
                ratio(first.secured, first.plaintext),
            ]
        ],
    )
    yield table(
        ["refusing", "cases", "median ms", "worst ms"],
        [[one.what, str(one.cases), f"{one.median:.2f}", f"{one.worst:.2f}"] for one in result.refusals],
    )


def memory_report(results: Sequence[Comparison]) -> str:
    """The servers' peak memory."""
    return table(
        ["peak memory of the server, MB", "pilot", "raw", "ratio"],
        [
            [
                f"{c.services:,} services, {c.clients:,} clients",
                f"{c.pilot_memory:,.0f}",
                f"{c.raw_memory:,.0f}",
                ratio(c.pilot_memory, c.raw_memory),
            ]
            for c in {c.services: c for c in results}.values()
        ],
    )

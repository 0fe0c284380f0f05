"""How many Istio-sized documents a second are composed, and composed and decoded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.configuration import Mesh
from galley.decoding.documents import decode_file
from galley.text.compose import compose


@dataclass(frozen=True)
class ReadingRates:
    """Documents a second, of the best of several runs; ``bytes`` is the mean size of a document."""

    documents: int
    bytes: float
    composed: float
    decoded: float


def measure_reading(services: int = 500, repeats: int = 3) -> ReadingRates:
    """Read the files of a mesh as one, again and again."""
    text = "\n---\n".join(Mesh(services=services).files().values()).encode()
    documents = len(compose(text, "bench.yaml")[0])

    def rate(read: Callable[[bytes, str], object]) -> float:
        return documents / min(_seconds(lambda: read(text, "bench.yaml")) for _ in range(repeats))

    return ReadingRates(
        documents=documents, bytes=len(text) / documents, composed=rate(compose), decoded=rate(decode_file)
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started

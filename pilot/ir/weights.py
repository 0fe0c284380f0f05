"""Weights as Envoy takes them: of several none is 0, and their sum is an unsigned number of 32 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

MAX_TOTAL = 2**32 - 1

S = TypeVar("S")


def settle_shares(shares: tuple[S, ...]) -> tuple[S, ...]:
    """The shares that get traffic: one that is alone whatever its weight, and of several those above 0."""
    if len(shares) == 1:
        return shares
    return fit_weights(tuple(share for share in shares if _weight(share) > 0))


def fit_weights(shares: tuple[S, ...]) -> tuple[S, ...]:
    """``shares``, whose weights are above 0, in the same proportions with a sum that Envoy can hold."""
    weights = scaled([_weight(share) for share in shares])
    if weights is None:
        return shares
    settled: list[Any] = [replace(share, weight=weight) for share, weight in zip(shares, weights, strict=True)]  # type: ignore[type-var]
    return tuple(settled)


def scaled(weights: Sequence[int]) -> list[int] | None:
    """``weights`` in the same proportions, each at least 1, with the greatest sum that fits; None if they fit as they
    are."""
    total = sum(weights)
    if total <= MAX_TOTAL:
        return None
    room = MAX_TOTAL - len(weights)  # each of them may be rounded up to 1
    return [max(1, weight * room // total) for weight in weights]


def _weight(share: Any) -> int:
    weight: int = share.weight
    return weight

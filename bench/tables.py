"""Results as Markdown tables, so that what is printed can be put into a document as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def written(line: Sequence[str]) -> str:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        return f"| {' | '.join(cells)} |"

    return "\n".join(map(written, [lines[0], rule, *lines[1:]]))


def milliseconds(seconds: float) -> str:
    """Three digits that mean something: 0.021, 4.13, 38.2, 1,204."""
    value = seconds * 1000
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def ratio(value: float, base: float, sign: str = "×") -> str:
    """How often ``base`` goes into ``value``; a dash where that says nothing."""
    if base <= 0:
        return "–"
    quotient = value / base
    return f"{quotient:,.1f}{sign}" if quotient >= 0.95 else f"{quotient:.2g}{sign}"


def percent(value: float, base: float) -> str:
    """``value`` as a part of ``base``, with two digits at least."""
    if base <= 0:
        return "–"
    share = 100 * value / base
    return f"{share:,.0f} %" if share >= 10 else f"{share:.2g} %"


def kilobytes(count: int) -> str:
    return f"{count / 1000:,.1f}"

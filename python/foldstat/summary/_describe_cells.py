"""The cells of one column in the table of `describe`, whatever the column holds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from foldstat.summary._column_kinds import Kind, Others
from foldstat.summary._counted_texts import Texts
from foldstat.summary._decimals import Decimals, Places
from foldstat.summary._summary import Summary
from foldstat.summary._ticks import Scale, Ticks
from foldstat.summary._whole import WholeNumbers

Cells: TypeAlias = dict[str, Any]


def label_of(share: float) -> str:
    """Name the row of a quantile."""
    return f"{100 * share:.10g}%"


def number_cells(summary: Summary, shares: Sequence[float], *, boolean: bool) -> Cells:
    """Read a summary of numbers; what nothing is known of has no cell."""
    cells: Cells = {"count": summary.count, "nulls": summary.null_count, "nan": summary.nan_count}
    if summary.count == 0:
        return cells | {"distinct": 0}
    cells |= {"mean": summary.mean, "min": summary.min}
    if summary.count > 1:
        cells["std"] = summary.std()
    cells |= {label_of(share): summary.quantile(share) for share in shares}
    cells |= {"max": summary.max, "distinct": summary.distinct_count}
    if boolean:
        true = int(summary.sum)
        false = summary.count - true
        cells |= {"top": float(true > false), "freq": max(true, false)}
    return {name: float(cell) for name, cell in cells.items()}


def other_cells(kind: Kind, shares: Sequence[float], threads: int | None) -> Cells:
    """Describe what is no column of numbers for the compiled module."""
    if isinstance(kind, Texts):
        cells: Cells = {"count": kind.count, "nulls": kind.null_count, "distinct": kind.distinct, "top": kind.top}
        return cells | ({"freq": kind.frequency} if kind.frequency else {})
    if isinstance(kind, Ticks):
        return _time_cells(kind, shares, threads)
    if isinstance(kind, Decimals):
        return _decimal_cells(kind, shares, threads)
    assert isinstance(kind, Others)
    return {"count": kind.count, "nulls": kind.null_count}


def _time_cells(ticks: Ticks, shares: Sequence[float], threads: int | None) -> Cells:
    scale, numbers = ticks.scale, WholeNumbers(ticks.present())
    assert isinstance(scale, Scale)  # decimals are of another kind
    cells: Cells = {"count": numbers.count, "nulls": ticks.null_count}
    if numbers.count == 0:
        return cells | {"distinct": 0}
    mean, variance, cells["distinct"] = numbers.moments(threads)
    low, high = numbers.ends()
    cells |= {"mean": scale.at(mean), "min": scale.exactly_at(low), "max": scale.exactly_at(high)}
    if variance is not None:
        cells["std"] = scale.root_moment(variance)
    found = zip(shares, numbers.quantiles(shares), strict=True)
    return cells | {label_of(share): scale.at(quantile) for share, quantile in found}


def _decimal_cells(found: Decimals, shares: Sequence[float], threads: int | None) -> Cells:
    numbers, scale = found.present(), Places(str(found.places))
    cells: Cells = {"count": numbers.count, "nulls": found.null_count, "nan": 0}
    if numbers.count == 0:
        return cells | {"distinct": 0}
    mean, variance, cells["distinct"] = numbers.moments(threads)
    low, high = map(Fraction, numbers.ends())
    cells |= {"mean": scale.read(mean), "min": scale.read(low), "max": scale.read(high)}
    if variance is not None:
        cells["std"] = scale.root(variance)
    quantiles = map(scale.read, numbers.quantiles(shares))
    return cells | dict(zip(map(label_of, shares), quantiles, strict=True))

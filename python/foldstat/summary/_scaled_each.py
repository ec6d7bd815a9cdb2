"""Statistics of many summaries of times or decimals: columns of whole numbers, and what these stand for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.frames import FrameKind
from foldstat.summary._decimals import Places
from foldstat.summary._scales import AnyScale, Scales
from foldstat.summary._ticks import Scale
from foldstat.summary._time_cells import TimeCells

if TYPE_CHECKING:
    from foldstat._core import SummaryStates


@dataclass(frozen=True, slots=True)
class MixedCells:
    """Statistics of one name that are of several kinds: those of neighbours which are of one kind lie together."""

    parts: list[NDArray[Any] | TimeCells]

    def objects(self) -> NDArray[Any]:
        """Give Python's objects."""
        return _side_by_side(objects_of(part).tolist() for part in self.parts)

    def column(self, kind: FrameKind) -> Any:
        """Give what the library makes a column of: floats, objects in pandas, or texts."""
        if not any(isinstance(part, TimeCells) for part in self.parts):
            return np.array([np.nan if cell is None else float(cell) for cell in self.objects()], dtype=np.float64)
        if kind == "pandas":
            parts = (part.column(kind) if isinstance(part, TimeCells) else part.tolist() for part in self.parts)
            return _side_by_side(parts)
        return [None if cell is None else str(cell) for cell in self.objects()]


Cells: TypeAlias = "NDArray[Any] | TimeCells | MixedCells"


def _side_by_side(parts: Iterable[Any]) -> NDArray[Any]:
    cells = list(itertools.chain.from_iterable(parts))
    joined = np.empty(len(cells), dtype=object)
    joined[:] = cells
    return joined


def objects_of(cells: Cells) -> NDArray[Any]:
    """Give statistics as an array."""
    return cells if isinstance(cells, np.ndarray) else cells.objects()


def shown_cells(cells: Iterable[Any]) -> list[Any]:
    """Give statistics as notebooks show them: what is missing looks the same in those of times and of numbers."""
    return ["nan" if cell is None else cell for cell in cells]


def column_of(cells: Cells, kind: FrameKind) -> Any:
    """Give statistics as what a library makes a column of."""
    if not isinstance(cells, np.ndarray):
        return cells.column(kind)
    if kind != "pandas" and cells.dtype == object and any(not isinstance(cell, (int, float)) for cell in cells):
        return [None if cell != cell else cell for cell in cells]  # decimals
    return cells


# ---------------------------------------------------------------- reads


def _runs(places: range, scales: Scales) -> Iterator[tuple[range, AnyScale | None]]:
    """Give neighbours that have one scale."""
    if not isinstance(scales, tuple):
        yield places, scales
        return
    start = 0
    for scale, run in itertools.groupby(scales):
        end = start + len(list(run))
        yield places[start:end], scale
        start = end


def read_each(states: SummaryStates, places: range, scales: Scales, name: str, ddof: int = 1) -> Cells:
    """Read a statistic of summaries, some of which are of times or decimals."""
    if not isinstance(scales, tuple):
        return _read(states, places, scales, name, ddof)
    parts: list[NDArray[Any] | TimeCells] = []
    for run, scale in _runs(places, scales):
        if isinstance(scale, Scale) and not _has(scale, name):
            parts.append(np.full(len(run), None, dtype=object))
        else:
            parts.append(_read(states, run, scale, name, ddof))
    return MixedCells(parts)


def _has(scale: Scale, name: str) -> bool:
    """Tell whether times have a statistic: only durations have a sum, and nothing has a squared unit."""
    return scale.kind == "duration" if name == "sum" else name != "var"


def _read(
    states: SummaryStates, places: range, scale: AnyScale | None, name: str, ddof: int
) -> NDArray[Any] | TimeCells:
    which = (places.start, places.step, len(places))
    if scale is None:
        read = getattr(states, name)
        found = read(ddof, which) if name in ("var", "std") else read(which)
        return found if isinstance(found, np.ndarray) else np.array(found, dtype=object)
    if isinstance(scale, Places):
        if name not in ("min", "max", "sum"):
            return _core.decimals_of_each(states, which, name, ddof, int(scale.unit))
        ticks, there = _core.whole_of_each(states, which, name, 1, 1)
        return _decimals(np.asarray(ticks, dtype=object), there, scale)
    if not _has(scale, name):
        scale.variance(Fraction(0)) if name == "var" else scale.sum(Fraction(0))  # which refuse
    if name in ("min", "max"):
        return TimeCells(*_core.whole_of_each(states, which, name, 1, 1), scale)
    shown = scale.fine if name == "mean" else scale.duration.fine
    return TimeCells(*_core.whole_of_each(states, which, name, ddof, scale.fine_factor), shown)


def _decimals(ticks: NDArray[Any], there: NDArray[np.bool_], scale: Places) -> NDArray[Any]:
    found = np.empty(len(ticks), dtype=object)
    pairs = zip(ticks.tolist(), there.tolist(), strict=True)
    found[:] = [scale.read_exactly(tick) if known else scale.nothing for tick, known in pairs]
    return found


# ---------------------------------------------------------------- quantiles


def quantiles_of_each(states: SummaryStates, places: range, scales: Scales, found: NDArray[np.float64]) -> Cells:
    """Give what ticks, of shape (n,), that lie at a quantile of each stand for."""
    if not isinstance(scales, tuple):
        return _at(states, places, scales, found)
    parts, start = [], 0
    for run, scale in _runs(places, scales):
        parts.append(_at(states, run, scale, found[start : start + len(run)]))
        start += len(run)
    return MixedCells(parts)


def _at(
    states: SummaryStates, places: range, scale: AnyScale | None, ticks: NDArray[np.float64]
) -> NDArray[Any] | TimeCells:
    if scale is None:
        return ticks
    there = ticks == ticks
    if isinstance(scale, Places):
        if np.abs(ticks[there]).max(initial=0.0) >= 2.0**53:  # the float nearest to an end may lie beyond it
            exact = [Fraction(tick) if tick == tick else None for tick in ticks.tolist()]
            low, high, known = _ends(states, places, 1)
            for i in np.flatnonzero(known & there).tolist():
                exact[i] = Fraction(min(max(exact[i], low[i]), high[i]))
            return np.array([np.nan if tick is None else scale.read(tick) for tick in exact])
        return _times_size(ticks, scale)
    whole = _times_factor(np.where(there, ticks, 0.0), scale.fine_factor)
    low, high, known = _ends(states, places, scale.fine_factor)
    return TimeCells(np.where(known, np.minimum(np.maximum(whole, low), high), whole), there, scale.fine)


def _ends(states: SummaryStates, places: range, factor: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Give the smallest and the largest whole number of each, and of which these can be told."""
    which = (places.start, places.step, len(places))
    low, known = _core.whole_of_each(states, which, "min", 1, factor)
    return np.array(low), np.array(_core.whole_of_each(states, which, "max", 1, factor)[0]), known


def differences_of_each(places: range, scales: Scales, low: NDArray[np.float64], high: NDArray[np.float64]) -> Cells:
    """Give what the differences of ticks stand for."""
    parts, start = [], 0
    for run, scale in _runs(places, scales):
        part = slice(start, start + len(run))
        parts.append(_difference(scale, low[part], high[part]))
        start += len(run)
    return MixedCells(parts) if isinstance(scales, tuple) else parts[0]


def _difference(
    scale: AnyScale | None, low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[Any] | TimeCells:
    if scale is None:
        with np.errstate(invalid="ignore"):  # of infinities
            return np.where(high != low, high - low, 0.0)
    there = low == low
    known = np.stack([np.where(there, end, 0.0) for end in (low, high)])
    apart = known[1] - known[0]
    if (known[0] + apart != known[1]).any() or (np.abs(known) >= 2.0**52).any():  # it may be rounded
        exact = [Fraction(b) - Fraction(a) for a, b in known.T.tolist()]
        if isinstance(scale, Places):
            return np.where(there, [scale.difference(each) for each in exact], np.nan)
        factor = scale.fine_factor
        return TimeCells(_as_ticks([round(each * factor) for each in exact]), there, scale.duration.fine)
    if isinstance(scale, Places):
        return np.where(there, _times_size(apart, scale), np.nan)
    return TimeCells(_times_factor(apart, scale.fine_factor), there, scale.duration.fine)


def _times_size(ticks: NDArray[np.float64], scale: Places) -> NDArray[np.float64]:
    """Give floats times the size of what they count, rounded once."""
    places = int(scale.unit)
    if places <= 22:  # such powers of ten are floats
        return ticks / 10.0**places
    return np.array([scale.read(Fraction(tick)) if tick == tick else np.nan for tick in ticks.tolist()])


def _times_factor(ticks: NDArray[np.float64], factor: int) -> NDArray[Any]:
    """Give floats times a factor as the nearest integers, ties to even."""
    few = np.abs(ticks).max(initial=0.0) < 2.0**62 / factor
    if few and factor == 1:
        return np.rint(ticks).astype(np.int64)
    if few and factor % 8 == 0 and (eighths := ticks * 8.0).tolist() == np.rint(eighths).tolist():
        return eighths.astype(np.int64) * (factor // 8)
    return _as_ticks([round(Fraction(tick) * factor) for tick in ticks.tolist()])


def _as_ticks(ticks: list[int]) -> NDArray[Any]:
    fits = all(-(2**63) <= tick < 2**63 for tick in ticks)
    return np.array(ticks, dtype=np.int64 if fits else object)

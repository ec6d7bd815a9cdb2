"""Times and decimals on their way in: as whole numbers, and what these stand for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from foldstat import _core
from foldstat._common.checks import shown
from foldstat._common.libraries import offers_arrow
from foldstat.summary._decimals import Places, decimals_of
from foldstat.summary._input import Column, Frame, UnfitError, as_column, decimals_in, too_wide
from foldstat.summary._instants import TIMES
from foldstat.summary._scales import AnyScale, Scales, of_each
from foldstat.summary._ticks import Scale, Ticks, is_missing_time, ticks_of

if TYPE_CHECKING:
    from foldstat._core import SummaryState

_PLAIN = frozenset({float, int, bool, type(None)})  # the usual lists cost no look at each item


def scaled(x: Any, name: str) -> tuple[Any, Ticks | None]:
    """Read times and decimals as ticks, and decimals without places, or integers of a wider type, as integers."""
    if isinstance(x, (list, tuple)) and _PLAIN.issuperset(map(type, x)):
        return x, None
    found = ticks_of(x, name)
    exact = None if found is not None else decimals_of(x)
    if exact is None:
        return (x if found is not None else _without_nat(x)), found
    if isinstance(exact.values, list):
        large = shown(max(exact.values, key=abs))
        number = f"a number that is {large} times 10**-{exact.places}" if exact.places else large
        raise OverflowError(f"{name} holds {too_wide(number)}")
    ticks = Ticks(exact.values, exact.absent, Places(str(exact.places)))
    return (ticks.masked(), None) if exact.places == 0 else (x, ticks)


def _without_nat(x: Any) -> Any:
    """Give nulls for a list of NaT, which are in no unit."""
    if not isinstance(x, (list, tuple)) or not all(map(is_missing_time, x)):
        return x
    return [None if isinstance(item, TIMES) else item for item in x]


def listed_times(x: Any) -> Any:
    """List what an iterator gives if these are times: their unit is known at the end."""
    if not isinstance(x, Iterator) or offers_arrow(x):
        return x
    begun = []
    for item in x:
        begun.append(item)
        if not is_missing_time(item):
            break
    rest = itertools.chain(begun, x)
    return list(rest) if begun and isinstance(begun[-1], (*TIMES, Decimal)) else rest


def unfit(state: SummaryState, scale: AnyScale) -> Exception | None:
    """Tell why a state does not take times or decimals: it would count from another origin than these have."""
    if state.histogram_edges is not None:
        return TypeError(f"holds {scale}, which a histogram with numbers for edges does not count")
    if scale.kind in ("instant", "aware") and state.relative_error is not None:
        return ValueError(
            f"holds {scale}, whose quantiles cannot have a relative error, which would count from 1970: "
            "give quantiles=True"
        )
    return None


# ---------------------------------------------------------------- columns


def measured(frame: Frame, name: str, state: SummaryState, *, strict: bool) -> tuple[Frame, Scales]:
    """Give the columns that a state takes, read as numbers, and what these stand for; say which are left out."""

    def read(raw: Any, of: str) -> tuple[Column, AnyScale | None]:
        column, scale = _measured(raw, of)
        problem = None if scale is None else unfit(state, scale)
        if problem is not None:
            raise UnfitError(f"{of} {problem}")
        return column, scale

    found, names = frame.kept(name, read, "numbers, times or decimals", strict=strict)
    columns = tuple(column for column, _ in found)
    return Frame(columns, names, frame.n_rows), of_each([scale for _, scale in found])


def _measured(raw: Any, name: str) -> tuple[Column, AnyScale | None]:
    """Read a column as numbers, and tell what these stand for."""
    if isinstance(raw, _core.ArrowColumn):
        return _of_arrow(raw, name)
    try:
        return as_column(raw, name), None
    except (TypeError, OverflowError):
        numbers, found = scaled(raw, name)
        if found is not None:
            return as_column(found.masked(), name), found.scale
        if numbers is raw:
            raise
        return as_column(numbers, name), None


def _of_arrow(raw: _core.ArrowColumn, name: str) -> tuple[Column, AnyScale | None]:
    ticks = raw.ticks()
    if ticks is not None:
        column, kind, unit, zone = ticks
        return column, Scale(kind, unit, zone)
    decimals = decimals_in(raw, name)
    if decimals is None or decimals[1] <= 0:
        return as_column(raw, name), None
    column, places = decimals
    return column, Places(str(places))


def read_array(x: Any, name: str) -> tuple[Any, AnyScale | None]:
    """Read times and decimals of any shape as numbers, and tell what these stand for; leave anything else."""
    numbers, found = scaled(listed_times(x), name)
    return (numbers, None) if found is None else (np.ma.asarray(found.masked()), found.scale)

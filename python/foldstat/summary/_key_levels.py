"""Keys of groups as columns of tables: with their names, categories and time zones, and without loss."""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.frames import FrameKind
from foldstat._common.signals import let_through
from foldstat.summary._instants import MICROSECOND, NANOSECOND, TIMES, exactly
from foldstat.summary._key_columns import KeyColumn, KeyColumns

_DIGITS = 38  # of a decimal128

# What Polars and pyarrow make a column of, if all keys are of one of these types.
_COLUMNS = (bool, int, float, str, bytes, datetime.date, datetime.time, Decimal)


def levels(kind: FrameKind, keys: Any, columns: KeyColumns | None) -> list[tuple[Any, Any]]:
    """Give titles, and what `kind` makes columns of, for keys: one of them, or as many as tuples have parts."""
    library = importlib.import_module(kind)
    if columns is None or not columns.several:
        column = KeyColumn() if columns is None else columns.columns[0]
        return [("key" if column.name is None else column.name, _cells(kind, library, keys, column))]
    parts = zip(*keys, strict=True)
    return [
        (_title(kind, column, i), _cells(kind, library, part, column))
        for i, (column, part) in enumerate(zip(columns.columns, parts, strict=True))
    ]


def _title(kind: FrameKind, column: KeyColumn, position: int) -> Any:
    return column.name if column.name is not None or kind == "pandas" else f"key_{position}"


def _cells(kind: FrameKind, library: Any, keys: Sequence[Any] | NDArray[Any], column: KeyColumn) -> Any:
    if isinstance(keys, np.ndarray):
        return keys
    if column.categories is not None and set(keys) <= set(column.categories):
        found = _categorical(kind, library, keys, column)
        if found is not None:
            return found
    if keys and all(isinstance(key, TIMES) for key in keys):
        kinds = {exactly(key)[0] for key in keys}
        if len(kinds) == 1 and not all(type(key) is datetime.date for key in keys):
            return _times(kind, library, keys, kinds.pop(), column.zone)
    return list(keys) if kind == "pandas" else _one_type(keys)


def _categorical(kind: FrameKind, library: Any, keys: Sequence[Any], column: KeyColumn) -> Any:
    categories = list(column.categories or ())
    if kind == "pandas":
        return library.Categorical(keys, library.Index(categories, tupleize_cols=False), ordered=column.ordered)
    if not all(isinstance(key, str) for key in categories):
        return None
    if kind == "polars":
        return library.Series(list(keys), dtype=library.Enum(categories))
    places = {key: place for place, key in enumerate(categories)}
    codes = library.array([places[key] for key in keys], library.int32())
    return library.DictionaryArray.from_arrays(codes, library.array(categories), ordered=column.ordered)


def _times(kind: FrameKind, library: Any, keys: Sequence[Any], what: str, zone: str | None) -> Any:
    """Give times as the libraries store them: in microseconds, or in nanoseconds where there are some."""
    if what == "time" and kind == "pandas":
        return list(keys)
    ticks = [exactly(key)[1] for key in keys]
    unit, scale = "us", MICROSECOND
    if what == "time" or any(tick % MICROSECOND for tick in ticks):
        unit, scale = "ns", NANOSECOND
    if any(tick % scale or abs(tick // scale) >= 2**63 for tick in ticks):  # more than the libraries hold
        return list(keys) if kind == "pandas" else [str(key) for key in keys]
    stored = np.array([tick // scale for tick in ticks], dtype=np.int64)
    if what == "time":
        arrow = kind == "pyarrow"
        return library.array(stored, library.time64("ns")) if arrow else library.Series(stored).cast(library.Time)
    values = stored.view(f"{'m' if what == 'duration' else 'M'}8[{unit}]")
    return in_zone(kind, library, values, zone or "UTC") if what == "aware" else as_column(kind, library, values)


def as_column(kind: FrameKind, library: Any, values: Any) -> Any:
    """Give an array of times as a column of a library."""
    if kind == "pandas":
        return library.Index(values)
    return library.Series(values) if kind == "polars" else library.array(values)


def in_zone(kind: FrameKind, library: Any, values: Any, zone: str) -> Any:
    """Give an array of times in UTC as a column in a zone, or in UTC if the library does not know the zone."""
    try:
        if kind == "pandas":
            return library.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone)
        if kind == "polars":
            return library.Series(values).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return library.array(values).cast(library.timestamp(np.datetime_data(values.dtype)[0], tz=zone))
    except Exception as error:
        let_through(error)
        # Not every library knows every other's zones: an offset has no name in Polars.
        return None if zone == "UTC" else in_zone(kind, library, values, "UTC")


def _one_type(keys: Sequence[Any]) -> list[Any]:
    kinds = {type(key) for key in keys}
    fits = len(kinds) == 1 and kinds <= set(_COLUMNS)
    if fits and kinds == {int}:
        fits = all(-(2**63) <= key < 2**63 for key in keys) or all(0 <= key < 2**64 for key in keys)
    if fits and kinds == {Decimal}:
        fits = _fit_a_column(keys)
    return list(keys) if fits or not keys else [str(key) for key in keys]


def _fit_a_column(keys: Sequence[Decimal]) -> bool:
    """Tell whether Decimals have, with one number of places, no more digits than those of tables."""
    if not all(key.is_finite() for key in keys):
        return False
    places = max(-int(key.as_tuple().exponent) for key in keys)
    return max(key.adjusted() for key in keys) + 1 + max(places, 0) <= _DIGITS

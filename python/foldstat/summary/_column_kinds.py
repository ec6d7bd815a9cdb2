"""What a column of any library holds: numbers, times, decimals, texts, or things that are only counted."""

from __future__ import annotations

import collections
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np

from foldstat import _core
from foldstat._common.libraries import is_of
from foldstat.summary import _decimals as decimals
from foldstat.summary._counted_texts import Texts, is_counted, smallest, texts_of
from foldstat.summary._decimals import Decimals
from foldstat.summary._input import Column, optional_column
from foldstat.summary._instants import TIMES
from foldstat.summary._nulls import Masked, from_objects, is_null
from foldstat.summary._summary import Summary
from foldstat.summary._ticks import Ticks, ticks_of


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers that the compiled module reads."""

    column: Column
    boolean: bool


@dataclass(frozen=True, slots=True)
class Others:
    """Anything else: lists, structs, intervals."""

    count: int
    null_count: int


Kind: TypeAlias = "Numbers | Decimals | Ticks | Texts | Others"


def kind_of(raw: Any, name: str) -> Kind:
    """Read a column of any library."""
    if isinstance(raw, _core.ArrowColumn):
        return _of_arrow_column(raw)
    if is_of(raw, "pandas", "Series"):
        return _of_pandas(raw, name)
    if is_of(raw, "polars", "Series"):
        return _of_polars(raw, name)
    if is_of(raw, "pyarrow", "Array", "ChunkedArray"):
        return _of_pyarrow(raw, name)
    if isinstance(raw, np.ndarray) and raw.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got shape {raw.shape}")
    if isinstance(raw, np.ndarray) and raw.dtype.kind in "mM":
        return _times(raw, name)
    if isinstance(raw, np.ndarray) and raw.dtype.kind not in "OUST":
        return _numbers(raw, name, boolean=raw.dtype.kind == "b") or _counted_only(raw)
    return of_objects(raw.tolist() if isinstance(raw, np.ndarray) else list(raw), name)


def _numbers(raw: Any, name: str, *, boolean: bool) -> Numbers | None:
    column = optional_column(raw, name)
    return None if column is None else Numbers(column, boolean)


def _times(raw: Any, name: str) -> Kind:
    found = ticks_of(raw, name)
    return Others(len(raw), 0) if found is None else found


def _counted_only(raw: Any) -> Others:
    nulls = sum(map(is_missing, raw))
    return Others(len(raw) - nulls, nulls)


def is_missing(value: Any) -> bool:
    """Tell what objects and dates have for nulls: NaN and NaT as well."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return is_null(value) or (isinstance(value, (float, np.floating, *TIMES)) and bool(value != value))


def _of_arrow_column(raw: _core.ArrowColumn) -> Kind:
    """Read a column of a library that is known by its Arrow data alone."""
    if raw.kind in ("number", "boolean"):
        return Numbers(raw, raw.kind == "boolean")
    if raw.kind == "text":
        text = Summary._of(_core.describe_text(raw))
        return Texts(text.count, text.null_count, text.distinct_count, None, 0)
    return Others(len(raw) - raw.null_count, raw.null_count)


# ---------------------------------------------------------------- Python's objects


def of_objects(items: list[Any], name: str) -> Kind:
    """Read Python's objects, whatever they are."""
    present = _present(items)
    nulls = len(items) - len(present)
    types = set(map(type, present))
    if any(issubclass(kind, TIMES) for kind in types):
        try:
            return ticks_of(items, name) or Others(len(present), nulls)
        except (TypeError, ValueError, OverflowError):  # of several kinds
            return _counter(present, nulls)
    if types and all(issubclass(kind, (bool, int, float, np.bool_, np.number, Decimal)) for kind in types):
        return _of_numbers(items, present, nulls, name)
    return _counter(present, nulls)


def _present(items: list[Any]) -> list[Any]:
    if set(map(type, items)) <= {str, bytes, float, type(None)}:  # the most usual, at a tenth of the time
        return [item for item in items if item is not None and item == item]
    return [item for item in items if not is_missing(item)]


def _of_numbers(items: list[Any], present: list[Any], nulls: int, name: str) -> Kind:
    """Read numbers: those that a column of the compiled module holds, else exact ones if none is a float."""
    try:
        objects = np.empty(len(items), dtype=object)
        objects[:] = items
        found = from_objects(objects, name)
        boolean = all(isinstance(item, (bool, np.bool_)) for item in present)
        return Numbers(found.column(name) if isinstance(found, Masked) else found, boolean)
    except (TypeError, ValueError, OverflowError):
        pass
    return decimals.of_objects(items, integers=True) or _counter(present, nulls)


def _counter(present: Sequence[Any], nulls: int) -> Kind:
    try:
        counts = collections.Counter(present)
    except TypeError:  # not hashable: lists, dicts
        return Others(len(present), nulls)
    most = max(counts.values(), default=0)
    tied = [value for value, times in counts.items() if times == most]
    return Texts(len(present), nulls, len(counts), smallest(tied), most)


# ---------------------------------------------------------------- libraries


def _of_pandas(series: Any, name: str) -> Kind:
    pandas = sys.modules["pandas"]
    types, dtype = pandas.api.types, series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return of_objects(series.tolist(), name)
    if isinstance(dtype, pandas.ArrowDtype):
        import pyarrow

        return _of_pyarrow(pyarrow.chunked_array(pyarrow.array(series.array)), name)
    if isinstance(dtype, (pandas.CategoricalDtype, pandas.StringDtype)):
        counts = series.value_counts(sort=False)
        times, nulls = counts.to_numpy(np.int64), int(series.isna().sum())
        most = int(times.max(initial=0))
        tied = counts.index[times == most].tolist() if most else []
        return Texts(len(series) - nulls, nulls, int(np.count_nonzero(times)), smallest(tied), most)
    if isinstance(dtype, pandas.DatetimeTZDtype) or (isinstance(dtype, np.dtype) and dtype.kind in "mM"):
        return _times(series, name)
    found = _numbers(series, name, boolean=types.is_bool_dtype(dtype))
    if found is not None:
        return found
    nulls = int(series.isna().sum())
    return Others(len(series) - nulls, nulls)


def _of_polars(series: Any, name: str) -> Kind:
    polars = sys.modules["polars"]
    dtype = series.dtype
    exact = decimals.decimals_of(series)
    if exact is not None:
        return exact
    if dtype.is_temporal():
        return _times(series, name)
    nulls = series.null_count()
    count = len(series) - nulls
    if is_counted(series):
        return texts_of(series)
    if dtype == polars.Object:
        return of_objects(series.to_list(), name)
    return _numbers(series, name, boolean=dtype == polars.Boolean) or Others(count, nulls)


def _of_pyarrow(array: Any, name: str) -> Kind:
    import pyarrow

    types, dtype = pyarrow.types, array.type
    if types.is_dictionary(dtype):
        return _of_pyarrow(array.cast(dtype.value_type), name)
    if types.is_temporal(dtype) and not types.is_interval(dtype):
        return _times(array, name)
    nulls = array.null_count
    count = len(array) - nulls
    exact = decimals.decimals_of(array)
    if exact is not None:
        return exact
    if is_counted(array):
        return texts_of(array)
    return _numbers(array, name, boolean=types.is_boolean(dtype)) or Others(count, nulls)

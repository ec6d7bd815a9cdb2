"""Parts of one column: whether they are of one type, and put together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from foldstat._common.libraries import is_of


def plain(part: Any) -> Any:
    """Give the values of a dictionary of Arrow, whose numbers for them are its own; other parts as they are."""
    if is_of(part, "pyarrow", "Array", "ChunkedArray") and sys.modules["pyarrow"].types.is_dictionary(part.type):
        return part.cast(part.type.value_type)
    return part


def is_untyped(part: Any) -> bool:
    """Tell a part that holds nothing, and so is of no type."""
    if is_of(part, "polars", "Series"):
        return bool(part.dtype == sys.modules["polars"].Null)
    return is_of(part, "pyarrow", "Array", "ChunkedArray") and str(part.type) == "null"


def type_of(part: Any) -> str:
    """Name the type of a part."""
    return str(getattr(part, "dtype", getattr(part, "type", type(part).__name__)))


def go_together(first: Any, part: Any) -> bool:
    """Tell whether two parts are of one type, as far as their library puts them together without a change."""
    if is_of(first, "pyarrow", "Array", "ChunkedArray"):
        return is_of(part, "pyarrow", "Array", "ChunkedArray") and bool(part.type == first.type)
    if is_of(first, "polars", "Series"):
        return is_of(part, "polars", "Series") and bool(part.dtype == first.dtype)
    if is_of(first, "pandas", "Series"):
        return is_of(part, "pandas", "Series") and _is_one_column_of_pandas(first, part)
    if isinstance(first, np.ndarray):
        return isinstance(part, np.ndarray) and _group(first.dtype) == _group(part.dtype)
    return True


def _is_one_column_of_pandas(first: Any, part: Any) -> bool:
    pandas = sys.modules["pandas"]
    both = first.iloc[:1], part.iloc[:1]
    if any(one.dtype == object or isinstance(one.dtype, pandas.CategoricalDtype) for one in both):
        return True
    instants = all(isinstance(one.dtype, pandas.DatetimeTZDtype) for one in both)  # whatever their zones are
    return instants or pandas.concat(both).dtype != object


def _group(dtype: np.dtype[Any]) -> str:
    return "number" if dtype.kind in "biufc" else dtype.kind


def together(parts: Sequence[Any]) -> Any:
    """Put parts of a column together, all of which have some type or none."""
    typed = [part for part in parts if not is_untyped(part)] or list(parts)
    first = typed[0]
    if len(parts) == 1:
        return first
    if is_of(first, "polars", "Series"):
        return sys.modules["polars"].concat([part.cast(first.dtype) if is_untyped(part) else part for part in parts])
    if is_of(first, "pyarrow", "Array", "ChunkedArray"):
        chunks = [chunk for part in parts for chunk in getattr(part, "chunks", [part])]
        return sys.modules["pyarrow"].chunked_array([chunk.cast(first.type) for chunk in chunks], first.type)
    if is_of(first, "pandas", "Series"):
        return _of_pandas(parts)
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    return [value for part in parts for value in part]


def _of_pandas(parts: Sequence[Any]) -> Any:
    """Concatenate; what are categories everywhere stay categories, though they are others in each part."""
    pandas = sys.modules["pandas"]
    if all(isinstance(part.dtype, pandas.CategoricalDtype) for part in parts):
        united = pandas.api.types.union_categoricals(parts, ignore_order=True)
        return pandas.Series(united)
    return pandas.concat(parts, ignore_index=True)

"""Frames of any library: their columns, some of their rows, and these as a matrix of floats."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import FLOAT32, FLOAT64
from foldstat._common.libraries import is_of
from foldstat.sources._source import listed


class ColumnError(Exception):
    """What is wrong with a column, before it is known where it is from: `kind` is what it becomes."""

    def __init__(self, kind: type[Exception], problem: str, row: int | None = None) -> None:
        super().__init__(problem)
        self.kind, self.problem, self.row = kind, problem, row


def is_table(x: Any) -> bool:
    """Tell whether `x` is a frame whose rows lie in memory."""
    if is_of(x, "pandas", "DataFrame") or is_of(x, "polars", "DataFrame") or isinstance(x, Mapping):
        return True
    return is_of(x, "pyarrow", "Table", "RecordBatch") or (
        hasattr(x, "__arrow_c_stream__") and is_eager(x) and not _is_column(x)
    )


def _is_column(x: Any) -> bool:
    """Tell columns, which are streams of Arrow data as well."""
    return is_of(x, "pyarrow", "Array", "ChunkedArray") or getattr(x, "ndim", 2) == 1 or is_of(x, "polars", "Series")


def is_eager(x: Any) -> bool:
    """Tell frames and columns from what is computed when it is read: how many rows that has nobody knows."""
    return hasattr(type(x), "__len__")


def as_table(x: Any) -> Any:
    """Give a frame of an unknown library as one of a known, others as they are; names in dicts are texts."""
    if isinstance(x, Mapping):
        return {str(label): column for label, column in x.items()}
    if (
        is_of(x, "pandas", "DataFrame")
        or is_of(x, "polars", "DataFrame")
        or is_of(x, "pyarrow", "Table", "RecordBatch")
    ):
        return x
    import pyarrow

    return pyarrow.table(x)


def names_of(table: Any) -> tuple[str, ...] | None:
    """Give the names of columns; None where pandas only counts them."""
    if isinstance(table, Mapping):
        return tuple(table)
    if is_of(table, "pyarrow", "Table", "RecordBatch"):
        return tuple(table.schema.names)
    labels = list(table.columns)
    return None if labels == list(range(len(labels))) else tuple(map(str, labels))


def rows_of(table: Any) -> int:
    """Give the number of rows, of an array or a column as well."""
    return len(next(iter(table.values()), ())) if isinstance(table, Mapping) else len(table)


def sliced(table: Any, begin: int, end: int) -> Any:
    """Give some of the rows, without a copy."""
    if isinstance(table, Mapping):
        return {name: _part(column, begin, end) for name, column in table.items()}
    if is_of(table, "pandas", "DataFrame"):
        return table.iloc[begin:end]
    return table.slice(begin, end - begin)


def emptied(x: Any) -> Any:
    """Give the same without rows, and without holding on to these; a TypeError if it has none."""
    if isinstance(x, Mapping):
        return {name: emptied(column) for name, column in x.items()}
    if is_of(x, "pyarrow", "Table", "RecordBatch"):
        return x.schema.empty_table()
    if is_of(x, "polars", "DataFrame", "Series"):
        return x.clear()
    if is_of(x, "pandas", "DataFrame", "Series"):
        return x.iloc[:0].copy()
    if isinstance(x, np.ndarray) and x.ndim:
        return x[:0].copy()
    if is_of(x, "pyarrow", "Array", "ChunkedArray") or isinstance(x, (list, tuple)):
        return x[:0]
    raise TypeError(f"a chunk must be an array, a frame or a column, got {type(x).__name__}")


def _part(column: Any, begin: int, end: int) -> Any:
    return (column.iloc if is_of(column, "pandas", "Series") else column)[begin:end]


def selected(table: Any, names: Sequence[str]) -> Any:
    """Give some of the columns, in this order; a ValueError if none or several have one of the names."""
    there = names_of(table) or ()
    for name in names:
        if name not in there:
            raise ValueError(f"there is no column {name!r}, but {listed(there) or 'none with names'}")
        if there.count(name) > 1:
            raise ValueError(f"several columns are named {name!r}: which of them is meant cannot be told")
    if isinstance(table, Mapping):
        return {name: table[name] for name in names}
    if is_of(table, "pandas", "DataFrame"):
        labels = list(map(str, table.columns))
        return table.iloc[:, [labels.index(name) for name in names]]
    return table.select(list(names))


def columns_of(table: Any) -> list[Any]:
    """Give the columns, each in the words of its library."""
    if isinstance(table, Mapping):
        return list(table.values())
    if is_of(table, "pandas", "DataFrame"):
        return [table.iloc[:, i] for i in range(table.shape[1])]
    return list(table.get_columns()) if is_of(table, "polars", "DataFrame") else list(table.columns)


def dtype_of(table: Any) -> np.dtype[Any]:
    """Tell in which floats a table is read: float32 if every column is."""
    columns = columns_of(table)
    return FLOAT32 if columns and all(_is_single(column) for column in columns) else FLOAT64


def _is_single(column: Any) -> bool:
    return str(getattr(column, "dtype", getattr(column, "type", ""))).lower() in ("float32", "float")


def floats_of(column: Any, *, nulls: bool = False) -> NDArray[Any]:
    """Give a column as an array of numbers; a `ColumnError` if it holds something else.

    A null is one as well, unless `nulls` says that it is NaN.
    """
    if is_of(column, "pyarrow", "Array", "ChunkedArray"):
        return _of_arrow(column, nulls)
    if is_of(column, "polars", "Series"):
        return _of_polars(column, nulls)
    if is_of(column, "pandas", "Series"):
        return _of_pandas(column, nulls)
    return _numeric(np.asarray(column))


def _numeric(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim != 1:
        raise ColumnError(ValueError, f"has shape {array.shape} and not one dimension")
    if array.dtype.kind not in "biuf":
        raise ColumnError(TypeError, f"is of type {array.dtype}, which is no real number")
    return array


def _refuse_nulls(absent: Any) -> None:
    raise ColumnError(ValueError, "holds a null", int(np.argmax(np.asarray(absent))))


def _of_arrow(column: Any, nulls: bool) -> NDArray[Any]:
    import pyarrow

    kind, types = column.type, pyarrow.types
    if types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)):
        raise ColumnError(TypeError, f"is of type {kind}, which is no real number")
    if column.null_count and not nulls:
        _refuse_nulls(column.is_null().to_numpy(zero_copy_only=False))
    if types.is_decimal(kind) or (column.null_count and not types.is_floating(kind)):
        column = column.cast(pyarrow.float64(), safe=not nulls)
    array: NDArray[Any] = (
        column.to_numpy() if is_of(column, "pyarrow", "ChunkedArray") else column.to_numpy(zero_copy_only=False)
    )
    return array


def _of_polars(series: Any, nulls: bool) -> NDArray[Any]:
    polars = sys.modules["polars"]
    if not (series.dtype.is_numeric() or series.dtype in (polars.Boolean, polars.Null)):
        raise ColumnError(TypeError, f"is of type {series.dtype}, which is no real number")
    absent = series.null_count()
    if absent and not nulls:
        _refuse_nulls(series.is_null().to_numpy())
    doubles = series.dtype.is_decimal() or (absent and not series.dtype.is_float())
    array: NDArray[Any] = (series.cast(polars.Float64) if doubles else series).to_numpy()
    return array


def _of_pandas(series: Any, nulls: bool) -> NDArray[Any]:
    if isinstance(series.dtype, np.dtype):
        return _numeric(series.to_numpy())
    types = sys.modules["pandas"].api.types
    if not (types.is_numeric_dtype(series.dtype) or types.is_bool_dtype(series.dtype)):
        raise ColumnError(TypeError, f"is of type {series.dtype}, which is no real number")
    absent = series.isna().to_numpy()
    if absent.any() and not nulls:
        _refuse_nulls(absent)
    dtype = FLOAT32 if _is_single(series) else FLOAT64
    return _numeric(series.to_numpy(dtype=dtype, na_value=np.nan))

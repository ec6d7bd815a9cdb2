"""The columns of whatever `describe` is given, and the table of the same library that it gives."""

from __future__ import annotations

import importlib
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foldstat._common.frames import FrameKind, installed_kind
from foldstat._common.libraries import is_of
from foldstat.summary._input import Frame
from foldstat.summary._table import Table
from foldstat.summary._ticks import Moment


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns in the words of their library, with their names as they are."""

    raws: tuple[Any, ...]
    labels: Any  # a pandas Index, which has a name and levels, or a list
    kind: FrameKind
    source: Any

    def chosen(self, positions: Sequence[int]) -> Columns:
        """Give some of them."""
        pandas = is_of(self.labels, "pandas", "Index")
        labels = self.labels[list(positions)] if pandas else [self.labels[i] for i in positions]
        return replace(self, raws=tuple(self.raws[i] for i in positions), labels=labels)


def columns_of(frame: Any) -> Columns:
    """Take apart a frame, a Series, a dict or an array; a frame without columns is refused."""
    found = _columns_of(frame)
    if not found.raws:
        raise ValueError(f"frame has no columns to describe: got a {type(frame).__name__} without any")
    return found


def _columns_of(frame: Any) -> Columns:
    if frame is None or isinstance(frame, (numbers.Number, str, bytes)):
        raise TypeError(f"frame must be columns: a frame, a dict of them, or an array of shape (n, d); got {frame!r}")
    if is_of(frame, "pandas", "DataFrame"):
        return Columns(tuple(frame.iloc[:, i] for i in range(frame.shape[1])), frame.columns, "pandas", frame)
    if is_of(frame, "pandas", "Series"):
        return _columns_of(frame.to_frame())
    if is_of(frame, "polars", "DataFrame"):
        return Columns(tuple(frame.get_columns()), frame.columns, "polars", frame)
    if is_of(frame, "polars", "Series"):
        return Columns((frame,), [frame.name or "value"], "polars", frame.to_frame())
    if is_of(frame, "pyarrow", "Table", "RecordBatch"):
        return Columns(tuple(frame.columns), list(frame.schema.names), "pyarrow", frame)
    if is_of(frame, "pyarrow", "Array", "ChunkedArray"):
        return Columns((frame,), ["value"], "pyarrow", frame)
    reader = _reader_of_arrow() if hasattr(frame, "__arrow_c_stream__") else None
    if reader is not None:
        return replace(_columns_of(reader(frame)), kind=installed_kind())
    return _without_library(frame)


def _reader_of_arrow() -> Callable[[Any], Any] | None:
    """Give what makes a frame of a library that we know of one that we do not."""
    for library, make in (("pyarrow", "table"), ("polars", "DataFrame")):
        try:
            return getattr(importlib.import_module(library), make)  # type: ignore[no-any-return]
        except ImportError:
            continue
    return None


def _without_library(frame: Any) -> Columns:
    """Read dicts, arrays, and libraries that are known by their Arrow data alone."""
    if isinstance(frame, np.ndarray) and frame.ndim == 2 and frame.dtype.kind in "mMUS":
        found = Frame(tuple(frame.T), None, len(frame))
    else:
        table = Table.read(frame, "frame")
        if table.is_vector:
            raise TypeError(
                "describe needs columns: a frame, a Series, or an array of two dimensions; got one column, "
                f"{_kind_words(frame)}"
            )
        found = table.frame or Frame(tuple(table.columns()), None, table.n_rows)
    kind = installed_kind()
    numbered = list(range(len(found.columns))) if kind == "pandas" else list(found.labels())
    labels = list(frame) if isinstance(frame, Mapping) else list(found.names or numbered)
    return Columns(found.columns, labels, kind, frame)


def _kind_words(frame: Any) -> str:
    return f"an array of shape {frame.shape}" if isinstance(frame, np.ndarray) else f"a {type(frame).__name__}"


def table_of(columns: Columns, names: Sequence[str], cells: Sequence[Mapping[str, Any]]) -> Any:
    """Make the table: floats where all cells of a column are numbers, else objects, or texts outside of pandas."""
    library = importlib.import_module(columns.kind)
    if columns.kind == "pandas":
        return _of_pandas(library, columns, names, cells)
    title, labels = _unique_names(columns)
    data = [_texts_or_floats(names, found) for found in cells]
    if columns.kind == "polars":
        series = [library.Series(title, list(names), library.String)]
        series += [
            library.Series(label, values, library.String if texts else library.Float64, strict=False)
            for label, (values, texts) in zip(labels, data, strict=True)
        ]
        return library.DataFrame(series)
    types = [library.string() if texts else library.float64() for _, texts in data]
    arrays = [library.array(values, kind) for (values, _), kind in zip(data, types, strict=True)]
    return library.Table.from_arrays([library.array(names, library.string()), *arrays], names=[title, *labels])


def _of_pandas(pandas: Any, columns: Columns, names: Sequence[str], cells: Sequence[Mapping[str, Any]]) -> Any:
    data = {}
    for position, found in enumerate(cells):
        values = [_pandas_cell(pandas, found.get(name)) for name in names]
        data[position] = np.empty(len(names), dtype=object if _is_mixed(found) else np.float64)
        data[position][:] = values
    table = pandas.DataFrame(data, index=pandas.Index(list(names)))
    known = is_of(columns.labels, "pandas", "Index")
    table.columns = columns.labels if known else pandas.Index(columns.labels, tupleize_cols=False)
    return table


def _pandas_cell(pandas: Any, cell: Any) -> Any:
    if isinstance(cell, Moment):
        return cell.of_pandas(pandas)
    return math.nan if cell is None else cell


def _is_mixed(cells: Mapping[str, Any]) -> bool:
    if "top" in cells and not isinstance(cells["top"], float):
        return True
    return any(isinstance(cell, Moment) for cell in cells.values())


def _texts_or_floats(names: Sequence[str], cells: Mapping[str, Any]) -> tuple[list[Any], bool]:
    values = [cells.get(name) for name in names]
    if _is_mixed(cells):
        return [None if value is None else str(value) for value in values], True
    return [None if value is None else float(value) for value in values], False


def _unique_names(columns: Columns) -> tuple[str, list[str]]:
    """Name the first column as no other is, and, in Polars, which knows a name once, no two alike."""
    labels: list[str] = []
    for label in map(str, columns.labels):
        while columns.kind == "polars" and label in labels:
            label = f"{label}_"
        labels.append(label)
    title = "statistic"
    while title in labels:
        title = f"_{title}"
    return title, labels

"""Tables of the libraries that are there: pandas, Polars and pyarrow are loaded when one is asked for."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

FrameKind: TypeAlias = Literal["pandas", "polars", "pyarrow"]

# None is a cell that has no meaning; a NaN is a statistic that is one.
# What else is neither a list nor an array is a column of the library.
Cells: TypeAlias = Any


def build_frame(kind: FrameKind, index: tuple[str, Cells], names: Sequence[Any], columns: Sequence[Cells]) -> Any:
    """Make a table: `index` names its rows, as the index of a pandas frame or the first column of others."""
    title, labels = index
    if kind != "pandas" and (
        len({type(label) for label in labels}) > 1 or any(isinstance(one, tuple) for one in labels)
    ):
        labels = [str(label) for label in labels]  # a column has one type
    return build_levelled(kind, [(title or None, list(labels))], names, columns)


def build_levelled(
    kind: FrameKind, levels: Sequence[tuple[Any, Any]], names: Sequence[Any], columns: Sequence[Cells]
) -> Any:
    """Make a table whose rows several columns name: each a title, or None, and what `kind` makes a column of."""
    library = _library(kind)
    if kind == "pandas":
        cells = {
            i: [math.nan if cell is None else cell for cell in column] if isinstance(column, list) else column
            for i, column in enumerate(columns)
        }
        if len(levels) == 1:
            (title, labels), *_ = levels
            index = library.Index(labels, name=title, tupleize_cols=False)
        else:
            titles, parts = zip(*levels, strict=True)
            index = library.MultiIndex.from_arrays(
                [library.Index(part, tupleize_cols=False) for part in parts], names=titles
            )
        frame = library.DataFrame(cells, index=index)
        frame.columns = library.Index(names)
        return frame
    data: dict[str, Any] = {}
    for title, labels in levels:
        name = "statistic" if title is None else str(title)
        while name in names or name in data:
            name = f"_{name}"
        data[name] = labels
    data |= {
        name: _plain(column) if isinstance(column, np.ndarray) else column
        for name, column in zip(names, columns, strict=True)
    }
    return library.DataFrame(data, strict=False) if kind == "polars" else library.table(data)


def _plain(column: NDArray[Any]) -> Any:
    """Give objects as a column of one type, ints of 64 bits or float64; pandas takes them as they are."""
    if column.dtype.kind != "O":
        return column
    integers = [cell for cell in column.tolist() if isinstance(cell, int)]
    if len(integers) < len(column) or not integers:
        return column.astype(np.float64)
    fits = min(integers) >= 0 and max(integers) < 2**64
    return column.astype(np.uint64 if fits else np.float64 if max(integers) >= 2**63 else np.int64)


def frame_of_columns(kind: FrameKind, columns: Mapping[str, NDArray[Any]]) -> Any:
    """Make a table of arrays, the rows of a pandas frame numbered."""
    library = _library(kind)
    return library.table(dict(columns)) if kind == "pyarrow" else library.DataFrame(dict(columns))


def installed_kind() -> FrameKind:
    """Give the library that makes a table nobody chose the kind of: pandas, else Polars."""
    kinds: tuple[FrameKind, ...] = ("pandas", "polars")
    for kind in kinds:
        try:
            _library(kind)
        except ImportError:
            continue
        return kind
    raise ImportError("a table needs pandas or Polars: pip install pandas, or pip install polars")


def as_kind(kind: str | None) -> FrameKind:
    """Check the name of a library; None chooses one that is installed."""
    if kind is None:
        return installed_kind()
    for known in get_args(FrameKind):
        if kind == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"kind must be 'pandas', 'polars', 'pyarrow' or None, got {kind!r}")


def _library(kind: FrameKind) -> ModuleType:
    try:
        return importlib.import_module(kind)
    except ImportError:
        raise ImportError(f"a {kind} table needs {kind}: pip install {kind}") from None

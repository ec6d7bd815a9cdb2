"""A table of statistics of a frame's columns."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.frames import FrameKind, build_frame, installed_kind
from foldstat._common.signals import let_through
from foldstat._common.threads import thread_count
from foldstat.summary._arguments import empty_state
from foldstat.summary._input import Frame, optional_column
from foldstat.summary._nulls import is_null
from foldstat.summary._summary import Summary
from foldstat.summary._table import Table

_Cells = dict[str, float]


def describe(
    frame: Any,
    percentiles: Iterable[float] | None = (0.25, 0.5, 0.75),
    n_jobs: int | None = None,
) -> Any:
    """Describe every column of a frame by its statistics, in one parallel pass.

    Parameters
    ----------
    frame : pandas or Polars DataFrame, pyarrow Table, dict of columns, structured array, or array of shape (n, d)
        The columns.
    percentiles : array-like of float, default=(0.25, 0.5, 0.75)
        Quantiles to show, from 0 to 1; None or an empty sequence for none.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process. It changes no bit of the result.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        Of the kind that came in; of arrays and dicts a pandas frame, or a Polars frame where
        pandas is not installed. The rows are count, nulls, nan, mean, std, min, the percentiles,
        max and distinct; their names are the index of a pandas frame and the first column,
        ``statistic``, of others. All cells are float64. Text has count, nulls and distinct, columns
        of other types count and nulls; their other cells are NaN in pandas and null elsewhere.

    Raises
    ------
    ImportError
        If `frame` is an array or a dict, and neither pandas nor Polars is installed.
    TypeError
        If `frame` has no columns, being of one dimension.
    ValueError
        If a percentile is out of range.

    Notes
    -----
    ``count`` leaves out nulls and NaN. Mean, std (with ``ddof=1``), min and max are correctly
    rounded true values. Percentiles are as `Summary.quantile` gives them with ``quantiles=True``.
    ``distinct`` is exact up to about a thousand different values, and has a
    standard error of 0.8 % beyond.

    Examples
    --------
    >>> import pandas as pd
    >>> from foldstat import describe
    >>> table = describe(pd.DataFrame({"size": [1.0, 2.0, 2.0, 7.0]}))
    >>> table.loc[["count", "mean", "max", "distinct"], "size"].tolist()
    [4.0, 3.0, 7.0, 3.0]
    """
    shown = _shown(percentiles)
    columns, kind = _columns(frame)
    template = empty_state(2, 0, False, bool(shown), None, None, None, True)
    threads = thread_count(n_jobs)
    numeric = {}
    for i, (label, raw) in enumerate(zip(columns.labels(), columns.columns, strict=True)):
        column = optional_column(raw, f"frame[{label!r}]")
        if column is not None:
            numeric[i] = column
    states = _core.summarize_columns(list(numeric.values()), template, None, None, threads) if numeric else []
    cells = {i: _number_cells(Summary._of(state), shown) for i, state in zip(numeric, states, strict=True)}
    names = ["count", "nulls", "nan", "mean", "std", "min", *map(_label, shown), "max", "distinct"]
    table = []
    for i, raw in enumerate(columns.columns):
        found = cells[i] if i in cells else _other_cells(raw)
        table.append([None if name not in found else float(found[name]) for name in names])
    return build_frame(kind, ("", names), _labels(frame, columns), table)


def _shown(percentiles: Any) -> list[float]:
    """Check the quantiles to show, and sort them; of those with the same label one is enough."""
    if percentiles is None:
        return []
    if isinstance(percentiles, (str, bytes)) or np.shape(percentiles) == ():
        raise TypeError(f"percentiles must be a sequence of numbers from 0 to 1, such as [0.5], got {percentiles!r}")
    return list({_label(p): p for p in sorted(map(_percentile, percentiles))}.values())


def _percentile(p: Any) -> float:
    if isinstance(p, (str, bytes, bool)) or np.ndim(p) != 0:
        raise TypeError(f"percentiles must be numbers from 0 to 1, got {p!r}")
    try:
        number = float(p)
    except TypeError:
        raise TypeError(f"percentiles must be numbers from 0 to 1, got {p!r}") from None
    if not 0 <= number <= 1:
        raise ValueError(f"percentiles must be from 0 to 1, got {p!r}")
    return number


def _label(p: float) -> str:
    return f"{100 * p:.10g}%"


def _columns(frame: Any) -> tuple[Frame, FrameKind]:
    if frame is None or isinstance(frame, (numbers.Number, str, bytes)):
        raise TypeError(f"frame must be columns: a frame, a dict of them, or an array of shape (n, d); got {frame!r}")
    table = Table.read(frame, "frame")
    if table.is_vector:
        raise TypeError(
            f"describe needs columns: a frame, or an array of two dimensions; got one column, {_kind_words(frame)}"
        )
    found = table.frame or Frame(tuple(table.columns()), None, table.n_rows)
    return found, _kind_of(frame) or installed_kind()


def _kind_words(frame: Any) -> str:
    return f"an array of shape {frame.shape}" if isinstance(frame, np.ndarray) else f"a {type(frame).__name__}"


def _kind_of(frame: Any) -> FrameKind | None:
    """Tell which library a frame is of."""
    classes: dict[FrameKind, tuple[str, ...]] = {
        "pandas": ("DataFrame",),
        "polars": ("DataFrame",),
        "pyarrow": ("Table", "RecordBatch"),
    }
    for kind, names in classes.items():
        library = sys.modules.get(kind)
        if library is not None and isinstance(frame, tuple(getattr(library, name) for name in names)):
            return kind
    return None


def _labels(frame: Any, columns: Frame) -> list[Any]:
    return list(frame.columns) if _kind_of(frame) == "pandas" else list(columns.labels())


def _number_cells(summary: Summary, shown: Sequence[float]) -> _Cells:
    cells: _Cells = {
        "count": summary.count,
        "nulls": summary.null_count,
        "nan": summary.nan_count,
        "mean": summary.mean,
        "std": summary.std(),
        "min": summary.min,
        "max": summary.max,
        "distinct": summary.distinct_count,
    }
    return cells | {_label(p): summary.quantile(p) for p in shown}


def _other_cells(column: Any) -> _Cells:
    """Describe a column that does not hold numbers."""
    arrow = _as_arrow(column)
    if arrow is not None and arrow.kind == "text":
        text = Summary._of(_core.describe_text(arrow))
        return {"count": text.count, "nulls": text.null_count, "distinct": text.distinct_count}
    if arrow is not None:
        return {"count": len(arrow) - arrow.null_count, "nulls": arrow.null_count}
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    return _object_cells(values)


def _as_arrow(column: Any) -> _core.ArrowColumn | None:
    if isinstance(column, _core.ArrowColumn):
        return column
    if not hasattr(column, "__arrow_c_stream__"):
        return None
    try:
        return _core.arrow_columns(column)[0]
    except Exception as error:  # objects of several kinds, or no pyarrow: pandas raises what it likes
        let_through(error)
        return None


def _object_cells(values: list[Any]) -> _Cells:
    present = [value for value in values if not _is_null(value)]
    cells: _Cells = {"count": len(present), "nulls": len(values) - len(present)}
    if present and all(isinstance(value, (str, bytes)) for value in present):
        cells["distinct"] = len(set(present))
    return cells


def _is_null(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    if is_null(value) or (pandas is not None and value is pandas.NaT):
        return True
    # NaN and NaT are what objects and dates have for nulls.
    return isinstance(value, (float, np.floating, np.datetime64, np.timedelta64)) and bool(value != value)

"""A table of statistics of a frame's columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.frames import FrameKind, installed_kind
from foldstat._common.libraries import native, offers_arrow
from foldstat._common.threads import thread_count
from foldstat.sources._dask import is_collection
from foldstat.sources._files import is_path
from foldstat.summary._arguments import empty_state
from foldstat.summary._column_kinds import Numbers, kind_of
from foldstat.summary._describe_batches import described_batches, described_source
from foldstat.summary._describe_cells import Cells, label_of, number_cells, other_cells
from foldstat.summary._describe_elsewhere import described_elsewhere
from foldstat.summary._describe_select import selected
from foldstat.summary._described_frame import Columns, columns_of, table_of
from foldstat.summary._summary import Summary


def describe(
    frame: Any,
    percentiles: Iterable[float] | None = (0.25, 0.5, 0.75),
    n_jobs: int | None = None,
    *,
    include: Any = None,
    exclude: Any = None,
) -> Any:
    """Describe every column of a frame by its statistics, in one parallel pass.

    Parameters
    ----------
    frame : pandas or Polars DataFrame or Series, pyarrow Table or array, dict, array of shape (n, d), or source
        The columns: of a dict, or of a structured array, those of its names. A source comes in chunks: a path or
        glob of files, a LazyFrame of Polars, a dataset of pyarrow, an iterator of frames and whatever else
        `foldstat.sources` has.
        Dask frames, Series and arrays are described where their partitions lie, and give a pandas frame.
    percentiles : array-like of float, default=(0.25, 0.5, 0.75)
        Quantiles to show, from 0 to 1; None or an empty sequence for none.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process. It changes no bit of the result.
    include, exclude : 'all', type, name of a type, or list of these, optional
        Which columns to take, by their types. Default: all of them. Types of a pandas frame are named as in
        `pandas.DataFrame.describe`; those of others by the same names (``numpy.number``, ``"object"`` for texts,
        ``"category"``, ``"datetime"``, ``"timedelta"``, ``"float64"``) or by their library's own.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or pyarrow.Table
        Of the kind that came in; of arrays, dicts and files a pandas frame, or a Polars frame where
        pandas is not installed. The rows are count, nulls, nan, mean, std, min, the percentiles,
        max and distinct, and where a column of texts, categories or booleans is described top and
        freq, its most frequent value and how often that is there; their names are the index of a
        pandas frame and the first column, ``statistic``, of others. What a column does not have is
        NaN in pandas and null elsewhere.

    Raises
    ------
    ImportError
        If `frame` is an array or a dict, and neither pandas nor Polars is installed.
    TypeError
        If `frame` has no columns, being of one dimension.
    ValueError
        If the frame has no columns, or none is left by `include` and `exclude`; if a percentile is out of
        range.

    Notes
    -----
    Columns of numbers, booleans and decimals are described in float64: every cell is the true value, rounded once.
    So are counts; mean and std (with ``ddof=1``) are exact before that, as those of decimals and of integers beyond
    64 bits are. ``count`` leaves out nulls and NaN.

    Dates, times and durations keep their unit and time zone, and their quantiles are exact. Mean, std (a duration)
    and quantiles are rounded once to their unit, to microseconds where that is coarser. These columns, and those of
    texts and categories, hold objects in pandas (counts are ints), and texts in Polars and pyarrow.

    Of values that are equally frequent ``top`` is the smallest: False before True, texts by their code points.
    ``distinct`` is exact for texts. For others it is exact up to about a thousand different values, and has a standard
    error of 0.8 % beyond; it is never more than ``count``. pandas calls it unique.

    Percentiles of numbers are as `Summary.quantile` gives them with ``quantiles=True``.

    Columns of other things, as lists and structs, have count and nulls.

    Of a source one chunk is in memory at a time, and one is read ahead; beside them, of columns of texts, what is
    different and how often it is there, and the values of columns of times, decimals and whatever is no number or
    text, since their quantiles are exact.

    Examples
    --------
    >>> import pandas as pd
    >>> from foldstat import describe
    >>> table = describe(pd.DataFrame({"size": [1.0, 2.0, 2.0, 7.0], "name": ["b", "a", "b", "c"]}))
    >>> table.loc[["count", "mean", "max", "distinct"], "size"].tolist()
    [4.0, 3.0, 7.0, 3.0]
    >>> table.loc[["count", "distinct", "top", "freq"], "name"].tolist()
    [4, 3, 'b', 2]
    """
    shown = _shown(percentiles)
    template = empty_state(2, 0, False, bool(shown), None, None, None, True)
    threads = thread_count(n_jobs)
    frame = native(frame)
    if is_collection(frame):
        columns, found = described_elsewhere(frame, include, exclude, template, shown, n_jobs)
        return _table(columns, shown, found)
    source = described_source(frame)
    if source is not None:
        columns, found = described_batches(source, include, exclude, template, shown, threads)
        return _table(replace(columns, kind=_library(frame, columns)), shown, found)
    columns = selected(columns_of(frame), include, exclude)
    kinds = [kind_of(raw, f"frame[{label!r}]") for raw, label in zip(columns.raws, columns.labels, strict=True)]
    numbers = {i: kind for i, kind in enumerate(kinds) if isinstance(kind, Numbers)}
    states = _core.summarize_columns([kind.column for kind in numbers.values()], template, None, None, threads)
    cells: dict[int, Cells] = {}
    for (i, kind), state in zip(numbers.items(), states.views(), strict=True):
        cells[i] = number_cells(Summary._of(state), shown, boolean=kind.boolean)
    for i, other in enumerate(kinds):
        if not isinstance(other, Numbers):
            cells[i] = other_cells(other, shown, threads)
    return _table(columns, shown, [cells[i] for i in range(len(kinds))])


def _table(columns: Columns, shown: list[float], cells: list[Cells]) -> Any:
    names = ["count", "nulls", "nan", "mean", "std", "min", *map(label_of, shown), "max", "distinct"]
    names += ["top", "freq"] * any("top" in found for found in cells)
    return table_of(columns, names, cells)


def _library(frame: Any, columns: Columns) -> FrameKind:
    """Tell of which library the table is: that of the batches, where it was the user who chose it."""
    ours = is_path(frame) or (isinstance(frame, (list, tuple)) and is_path(frame[0])) or offers_arrow(frame)
    if not ours:
        return columns.kind
    try:
        return installed_kind()
    except ImportError:
        return columns.kind


def _shown(percentiles: Any) -> list[float]:
    """Check the quantiles to show, and sort them; of those with the same label one is enough."""
    if percentiles is None:
        return []
    if isinstance(percentiles, (str, bytes)) or np.shape(percentiles) == ():
        raise TypeError(f"percentiles must be a sequence of numbers from 0 to 1, such as [0.5], got {percentiles!r}")
    return list({label_of(p): p for p in sorted(map(_percentile, percentiles))}.values())


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

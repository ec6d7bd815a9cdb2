"""One function for summaries per column, per row, per group, and of columns together."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.checks import flag
from foldstat._common.libraries import native, offers_arrow
from foldstat._common.room import room_for
from foldstat._common.threads import thread_count
from foldstat.sources._dask import is_collection
from foldstat.summary._arguments import Ids, as_ids, empty_state
from foldstat.summary._by import ColumnNames, keys_of_rows
from foldstat.summary._codes import MISSING, Coded
from foldstat.summary._collections import Summaries
from foldstat.summary._elsewhere import check_by_rows, feed_from_anywhere, fold_rows
from foldstat.summary._group_states import GroupStates, Shape
from foldstat.summary._groups import GroupedSummary
from foldstat.summary._input import check_index
from foldstat.summary._joint import JointSummary
from foldstat.summary._nulls import Masked
from foldstat.summary._scaled_state import timed
from foldstat.summary._scales import scale_at
from foldstat.summary._streams import Batches, Placed, merged, numbered, opened, told_in, whole
from foldstat.summary._summary import Summary
from foldstat.summary._table import Table
from foldstat.summary._weighed_batches import is_weighed_in_batches, weighed
from foldstat.summary._weights import WeightKind, Weights, as_weights, told

if TYPE_CHECKING:
    from foldstat._core import SummaryState, SummaryStates


_SHORT = 4096  # values of a line that costs more as a column of its own than its values do


class _Settings(TypedDict, total=False):
    """The keywords that change no type."""

    ids: Any
    moments: int
    best: int
    largest: bool
    quantiles: bool
    quantile_buckets: int | None
    relative_error: float | None
    histogram: ArrayLike | None
    distinct: bool
    weights: WeightKind | None
    strict: bool
    n_jobs: int | None


@overload
def summarize(
    X: Any,
    axis: None = None,
    by: None = None,
    sample_weight: Any = None,
    cov: Literal[False] = False,
    **settings: Unpack[_Settings],
) -> Summary: ...
@overload
def summarize(
    X: Any,
    axis: int | str,
    by: None = None,
    sample_weight: Any = None,
    cov: Literal[False] = False,
    **settings: Unpack[_Settings],
) -> Any: ...
@overload
def summarize(
    X: Any,
    axis: int | str | None = None,
    by: None = None,
    sample_weight: Any = None,
    *,
    cov: Literal[True],
    **settings: Unpack[_Settings],
) -> JointSummary: ...
@overload
def summarize(
    X: Any, axis: int | str | None = None, by: Any = ..., sample_weight: Any = None, **settings: Unpack[_Settings]
) -> GroupedSummary: ...
def summarize(
    X: Any,
    axis: int | str | None = None,
    by: Any = None,
    sample_weight: ArrayLike | None = None,
    cov: bool = False,
    *,
    ids: Any = None,
    moments: int = 2,
    best: int = 0,
    largest: bool = False,
    quantiles: bool = False,
    quantile_buckets: int | None = None,
    relative_error: float | None = None,
    histogram: ArrayLike | None = None,
    distinct: bool = False,
    weights: WeightKind | None = None,
    strict: bool = False,
    n_jobs: int | None = None,
) -> Any:
    """Summarise numbers: all of them, per column or row, per group, or columns together.

    Whatever it gives is a monoid: results of pieces merge with ``+`` to the result of the whole,
    to the last bit.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, d), frame, table, dict of columns, or iterable of numbers
        The numbers, as in `Summary`. Frames keep the names of their columns; those of their columns
        that hold no numbers, as texts, are left out, and a warning names them. Booleans are numbers.
        Dates, times, durations and decimals are summarised as in `Summary`, each column in its own unit
        and time zone; left out are those that the settings do not go with (``histogram``, and
        ``relative_error`` of instants), and all of them with `cov` or, of a frame, without `axis` and `by`.
        Of what comes in chunks (a path or glob of files, a LazyFrame of Polars, a dataset of pyarrow, a relation of
        DuckDB, lists, generators and functions that give arrays or frames: see `foldstat.sources`) one chunk is held
        at a time, and one is read ahead, unless `by`, `ids` or `sample_weight` are given for all rows together,
        which is possible for streams of Arrow data.
        Collections of Dask are summarised where their pieces lie; `by` then names columns, and `sample_weight`
        is a column's name or of Dask as well.
    axis : {None, 0, 1, 'index', 'columns'}, default=None
        None summarises all numbers in one. 0, or 'index', gives a summary for each column, 1, or
        'columns', for each row of a matrix. As in NumPy, axis 0 of one dimension is all of it.
    by : array-like of shape (n,), str, int, or list of names and arrays, optional
        A key for each row: integers, texts, dates, tuples or other hashable objects (`GroupedSummary`
        says which are one key). Or the name of a column of the frame (a tuple where pandas has a
        MultiIndex of columns), or a list of such names, of Series or arrays of keys, or of both: keys
        are then tuples, of one also. Columns that are keys are left out of the summaries. A list is one
        of names if its entries are different and all are names of columns, whatever its length: so
        ``by=["a", "b"]`` means these columns in a frame of two rows also; for keys of rows that look like
        this give an array. pandas columns may be named by integers; an int names no row.
    sample_weight : array-like of numbers, optional
        How often each row counts, or its weight, as in `Summary`: of shape (n,), or of the shape of `X` if
        `axis` is None. With axis 1 it is for each column. With `cov` only whole numbers of times. Where `X` comes in
        chunks also the name of a column, which then is not summarised; floats need `weights` there.
    cov : bool, default=False
        Also sum products of columns, for covariances.
    ids : sequence of int, str or bytes, optional
        Who each row is (each column with axis 1), for `best`. Default: its number, which begins at 0
        in every piece of the data: give pieces that are to be merged ``ids=range(start, stop)``.
    moments, best, largest, quantiles, quantile_buckets, relative_error, histogram, distinct, weights
        What the summaries keep, see `Summary`.
    strict : bool, default=False
        Whether columns of a frame that hold no numbers are an error.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process. It changes no bit of the result.

    Returns
    -------
    Summary
        Of all numbers.
    Summaries
        With `axis`: one for each column or row.
    GroupedSummary
        With `by`: a `Summary` for each key, or `Summaries` if X has columns.
    JointSummary
        With `cov`: of the columns together.

    Raises
    ------
    TypeError
        If X, or no column of it, holds real numbers; if `strict`, also if one column does not.
    ValueError
        If shapes do not fit together, `axis` is out of range, `cov` meets `by` or no columns, or
        `by`, `ids` or `sample_weight` is a pandas object whose index is not that of `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import summarize
    >>> X = np.array([[1, 2], [3, 4], [5, 60]])
    >>> summarize(X).sum
    75.0
    >>> summarize(X, axis=0).max
    array([ 5., 60.])
    >>> {key: group.sum.tolist() for key, group in summarize(X, by=["a", "b", "a"]).items()}
    {'a': [6.0, 62.0], 'b': [3.0, 4.0]}
    >>> float(summarize(X, cov=True).cov()[0, 0])
    4.0
    """
    sketches = (quantiles, quantile_buckets, relative_error)
    template = empty_state(moments, best, largest, *sketches, histogram, distinct, weights)
    cov, strict = flag(cov, "cov"), flag(strict, "strict")
    if by is not None and cov:
        raise ValueError(
            "by and cov do not go together: summarise each group's rows with cov=True, or leave one of them out"
        )
    if axis is None and by is None and not cov:
        return Summary._of(feed_from_anywhere(template, X, ids, sample_weight, n_jobs, "X", strict=strict))
    settings: dict[str, Any] = {"moments": moments, "best": best, "largest": largest, "quantiles": quantiles}
    settings |= {"quantile_buckets": quantile_buckets, "relative_error": relative_error}
    settings |= {"histogram": histogram, "distinct": distinct, "weights": weights, "strict": strict}
    each: Any = functools.partial(summarize, axis=axis, cov=cov, **settings)
    if is_collection(X):
        check_by_rows(X, axis, by)
        each = functools.partial(each, by=ColumnNames(by) if isinstance(by, list) else by)
        return fold_rows(X, template, sample_weight, ids, n_jobs, each)
    X, by = native(X), native(by)
    X, batches = opened(X, "X")
    if batches is not None and isinstance(by, list) and all(type(name) is str for name in by):
        by = _names_or_keys(X, by, batches)
    if batches is not None and _is_read_in_batches(X, axis, by, ids, sample_weight):
        each = functools.partial(each, by=by, n_jobs=n_jobs)
        return merged(_each_told(each, batches, sample_weight, best), batches)
    table = Table.read(X if by is None or batches is None else whole(X))
    if axis is not None:
        axis = table.axis(axis)
    if (by is not None or cov) and axis == 1:
        raise ValueError("by and cov work on rows: use axis=0 or leave it out, and X.T to swap rows and columns")
    for argument, given in (("by", by), ("ids", ids), ("sample_weight", sample_weight)):
        check_index(X, given, argument, "X", axis or 0)
    threads = thread_count(n_jobs)
    with told(sample_weight):
        if by is not None:
            return by_key(table, by, template, ids, sample_weight, threads, strict=strict)
        if cov:
            return _jointly(table.only_numbers(strict=strict), template, ids, sample_weight, threads)
        table = table.measured(template, strict=strict)
        if table.is_vector:
            state = _per_column(table, template, ids, sample_weight, threads)[0]
            return Summary._of(timed(state, scale_at(table.scales, 0)))
        if axis == 1:
            states = _per_row(table, template, ids, sample_weight, threads)
            return Summaries._of_states(states, None, table.scales)
        states = _per_column(table, template, ids, sample_weight, threads)
        return Summaries._of_states(states, table.names, table.scales)


def _each_told(each: Any, batches: Placed, sample_weight: Any, best: int) -> Iterator[Any]:
    for (batch, weights), rows in numbered(weighed(batches, sample_weight, each.keywords["weights"], "X")):
        with told_in(batches):
            found = each(batch, ids=rows if best else None, sample_weight=weights)
        del batch
        yield found


def _names_or_keys(X: Any, by: list[Any], batches: Placed) -> list[Any]:
    """Tell whether texts are names of columns; those of a reader, whose columns are known, may be keys of its rows."""
    if isinstance(batches, Batches) and offers_arrow(X) and Table.read(batches.empty).named(by) is None:
        return by
    return ColumnNames(by)


def _is_read_in_batches(X: Any, axis: int | str | None, by: Any, ids: Any, weight: Any) -> bool:
    """Whether results of batches merge to that of the whole; if not, a reader is read as a whole."""
    names = by is None or isinstance(by, (str, int, ColumnNames))
    if names and axis not in (1, -1, "columns") and ids is None and is_weighed_in_batches(X, weight):
        return True
    if offers_arrow(X):
        return False
    raise ValueError(
        "X comes in batches, which take no axis=1 or -1, no by or ids for all rows together, and as sample_weight a "
        "name or one array: give a name as by, or summarise each batch and add the results"
    )


def _per_row_arguments(
    table: Table, template: SummaryState, ids: Any, sample_weight: Any, *, counted: str = "rows"
) -> tuple[Ids, Weights | None]:
    shape = (table.n_rows,)
    return as_ids(ids, shape, counted=counted), as_weights(sample_weight, shape, template.weights, counted=counted)


def _per_column(table: Table, template: SummaryState, ids: Any, weight: Any, threads: int | None) -> SummaryStates:
    who, weights = _per_row_arguments(table, template, ids, weight)
    matrix = table.array()
    if matrix is not None:
        return _core.summarize_matrix(matrix, 0, template, who, weights, threads)
    return _of_columns(table, template, who, weights, threads)


def _per_row(table: Table, template: SummaryState, ids: Any, weight: Any, threads: int | None) -> SummaryStates:
    turned, matrix = table.transposed(), table.array()
    who, weights = _per_row_arguments(turned, template, ids, weight, counted="columns")
    if matrix is not None:
        return _core.summarize_matrix(matrix, 1, template, who, weights, threads)
    return _of_columns(turned, template, who, weights, threads)


def _of_columns(
    table: Table, template: SummaryState, who: Ids, weights: Weights | None, threads: int | None
) -> SummaryStates:
    """Summarise columns; many short ones with nulls as the groups of one long column."""
    matrix = table.matrix
    short = isinstance(matrix, Masked) and matrix.shape[1] > 1 and 0 < matrix.shape[0] <= _SHORT
    if not short or (weights is not None and not weights.any()):  # groups of no weight would not be there
        return _core.summarize_columns(table.columns(), template, who, weights, threads)
    assert isinstance(matrix, Masked)
    length, number = matrix.shape
    with room_for(f"the numbers of {length * number} values"):
        codes = np.repeat(np.arange(number), length)
        if who is None and template.best_limit:
            who = range(length)
        each: Any = np.tile(who, number) if isinstance(who, np.ndarray) else None if who is None else list(who) * number
        repeated: Any = None if weights is None else np.tile(weights, number)
        column = matrix.transposed().column(table.name)
    _, states = _core.summarize_groups([column], codes, template, each, repeated, threads)
    return states


def _jointly(table: Table, template: SummaryState, ids: Any, weight: Any, threads: int | None) -> JointSummary:
    if table.is_vector:
        raise ValueError("cov=True needs columns: an array of two dimensions, or a frame")
    weights = as_weights(weight, (table.n_rows,), template.weights, counted="rows", warn=False)
    if weights is not None and weights.dtype.kind == "f":
        raise ValueError(
            "sample_weight is of real weights, and cov=True sums products of columns that count whole numbers of "
            "times: give these as integers, or numpy.cov the weights as aweights"
        )
    states = _per_column(table, template, ids, weights, threads)
    joint = _core.JointState(len(states))
    matrix = table.array()
    if matrix is not None:
        joint.update_matrix(matrix, weights, threads)
    else:
        joint.update(table.columns(), weights, threads)
    return JointSummary._of(Summaries._of_states(states, table.names), joint)


def by_key(
    table: Table, by: Any, template: SummaryState, ids: Any, weight: Any, threads: int | None, *, strict: bool
) -> GroupedSummary:
    """Summarise the rows of each key, with the settings of the template."""
    keys, table = keys_of_rows(table, by)
    table = table.measured(template, strict=strict)
    who, weights = _per_row_arguments(table, template, ids, weight)
    columns = table.columns()
    if not columns:
        raise ValueError("X has no columns to summarise")
    skip = None if keys.keys is None else MISSING
    codes, states = _core.summarize_groups(columns, keys.codes, template, who, weights, threads, skip)
    shape = Shape(True) if table.is_vector else Shape(False, len(columns), table.names)
    with room_for(f"the keys of {len(codes)} groups"):
        found = keys.keys_of(codes)
        groups = GroupStates(states, shape, {shape: table.scales})
        return GroupedSummary._of(found, groups, _missing(keys, weights), keys.columns)


def _missing(keys: Coded, weights: Weights | None) -> int:
    if keys.keys is None:
        return 0
    absent = keys.codes == MISSING
    if weights is None:
        return int(np.count_nonzero(absent))
    return int(np.count_nonzero(weights[absent]) if weights.dtype.kind == "f" else sum(weights[absent].tolist()))

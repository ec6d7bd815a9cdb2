"""Data that come in batches, which are read one by one on the calling thread.

There what belongs to that thread works (a cursor of SQLite), Ctrl-C is seen between two batches, and an exception of
the producer is its own. Only one batch is held at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from foldstat._common.monoid import Monoid
from foldstat.summary._input import is_of, offers_arrow

_M = TypeVar("_M", bound=Monoid)

_TOGETHER = 16  # results of batches that are merged at a time


def opened(x: Any) -> tuple[Any, Iterator[Any] | None]:
    """Tell whether `x` is a stream of batches.

    Returns
    -------
    x : object
        The same data, for who wants to read them as a whole. Nothing of them is lost.
    batches : iterator or None
        The batches; None if `x` lies in memory or comes number by number. Those of Arrow data begin with one without
        rows, from which the columns are known.
    """
    if offers_arrow(x):
        return x, _read(x) if hasattr(x, "read_next_batch") and hasattr(x, "schema") else None
    if not isinstance(x, Iterator) or hasattr(x, "__array__"):
        return x, None
    taken = list(itertools.islice(x, 1))
    rest = itertools.chain(taken, x)
    return rest, rest if taken and _is_batch(taken[0]) else None


def _is_batch(first: Any) -> bool:
    if isinstance(first, np.ndarray):
        return first.ndim > 0
    return isinstance(first, Mapping) or offers_arrow(first) or is_of(first, "pandas", "DataFrame", "Series")


def _read(reader: Any) -> Iterator[Any]:
    yield reader.schema.empty_table()
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        yield batch


def n_columns(batch: Any) -> int:
    """Give the number of columns of a batch, or of those of a reader; 1 if it is an array, whatever its shape."""
    if isinstance(batch, Mapping):
        return len(batch)
    columns = getattr(batch, "columns", None)
    if columns is None and hasattr(batch, "read_next_batch"):
        columns = batch.schema.names
    return 1 if columns is None else len(columns)


def numbered(batches: Iterable[Any]) -> Iterator[tuple[Any, range]]:
    """Give each batch with the numbers of its rows."""
    start = 0
    for batch in batches:
        rows = len(next(iter(batch.values()), ())) if isinstance(batch, Mapping) else len(batch)
        yield batch, range(start, start + rows)
        start += rows


def merged(parts: Iterable[_M]) -> _M:
    """Merge the results of batches, of which there is one at least, as they come."""
    parts = iter(parts)
    total = next(parts)
    while some := list(itertools.islice(parts, _TOGETHER)):
        total = type(total).merge_all([total, *some])
    return total

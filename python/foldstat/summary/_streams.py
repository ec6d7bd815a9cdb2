"""Data that come in batches, which are read one by one on the calling thread.

There what belongs to that thread works (a cursor of SQLite), Ctrl-C is seen between two batches, and an exception of
the producer is its own. Only one batch is held at a time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from foldstat._common.monoid import Monoid
from foldstat.summary._input import is_of, offers_arrow

_M = TypeVar("_M", bound=Monoid)

_TOGETHER = 16  # results of batches that are merged at a time
_ROWS = 1 << 17  # of a batch, where it is ours to say


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
    opener = _opener(x)
    if opener is not None:
        return x, _read(opener)
    if is_of(x, "polars", "LazyFrame") and hasattr(x, "collect_batches"):
        return x, itertools.chain([x.limit(0).collect()], x.collect_batches(chunk_size=_ROWS, maintain_order=True))
    if offers_arrow(x):
        return x, None
    if not isinstance(x, Iterator) or hasattr(x, "__array__"):
        return x, None
    taken = list(itertools.islice(x, 1))
    rest = itertools.chain(taken, x)
    return rest, rest if taken and _is_batch(taken[0]) else None


def _is_batch(first: Any) -> bool:
    if isinstance(first, np.ndarray):
        return first.ndim > 0
    return isinstance(first, Mapping) or offers_arrow(first) or is_of(first, "pandas", "DataFrame", "Series")


def _opener(x: Any) -> Callable[[], Any] | None:
    """Give what opens the reader of what is computed batch by batch: DuckDB's relations, ibis' tables."""
    if hasattr(x, "read_next_batch") and hasattr(x, "schema"):
        return lambda: x
    if is_of(x, "duckdb", "DuckDBPyRelation"):
        newer = getattr(x, "to_arrow_reader", None)
        return functools.partial(newer or x.fetch_record_batch, _ROWS)
    if is_of(x, "ibis.expr.types", "Table"):
        return functools.partial(x.to_pyarrow_batches, chunk_size=_ROWS)
    return None


def whole(x: Any) -> Any:
    """Give all that a reader gives as one table, whose columns can be keys; anything else as it is."""
    opener = _opener(x)
    if opener is None:
        return x
    reader = opener()
    return reader.read_all() if hasattr(reader, "read_all") else x


def _read(opener: Callable[[], Any]) -> Iterator[Any]:
    reader = opener()
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

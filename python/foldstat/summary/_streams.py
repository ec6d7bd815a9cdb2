"""Data that come in batches, of which no more are held than one, and one that is read ahead.

What code of the user gives is read on the calling thread. There what belongs to that thread works (a cursor of SQLite),
Ctrl-C is seen between two batches, and an exception of the producer is its own.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from foldstat._common.libraries import is_of, offers_arrow
from foldstat._common.monoid import Monoid
from foldstat._common.signals import let_through
from foldstat.sources import Source, as_source
from foldstat.sources._ahead import read_chunks
from foldstat.sources._as_source import is_known_stream

_M = TypeVar("_M", bound=Monoid)

_TOGETHER = 16  # results of batches that are merged at a time


class Batches(Iterator[Any]):
    """The chunks of a source, of which messages tell where they are from.

    They begin with one without rows, from which the columns are known.
    """

    def __init__(self, source: Source) -> None:
        self.place: str | None = None
        self._read = self._all(source)

    def _all(self, source: Source) -> Iterator[Any]:
        empty = source.empty()
        if empty is None:
            raise ValueError(f"{source.name} has no rows")
        yield empty
        for chunk in read_chunks(source):
            self.place = chunk.label
            yield chunk.data
            del chunk
        self.place = None

    def __next__(self) -> Any:
        return next(self._read)


def opened(x: Any, name: str = "x") -> tuple[Any, Iterator[Any] | None]:
    """Tell whether `x` is a stream of batches.

    Returns
    -------
    x : object
        The same data, for who wants to read them as a whole. Nothing of them is lost.
    batches : iterator or None
        The batches; None if `x` lies in memory or comes number by number.
    """
    source = stream_of(x, name)
    if source is not None:
        return x, Batches(source)
    if offers_arrow(x) or not isinstance(x, Iterator) or hasattr(x, "__array__"):
        return x, None
    taken = list(itertools.islice(x, 1))
    rest = itertools.chain(taken, x)
    return rest, rest if taken and _is_batch(taken[0]) else None


def stream_of(x: Any, name: str) -> Source | None:
    """Open a source; not what has to be looked at first, as numbers may come one by one.

    Streams of Arrow data of unknown libraries are read by the compiled module.
    """
    if isinstance(x, Source) or x is None:
        return x
    if not is_known_stream(x) and (isinstance(x, Iterator) or offers_arrow(x)):
        return None
    try:
        return as_source(x)
    except TypeError as error:
        let_through(error)
        raise TypeError(f"{name}: {error}") from error


def _is_batch(first: Any) -> bool:
    if isinstance(first, np.ndarray):
        return first.ndim > 0
    return isinstance(first, Mapping) or offers_arrow(first) or is_of(first, "pandas", "DataFrame", "Series")


def is_readable_as_whole(x: Any) -> bool:
    """Tell whether what comes in batches can also be read at once."""
    return offers_arrow(x) or isinstance(x, (list, tuple))


def whole(x: Any) -> Any:
    """Give all that a reader gives as one table, whose columns can be keys; anything else as it is."""
    if not is_known_stream(x):
        return x
    import pyarrow

    return x.read_all() if hasattr(x, "read_all") else pyarrow.table(x)


@contextlib.contextmanager
def told_in(batches: Iterator[Any]) -> Iterator[None]:
    """Have errors about a batch say where it is from, if that is known."""
    place = getattr(batches, "place", None)
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        let_through(error)
        if place is None or type(error) not in (TypeError, ValueError, OverflowError):
            raise
        raise type(error)(f"{place}: {error}") from error


def n_columns(batch: Any) -> int:
    """Give the number of columns of a batch, or of those of a reader; 1 if it is an array, whatever its shape."""
    if isinstance(batch, Mapping):
        return len(batch)
    columns = getattr(batch, "columns", None)
    if columns is None and hasattr(batch, "read_next_batch"):
        columns = batch.schema.names
    return 1 if columns is None else len(columns)


def numbered(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[tuple[Any, Any], range]]:
    """Give each batch, and what goes with it, with the numbers of its rows."""
    start = 0
    for batch, weights in pairs:
        rows = len(next(iter(batch.values()), ())) if isinstance(batch, Mapping) else len(batch)
        yield (batch, weights), range(start, start + rows)
        start += rows


def merged(parts: Iterable[_M]) -> _M:
    """Merge the results of batches, of which there is one at least, as they come."""
    parts = iter(parts)
    total = next(parts)
    while some := list(itertools.islice(parts, _TOGETHER)):
        total = type(total).merge_all([total, *some])
    return total

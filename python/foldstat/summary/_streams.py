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
from foldstat.sources import Chunk, Source, as_source
from foldstat.sources._ahead import read_chunks
from foldstat.sources._as_source import is_known_stream
from foldstat.sources._iterators import IteratorSource
from foldstat.sources._tables import rows_of
from foldstat.summary._left_out import LeftOut, agreeing

_M = TypeVar("_M", bound=Monoid)

_TOGETHER = 16  # results of batches that are merged at a time


class Placed(Iterator[Any]):
    """Batches that have rows, of which messages tell where they are from; the last of all if none has any."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = _filled(chunks)
        self.place: str | None = None
        self.left_out = LeftOut()

    def __next__(self) -> Any:
        self.place = None
        data, self.place, _, _ = next(self._chunks)
        return data

    def peek(self) -> Any:
        """Give the next batch, which stays the next; None if there is no more."""
        some = list(itertools.islice(self._chunks, 1))
        self._chunks = itertools.chain(some, self._chunks)
        return some[0].data if some else None


class Batches(Placed):
    """The chunks of a source; of one without any its columns."""

    def __init__(self, source: Source) -> None:
        self.empty = source.empty()
        if self.empty is None:
            raise ValueError(f"{source.name} has no rows")
        super().__init__(itertools.chain([Chunk(self.empty, source.name, 0)], read_chunks(source)))


def _filled(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Leave out chunks without rows, whose types need not tell anything, if there are others."""
    blank, any_rows = None, False
    for chunk in chunks:
        if not hasattr(chunk.data, "__len__") or rows_of(chunk.data):
            any_rows = True
            yield chunk
        else:
            blank = chunk
        del chunk
    if not any_rows and blank is not None:
        yield blank


def opened(x: Any, name: str = "x") -> tuple[Any, Placed | None]:
    """Tell whether `x` is a stream of batches.

    Returns
    -------
    x : object
        The same data, for who wants to read them as a whole. Nothing of them is lost.
    batches : Placed or None
        The batches; None if `x` lies in memory or comes number by number.
    """
    if isinstance(x, Placed):
        return x, x
    source = stream_of(x, name)
    if source is not None:
        return x, Batches(source)
    if offers_arrow(x) or not isinstance(x, Iterator) or hasattr(x, "__array__"):
        return x, None
    taken = list(itertools.islice(x, 1))
    rest = itertools.chain(taken, x)
    if not taken or not _is_batch(taken[0]):
        return rest, None
    return rest, Placed(IteratorSource(rest).chunks())


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
def told_in(batches: Placed) -> Iterator[None]:
    """Read a batch: the same columns are left out of all of them, and errors say where it is from."""
    with told_at(batches.place), agreeing(batches.left_out):
        yield


@contextlib.contextmanager
def told_at(place: str | None) -> Iterator[None]:
    """Have errors say where what they are about is from, if that is known."""
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
        rows = rows_of(batch)
        yield (batch, weights), range(start, start + rows)
        start += rows


def merged(parts: Iterable[_M], batches: Placed) -> _M:
    """Merge the results of batches, of which there is one at least, as they come."""
    parts = iter(parts)
    total = next(parts)
    while some := [(part, batches.place) for part in itertools.islice(parts, _TOGETHER)]:
        try:
            total = type(total).merge_all([total, *(part for part, _ in some)])
        except (TypeError, ValueError) as error:
            let_through(error)
            for part, place in some:
                with told_at(place):
                    total = type(total).merge_all([total, part])
            raise
    return total

"""Lazy frames of Polars, collected batch by batch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from foldstat.sources._source import Chunk, Source, chosen, rows_of_batch


class LazyFrameSource(Source):
    """The rows of a LazyFrame in its order: the query runs anew in each pass, by the streaming engine.

    Versions of Polars without `collect_batches` collect all of it.
    """

    name = "the LazyFrame"

    def __init__(self, frame: Any, columns: Any = None) -> None:
        schema = frame.collect_schema()
        self._chosen = chosen(schema.names(), columns, self.name)
        self._frame = frame if self._chosen is None else frame.select(list(self._chosen))
        self.columns = self._chosen or tuple(schema.names())
        self._empty = sys.modules["polars"].DataFrame(schema={name: schema[name] for name in self.columns})
        self._batch_rows = rows_of_batch(8 * len(self.columns))

    def empty(self) -> Any:
        return self._empty

    def chunks(self) -> Iterator[Chunk]:
        first = 0
        for batch in self._batches():
            yield Chunk(batch, self.name, first)
            first += len(batch)
            del batch

    def _batches(self) -> Iterator[Any]:
        if hasattr(self._frame, "collect_batches"):
            return iter(self._frame.collect_batches(chunk_size=self._batch_rows, maintain_order=True))
        return iter(self._frame.collect().iter_slices(self._batch_rows))

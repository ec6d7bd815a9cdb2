"""What libraries compute batch by batch and hand over as Arrow data: queries, datasets, streams."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from foldstat.sources._pyarrow import library, row_bytes, telling
from foldstat.sources._source import Chunk, Source, chosen, rows_of_batch


class BatchesSource(Source):
    """Record batches, which `_open` begins to give anew each time; rows are numbered through all of them."""

    def __init__(self, name: str, schema: Any, columns: Any) -> None:
        self.name = name
        self._schema = schema
        self._chosen = chosen(schema.names, columns, name)
        self.columns = self._chosen or tuple(schema.names)
        self._batch_rows = rows_of_batch(row_bytes(schema, self._chosen))

    @abstractmethod
    def _open(self) -> Iterable[Any]:
        """Begin a pass; what it gives may have a method `close`."""

    def empty(self) -> Any:
        table = self._schema.empty_table()
        return table if self._chosen is None else table.select(list(self._chosen))

    def chunks(self) -> Iterator[Chunk]:
        with telling(self.name):
            begun = self._open()
            try:
                yield from self._numbered(iter(begun), self.name)
            finally:
                close = getattr(begun, "close", None)
                if close is not None:
                    close()

    def _numbered(self, batches: Iterator[Any], label: str) -> Iterator[Chunk]:
        first = 0
        for batch in batches:
            found = batch
            if self._chosen is not None and tuple(batch.schema.names) != self._chosen:
                found = batch.select(list(self._chosen))
            yield Chunk(found, label, first)
            first += len(batch)
            del batch, found


class StreamSource(BatchesSource):
    """An object with ``__arrow_c_stream__`` whose rows are not there before it is read: each pass asks it for a stream.

    Code of the user may be behind it, and so it is read on the calling thread.
    """

    reads_ahead = False

    def __init__(self, stream: Any, columns: Any = None) -> None:
        self._stream = stream
        name = f"the {type(stream).__name__}"
        self._begun: Any = self._reader(name)
        super().__init__(name, self._begun.schema, columns)

    def _reader(self, name: str) -> Any:
        return library("pyarrow", name).RecordBatchReader.from_stream(self._stream)

    def _open(self) -> Any:
        begun, self._begun = self._begun, None
        return self._reader(self.name) if begun is None else begun


class ReaderSource(BatchesSource):
    """A reader of record batches, which is read once, on the calling thread: code of the user may be behind it."""

    opens_again = False
    reads_ahead = False

    def __init__(self, reader: Any, columns: Any = None) -> None:
        super().__init__(f"a {type(reader).__name__}", reader.schema, columns)
        self._reader: Any = reader

    def _open(self) -> Any:
        reader, self._reader = self._reader, None
        if reader is None:
            raise ValueError(f"{self.name} was read already, and can be read only once")
        return _batches(reader)


def _batches(reader: Any) -> Iterator[Any]:
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        yield batch
        del batch


class RelationSource(BatchesSource):
    """A relation of DuckDB: the query runs anew in each pass.

    While a pass is under way the connection of the relation is in use. Where the query has no ORDER BY, rows come in
    the order that DuckDB's setting ``preserve_insertion_order`` promises.
    """

    def __init__(self, relation: Any, columns: Any = None) -> None:
        self._relation = relation
        super().__init__("the relation of DuckDB", _reader_of(relation.limit(0), 1).schema, columns)
        if self._chosen is not None:
            quoted = (name.replace('"', '""') for name in self._chosen)
            self._relation = relation.project(", ".join(f'"{name}"' for name in quoted))

    def _open(self) -> Any:
        return _reader_of(self._relation, self._batch_rows)


def _reader_of(relation: Any, rows: int) -> Any:
    newer = getattr(relation, "to_arrow_reader", None)
    return (newer or relation.fetch_record_batch)(rows)


class ExpressionSource(BatchesSource):
    """A table of ibis: the query runs anew in each pass, on the calling thread, which some backends ask for."""

    reads_ahead = False

    def __init__(self, expression: Any, columns: Any = None) -> None:
        super().__init__("the table of ibis", expression.schema().to_pyarrow(), columns)
        self._expression = expression if self._chosen is None else expression.select(*self._chosen)

    def _open(self) -> Any:
        return self._expression.to_pyarrow_batches(chunk_size=self._batch_rows)

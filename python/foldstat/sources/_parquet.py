"""Files of Parquet, read page by page: a row group may be larger than the memory.

pyarrow would read whole columns of a row group ahead (`pre_buffer`), or at once where no buffer is given. With a
buffer for each column the pages of one batch are there, whatever the row groups are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from foldstat.sources._pyarrow import library, row_bytes, telling
from foldstat.sources._source import Chunk, Source, chosen, rows_of_batch

BUFFER = 1 << 18  # bytes of each column that are read at a time


class ParquetSource(Source):
    """The rows of a Parquet file."""

    def __init__(self, path: Path, columns: Any = None) -> None:
        self.name = str(path)
        self._path = path
        with telling(self.name), open_parquet(str(path)) as file:
            schema, self._rows = file.schema_arrow, int(file.metadata.num_rows)
        self._chosen = chosen(schema.names, columns, self.name)
        self.columns = self._chosen or tuple(schema.names)
        self._empty = schema.empty_table()
        self._batch_rows = rows_of_batch(row_bytes(schema, self._chosen))

    @property
    def n_rows(self) -> int:
        return self._rows

    def empty(self) -> Any:
        return self._empty if self._chosen is None else self._empty.select(list(self._chosen))

    def chunks(self) -> Iterator[Chunk]:
        begin = 0
        with telling(self.name), open_parquet(str(self._path)) as file:
            for batch in batches_of(file, self._batch_rows, self._chosen):
                yield Chunk(batch, self.name, begin)
                begin += len(batch)
                del batch


def open_parquet(file: Any) -> Any:
    """Open a path, or a file of pyarrow, so that no more than some pages are held."""
    parquet = library("pyarrow.parquet", "a Parquet file")
    return parquet.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER, memory_map=False)


def batches_of(
    file: Any, rows: int, names: Sequence[str] | None, row_groups: Sequence[int] | None = None
) -> Iterator[Any]:
    """Read some of the columns, in this order."""
    asked = None if names is None else list(names)
    for batch in file.iter_batches(batch_size=rows, columns=asked, row_groups=row_groups):
        yield batch if asked is None else batch.select(asked)
        del batch

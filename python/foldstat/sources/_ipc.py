"""Files of Arrow's IPC format, which Feather is."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foldstat.sources._pyarrow import library, row_bytes, telling
from foldstat.sources._source import Chunk, Source, chosen, rows_of_batch

_LARGE = 1 << 25  # bytes of a batch that is not read as a whole, if that is possible


class IpcSource(Source):
    """The rows of a Feather file (version 2) or an Arrow file.

    Batches are read one by one. Where they are large, as those of a frame that was written at once, the file is mapped,
    and what was looked at is given back: if they are not compressed, no more of them is in memory than the rows of a
    chunk. A mapped file must not be made shorter while it is read.
    """

    def __init__(self, path: Path, columns: Any = None) -> None:
        self.name = str(path)
        self._path = path
        self._places: list[int] | None = None
        with self._open() as (file, _):
            schema = file.schema
        self._chosen = chosen(schema.names, columns, self.name)
        self.columns = self._chosen or tuple(schema.names)
        self._empty = schema.empty_table()
        self._rows = rows_of_batch(row_bytes(schema, self._chosen))
        if self._chosen is not None:
            self._places = [schema.names.index(name) for name in self._chosen]

    def empty(self) -> Any:
        return self._selected(self._empty)

    def _selected(self, rows: Any) -> Any:
        return rows if self._chosen is None else rows.select(list(self._chosen))

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[Any, mmap.mmap | None]]:
        """Open the file; give also what it is mapped to, if it is."""
        pyarrow, ipc = library("pyarrow", "a Feather file"), library("pyarrow.ipc", "a Feather file")
        options = ipc.IpcReadOptions(included_fields=self._places)
        with telling(self.name), pyarrow.OSFile(str(self._path)) as stored:
            with ipc.open_file(stored, options=options) as file:
                size = self._path.stat().st_size // max(1, file.num_record_batches)
                mapped = _mapped(self._path) if size > _LARGE else None
                if mapped is None:
                    yield file, None
                    return
            with ipc.open_file(pyarrow.py_buffer(mapped), options=options) as file:
                yield file, mapped

    def chunks(self) -> Iterator[Chunk]:
        first = 0
        with self._open() as (file, mapped):
            for number in range(file.num_record_batches):
                batch = self._selected(file.get_batch(number))
                for begin in range(0, len(batch), self._rows):
                    yield Chunk(batch.slice(begin, self._rows), self.name, first + begin)
                    if mapped is not None:
                        mapped.madvise(mmap.MADV_DONTNEED)
                first += len(batch)
                del batch


def _mapped(path: Path) -> mmap.mmap | None:
    """Map a file, if there is room for it."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:
        return None

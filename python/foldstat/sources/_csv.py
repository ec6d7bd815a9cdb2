"""Files of CSV, read block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foldstat.sources._pyarrow import library, telling
from foldstat.sources._source import Chunk, Source, chosen, chunk_bytes

_LEAST_BLOCK = 1 << 16
_PACKED = (".gz", ".bz2", ".zst")
_WIDER = {"null": "int64", "int64": "double"}  # what a column is, if it is not what its first block was taken for
_CONVERSION = re.compile(r"In CSV column #(\d+): CSV conversion error to ([\w\[\]]+)")


class CsvSource(Source):
    """The rows of a CSV file with names of columns in its first line.

    pyarrow tells types by the first block of a file. One that has more of them is read once when it is opened, to learn
    whether these hold for all of it.
    """

    def __init__(self, path: Path, columns: Any = None) -> None:
        self.name = str(path)
        self._path = path
        self._block = max(_LEAST_BLOCK, min(chunk_bytes() // 2, 1 << 30))
        self._types: dict[str, Any] = {}
        self._chosen: tuple[str, ...] | None = None
        with self._open() as file:
            names = tuple(file.schema.names)
        self._chosen = chosen(names, columns, self.name)
        self.columns = self._chosen or names
        if path.stat().st_size > self._block or path.suffix.lower() in _PACKED:
            self._settle_types(names)
        with self._open() as file:
            self._empty = file.schema.empty_table()

    def empty(self) -> Any:
        return self._empty

    def _open(self) -> Any:
        csv = library("pyarrow.csv", "a CSV file")
        convert = csv.ConvertOptions(
            include_columns=None if self._chosen is None else list(self._chosen),
            column_types=self._types,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        read = csv.ReadOptions(block_size=self._block)
        with telling(self.name):
            return csv.open_csv(str(self._path), read_options=read, convert_options=convert)

    def _settle_types(self, names: tuple[str, ...]) -> None:
        """Read the file until all of it is of the types that its columns have."""
        invalid = library("pyarrow", "a CSV file").ArrowInvalid
        while True:
            try:
                with self._open() as file:
                    for _ in file:
                        pass
            except (invalid, ValueError) as error:
                found = _CONVERSION.search(str(error))
                if found is None or self._types.get(names[int(found[1])]) == "string":
                    raise ValueError(f"{self.name} cannot be read: {error}") from error
                self._types[names[int(found[1])]] = _WIDER.get(found[2], "string")
            else:
                return

    def chunks(self) -> Iterator[Chunk]:
        with self._open() as file, telling(self.name):
            begin = 0
            for batch in file:
                yield Chunk(batch, self.name, begin)
                begin += len(batch)
                del batch

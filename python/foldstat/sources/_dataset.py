"""Datasets of pyarrow, and scanners of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from foldstat._common.libraries import is_of
from foldstat.sources._parquet import BUFFER, batches_of, open_parquet
from foldstat.sources._pyarrow import library, telling
from foldstat.sources._readers import BatchesSource
from foldstat.sources._source import Chunk


class DatasetSource(BatchesSource):
    """A Dataset: its fragments one after the other, each named in messages.

    Fragments of Parquet that have the columns of the dataset are read as files are, page by page. pyarrow's scanner,
    which reads the others and those of a dataset with a filter, holds whole columns of a row group.
    """

    def __init__(self, dataset: Any, columns: Any = None) -> None:
        super().__init__("the dataset", dataset.schema, columns)
        self._dataset = dataset

    def chunks(self) -> Iterator[Chunk]:
        fragments = self._fragments()
        if fragments is None:
            yield from super().chunks()
            return
        for number, fragment in enumerate(fragments):
            label = getattr(fragment, "path", None) or f"fragment {number}"
            with telling(label):
                yield from self._numbered(self._of_fragment(fragment), label)

    def _fragments(self) -> Iterable[Any] | None:
        if not is_of(self._dataset, "pyarrow.dataset", "FileSystemDataset"):
            return None
        try:
            fragments: Iterable[Any] = self._dataset.get_fragments()
        except ValueError:  # it has a filter, which its fragments know nothing of
            return None
        return fragments

    def _of_fragment(self, fragment: Any) -> Iterator[Any]:
        whole = is_of(fragment, "pyarrow.dataset", "ParquetFileFragment")
        if not whole or not fragment.physical_schema.equals(self._schema):
            yield from fragment.to_batches(schema=self._schema, **self._arguments())
            return
        groups = [group.id for group in fragment.row_groups]
        with fragment.open() as stored, open_parquet(stored) as file:
            yield from batches_of(file, self._batch_rows, self._chosen, groups)

    def _open(self) -> Any:
        return self._dataset.to_batches(**self._arguments())

    def _arguments(self) -> dict[str, Any]:
        datasets = library("pyarrow.dataset", self.name)
        parquet = datasets.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True, buffer_size=BUFFER)
        found: dict[str, Any] = {"batch_size": self._batch_rows, "batch_readahead": 1, "fragment_readahead": 1}
        if self._is_parquet():
            found["fragment_scan_options"] = parquet
        return found if self._chosen is None else found | {"columns": list(self._chosen)}

    def _is_parquet(self) -> bool:
        return is_of(getattr(self._dataset, "format", None), "pyarrow.dataset", "ParquetFileFormat")


class ScannerSource(BatchesSource):
    """A Scanner, which reads as it was told to."""

    def __init__(self, scanner: Any, columns: Any = None) -> None:
        super().__init__("the scanner", scanner.projected_schema, columns)
        self._scanner = scanner

    def _open(self) -> Any:
        return self._scanner.to_reader()

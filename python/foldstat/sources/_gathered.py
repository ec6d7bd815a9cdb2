"""Small batches put together, without a copy: what is done for each of them costs more than its rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from foldstat._common.libraries import is_of
from foldstat.sources._source import Chunk, chunk_bytes


def gathered(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Put frames of Arrow and Polars that follow each other at one place together, up to the size of a chunk."""
    most = chunk_bytes()
    held: list[Chunk] = []
    size = 0
    for chunk in chunks:
        n_bytes = _bytes_of(chunk.data)
        if held and (n_bytes is None or chunk.label != held[0].label or size + n_bytes > most):
            yield _joined(held)
            held, size = [], 0
        if n_bytes is None:
            yield chunk
        else:
            held.append(chunk)
            size += n_bytes
        del chunk
    if held:
        yield _joined(held)


def _bytes_of(data: Any) -> int | None:
    """Give the size of what can be put together."""
    if is_of(data, "pyarrow", "Table", "RecordBatch"):
        return int(data.nbytes)
    return int(data.estimated_size()) if is_of(data, "polars", "DataFrame") else None


def _joined(held: list[Chunk]) -> Chunk:
    data, label, first, _ = held[0]
    if len(held) == 1:
        return held[0]
    parts = [chunk.data for chunk in held]
    if is_of(data, "polars", "DataFrame"):
        return Chunk(sys.modules["polars"].concat(parts, rechunk=False), label, first)
    pyarrow = sys.modules["pyarrow"]
    tables = [pyarrow.Table.from_batches([part]) if is_of(part, "pyarrow", "RecordBatch") else part for part in parts]
    return Chunk(pyarrow.concat_tables(tables), label, first)

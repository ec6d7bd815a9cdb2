"""A list of arrays or frames, which lie in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from foldstat._common.libraries import native
from foldstat.sources._source import Chunk, Source, chosen, counted
from foldstat.sources._tables import as_table, emptied, is_table, names_of, rows_of, selected


class SequenceSource(Source):
    """Chunks that are there already."""

    reads_ahead = False

    def __init__(self, parts: Sequence[Any], columns: Any = None) -> None:
        self._parts = [as_table(part) if is_table(part) else part for part in map(native, parts)]
        self.name = f"the {type(parts).__name__} of {counted(len(parts), 'chunk')}"
        self.columns = names_of(self._parts[0]) if is_table(self._parts[0]) else None
        self._chosen = chosen(self.columns, columns, self.name)
        self.columns = self._chosen or self.columns

    @property
    def n_rows(self) -> int:
        return sum(rows_of(part) if is_table(part) else len(part) for part in self._parts)

    def empty(self) -> Any:
        first = emptied(self._parts[0])
        return first if self._chosen is None else taken(first, self._chosen, "chunk 0")

    def chunks(self) -> Iterator[Chunk]:
        for number, part in enumerate(self._parts):
            label = f"chunk {number}"
            yield Chunk(part if self._chosen is None else taken(part, self._chosen, label), label, 0)


def is_chunk(x: Any) -> bool:
    """Tell whether `x` has rows and columns: an array of two dimensions, or a frame."""
    x = native(x)
    return is_table(x) or (isinstance(x, np.ndarray) and x.ndim == 2)


def taken(part: Any, names: tuple[str, ...], label: str) -> Any:
    """Take the columns that are asked for from a chunk."""
    if not is_table(part):
        raise ValueError(f"{label} has no names of columns, as chunks before it have")
    if names_of(part) == names:
        return part
    return selected(part, chosen(names_of(part), names, label) or names)

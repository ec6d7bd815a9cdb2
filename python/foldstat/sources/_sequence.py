"""A list of arrays or frames, which lie in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from foldstat._common.libraries import native
from foldstat.sources._alike import Alike
from foldstat.sources._source import Chunk, Source, counted
from foldstat.sources._tables import is_table, rows_of


class SequenceSource(Source):
    """Chunks that are there already."""

    reads_ahead = False

    def __init__(self, parts: Sequence[Any], columns: Any = None) -> None:
        self.name = f"the {type(parts).__name__} of {counted(len(parts), 'chunk')}"
        found = list(map(native, parts))
        self._alike = Alike(found[0], columns, self.name)
        self._parts = [self._alike.read(part, f"chunk {number}") for number, part in enumerate(found)]
        self.columns = self._alike.columns

    @property
    def n_rows(self) -> int:
        return sum(map(rows_of, self._parts))

    def empty(self) -> Any:
        return self._alike.empty

    def chunks(self) -> Iterator[Chunk]:
        for number, part in enumerate(self._parts):
            label = f"chunk {number}"
            yield Chunk(self._alike.ordered(part, label), label, 0)


def is_chunk(x: Any) -> bool:
    """Tell whether `x` has rows and columns: an array of two dimensions, or a frame."""
    x = native(x)
    return is_table(x) or (isinstance(x, np.ndarray) and x.ndim == 2)

"""Chunks that a user gives, one after the other: each of them is what the first of them is."""

from __future__ import annotations

from typing import Any

import numpy as np

from foldstat._common.libraries import is_of, offers_arrow
from foldstat.sources._source import chosen, listed
from foldstat.sources._tables import as_table, emptied, is_table, names_of, rows_of, selected


class Alike:
    """What all chunks have in common with the first: whether they have names of columns, and which.

    Attributes
    ----------
    columns : tuple of str or None
        The names of the columns, or of those that are asked for.
    empty : array, frame or column
        A chunk without rows.
    """

    def __init__(self, first: Any, columns: Any, name: str) -> None:
        table = as_table(first) if is_table(first) else None
        self._is_matrix = table is not None or np.ndim(first) == 2
        self.empty = emptied(first if table is None else table)
        names = None if table is None else names_of(self.empty)
        self._chosen = chosen(names, columns, name)
        self.columns = self._chosen or names
        if self._chosen is not None:
            self.empty = selected(self.empty, self._chosen)

    def read(self, part: Any, label: str) -> Any:
        """Give a chunk as a frame of a known library, or an array as it is."""
        if is_table(part):
            found = as_table(part)
            return found if names_of(found) or rows_of(found) else self.empty  # a frame that has nothing in it
        if not _has_rows(part):
            expected = "an array of two dimensions or a frame" if self._is_matrix else "an array, a frame or a column"
            raise TypeError(f"{label} must be {expected}, got {type(part).__name__}")
        if self.columns is not None:
            raise ValueError(f"{label} has no names of columns, as chunks before it have")
        return part

    def ordered(self, part: Any, label: str) -> Any:
        """Give what was read with the columns of the first chunk, in their order."""
        if not is_table(part):
            return part
        if self._chosen is None:
            return in_order(part, self.columns, label)
        return selected(part, chosen(names_of(part), self._chosen, label) or self._chosen)


def _has_rows(x: Any) -> bool:
    if is_of(x, "pandas", "Series") or isinstance(x, (list, tuple)):
        return True
    return np.ndim(x) > 0 if isinstance(x, np.ndarray) else offers_arrow(x)


def in_order(table: Any, names: tuple[str, ...] | None, label: str) -> Any:
    """Give a frame with the columns in this order; a ValueError if it has others."""
    there = names_of(table)
    if there == names:
        return table
    check_same(there, names, label)
    return selected(table, names or ())


def check_same(there: tuple[str, ...] | None, names: tuple[str, ...] | None, label: str) -> None:
    """Check that names, which are in another order, are those of the columns of other chunks."""
    # Of two columns with one name, nobody knows which is which.
    if names is None or there is None or len(set(names)) < len(names) or sorted(there) != sorted(names):
        theirs, ours = ("none with names" if not some else listed(some) for some in (there, names))
        raise ValueError(f"{label} has other columns than those before: {theirs} where there were {ours}")

"""What every source is: rows that come in chunks, and how large these are."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

_VARIABLE = "FOLDSTAT_CHUNK_BYTES"
_USUAL_BYTES = 1 << 24
_BATCH_BYTES = 1 << 22
_STEP = 4096  # chunks are whole multiples of so many rows where they can be: blocks of a fold then fit into them

ACCEPTED = (
    "a path or glob of Parquet, Feather, CSV or .npy files, a list of arrays or frames, a function that gives a fresh "
    "iterator of them, a pyarrow Dataset, a Polars LazyFrame, a relation of DuckDB"
)


Check: TypeAlias = Callable[[], None]


class Chunk(NamedTuple):
    """Some rows of a source.

    Attributes
    ----------
    data : array, frame, Arrow table or record batch
        The rows as the source gives them.
    label : str
        Where they are from, for messages: ``"chunk 17"``, ``"trips/a.parquet"``.
    first_row : int
        Number of the first of them within what the label names.
    check : callable or None
        To be called, where there is one, just before the data are looked at: raises if they are gone.
    """

    data: Any
    label: str
    first_row: int
    check: Check | None = None


class Source(ABC):
    """Rows that come in chunks, and can be opened again.

    Attributes
    ----------
    name : str
        What it is called in messages.
    columns : tuple of str or None
        Names of its columns; None where they have none.
    n_rows : int or None
        Number of rows, where it is known without reading them.
    opens_again : bool
        Whether there can be a second pass.
    reads_ahead : bool
        Whether another thread may read the next chunk: not if code of the user makes it.
    """

    name: str
    columns: tuple[str, ...] | None = None
    opens_again: bool = True
    reads_ahead: bool = True

    @property
    def n_rows(self) -> int | None:
        """Number of rows, where it is known without reading them."""
        return None

    @abstractmethod
    def empty(self) -> Any:
        """Give a chunk without rows, which tells names and types of the columns; None if there is no chunk at all."""

    @abstractmethod
    def chunks(self) -> Iterator[Chunk]:
        """Begin a new pass, which may be abandoned half-way; what it opened is closed then."""

    def check_opens_again(self, argument: str = "X") -> None:
        """Refuse what can be read only once, where several passes are needed."""
        if not self.opens_again:
            raise TypeError(
                f"{argument} is {self.name}, which can be read only once, and several passes over the rows are needed: "
                "pass a function that gives a fresh iterator each time it is called (the generator function itself, "
                "without calling it), a list of the chunks, or a path"
            )


def chunk_bytes() -> int:
    """Give the most bytes of a chunk: the environment variable FOLDSTAT_CHUNK_BYTES, or 16 MiB."""
    text = os.environ.get(_VARIABLE)
    if text is None:
        return _USUAL_BYTES
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{_VARIABLE} must be a number of bytes, a positive integer, got {text!r}")
    return number


def rows_of_bytes(row_bytes: int, most: int | None = None) -> int:
    """Give how many rows of so many bytes make a chunk; one at least.

    Examples
    --------
    >>> rows_of_bytes(64, 2**20)
    16384
    >>> rows_of_bytes(1000, 10)
    1
    """
    rows = max(1, (chunk_bytes() if most is None else most) // max(1, row_bytes))
    return rows - rows % _STEP if rows > _STEP else rows


def rows_of_batch(row_bytes: int) -> int:
    """Give how many rows of so many bytes make a batch of a library: it may have several under way."""
    return rows_of_bytes(row_bytes, min(chunk_bytes(), _BATCH_BYTES))


def chosen(names: Iterable[str] | None, columns: Any, name: str) -> tuple[str, ...] | None:
    """Check which columns are asked for; None for all of them."""
    if columns is None:
        return None
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        raise TypeError(f"columns must be a list of names of columns, got {columns!r}")
    asked = tuple(columns)
    if names is None:
        raise TypeError(f"columns={list(asked)!r}: {name} has columns without names: give all of them that are wanted")
    there = tuple(names)
    if not asked:
        raise ValueError(f"columns must name one column at least; those of {name} are {listed(there)}")
    for one in asked:
        if one not in there:
            raise ValueError(f"columns: {one!r} is no column of {name}, whose columns are {listed(there)}")
        if asked.count(one) > 1:
            raise ValueError(f"columns names {one!r} twice")
        if there.count(one) > 1:
            raise ValueError(f"columns: several columns of {name} are named {one!r}")
    return asked


_MOST_NAMES = 40


def listed(names: tuple[str, ...]) -> str:
    """Write names, if there are not too many of them."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(repr, names[:_MOST_NAMES])) + more


def counted(n: int, what: str) -> str:
    """Write how many there are of something."""
    return f"{n} {what}{'s'[: n != 1]}"

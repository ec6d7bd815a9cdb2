"""What code of the user gives chunk by chunk: an iterator, which is read once, or a function that gives fresh ones.

It runs on the calling thread, where what belongs to that thread works (a cursor of SQLite), and Ctrl-C is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from foldstat._common.libraries import is_of, native
from foldstat.sources._alike import Alike
from foldstat.sources._source import Chunk, Source
from foldstat.sources._tables import is_table


class _Made(Source):
    reads_ahead = False

    def __init__(self, columns: Any) -> None:
        self._asked = columns
        self._alike: Alike | None = None

    def empty(self) -> Any:
        return None if self._alike is None else self._alike.empty

    def _look_at(self, first: Any) -> Alike:
        """Learn names and types of columns from the first chunk."""
        self._alike = Alike(native(first), self._asked, self.name)
        self.columns = self._alike.columns
        return self._alike

    def _numbered(self, parts: Iterator[Any]) -> Iterator[Chunk]:
        for number, part in enumerate(map(native, parts)):
            label = f"chunk {number}"
            alike = self._alike or self._look_at(part)  # a pass before may have given no chunk
            yield Chunk(alike.ordered(alike.read(part, label), label), label, 0)
            del part


class IteratorSource(_Made):
    """An iterator of chunks, a generator or a reader: there is one pass."""

    opens_again = False

    def __init__(self, parts: Iterator[Any], columns: Any = None) -> None:
        super().__init__(columns)
        self.name = f"an iterator ({type(parts).__name__})"
        self._parts: Iterator[Any] | None = looked_at(parts, self._look_at)

    def chunks(self) -> Iterator[Chunk]:
        parts, self._parts = self._parts, None
        if parts is None:
            raise ValueError(f"{self.name} was read already, and can be read only once")
        return self._numbered(parts)


class FunctionSource(_Made):
    """A function without arguments that gives a fresh iterator of chunks each time it is called."""

    def __init__(self, function: Callable[[], Iterable[Any]], columns: Any = None) -> None:
        super().__init__(columns)
        self._function = function
        self.name = f"the function {getattr(function, '__qualname__', type(function).__name__)}"
        self._given: Iterator[Any] | None = None  # kept, so that nothing else is found at its address
        self._begun: Iterator[Any] | None = looked_at(self._fresh(), self._look_at)

    def _fresh(self) -> Iterator[Any]:
        made = self._function()
        if isinstance(made, (np.ndarray, Mapping, str, bytes)) or is_table(made) or not isinstance(made, Iterable):
            raise TypeError(
                f"{self.name} must give an iterator of arrays or frames (as a function with yield does), it gave "
                f"{type(made).__name__}"
            )
        parts = iter(made)
        if parts is self._given:
            raise ValueError(
                f"{self.name} gave the same iterator as before, which has been read: it must give a fresh one each "
                "time it is called"
            )
        self._given = parts
        return parts

    def chunks(self) -> Iterator[Chunk]:
        parts, self._begun = self._begun, None  # the look at the first chunk has begun the first pass
        return self._closing(self._fresh() if parts is None else parts)

    def _closing(self, parts: Iterator[Any]) -> Iterator[Chunk]:
        given = self._given
        try:
            yield from self._numbered(parts)
        finally:
            close = getattr(given, "close", None)
            if close is not None:
                close()


def looked_at(parts: Iterator[Any], look: Callable[[Any], object]) -> Iterator[Any]:
    """Show the first of what an iterator gives, and give it back."""
    first = list(itertools.islice(parts, 1))
    for one in first:
        look(one)
    return _restored(first, parts)


def _restored(first: list[Any], rest: Iterator[Any]) -> Iterator[Any]:
    while first:
        yield first.pop()
    yield from rest


def is_function(x: Any) -> bool:
    """Tell functions, and objects that are called like one, from classes and from data."""
    if not callable(x) or isinstance(x, type) or hasattr(x, "__array__") or hasattr(x, "__arrow_c_stream__"):
        return False
    return not isinstance(x, (Iterable, Mapping)) and not is_of(x, "polars", "LazyFrame", "Expr")

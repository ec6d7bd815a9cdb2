"""Weights of the rows of a source: a column of it, one array for all rows, or a source of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from foldstat._common.arrays import Floats, as_doubles
from foldstat._common.libraries import native
from foldstat.sources._as_source import as_source
from foldstat.sources._iterators import is_function
from foldstat.sources._source import Chunk, Source, counted, listed
from foldstat.sources._tables import ColumnError, columns_of, floats_of, is_table

_NAME = "sample_weight"


class Taking(Protocol):
    """The weights of one pass."""

    def take(self, n: int, label: str) -> Floats:
        """Give those of the next rows."""

    def finish(self, n_rows: int) -> None:
        """Refuse weights that are left when all rows are there."""


class OfAllRows:
    """One array for all rows."""

    def __init__(self, weights: Floats) -> None:
        self._weights, self._begin = weights, 0

    def take(self, n: int, label: str) -> Floats:
        begin, self._begin = self._begin, self._begin + n
        if self._begin > len(self._weights):
            raise ValueError(
                f"{_NAME} has {counted(len(self._weights), 'weight')}, and with {label} there are {self._begin} rows"
            )
        return self._weights[begin : self._begin]

    def finish(self, n_rows: int) -> None:
        if n_rows < len(self._weights):
            raise ValueError(f"{_NAME} has {counted(len(self._weights), 'weight')} for {counted(n_rows, 'row')}")


class OfEachChunk:
    """Arrays, as many of them as there are chunks, of the same lengths."""

    def __init__(self, parts: Iterator[Any]) -> None:
        self._parts = parts

    def take(self, n: int, label: str) -> Floats:
        for part in self._parts:
            weights = _vector(part, f"{_NAME} of {label}")
            if len(weights) != n:
                raise ValueError(f"{label} has {counted(n, 'row')}, and its {_NAME} {counted(len(weights), 'weight')}")
            return weights
        raise ValueError(f"{_NAME} has no weights for {label}, which comes after its last chunk")

    def finish(self, n_rows: int) -> None:
        for _ in self._parts:
            raise ValueError(f"{_NAME} has more chunks than there are of rows, of which there are {n_rows}")


class OfStream:
    """A source of one column, however it is cut."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._left: Floats = np.empty(0)
        self._n = 0

    def take(self, n: int, label: str) -> Floats:
        parts, missing = [self._left[:n]], n - len(self._left[:n])
        self._left = self._left[n:]
        while missing > 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise ValueError(f"{_NAME} has {counted(self._n, 'weight')}, too few for the rows of {label}")
            weights = _column(chunk)
            self._n += len(weights)
            parts.append(weights[:missing])
            missing, self._left = missing - len(parts[-1]), weights[missing:]
        return parts[-1] if len(parts[-1]) == n else np.concatenate(parts)

    def finish(self, n_rows: int) -> None:
        if len(self._left) or any(len(_column(chunk)) for chunk in self._chunks):
            raise ValueError(f"{_NAME} has more weights than there are rows, which are {n_rows}")


class Weighing:
    """Weights that can be taken in every pass."""

    def __init__(self, given: Any, n_rows: int | None) -> None:
        given = native(given)
        self._source: Source | None = None
        self._function = is_function(given)
        self._parts = isinstance(given, (list, tuple)) and len(given) > 0 and np.ndim(given[0]) == 1
        if not (self._function or self._parts):
            self._source = as_source(given)
        if self._source is not None:
            self._source.check_opens_again(_NAME)
        elif not (self._function or self._parts):
            given = _vector(given, _NAME)
            if n_rows is not None and len(given) != n_rows:
                raise ValueError(f"{_NAME} has {counted(len(given), 'weight')} for {counted(n_rows, 'row')}")
        self._given = given

    @property
    def is_code(self) -> bool:
        """Whether code of the user makes them, which runs on the calling thread."""
        return self._function or (self._source is not None and not self._source.reads_ahead)

    def begin(self) -> Taking:
        """Begin a pass."""
        if self._source is not None:
            return OfStream(self._source.chunks())
        if self._function:
            return OfEachChunk(iter(self._given()))
        return OfEachChunk(iter(self._given)) if self._parts else OfAllRows(self._given)


def _column(chunk: Chunk) -> Floats:
    """Give the one column of a chunk."""
    data = chunk.data
    if is_table(data):
        columns: Iterable[Any] = columns_of(data)
    else:
        columns = data.T if np.ndim(data) == 2 else [data]
    found = list(columns)
    if len(found) != 1:
        raise ValueError(f"{_NAME} must have one column, {chunk.label} has {len(found)}")
    try:
        return np.asarray(floats_of(found[0]), dtype=np.float64)
    except ColumnError as error:
        where = "" if error.row is None else f" in row {chunk.first_row + error.row}"
        raise error.kind(f"{_NAME} ({chunk.label}) {error.problem}{where}") from None


def _vector(given: Any, name: str) -> Floats:
    array = as_doubles(given, name)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got shape {array.shape}")
    return array


def weight_column(given: Any, source: Source) -> str | None:
    """Tell whether weights are a column of the source, by its name."""
    if not isinstance(given, str):
        return None
    if source.columns is None or given not in source.columns:
        there = "none with names" if source.columns is None else listed(source.columns)
        raise ValueError(f"{_NAME}={given!r} is no column of {source.name}, whose columns are {there}")
    return given

"""Pieces of arrays, frames and bags as matrices of floats, and their weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import FLOAT64, Floats, Rows, as_doubles, as_rows
from foldstat._common.weights import as_sample_weight
from foldstat.sources._pieces import WeightedRows
from foldstat.sources._source import counted
from foldstat.sources._tables import ColumnError, columns_of, floats_of, rows_of, selected


@dataclass(frozen=True)
class ArrayRows:
    """Reads a chunk of an array, and that of its weights."""

    name: str
    n_columns: int

    def __call__(self, place: str, chunk: Any, weights: Any = None) -> Any:
        rows = as_rows(chunk, self.name)
        check_columns(rows.shape[1], self.n_columns, place)
        return rows if weights is None else WeightedRows(rows, _weights_of(weights, len(rows), place))


@dataclass(frozen=True)
class BagRows:
    """Reads a partition of a bag: arrays, whose rows follow each other."""

    name: str

    def __call__(self, place: str, partition: Iterable[Any]) -> Rows:
        parts = [as_rows(array, self.name) for array in partition]
        if not parts:
            return np.empty((0, 0))
        for part in parts:
            check_columns(part.shape[1], parts[0].shape[1], place)
        rows: Any = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return rows  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FrameRows:
    """Reads a part of a frame: its columns, in this order, and that of weights."""

    columns: tuple[str, ...]
    dtype: np.dtype[Any]
    weight: str | None = None  # the name of a column
    nulls: bool = False  # whether a null is NaN

    def __call__(self, place: str, frame: Any, weights: Any = None) -> Any:
        rows = np.empty((rows_of(frame), len(self.columns)), self.dtype, order="F")
        for j, (name, column) in enumerate(zip(self.columns, columns_of(selected(frame, self.columns)), strict=True)):
            # What Dask was told of types may be wrong.
            np.copyto(rows[:, j], column_floats(column, name, place, nulls=self.nulls), casting="safe")
        if self.weight is not None:
            weights = column_floats(columns_of(selected(frame, [self.weight]))[0], self.weight, place)
        return rows if weights is None else WeightedRows(rows, _weights_of(weights, len(rows), place))


@dataclass(frozen=True)
class AsItIs:
    """Gives a piece as it comes, and its weights beside it."""

    weight: Any = None  # the name of their column, if the piece is a frame
    column: Any = None  # that of the one other column, if it is of a series

    def __call__(self, place: str, piece: Any, weights: Any = None) -> Any:
        if self.weight is None:
            return piece if weights is None else WeightedRows(piece, weights)
        rest = piece.drop(columns=[self.weight]) if self.column is None else piece[self.column]
        return WeightedRows(rest, piece[self.weight])


def column_floats(column: Any, name: str, place: str, *, nulls: bool = False) -> NDArray[Any]:
    """Give a column as numbers; an error says where it is."""
    try:
        return floats_of(column, nulls=nulls)
    except ColumnError as error:
        where = "" if error.row is None else f" in row {error.row}"
        raise error.kind(f"column {name!r} of {place} {error.problem}{where}") from None


def check_columns(found: int, expected: int, place: str) -> None:
    """Check that a piece has as many columns as others."""
    if found != expected:
        raise ValueError(f"{place} has {counted(found, 'column')}, where {expected} are expected")


def _weights_of(values: Any, n_rows: int, place: str) -> Floats:
    """Check the weights of a piece, which may all be zero."""
    weights = as_doubles(values, "sample_weight")
    if weights.shape != (n_rows,):
        found = counted(len(weights), "weight") if weights.ndim == 1 else f"weights of shape {weights.shape}"
        raise ValueError(f"{place} has {counted(n_rows, 'row')}, and its sample_weight {found}")
    checked = as_sample_weight(weights, n_rows) if weights.any() else weights
    return np.asarray(checked, dtype=FLOAT64)

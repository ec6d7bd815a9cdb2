"""Passes over pieces that lie elsewhere: chunks of a Dask collection, or those that an executor's workers are sent."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np

from foldstat import _core
from foldstat._common.arrays import FLOAT32, Floats, Rows
from foldstat._common.weights import as_sample_weight
from foldstat._core import MixtureStatistics
from foldstat.mixture._likelihood import LogLikelihood
from foldstat.mixture._missing import filled, scored
from foldstat.mixture._passes import Looked, Passes, WeighedRows, locating
from foldstat.mixture._seen import Seen
from foldstat.mixture._start_rows import Chosen, joined, of_sample
from foldstat.sources import Block, Pieces, RowSample, WeightedRows
from foldstat.sources._row_sample import enough_below


class PiecePasses(Passes):
    """Rows in pieces, each of which is folded where it lies.

    Where all pieces but the last end with blocks, their parts go into the tree of the rows in memory, and the bits are
    the same. Otherwise each piece is a tree of its own, and a leaf of one more: then the bits depend on how the rows
    are cut, and still not on who folds them when.
    """

    def __init__(self, pieces: Pieces, name: str = "X", *, missing: bool = False) -> None:
        self._pieces, self.name, self.missing = pieces, name, missing
        self.names, self.weighted = pieces.names, pieces.weighted
        self._found: _Found = pieces.fold(_look, missing, desc="look")
        self.n_columns = self._found.n_columns
        self.dtype = FLOAT32 if self._found.single else np.dtype(np.float64)
        if not self._found.seen.rows:
            raise ValueError(f"{name} has no rows")
        self.looked = Looked(self._found.seen, self._found.seen.rows, 0)
        # The blocks of incomplete rows are not those of the rows: each piece is a tree of its own.
        lengths = [rows for rows, _ in self._lengths]
        self._first_rows = None if missing else _first_rows(lengths, self.n_columns)

    @property
    def _lengths(self) -> list[tuple[int, int]]:
        """Rows of each piece, and those of positive weight."""
        return [self._found.lengths[i] for i in range(self._pieces.n_pieces)]

    def look(self, n_components: int, start: tuple[int, int] | None) -> Chosen | None:
        """Give the rows for a start; the pieces have been looked at."""
        weighed: WeighedRows | None = None
        if self.weighted:
            weighed = self._pieces.fold(_weigh, n_components, desc="weigh")
        seen = self._found.seen
        self.looked = Looked(seen, seen.rows, 0) if weighed is None else weighed.looked(seen)
        chosen = None if start is None else self._start(*start)
        return filled(chosen, self.names) if chosen is not None and self.missing else chosen

    def _start(self, size: int, seed: int) -> Chosen:
        seen = self._found.seen
        if seen.rows <= size:
            parts: list[tuple[int, Chosen]] = self._pieces.fold(_gather, desc="start")
            return joined([part for _, part in sorted(parts, key=lambda part: part[0]) if len(part.rows)])
        before = [0, *itertools.accumulate(present for _, present in self._lengths)]
        sample: RowSample = self._pieces.fold(_draw, size, seed, before, enough_below(size, seen.present), desc="start")
        if len(sample) < min(size, seen.present):  # one case in 10^9
            sample = self._pieces.fold(_draw, size, seed, before, None, desc="start")
        return of_sample(sample, weighted=self.weighted)

    def statistics(self, models: Sequence[_core.Mixture]) -> list[MixtureStatistics]:
        """Fold all rows under each model."""
        folded: _Folded = self._pieces.fold(
            _fold, list(models), self.exponent, self._first_rows, self.missing, progress=self.progress, desc="pass"
        )
        self.check_same(folded.seen)
        return folded.statistics


class _Found(NamedTuple):
    """What pieces are."""

    lengths: dict[int, tuple[int, int]]
    seen: Seen
    n_columns: int
    single: bool  # whether all are float32

    def __add__(self, other: object) -> _Found:
        if not isinstance(other, _Found):
            return NotImplemented
        if self.n_columns != other.n_columns:
            first, second = min(self.lengths), min(other.lengths)
            raise ValueError(
                f"chunks must have the same columns, found {self.n_columns} in chunk {first} and {other.n_columns} in "
                f"chunk {second}"
            )
        lengths, single = self.lengths | other.lengths, self.single and other.single
        return _Found(lengths, self.seen + other.seen, self.n_columns, single)


class _Folded(NamedTuple):
    """What one pass over pieces gives."""

    statistics: list[MixtureStatistics]
    seen: Seen

    def __add__(self, other: object) -> _Folded:
        if not isinstance(other, _Folded):
            return NotImplemented
        both = zip(self.statistics, other.statistics, strict=True)
        return _Folded([a + b for a, b in both], self.seen + other.seen)


def _first_rows(lengths: list[int], n_columns: int) -> list[int] | None:
    """Give the number of the first row of each piece; None unless all begin with a block."""
    block = _core.block_rows(n_columns)
    firsts = [0, *itertools.accumulate(lengths)]
    aligned = all(first % block == 0 for first, length in zip(firsts, lengths, strict=False) if length)
    return firsts[:-1] if aligned else None


# ---------------------------------------------------------------- what workers do


def _parts(piece: Any) -> tuple[Rows, Floats | None]:
    return (piece.rows, piece.weights) if isinstance(piece, WeightedRows) else (piece, None)


def _locating(piece: Any, index: int, missing: bool) -> AbstractContextManager[None]:
    return locating(Block(*_parts(piece), f"chunk {index}", 0), missing=missing)


def _pushed(
    folding: _core.MixturePass, piece: Any, index: int, missing: bool, *, check_finite: bool
) -> tuple[list[Any], Seen]:
    with _locating(piece, index, missing):
        folding.push(*_parts(piece), None, check_finite)
    statistics, seen = folding.finish()
    return statistics, Seen.of(seen)


def _look(piece: Any, index: int, missing: bool) -> _Found:
    rows, _ = _parts(piece)
    looking = _core.MixturePass([], rows.shape[1], missing=missing)
    _, seen = _pushed(looking, piece, index, missing, check_finite=True)
    return _Found({index: (seen.rows, seen.present)}, seen, rows.shape[1], rows.dtype == np.float32)


def _weigh(piece: Any, index: int, n_components: int) -> WeighedRows:
    weighed = WeighedRows(n_components)
    weighed.add(*_parts(piece))
    return weighed


def _gather(piece: Any, index: int) -> list[tuple[int, Chosen]]:
    return [(index, Chosen(*_parts(piece)))]


def _draw(piece: Any, index: int, size: int, seed: int, before: list[int], below: int | None) -> RowSample:
    rows, weights = _parts(piece)
    sample = RowSample(size, seed, below)
    sample.add(rows, before[index], weights)
    return sample


def _fold(
    piece: Any, index: int, models: list[_core.Mixture], exponent: int, first_rows: list[int] | None, missing: bool
) -> _Folded:
    n_columns = _parts(piece)[0].shape[1]
    place = {"piece": index} if first_rows is None else {"first_row": first_rows[index]}
    folding = _core.MixturePass(models, n_columns, exponent=exponent, missing=missing, **place)
    return _Folded(*_pushed(folding, piece, index, missing, check_finite=False))


def log_likelihood_of(piece: Any, index: int, model: _core.Mixture, missing: bool) -> LogLikelihood:
    """Sum the log-likelihoods of the rows of a piece."""
    rows, weights = _parts(piece)
    with _locating(piece, index, missing):
        found = scored(model, "score_samples", rows, None, missing=missing)
        return LogLikelihood.of(found, as_sample_weight(weights, len(rows), all_rows=False))


def scores(piece: Any, index: int, model: _core.Mixture, method: str, dtype: str, missing: bool) -> Any:
    """Give what a method of the compiled mixture finds for the rows of a piece."""
    rows, _ = _parts(piece)
    with _locating(piece, index, missing):
        return scored(model, method, rows, None, missing=missing).astype(dtype, copy=False)

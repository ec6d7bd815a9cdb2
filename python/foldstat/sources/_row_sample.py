"""A sample of rows that is a function of the rows and a seed, whoever reads which of them when."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import Floats, Rows, as_doubles, as_rows
from foldstat._common.checks import as_count, whole_number

_WINDOW = 1 << 16  # rows that are hashed at a time
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finish a step of SplitMix64: a one-to-one map of 64 bits in which every bit changes about half of them."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


class _Part(NamedTuple):
    hashes: NDArray[np.uint64]
    numbers: NDArray[np.uint64]
    rows: Rows
    weights: Floats

    def at(self, places: NDArray[Any]) -> _Part:
        return _Part(*(array[places] for array in self))


def _joined(*parts: _Part) -> _Part:
    return _Part(*map(np.concatenate, zip(*parts, strict=True)))


class RowSample:
    """The rows whose numbers have the smallest hashes: a sample without replacement.

    Each row belongs to it or not by the seed and its own number, so that any cut of the rows, read in any order by
    any number of workers and merged with ``+`` in any way, gives the same sample: a commutative monoid. It holds no
    more than twice as many rows as it is asked for.

    Parameters
    ----------
    size : int
        How many rows, where there are as many.
    seed : int
        From 0 to 2**64 - 1.
    below : int, optional
        Rows whose hash is as large or larger are left out, so that parts of a sample of many rows hold few: see
        `enough_below`.

    Raises
    ------
    ValueError
        If `size` or `seed` is out of range.

    Notes
    -----
    The hash is that of SplitMix64: the finaliser of the mixed seed plus the row number times the golden ratio. It is
    one-to-one for every seed, so that no two rows tie.

    References
    ----------
    Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA (2014); Cohen & Kaplan,
    "Summarizing data using bottom-k sketches", PODC (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat.sources import RowSample
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> first, second = RowSample(3, seed=0), RowSample(3, seed=0)
    >>> first.add(X[:6], 0)
    >>> second.add(X[6:], 6)
    >>> whole = RowSample(3, seed=0)
    >>> whole.add(X, 0)
    >>> second + first == whole
    True
    >>> whole.row_numbers.tolist()
    [5, 7, 8]
    """

    def __init__(self, size: int, seed: int, below: int | None = None) -> None:
        self.size = as_count(size, "size", "a number of rows", least=1)
        self.seed = whole_number(seed, "seed", "a number of 64 bits")
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2**64 - 1, got {self.seed}")
        self._base = _mixed(np.array([self.seed], np.uint64) + _GOLDEN)
        self._parts: list[_Part] = []
        # Hashes that are as large are not among the smallest.
        self._limit = None if below is None or below >= 2**64 else np.uint64(below)

    def add(self, rows: Any, first_row: int, weights: Any = None) -> None:
        """Add rows that follow each other.

        Parameters
        ----------
        rows : array-like of shape (n, d)
            The rows.
        first_row : int
            Number of the first of them among all rows; with weights, among all rows of positive weight.
        weights : array-like of shape (n,), optional
            Their weights. Rows of weight 0 are not there, and have no number.

        Raises
        ------
        ValueError
            If there are not as many weights as rows, or not as many columns as before.
        """
        rows = as_rows(rows, "rows")
        first = as_count(first_row, "first_row", "the number of a row", least=0)
        heavy = np.ones(len(rows)) if weights is None else as_doubles(weights, "weights")
        if heavy.shape != (len(rows),):
            raise ValueError(f"weights must have shape ({len(rows)},), got {heavy.shape}")
        if not (heavy >= 0).all():
            raise ValueError("weights must not be negative or NaN")
        if self._parts and rows.shape[1] != self._parts[0].rows.shape[1]:
            raise ValueError(f"rows must have {self._parts[0].rows.shape[1]} columns as before, got {rows.shape[1]}")
        for begin in range(0, len(rows), _WINDOW):
            end = begin + _WINDOW
            first += self._add_window(rows[begin:end], heavy[begin:end], first)

    def _add_window(self, rows: Rows, weights: Floats, first: int) -> int:
        present = np.flatnonzero(weights > 0)
        numbers = np.arange(first, first + len(present), dtype=np.uint64)
        hashes = _mixed(self._base + (numbers + np.uint64(1)) * _GOLDEN)
        kept = np.arange(len(hashes)) if self._limit is None else np.flatnonzero(hashes < self._limit)
        if len(kept) > self.size:
            kept = kept[np.argpartition(hashes[kept], self.size - 1)[: self.size]]
        if len(kept):
            at = present[kept]
            self._put(_Part(hashes[kept], numbers[kept], rows[at], weights[at]))
        return len(present)

    def _put(self, part: _Part) -> None:
        """Keep a part; parts are joined as a binary counter carries, so that many small ones cost little."""
        if len(part.hashes) + sum(len(other.hashes) for other in self._parts) > 2 * self.size:
            self._parts = [self._smallest()]
            self._limit = self._parts[0].hashes.max()
            part = part.at(np.flatnonzero(part.hashes < self._limit))
        self._parts.append(part)
        while len(self._parts) > 1 and len(self._parts[-2].hashes) <= len(self._parts[-1].hashes):
            last = self._parts.pop()
            self._parts[-1] = _joined(self._parts[-1], last)

    def _smallest(self) -> _Part:
        """Give the rows of the sample, in the order of their numbers."""
        if not self._parts:
            return _Part(np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty((0, 0)), np.empty(0))
        candidates = _joined(*self._parts)
        if len(candidates.hashes) > self.size:
            candidates = candidates.at(np.argpartition(candidates.hashes, self.size - 1)[: self.size])
        found = candidates.at(np.argsort(candidates.numbers, kind="stable"))
        twice = np.flatnonzero(found.numbers[1:] == found.numbers[:-1])
        if len(twice):
            raise ValueError(f"row {found.numbers[twice[0]]} was added twice")
        return found

    def _settled(self) -> _Part:
        found = self._smallest()
        self._parts = [found] if len(found.hashes) else []
        return found

    @property
    def rows(self) -> Rows:
        """The rows, in the order of their numbers, of shape (at most size, d)."""
        return self._settled().rows

    @property
    def weights(self) -> Floats:
        """Their weights; ones where none were given."""
        return self._settled().weights

    @property
    def row_numbers(self) -> NDArray[np.uint64]:
        """Their numbers, which ascend."""
        return self._settled().numbers

    def __len__(self) -> int:
        return len(self._settled().numbers)

    def __add__(self, other: object) -> RowSample:
        if not isinstance(other, RowSample):
            return NotImplemented
        if (self.size, self.seed) != (other.size, other.seed):
            raise ValueError(
                f"samples of {self.size} rows with seed {self.seed} and of {other.size} with seed {other.seed} do not "
                "merge"
            )
        merged = RowSample(self.size, self.seed)
        for part in (self._settled(), other._settled()):
            if not len(part.hashes):
                continue
            if merged._parts and merged._parts[0].rows.shape[1] != part.rows.shape[1]:
                raise ValueError(
                    f"samples of {merged._parts[0].rows.shape[1]} and of {part.rows.shape[1]} columns do not merge"
                )
            merged._parts.append(part)
        merged._settled()
        return merged

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RowSample):
            return NotImplemented
        return self._state() == other._state()

    def __hash__(self) -> int:
        return hash(self._state())

    def _state(self) -> tuple[Any, ...]:
        found = self._settled()
        contents = (array.tobytes() for array in found)
        return self.size, self.seed, found.rows.dtype.str, found.rows.shape, *contents

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.size, self.seed, self._settled())

    def __repr__(self) -> str:
        return f"<RowSample of {len(self)} rows, size={self.size}, seed={self.seed}>"


def enough_below(size: int, n_rows: int) -> int:
    """Give a limit of hashes that `size` of `n_rows` rows are below, but for one case in 10^9.

    Hashes are spread evenly, so that the number of rows below has a standard deviation of at most its root.
    """
    return int(2**64 * min(1.0, (size + 6 * math.sqrt(size) + 36) / n_rows))


def _restored(size: int, seed: int, part: _Part) -> RowSample:
    sample = RowSample(size, seed)
    if len(part.hashes):
        sample._parts = [_Part(*part)]
    return sample

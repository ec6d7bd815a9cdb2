"""The rows that a start is looked for in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from foldstat._common.arrays import Floats, Rows
from foldstat.sources import RowSample
from foldstat.sources._row_sample import enough_below

# Each sample of rows that EM is run on is so many times the one before.
STAGE = 4


def start_size(n_components: int, n_features: int) -> int:
    """How many rows a start is looked for in, unless somebody says so.

    Some dozens for each number that a component's mean and shape are told from: more of them move the clusters by less
    than the iterations that follow do, and cost as much as these.
    """
    return max(20_000, 32 * n_components * (n_features + 1))


class Chosen(NamedTuple):
    """Rows and their weights."""

    rows: Rows
    weights: Floats | None


class StartRows:
    """All rows as they are while there are no more than `size`; beyond, those of positive weight drawn by a hash."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self._all: list[Chosen] = []  # until there is a sample
        self._n = 0
        self._sample: RowSample | None = None
        self._present = 0
        self._weighted = False

    def add(self, rows: Rows, weights: Floats | None) -> None:
        """Add the rows that come next."""
        self._n += len(rows)
        self._weighted |= weights is not None
        if self._n <= self.size:
            self._all.append(Chosen(rows.copy(), None if weights is None else weights.copy()))
            return
        if self._sample is None:
            self._sample = RowSample(self.size, self.seed)
            for part in self._all:
                self._draw(*part)
            self._all.clear()
        self._draw(rows, weights)

    def _draw(self, rows: Rows, weights: Floats | None) -> None:
        assert self._sample is not None
        self._sample.add(rows, self._present, weights)
        self._present += len(rows) if weights is None else int(np.count_nonzero(weights))

    def chosen(self) -> Chosen:
        """Give the rows, in their order."""
        if self._sample is not None:
            return of_sample(self._sample, weighted=self._weighted)
        return joined(self._all)


def drawn(chosen: Chosen, size: int, seed: int) -> Chosen:
    """Draw rows of those that are there, as `StartRows` does."""
    rows, weights = chosen
    present = len(rows) if weights is None else int(np.count_nonzero(weights))
    for below in (enough_below(size, present), None):
        sample = RowSample(size, seed, below)
        sample.add(rows, 0, weights)
        if len(sample) >= min(size, present):  # but for one case in 10^9
            break
    return of_sample(sample, weighted=weights is not None)


def of_sample(sample: RowSample, *, weighted: bool) -> Chosen:
    """Give the rows of a sample, with their weights if there are such."""
    return Chosen(sample.rows, sample.weights if weighted else None)


def joined(parts: list[Chosen]) -> Chosen:
    """Give rows one after the other."""
    weights = [part.weights for part in parts]
    known = [part for part in weights if part is not None]
    return Chosen(np.concatenate([part.rows for part in parts]), np.concatenate(known) if known else None)

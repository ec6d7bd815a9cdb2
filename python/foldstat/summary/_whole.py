"""Exact statistics of a column of whole numbers: of 64 bits, or Python's of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.room import room_for


def ratio_of(p: float) -> Fraction:
    """Give the ratio that a decimal number means: 1/10 for 0.1."""
    return Fraction(repr(float(p)))


@dataclass(frozen=True, slots=True)
class WholeNumbers:
    """Whole numbers without any that are missing."""

    values: NDArray[np.int64] | list[int]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.values)

    def moments(self, threads: int | None) -> tuple[Fraction, Fraction | None, int]:
        """Give the mean, the variance (of ddof 1, if there are two), and how many are different."""
        n = self.count
        if isinstance(self.values, list):
            total, squares = Fraction(sum(self.values)), Fraction(sum(value * value for value in self.values))
            distinct = len(set(self.values))
        else:
            state = _core.SummaryState(distinct=True)
            state.update(self.values, None, None, threads)
            total, squares = (_ratio(*state.power_sum(k)) for k in (1, 2))
            distinct = min(state.distinct_count or 0, n)
        variance = (squares - total * total / n) / (n - 1) if n > 1 else None
        return total / n, variance, distinct

    def ends(self) -> tuple[int, int]:
        """Give the smallest and the largest."""
        if isinstance(self.values, list):
            return min(self.values), max(self.values)
        return int(self.values.min()), int(self.values.max())

    def quantiles(self, shares: Sequence[float]) -> list[Fraction]:
        """Give quantiles, linear between two values as in `numpy.quantile`, without rounding."""
        ranks = [ratio_of(share) * (self.count - 1) for share in shares]
        places = sorted({place for rank in ranks for place in (int(rank), min(int(rank) + 1, self.count - 1))})
        if not places:
            return []
        with room_for(f"a copy of {self.count} values, to sort them"):
            listed = isinstance(self.values, list)
            ordered: Any = sorted(self.values) if listed else np.partition(self.values, places)
        found = []
        for rank in ranks:
            low = int(rank)
            high = min(low + 1, self.count - 1)
            found.append(int(ordered[low]) + (rank - low) * (int(ordered[high]) - int(ordered[low])))
        return found


def _ratio(numerator: int, exponent: int) -> Fraction:
    return Fraction(numerator << max(exponent, 0), 1 << max(-exponent, 0))

"""The mean log-likelihood of rows, exact but for the rounding of each row's: however the rows were cut."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from foldstat._common.arrays import Floats, Rows
from foldstat.summary import Summary


class LogLikelihood(NamedTuple):
    """Σ w log p(x) and Σ w, a commutative monoid; where a density is 0 or infinite, the sum is no number."""

    total: Fraction = Fraction(0)
    weight: Fraction = Fraction(0)
    infinite: float = 0.0
    single: bool = False  # whether they are float32, as their mean is then

    @classmethod
    def of(cls, log_likelihoods: Rows, weights: Floats | None) -> LogLikelihood:
        """Sum the log-likelihoods of some rows, whose weights have been checked."""
        values = np.asarray(log_likelihoods, dtype=np.float64)
        if weights is None:
            weight, unit = Fraction(len(values)), 0
        else:
            # In a unit in which no product overflows: that changes no bit of one.
            _, unit = math.frexp(float(weights.max(initial=0.0)))
            with np.errstate(invalid="ignore", under="ignore"):
                values = np.ldexp(weights, -unit) * values
            values = np.where(weights > 0, values, 0.0)
            weight = Summary(weights).power_sum(1)
        finite = np.isfinite(values)
        infinite = 0.0 if finite.all() else float(values[~finite].sum())
        total = Summary(values if finite.all() else values[finite]).power_sum(1) * Fraction(2) ** unit
        return cls(total, weight, infinite, np.asarray(log_likelihoods).dtype == np.float32)

    @classmethod
    def of_singles(cls, log_likelihoods: Rows) -> LogLikelihood:
        """Sum those of rows of float32 in memory as scikit-learn does, in float32."""
        mean, n = float(np.mean(log_likelihoods)), len(log_likelihoods)
        return (
            cls(Fraction(mean) * n, Fraction(n), single=True) if math.isfinite(mean) else cls.of(log_likelihoods, None)
        )

    def __add__(self, other: object) -> LogLikelihood:
        if not isinstance(other, LogLikelihood):
            return NotImplemented
        total, weight = self.total + other.total, self.weight + other.weight
        return LogLikelihood(total, weight, self.infinite + other.infinite, self.single or other.single)

    @property
    def mean(self) -> float:
        """Σ w log p(x) / Σ w, rounded once."""
        if not self.weight:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        mean = float(self.total / self.weight) if self.infinite == 0.0 else self.infinite
        return float(np.float32(mean)) if self.single else mean

    @property
    def n_rows(self) -> float:
        """Σ w, rounded once; infinite where float64 does not reach."""
        try:
            return float(self.weight)
        except OverflowError:
            return math.inf

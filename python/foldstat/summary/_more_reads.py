"""Reads that are made of others: bias-corrected shape, the interval of the mean, dicts, JSON and formatted text."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from foldstat._common.checks import flag
from foldstat._common.fractions import as_fraction, rounded, rounded_root
from foldstat.summary._scaled_state import scaled_state

if TYPE_CHECKING:
    from foldstat._core import SummaryState


class MoreReads:
    """Statistics that take an argument, and all statistics together."""

    __slots__ = ()
    # Iterating is for sequences; dict() needs keys() and [] only, and lists of summaries stay lists of objects.
    __iter__ = None
    _state: SummaryState

    @abstractmethod
    def _nan_counts(self) -> bool:
        """Tell whether a statistic of the values is NaN because a value is; raise if it must not be read."""

    @abstractmethod
    def _need_moments(self, k: int) -> None:
        """Raise if these powers are not kept."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Give all statistics by name."""

    # ---------------------------------------------------------------- shape

    def skew(self, bias: bool = True) -> float:
        """Give the skewness, corrected for bias if asked; needs ``moments=4``.

        Parameters
        ----------
        bias : bool, default=True
            True gives g1, as `skewness`. False gives the estimate for a population,
            ``G1 = g1 * sqrt(n * (n - 1)) / (n - 2)``, as `pandas.Series.skew` and
            `scipy.stats.skew` with ``bias=False``.

        Returns
        -------
        float
            Correctly rounded; NaN if all values are equal or one is infinite, and, without bias, of
            fewer than 3 values.

        References
        ----------
        Joanes & Gill, "Comparing measures of sample skewness and kurtosis", The Statistician 47 (1998).

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([1, 2, 3, 10], moments=4).skew(bias=False)
        1.7636326148038883
        """
        self._need_moments(4)
        if flag(bias, "bias"):
            return math.nan if self._nan_counts() else self._state.skewness
        n = self._state.count
        moments = self._central(3)
        if moments is None or n < 3:
            return math.nan
        second, third, _ = moments
        square = third**2 / second**3 * Fraction(n * (n - 1), (n - 2) ** 2)
        return math.copysign(rounded_root(square), 1 if third >= 0 else -1)

    def kurt(self, bias: bool = True) -> float:
        """Give the excess kurtosis, corrected for bias if asked; needs ``moments=4``.

        Parameters
        ----------
        bias : bool, default=True
            True gives g2, as `kurtosis`. False gives the estimate for a population,
            ``G2 = ((n + 1) * g2 + 6) * (n - 1) / ((n - 2) * (n - 3))``, as `pandas.Series.kurt` and
            `scipy.stats.kurtosis` with ``bias=False``.

        Returns
        -------
        float
            Correctly rounded; NaN if all values are equal or one is infinite, and, without bias, of
            fewer than 4 values.

        References
        ----------
        Joanes & Gill, "Comparing measures of sample skewness and kurtosis", The Statistician 47 (1998).

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([1, 2, 3, 4, 5], moments=4).kurt(bias=False)
        -1.2
        """
        self._need_moments(4)
        if flag(bias, "bias"):
            return math.nan if self._nan_counts() else self._state.kurtosis
        n = self._state.count
        moments = self._central(4)
        if moments is None or n < 4:
            return math.nan
        second, _, fourth = moments
        excess = fourth / second**2 - 3
        return rounded(((n + 1) * excess + 6) * Fraction(n - 1, (n - 2) * (n - 3)))

    def _central(self, most: int) -> tuple[Fraction, Fraction, Fraction] | None:
        """Give the second to fourth central moments; None where shape is not defined."""
        state = self._state
        infinite = state.positive_infinity_count or state.negative_infinity_count
        if self._nan_counts() or infinite or not state.count:
            return None
        n = state.count
        powers = [Fraction(n), *map(self._power, range(1, 5))]
        mean = powers[1] / n
        found = [
            sum((math.comb(k, i) * powers[i] * (-mean) ** (k - i) for i in range(k + 1)), Fraction(0)) / n
            for k in (2, 3, 4)
        ]
        return (found[0], found[1], found[2]) if found[0] else None

    def _power(self, k: int) -> Fraction:
        return as_fraction(*self._state.power_sum(k))

    # ---------------------------------------------------------------- the mean

    def mean_interval(self, confidence: float = 0.95) -> tuple[Any, Any]:
        """Give a confidence interval of the mean: ``mean ± t * sem``.

        Parameters
        ----------
        confidence : float, default=0.95
            How often the interval covers the mean of the population, if the values are independent
            and normal, or many: above 0 and below 1.

        Returns
        -------
        low, high : float
            NaN of fewer than two values. Times for a summary of times.

        Raises
        ------
        ValueError
            If `confidence` is out of range.

        Notes
        -----
        t is the quantile of Student's distribution with ``count - 1`` degrees of freedom: with real weights
        ``weight_sum - 1`` if they are frequencies, ``effective_sample_size - 1`` if they are reliabilities.

        Examples
        --------
        >>> from foldstat import Summary
        >>> low, high = Summary([4.0, 5.0, 6.0, 7.0]).mean_interval()
        >>> round(low, 3), round(high, 3)
        (3.446, 7.554)
        """
        if isinstance(confidence, (bool, str, bytes)) or not isinstance(confidence, (float, int, np.number)):
            raise TypeError(f"confidence must be a number between 0 and 1, got {confidence!r}")
        if not 0 < confidence < 1:
            raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
        from scipy.special import stdtrit

        state = self._state
        size = {None: state.count, "frequency": state.weight_sum}.get(state.weights, state.effective_sample_size)
        t = float(stdtrit(size - 1, (1 + float(confidence)) / 2)) if size > 1 else math.nan
        times = scaled_state(state)
        if times is not None:
            return times.mean_interval(t)
        mean = math.nan if self._nan_counts() else state.mean
        width = t * state.sem
        return mean - width, mean + width

    # ---------------------------------------------------------------- all of them

    def keys(self) -> Iterable[str]:
        """Give the names of `to_dict`, so that ``dict(summary)`` is that."""
        return self.to_dict().keys()

    def __getitem__(self, name: str) -> Any:
        row = self.to_dict()
        if not isinstance(name, str) or name not in row:
            raise KeyError(f"{name!r}: there are {list(row)}")
        return row[name]

    def to_json(self) -> str:
        """Give `to_dict` as JSON.

        Returns
        -------
        str
            What JSON has no word for: NaN is null, infinities are the texts ``"Infinity"`` and
            ``"-Infinity"``, decimals are texts, as are times as ISO 8601 has them, and durations are
            seconds in decimals, as texts.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([2, 4]).to_json()
        '{"count": 2, "nulls": 0, "nan": 0, "mean": 3.0, "std": 1.4142135623730951, "min": 2.0, "max": 4.0}'
        """
        return json.dumps({name: as_json(value) for name, value in self.to_dict().items()}, allow_nan=False)


def as_json(value: Any) -> Any:
    """Give a statistic in the words of JSON."""
    if value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if value != value else f"{'-' * (value < 0)}Infinity"
    if isinstance(value, Decimal):
        return str(value)
    from foldstat.summary._ticks import iso_text

    return iso_text(value)


def formatted(value: Any, spec: str) -> str:
    """Write a number as the format says, and anything else as it is."""
    return format(value, spec) if isinstance(value, (int, float, Decimal)) else str(value)

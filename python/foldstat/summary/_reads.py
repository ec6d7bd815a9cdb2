"""What can be read from a summary, and what NaN among the values means for it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat._common.fractions import as_fraction
from foldstat._common.html import table_html
from foldstat.summary._decimals import Places
from foldstat.summary._more_reads import MoreReads
from foldstat.summary._quantiles import bounds_of, keeps_quantiles, quantiles_of
from foldstat.summary._scaled_state import scale_of, scaled_state

if TYPE_CHECKING:
    from foldstat._core import SummaryState
    from foldstat.summary._weights import WeightKind

NanPolicy: TypeAlias = Literal["skip", "propagate", "raise"]
Identifier: TypeAlias = "int | str | bytes"

_SHOWN_BEST = 5


class Reads(MoreReads):
    """The statistics of a summary; every one is the true value, rounded once."""

    __slots__ = ()
    _state: SummaryState

    def _nan_counts(self) -> bool:
        """Tell whether a statistic of the values is NaN because a value is; raise if it must not be read."""
        return False

    # ---------------------------------------------------------------- counts

    @property
    def count(self) -> int:
        """Number of values, infinities included, NaN and nulls excluded."""
        return self._state.count

    @property
    def nan_count(self) -> int:
        """Number of NaN."""
        return self._state.nan_count

    @property
    def null_count(self) -> int:
        """Number of nulls: None, missing or masked entries."""
        return self._state.null_count

    @property
    def positive_infinity_count(self) -> int:
        """Number of values that are +inf."""
        return self._state.positive_infinity_count

    @property
    def negative_infinity_count(self) -> int:
        """Number of values that are -inf."""
        return self._state.negative_infinity_count

    # ---------------------------------------------------------------- weights

    @property
    def weights(self) -> WeightKind | None:
        """What real weights are, 'frequency' or 'reliability'; None if the values have none."""
        return self._state.weights

    @property
    def weight_sum(self) -> float:
        """Sum of the weights of the finite values, rounded once; without real weights their number."""
        return self._state.weight_sum

    @property
    def effective_sample_size(self) -> float:
        """How many values of equal weights tell as much: the square of the sum of weights by that of their squares.

        Rounded once; of the finite values, NaN if there are none, and their number without real weights.

        References
        ----------
        Kish, "Survey Sampling" (1965).
        """
        return self._state.effective_sample_size

    def weight_power_sum(self, k: int) -> Fraction:
        """Give the exact sum of the weights of the finite values, or of their squares.

        Parameters
        ----------
        k : {1, 2}
            The power of the weights.

        Returns
        -------
        fractions.Fraction
            The sum, without any rounding: the number of values if they have no real weights.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([3.0, 4.0], sample_weight=[0.5, 0.25], weights="reliability").weight_power_sum(1)
        Fraction(3, 4)
        """
        if k not in (1, 2):
            raise ValueError(f"weight_power_sum(k): k must be 1 or 2, got {k!r}")
        return as_fraction(*self._state.weight_power_sum(int(k)))

    # ---------------------------------------------------------------- range and moments

    @property
    def min(self) -> float | int:
        """Smallest value, -0.0 below +0.0; NaN if there is none, an int where no float holds it."""
        self._need_members("the smallest value")
        return self._extreme("min")  # type: ignore[no-any-return]

    @property
    def max(self) -> float | int:
        """Largest value, +0.0 above -0.0; NaN if there is none, an int where no float holds it."""
        self._need_members("the largest value")
        return self._extreme("max")  # type: ignore[no-any-return]

    def _extreme(self, name: Literal["min", "max"]) -> Any:
        """Give the smallest or the largest value; what is missing in its place if it cannot be told."""
        return math.nan if self._nan_counts() else getattr(self._state, name)

    def _need_members(self, what: str) -> None:
        """Raise if values were subtracted, of which none can be told."""
        if self._lacks_members():
            raise ValueError(f"values were subtracted from this Summary: {what} cannot be told from what is left")

    def _lacks_members(self) -> bool:
        return self._state.is_reduced and self._state.count > 0

    @property
    def sum(self) -> float:
        """Sum of the values, correctly rounded; 0.0 if there are none."""
        return math.nan if self._nan_counts() else self._state.sum

    @property
    def mean(self) -> float:
        """Mean of the values, correctly rounded; NaN if there are none."""
        return math.nan if self._nan_counts() else self._state.mean

    def var(self, ddof: int = 1) -> float:
        """Give the variance of the values, correctly rounded.

        Parameters
        ----------
        ddof : int, default=1
            The sum of squared deviations is divided by ``count - ddof``, with real weights by what
            the notes of `Summary` say: 1 estimates the variance
            of a population from a sample, 0 gives the variance of the values themselves.

        Returns
        -------
        float
            NaN if ``count <= ddof``, or the divisor is not positive, or a value is infinite.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).var()
        30.0
        """
        return math.nan if self._nan_counts() else self._state.var(ddof)

    def std(self, ddof: int = 1) -> float:
        """Give the standard deviation of the values, the correctly rounded root of the exact variance.

        Parameters
        ----------
        ddof : int, default=1
            As in `var`.

        Returns
        -------
        float
            NaN if ``count <= ddof`` or a value is infinite.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([2, 4, 4, 4, 5, 5, 7, 9]).std(ddof=0)
        2.0
        """
        return math.nan if self._nan_counts() else self._state.std(ddof)

    @property
    def sem(self) -> float:
        """Standard error of the mean, ``std(ddof=1) / sqrt(count)``, rounded once.

        In place of the count stands `weight_sum` where real weights are frequencies, and
        `effective_sample_size` where they are reliabilities.
        """
        return math.nan if self._nan_counts() else self._state.sem

    @property
    def skewness(self) -> float:
        """Skewness g1 = m3 / m2**1.5, correctly rounded; needs ``moments=4``.

        m2 and m3 are central moments of the values. This is `scipy.stats.skew` with its defaults,
        and type 1 of R's package e1071. NaN if all values are equal or one is infinite.
        """
        self._need_moments(4)
        return math.nan if self._nan_counts() else self._state.skewness

    @property
    def kurtosis(self) -> float:
        """Excess kurtosis g2 = m4 / m2**2 - 3, correctly rounded; needs ``moments=4``.

        m2 and m4 are central moments of the values. This is `scipy.stats.kurtosis` with its defaults,
        and type 1 of R's package e1071. NaN if all values are equal or one is infinite.
        """
        self._need_moments(4)
        return math.nan if self._nan_counts() else self._state.kurtosis

    def power_sum(self, k: int) -> Fraction:
        """Give the exact sum of the k-th powers of the finite values, times their real weights if they have some.

        Parameters
        ----------
        k : int
            1 or 2; also 3 and 4 with ``moments=4``.

        Returns
        -------
        fractions.Fraction
            The sum, without any rounding: of times in the unit that they are stored in, and of instants since 1970.

        Raises
        ------
        ValueError
            If that power is not kept, or NaN has to be propagated, which no fraction can express.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([0.1, 0.2, -0.3]).power_sum(1)
        Fraction(1, 36028797018963968)
        """
        if k not in (1, 2, 3, 4):
            raise ValueError(f"power_sum(k): k must be 1, 2, 3 or 4, got {k!r}")
        self._need_moments(k)
        if self._nan_counts():
            raise ValueError(f"a fraction cannot be NaN: {nan_words(self.nan_count)}; read it with nan='skip'")
        total, scale = as_fraction(*self._state.power_sum(int(k))), scale_of(self._state)
        return total * scale.size**k if isinstance(scale, Places) else total

    def _need_moments(self, k: int) -> None:
        moments = self._state.moments
        if moments is not None and k > moments:
            raise ValueError("this Summary keeps no third and fourth moments: make it with moments=4")

    # ---------------------------------------------------------------- quantiles

    def quantile(self, q: ArrayLike, method: str = "linear") -> Any:
        """Estimate quantiles; needs ``quantiles=True`` or ``relative_error``.

        Where `quantile_error` is 0 these are the quantiles of the values themselves, as
        `numpy.quantile` gives them. Otherwise each order statistic is estimated with that relative
        error; the smallest and the largest value are exact, unless values were subtracted.
        `quantile_bounds` tells between which numbers a quantile lies for certain.

        Parameters
        ----------
        q : float or array-like of float
            From 0 to 1.
        method : str, default='linear'
            How a quantile lies between two order statistics, by the names of `numpy.quantile`:
            'inverted_cdf', 'averaged_inverted_cdf', 'closest_observation',
            'interpolated_inverted_cdf', 'hazen', 'weibull', 'linear', 'median_unbiased',
            'normal_unbiased', 'lower', 'higher', 'midpoint' or 'nearest'. 'equiprobable' is what
            Polars calls 'inverted_cdf'.

        Returns
        -------
        float, or ndarray of the shape of `q`
            NaN if there are no values. Between a finite value and an infinity lies the infinity.

        Raises
        ------
        ValueError
            If no quantiles are kept, `q` is not from 0 to 1, or there is no such method.

        Notes
        -----
        Weights are numbers of times: these are the quantiles of the values repeated as often.
        Integers that no float holds count as the nearest float.

        Summaries merge the quantiles that both keep. With ``quantiles=True`` and ``relative_error``
        the sketch with the smaller error is read, within the bounds of both.

        References
        ----------
        Hyndman & Fan, "Sample quantiles in statistical packages", Am. Stat. 50 (1996). For
        ``relative_error``: Masson, Rim & Lee, "DDSketch", VLDB 12 (2019).

        Examples
        --------
        >>> from foldstat import Summary
        >>> years = Summary(range(2000, 2024), quantiles=True)
        >>> years.quantile([0.25, 0.5, 0.75])
        array([2005.75, 2011.5 , 2017.25])
        >>> years.quantile(0.5, method="lower"), years.quantile_error
        (2011.0, 0.0)
        """
        found = quantiles_of(self._state, q, method, unknown=self._nan_counts())
        return found.tolist() if found.ndim == 0 else found

    def quantile_bounds(self, q: ArrayLike, method: str = "linear") -> tuple[Any, Any]:
        """Give two numbers for each quantile, between which that of all values lies for certain.

        Parameters
        ----------
        q : float or array-like of float
            From 0 to 1.
        method : str, default='linear'
            As in `quantile`.

        Returns
        -------
        low, high : float, or ndarray of the shape of `q`
            Equal where the quantile is known exactly; NaN if there are no values.

        Raises
        ------
        ValueError
            As in `quantile`.

        Examples
        --------
        >>> import numpy as np
        >>> from foldstat import Summary
        >>> x = np.random.default_rng(0).normal(46.9, 0.05, size=100_000)
        >>> low, high = Summary(x, quantiles=True).quantile_bounds(0.5)
        >>> bool(low <= np.median(x) <= high), high - low < 0.001
        (True, True)
        """
        low, high = bounds_of(self._state, q, method, unknown=self._nan_counts())
        return (low.tolist(), high.tolist()) if low.ndim == 0 else (low, high)

    @property
    def median(self) -> Any:
        """Median, as `quantile` of 0.5; needs ``quantiles=True``."""
        return self.quantile(0.5)

    @property
    def iqr(self) -> Any:
        """Interquartile range, `quantile` of 0.75 less that of 0.25; needs ``quantiles=True``."""
        low, high = self.quantile([0.25, 0.75]).tolist()
        times = scaled_state(self._state)
        if times is not None:
            return times.iqr
        return float(high - low) if high != low else 0.0

    @property
    def quantile_error(self) -> float | None:
        """Guaranteed relative error of order statistics that are read; None if no quantiles are kept.

        0.0 where all values are known: with ``quantiles=True`` as long as there are no more different
        values than ``quantile_buckets``. Beyond, a bucket holds 2**s neighbouring floats, and this is
        their distance as a part of the smallest of them. It is about values that are not tiny: those
        below 2.2e-308 may be off by as much, unless the error is above 1.
        """
        return self._state.quantile_error

    # ---------------------------------------------------------------- all of them

    def to_dict(self) -> dict[str, Any]:
        """Give the statistics by the names that tables have for them, as ``dict(summary)`` does.

        Returns
        -------
        dict of str to int or float
            count, nulls, nan, mean, std, min, max, and what the settings keep besides.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([2, 4]).to_dict()["mean"]
        3.0
        """
        return statistics(self)

    # ---------------------------------------------------------------- best, histogram, distinct

    @property
    def best(self) -> list[tuple[float | int, Identifier]]:
        """The smallest (or largest) values with their ids, best first: at most ``best`` of them.

        Of equal values the one with the smaller id comes first, integers before bytes before texts.
        NaN is never among them.
        """
        self._need_members("the best values")
        self._nan_counts()
        return self._state.best

    @property
    def histogram_counts(self) -> NDArray[np.uint64]:
        """Counts below the first edge, in every bin, and above the last edge; needs ``histogram``.

        Bins include their left edge; the last one includes both, as in `numpy.histogram`.
        """
        self._nan_counts()
        counts = self._state.histogram_counts
        if counts is None:
            raise ValueError("this Summary keeps no histogram: make it with histogram=edges")
        return counts

    @property
    def histogram_edges(self) -> NDArray[np.float64] | None:
        """Edges of the histogram's bins; None if there is no histogram."""
        return self._state.histogram_edges

    @property
    def distinct_count(self) -> int:
        """Estimated number of different values, -0.0 and +0.0 being one; needs ``distinct=True``.

        Exact for up to about a thousand of them; beyond that the standard error is 0.8 %
        (HyperLogLog with 2**14 registers). Never more than `count`.

        References
        ----------
        Flajolet et al., "HyperLogLog" (AofA 2007); Ertl, arXiv:1702.01284 (2017).
        """
        self._need_members("the number of different values")
        self._nan_counts()
        if self._state.is_identity or self._state.is_reduced:
            return 0
        distinct = self._state.distinct_count
        if distinct is None:
            raise ValueError("this Summary does not count different values: make it with distinct=True")
        return min(distinct, self._state.count)


class SummaryReads(Reads):
    """The statistics of a summary under a policy for NaN; made by ``summary.read(nan=...)``."""

    __slots__ = ("_policy", "_state")

    def __init__(self, state: SummaryState, policy: NanPolicy) -> None:
        self._state = state
        self._policy = policy

    def _nan_counts(self) -> bool:
        found = self._policy != "skip" and self._state.nan_count > 0
        if found and self._policy == "raise":
            raise ValueError(f"{nan_words(self._state.nan_count)}; read with nan='skip' to leave them out")
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.count} values, nan={self._policy!r}>"

    def _repr_html_(self) -> str:
        return summary_html(self)


def as_policy(nan: str) -> NanPolicy:
    """Check the name of a policy for NaN."""
    for policy in get_args(NanPolicy):
        if nan == policy:
            return policy  # type: ignore[no-any-return]
    raise ValueError(f"nan must be 'skip', 'propagate' or 'raise', got {nan!r}")


def nan_words(count: int) -> str:
    """Say how many values are NaN."""
    return "one value is NaN" if count == 1 else f"{count} values are NaN"


def statistics(summary: Reads) -> dict[str, Any]:
    """Give what a summary holds, by short names, in the order of a table."""
    row: dict[str, Any] = {
        "count": summary.count,
        "nulls": summary.null_count,
        "nan": summary.nan_count,
        "mean": summary.mean,
        "std": summary.std(),
        "min": summary._extreme("min"),
    }
    state = summary._state
    if keeps_quantiles(state):
        row |= zip(("25%", "50%", "75%"), summary.quantile([0.25, 0.5, 0.75]).tolist(), strict=True)
    row["max"] = summary._extreme("max")
    if state.moments == 4:
        row |= {"skewness": summary.skewness, "kurtosis": summary.kurtosis}
    if state.counts_distinct:
        row["distinct"] = summary.distinct_count
    return row


def summary_html(summary: Reads) -> str:
    """Show one summary: a row per statistic, then the best values."""
    try:
        rows = [[name, "nan" if value is None else value] for name, value in statistics(summary).items()]
        best = [] if summary._lacks_members() else summary.best
    except ValueError as error:  # a NaN that must not be read
        counts = [["count", summary.count], ["nulls", summary.null_count], ["nan", summary.nan_count]]
        return table_html([type(summary).__name__, ""], [*counts, ["statistics", str(error)]])
    rows += [[f"best: {identity!s}", value] for value, identity in best[:_SHOWN_BEST]]
    if len(best) > _SHOWN_BEST:
        rows.append([f"and {len(best) - _SHOWN_BEST} more", ""])
    return table_html([type(summary).__name__, ""], rows)

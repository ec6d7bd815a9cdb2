"""The summary of numbers: a commutative monoid whose laws hold to the last bit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.monoid import Monoid
from foldstat._common.room import room_for
from foldstat.summary._arguments import Default, as_times, default, empty_state, settings_of
from foldstat.summary._elsewhere import feed_from_anywhere
from foldstat.summary._instants import TIMES
from foldstat.summary._more_reads import formatted
from foldstat.summary._nulls import plain
from foldstat.summary._reads import Identifier, NanPolicy, Reads, SummaryReads, as_policy, summary_html
from foldstat.summary._scaled_bytes import state_from_bytes
from foldstat.summary._scaled_state import (
    check_missing,
    merge_all,
    merged,
    scaled_state,
    subtracted,
    ticks_in,
    whole_of,
)
from foldstat.summary._search import candidates_of
from foldstat.summary._weights import WeightKind

if TYPE_CHECKING:
    from foldstat._core import SummaryState

_NO_EDGES: Any = default(None)
_NO_WEIGHTS: Any = default(None)


class Summary(Monoid, Reads):
    """Count, range, moments and more of numbers, exact and mergeable.

    A summary of two data sets is the sum of their summaries, ``Summary(x) + Summary(y)``, to the
    last bit: whatever the pieces, their order and the shape of the tree that merges them. The sums
    of powers inside are exact, so that every statistic read from them is the true value, rounded once.

    Parameters
    ----------
    x : array-like, frame, or iterable of numbers, optional
        The numbers. NumPy arrays of any shape and real dtype, pandas and Polars Series and frames,
        pyarrow arrays and tables (and whatever else speaks the Arrow PyCapsule interface), or any
        Python iterable of numbers and None (pandas.NA and masked entries are nulls as well). What need not lie in
        memory is read chunk by chunk: files (a path, a glob, a folder, a list of paths), LazyFrames of Polars,
        datasets of pyarrow, relations of DuckDB, tables of ibis, lists and generators of arrays or frames, functions
        that give such a generator (`foldstat.sources` has all of them). Frames and columns of narwhals are what is
        inside of them.
        Collections of Dask (arrays, frames and Series, bags) are summarised where their pieces lie; their
        weights are of Dask as well, or a name.
        Integers are taken exactly, also those beyond 2**53.
        NaN, and nulls, are counted and take no part in anything else. All numbers of an array of
        more dimensions, or of a frame, go into the one summary; columns of a frame that hold no
        numbers are left out, and a warning names them. Or dates, times of day, durations or decimals
        of any of these libraries, see the notes.
    ids : sequence of int, str or bytes, optional
        Who each value is, for `best`. Default: its position, the number of values seen before it by
        this summary. Positions of every part begin at 0: parts that are to be merged need ids that
        tell their values apart, such as ``ids=range(start, stop)``.
    sample_weight : array-like of numbers, optional
        Whole numbers (integers, or floats without a fraction) say how often each value counts, exactly as
        if it had been given that many times. Floats with a fraction, or with `weights` any floats, are real
        weights, see `weights`. Values of weight 0 are not there at all. Where `x` comes in chunks: the name of a
        column, or one for each row of all of them; integers, or with `weights`.
    moments : {2, 4}, default=2
        Powers that are summed: 2 is enough for the variance, 4 gives `skewness` and `kurtosis`.
    best : int, default=0
        How many of the smallest values to keep, with their ids, up to 2**24.
    largest : bool, default=False
        Whether `best` are the largest.
    quantiles : bool, default=False
        Whether to keep a sketch for `quantile`, `median` and `iqr`. It is exact for as many different
        values as it has buckets, and beyond as fine as the spread of the values asks for: values
        near each other share the first bits of their floats, and all buckets are left for the rest.
    quantile_buckets : int, optional
        Most buckets of this sketch, from 2 to 2**20; default 4096. Giving it is asking for the sketch.
    relative_error : float, optional
        Keep a sketch (also) whose quantiles have this guaranteed relative error, from 1e-4 to 0.5,
        however widely the values are spread.
    histogram : array-like of float, optional
        Edges of a histogram to count in.
    distinct : bool, default=False
        Whether to estimate the number of different values.
    weights : {'frequency', 'reliability'}, optional
        What real weights are. 'frequency': how often each value was seen, the sum of weights is the number
        of values (``fweights`` of NumPy, `DescrStatsW` of statsmodels). 'reliability': how much each value is
        worth, of any scale (``aweights`` of NumPy; importance weights, inverse variances). Name it wherever
        weights are floats: then floats are real weights always, and integers with 'reliability' also.
        By default weights are reliabilities if one of them has a fraction, which a warning says, and else
        numbers of times.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process. It changes no bit of the result.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers, times or decimals, or others of them than the summary
        does, or ids are of another type.
    ValueError
        If a setting is out of range, lengths or pandas indexes disagree, a weight is negative
        or not finite, or real weights meet a setting that needs numbers of times.
    OverflowError
        If an integer, or a decimal without its point, needs more than 64 bits.

    See Also
    --------
    foldstat.summarize : Per column, per row or per group.

    Notes
    -----
    ``Summary()`` without any argument is the identity: it keeps everything that the summary it is
    added to keeps. The first data that enter it directly make it a ``Summary([])`` of default
    settings before they are added.

    Summaries of different settings merge to what both keep: the smaller `moments`, `best` and
    `quantile_buckets`, the larger `relative_error`; `distinct`, a histogram, or a sketch of quantiles
    that one side lacks is dropped, and each of the two sketches merges with its like only. So
    ``s + Summary([])`` is without the best values, quantiles and histogram of ``s``: start from
    ``Summary()``, or from an empty summary of the same settings. Histograms merge to the edges that
    both have, if these are two or more and the last edge, which closes the last bin, is the same.
    Else, and where the smallest values meet the largest, the merge raises a ValueError.

    ``total - day`` takes values away that were added before, from counts, sums, powers, the histogram
    and the buckets of quantiles, to the last bit as if they had never been there. What single values
    make cannot be told from then on, unless only NaN and nulls were taken away: `min`, `max`, `best` and
    `distinct_count` raise a ValueError, and are missing in tables. Quantiles keep the resolution of the
    total. Where it shows that the values were not in the total, as in a count that would be negative,
    that is a ValueError.

    Statistics without an argument are properties, ``s.mean``; those with one are methods, ``s.std()``.
    ``dict(s)`` and ``s["mean"]`` give them by the names that tables have, `to_json` as JSON, and
    ``f"{s:.3g}"`` in a line.

    Dates, instants, times of day and durations are summarised as the whole numbers of their unit
    (days, s, ms, us, ns and finer) that they are stored as, so that nothing is rounded until it is read.
    Their min, max, mean, quantiles and best values are times again, std, sem, iqr and the sum of
    durations are durations: rounded once to the unit, or to microseconds where that is coarser. They are
    Python's objects where these hold them, else NumPy's or `foldstat.summary.WithNanoseconds`; None where a
    number would be NaN. Instants keep their time zone. Two summaries of times merge if they are of the same
    kind and unit; of two time zones the sum is in UTC. Numbers and times do not merge: that is a ValueError.
    Decimals are summarised in the same way, as whole numbers of their places, if 64 bits hold these: min, max,
    sum and best values are Decimals, other reads floats, and only decimals of as many places merge.

    With real weights `sum` and `mean`, `power_sum`, `var`, `std` and `sem` are those of the weighted values,
    exact from the sums of w, w**2, w*x and w*x**2, which neither overflow nor underflow. ``var(ddof)`` divides
    the weighted squares by ``W - ddof`` where weights are frequencies, and by ``W - ddof * V / W`` where they are
    reliabilities, with W the sum of weights and V that of their squares. `count` is the number of values,
    `weight_sum` W, and `effective_sample_size` W**2 / V. Real weights do not go with ``moments=4``, quantiles
    and histograms. A summary without real weights merges with one of them as if its values weighed 1;
    frequencies and reliabilities do not merge.

    A summary can be changed and read by several threads at a time. Its hash is that of its
    contents, like its equality: do not change a summary that is the key of a dict.

    References
    ----------
    Neal, "Fast exact summation using small and large superaccumulators", arXiv:1505.05571 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from foldstat import Summary
    >>> x = np.array([0.1, 0.2, 0.3, 1e16, -1e16])
    >>> s = Summary(x)
    >>> s.count, s.mean, s.max
    (5, 0.12, 1e+16)
    >>> Summary(x[:2]) + Summary(x[2:]) == s
    True
    >>> Summary([0.7, 0.2, 0.5], ids=["a", "b", "c"], best=2).best
    [(0.2, 'b'), (0.5, 'c')]
    >>> (s - Summary(x[3:])).mean
    0.2
    """

    __slots__ = ("__weakref__", "_state")

    def __init__(
        self,
        x: Any = None,
        *,
        ids: Any = None,
        sample_weight: ArrayLike | None = None,
        moments: int = default(2),
        best: int = default(0),
        largest: bool = default(False),
        quantiles: bool = default(False),
        quantile_buckets: int | None = default(None),
        relative_error: float | None = default(None),
        histogram: ArrayLike | None = _NO_EDGES,
        distinct: bool = default(False),
        weights: WeightKind | None = _NO_WEIGHTS,
        n_jobs: int | None = None,
    ) -> None:
        sketches = (quantiles, quantile_buckets, relative_error)
        settings = (moments, best, largest, *sketches, histogram, distinct, weights)
        if x is None and (ids is not None or sample_weight is not None):
            raise TypeError("ids and sample_weight belong to values: give x as well")
        if x is None and all(isinstance(setting, Default) for setting in settings):
            self._state = _core.SummaryState.identity()
            return
        self._state = empty_state(*settings)
        if x is not None:
            self._state = feed_from_anywhere(self._state, x, ids, sample_weight, n_jobs)

    @classmethod
    def _of(cls, state: SummaryState) -> Summary:
        summary = cls.__new__(cls)
        summary._state = state
        return summary

    # ---------------------------------------------------------------- numbers in

    def update(
        self,
        x: Any,
        *,
        ids: Any = None,
        sample_weight: ArrayLike | None = None,
        n_jobs: int | None = None,
    ) -> Summary:
        """Add numbers, as if they had been given from the start.

        Parameters
        ----------
        x : array-like, frame, or iterable of numbers
            As in the class.
        ids : sequence of int, str or bytes, optional
            Who each value is; one for each row of a frame. Default: positions, which go on from
            those of the values before; a frame is read column after column.
        sample_weight : array-like of numbers, optional
            As in the class; one for each row of a frame. A summary that has real weights takes floats as such.
        n_jobs : int or None, default=None
            Number of threads; None for the default of the process.

        Returns
        -------
        Summary
            Itself.

        Raises
        ------
        TypeError, ValueError, OverflowError
            As in the class. An error, or Ctrl-C, leaves the summary as it was.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary([1.0, 2.0]).update([4.0]).sum
        7.0
        """
        self._state = feed_from_anywhere(self._state, x, ids, sample_weight, n_jobs)
        return self

    def push(self, value: float | None, id: Identifier | None = None, *, times: int = 1) -> None:  # noqa: A002
        """Add one number.

        Parameters
        ----------
        value : int, float, Decimal, date, time, duration or None
            The number or time; None is a null.
        id : int, str or bytes, optional
            Who it is. Default: its position.
        times : int, default=1
            How often it counts.

        Raises
        ------
        TypeError
            If the value is not a number, or is one and the summary is of times or decimals.
        OverflowError
            If an integer needs more than 64 bits.
        ValueError
            If `times` is negative.

        Examples
        --------
        >>> from foldstat import Summary
        >>> losses = Summary(best=1)
        >>> losses.push(0.31, "lr=0.1")
        >>> losses.push(0.24, "lr=0.01")
        >>> losses.best
        [(0.24, 'lr=0.01')]
        """
        value = plain(value)
        if isinstance(value, (*TIMES, Decimal)):
            self._state, value = whole_of(self._state, value)
        elif scaled_state(self._state) is not None:
            check_missing(self._state, value)
            value = None
        ticks_in(self._state).push(value, id, as_times(times))

    @classmethod
    def from_search(cls, search: Any, metric: str | int | None = None, *, best: int = 10, **settings: Any) -> Summary:
        """Summarise the scores of a search over parameters: scikit-learn's, Optuna's or Ray Tune's.

        Parameters
        ----------
        search : GridSearchCV or the like, optuna.Study, or ray.tune.ResultGrid
            A fitted search of scikit-learn (its ``cv_results_`` are read), a study, or the results of a tuner.
        metric : str or int, optional
            Which score. Of scikit-learn's the name of a scorer if the search had several (default
            'score'). Of a study the name or the number of an objective if it has several. Of Ray's
            the name of a metric, if the tuner was not given one.
        best : int, default=10
            How many of the best scores to keep. Their ids are the parameters as text, sorted by name,
            ``"C=1.0, kernel='rbf'"``, which stays meaningful when searches are merged; functions and
            classes are their names, estimators their class and what is not the default. Where
            candidates have the same text the second one is ``"C=1.0 (2)"``.
            `foldstat.summary.parameters_of` gives the parameters themselves.
        **settings
            Other settings of a Summary: ``moments``, ``quantiles``, ``histogram`` and so on; and
            ``largest``, where the search does not say which scores are good ones. scikit-learn's are if
            they are large, a study has its directions, and Ray's results may have their mode.

        Returns
        -------
        Summary
            Of one score per candidate, or mean test score. Candidates that failed count as NaN, trials
            that were pruned, or ended without the metric, as null, and those that run or wait not at all.
            Of a halving search only the last iteration is taken: scores of the earlier ones come from
            fewer resources and do not compare.

        Raises
        ------
        TypeError
            If it is not such a search.
        ValueError
            If the search is not fitted (scikit-learn's NotFittedError), has no such metric, or does not
            say which scores are best.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import GridSearchCV
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> from foldstat import Summary
        >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 9]})
        >>> s = Summary.from_search(search.fit(*load_iris(return_X_y=True)), best=1)
        >>> s.count, s.best[0][0] == float(search.best_score_)
        (3, True)
        """
        found = candidates_of(search, metric)
        if best and found.largest is None and "largest" not in settings:
            raise ValueError("the search does not say which scores are best: give largest=True, or False for losses")
        settings.setdefault("largest", bool(found.largest))
        return cls(found.scores, ids=found.ids, best=best, **settings)

    # ---------------------------------------------------------------- the monoid

    @classmethod
    def merge_all(cls, summaries: Iterable[Summary]) -> Summary:
        """Merge any number of summaries; the identity if there are none.

        Parameters
        ----------
        summaries : iterable of Summary
            What to merge, in any order.

        Returns
        -------
        Summary
            A new summary.

        Raises
        ------
        TypeError
            If one is something else.
        ValueError
            If two do not merge.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary.merge_all(Summary([i]) for i in range(101)).mean
        50.0
        """
        return cls._of(merge_all([summary._state for summary in cls._checked(summaries)]))

    def __add__(self, other: object) -> Summary:
        if not isinstance(other, Summary):
            return NotImplemented
        return self._of(merged(self._state.copy(), other._state))

    def __iadd__(self, other: object) -> Summary:
        if not isinstance(other, Summary):
            return NotImplemented
        self._state = merged(self._state, other._state)
        return self

    def __sub__(self, other: object) -> Summary:
        if not isinstance(other, Summary):
            return NotImplemented
        return self._of(subtracted(self._state.copy(), other._state))

    def __isub__(self, other: object) -> Summary:
        if not isinstance(other, Summary):
            return NotImplemented
        self._state = subtracted(self._state, other._state)
        return self

    def __eq__(self, other: object) -> bool:
        return self._state == other._state if isinstance(other, Summary) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._state)

    def copy(self) -> Summary:
        """Give a summary of the same contents that changes on its own."""
        return self._of(self._state.copy())

    # ---------------------------------------------------------------- bytes

    def to_bytes(self) -> bytes:
        """Encode the summary; equal summaries have equal bytes on every machine.

        Returns
        -------
        bytes
            Less than a hundred of most summaries, and what `best`, quantiles and so on need. The page
            ``docs/bytes.md`` specifies them for programs in other languages.

        Examples
        --------
        >>> from foldstat import Summary
        >>> Summary.from_bytes(Summary([1, 2]).to_bytes()).mean
        1.5
        """
        return self._state.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Summary:
        """Decode what `to_bytes` gave, in this version of foldstat or an earlier one.

        Parameters
        ----------
        data : bytes-like
            Any bytes, also from someone you do not trust.

        Returns
        -------
        Summary
            The summary.

        Raises
        ------
        ValueError
            If they are not those of a summary, or were changed or cut off; it says which.
        """
        with room_for(f"{memoryview(data).nbytes} bytes, a copy of those of a summary"):
            return cls._of(state_from_bytes(bytes(memoryview(data))))

    # ---------------------------------------------------------------- reads

    def read(self, nan: Literal["skip", "propagate", "raise"] = "skip") -> SummaryReads:
        """Read the same statistics under a policy for NaN.

        Parameters
        ----------
        nan : {'skip', 'propagate', 'raise'}, default='skip'
            'skip' leaves NaN out, as the summary itself does; 'propagate' makes every statistic of
            the values NaN if one of them is (`best`, `histogram_counts` and `distinct_count` stay
            as they are); 'raise' makes every read but the counts raise a ValueError then.

        Returns
        -------
        SummaryReads
            An object with the same properties and methods, which follows the summary.

        Examples
        --------
        >>> from foldstat import Summary
        >>> s = Summary([1.0, float("nan"), 3.0])
        >>> s.mean, s.read(nan="propagate").mean
        (2.0, nan)
        >>> s.read(nan="raise").mean
        Traceback (most recent call last):
            ...
        ValueError: one value is NaN; read with nan='skip' to leave them out
        """
        policy: NanPolicy = as_policy(nan)
        return SummaryReads(self._state, policy)

    @property
    def is_identity(self) -> bool:
        """Whether this is the identity, ``Summary()``."""
        return self._state.is_identity

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as keywords; empty for the identity. ``relative_error`` is the one guaranteed now.

        Merges with coarser summaries, and data over hundreds of orders of magnitude, make it larger than asked for.
        """
        return settings_of(self._state)

    def __repr__(self) -> str:
        return summary_text(self)

    def __format__(self, spec: str) -> str:
        return summary_text(self, spec) if spec else str(self)

    def _repr_html_(self) -> str:
        return summary_html(self)


def summary_text(summary: Summary, spec: str = ".6g") -> str:
    """Show one summary in a line."""
    if summary.is_identity:
        return f"{type(summary).__name__}()"
    shown = [f"count={summary.count}"]
    shown += [f"{name}={getattr(summary, name)}" for name in ("nan_count", "null_count") if getattr(summary, name)]
    if summary.count:
        reads = {} if summary._lacks_members() else {"min": summary.min, "max": summary.max}
        reads |= {"mean": summary.mean, "std": summary.std()}
        shown += [f"{name}={formatted(value, spec)}" for name, value in reads.items()]
    return f"<{type(summary).__name__} {' '.join(shown)}>"

"""Statistics of several summaries side by side, as arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat import _core
from foldstat.summary._quantiles import checked_ranks, no_quantiles
from foldstat.summary._reads import Identifier, NanPolicy, Reads, nan_words
from foldstat.summary._scaled_each import Cells, differences_of_each, objects_of, quantiles_of_each, read_each
from foldstat.summary._scales import Scales, scales_at

if TYPE_CHECKING:
    from fractions import Fraction

    from foldstat._core import SummaryStates

_One = TypeVar("_One", bound=Reads, covariant=True)
Names: TypeAlias = "tuple[str | int, ...] | None"


class ReadsOfEach(Generic[_One]):
    """The statistics of several summaries, as arrays over them (see `Summary` for each).

    Where some are of times or decimals, arrays hold objects; None stands for what one of several has not, as the
    sum of dates beside that of numbers.
    """

    __slots__ = ()
    _states: SummaryStates
    _places: range  # which of the states
    _scales: Scales  # what their numbers stand for
    _policy: NanPolicy

    @abstractmethod
    def _member(self, position: int) -> _One:
        """Give one of them."""

    @property
    def _members(self) -> Iterator[_One]:
        return map(self._member, range(len(self._places)))

    @property
    def _which(self) -> tuple[int, int, int]:
        return self._places.start, self._places.step, len(self._places)

    def _counts(self, kind: str) -> NDArray[Any]:
        counts = self._states.counts(kind, self._which)
        few = not counts.size or counts.max() < 2**63
        return counts.view(np.int64) if few else counts

    def _cells(self, name: str, ddof: int = 1) -> Cells:
        """Read a statistic as tables take it."""
        return read_each(self._states, self._places, self._scales, name, ddof)

    def _read(self, values: Cells) -> NDArray[Any]:
        """Give values as an array whose last axis is over the members, under the policy for NaN."""
        read = objects_of(values)
        if self._policy == "skip":
            return read
        counts = self.nan_count
        if self._policy == "raise" and counts.any():
            raise ValueError(f"{nan_words(int(counts[counts > 0][0]))}; read with nan='skip' to leave them out")
        read[..., counts > 0] = np.nan
        return read

    @property
    def count(self) -> NDArray[Any]:
        """Number of values of each, of shape (n,), as int64; as uint64 if weights make one so large."""
        return self._counts("count")

    @property
    def nan_count(self) -> NDArray[Any]:
        """Number of NaN in each, of shape (n,)."""
        return self._counts("nan_count")

    @property
    def null_count(self) -> NDArray[Any]:
        """Number of nulls in each, of shape (n,)."""
        return self._counts("null_count")

    @property
    def positive_infinity_count(self) -> NDArray[Any]:
        """Number of +inf in each, of shape (n,)."""
        return self._counts("positive_infinity_count")

    @property
    def negative_infinity_count(self) -> NDArray[Any]:
        """Number of -inf in each, of shape (n,)."""
        return self._counts("negative_infinity_count")

    @property
    def min(self) -> NDArray[Any]:
        """Smallest value of each: float64, or objects if one is an int that no float holds, or a time or decimal."""
        self._need_members("the smallest value")
        return self._read(self._cells("min"))

    @property
    def max(self) -> NDArray[Any]:
        """Largest value of each: float64, or objects if one is an int that no float holds, or a time or decimal."""
        self._need_members("the largest value")
        return self._read(self._cells("max"))

    def _need_members(self, what: str) -> None:
        """Raise if values were subtracted from one, of which none can be told."""
        lost = np.flatnonzero(self._states.reduced(self._which) & (self.count > 0))
        if len(lost):
            raise ValueError(
                f"values were subtracted from {len(lost)} of these summaries, first from that at position {lost[0]}: "
                f"{what} cannot be told from what is left"
            )

    @property
    def sum(self) -> NDArray[Any]:
        """Sum of each, of shape (n,)."""
        return self._read(self._cells("sum"))

    @property
    def mean(self) -> NDArray[Any]:
        """Mean of each, of shape (n,)."""
        return self._read(self._cells("mean"))

    def var(self, ddof: int = 1) -> NDArray[Any]:
        """Give the variance of each, of shape (n,)."""
        return self._read(self._cells("var", ddof))

    def std(self, ddof: int = 1) -> NDArray[Any]:
        """Give the standard deviation of each, of shape (n,)."""
        return self._read(self._cells("std", ddof))

    @property
    def sem(self) -> NDArray[Any]:
        """Standard error of the mean of each, of shape (n,)."""
        return self._read(self._cells("sem"))

    @property
    def weight_sum(self) -> NDArray[np.float64]:
        """Sum of the weights of each, of shape (n,)."""
        return self._read(self._states.weight_sum(self._which))

    @property
    def effective_sample_size(self) -> NDArray[np.float64]:
        """Effective sample size of each, of shape (n,)."""
        return self._read(self._states.effective_sample_size(self._which))

    @property
    def skewness(self) -> NDArray[np.float64]:
        """Skewness of each, of shape (n,); needs ``moments=4``."""
        return self._read(self._states.skewness(self._which))

    @property
    def kurtosis(self) -> NDArray[np.float64]:
        """Excess kurtosis of each, of shape (n,); needs ``moments=4``."""
        return self._read(self._states.kurtosis(self._which))

    def power_sum(self, k: int) -> list[Fraction]:
        """Give the exact sum of k-th powers of each."""
        return [member.power_sum(k) for member in self._members]

    def quantile(self, q: ArrayLike, method: str = "linear") -> NDArray[Any]:
        """Estimate quantiles of each, of shape ``np.shape(q) + (n,)``; needs ``quantiles=True``."""
        ranks = checked_ranks(q, method, "quantile")
        found = _core.quantiles_of_each(self._states, self._which, ranks.ravel(), method)
        return self._of_ranks(found, ranks.shape)

    def quantile_bounds(self, q: ArrayLike, method: str = "linear") -> tuple[NDArray[Any], NDArray[Any]]:
        """Give two numbers for each quantile of each, between which it lies for certain, of shape as `quantile`."""
        ranks = checked_ranks(q, method, "quantile_bounds")
        found = _core.quantile_bounds_of_each(self._states, self._which, ranks.ravel(), method)
        low, high = (None, None) if found is None else (found[:, : ranks.size], found[:, ranks.size :])
        return self._of_ranks(low, ranks.shape), self._of_ranks(high, ranks.shape)

    def _of_ranks(self, found: NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[Any]:
        """Give the quantiles of which `found` has a row for each member."""
        rows = list(map(self._read, self._at_ranks(found)))
        kind = {row.dtype for row in rows} or {np.dtype(np.float64)}
        read = np.empty((len(rows), len(self._places)), dtype=object if len(kind) > 1 else kind.pop())
        for place, row in enumerate(rows):
            read[place] = row
        return read.reshape(*shape, len(self._places))

    def _at_ranks(self, found: NDArray[np.float64] | None) -> list[Cells]:
        if found is None:
            raise no_quantiles()
        ranks = np.ascontiguousarray(found.T)
        return [quantiles_of_each(self._states, self._places, self._scales, ticks) for ticks in ranks]

    @property
    def median(self) -> NDArray[Any]:
        """Median of each, of shape (n,); needs ``quantiles``."""
        return self.quantile(0.5)

    @property
    def iqr(self) -> NDArray[Any]:
        """Interquartile range of each, of shape (n,); needs ``quantiles``."""
        found = _core.quantiles_of_each(self._states, self._which, np.array([0.25, 0.75]), "linear")
        if found is None:
            raise no_quantiles()
        return self._read(differences_of_each(self._places, self._scales, *np.ascontiguousarray(found.T)))

    @property
    def best(self) -> list[list[tuple[float | int, Identifier]]]:
        """Best values of each, with their ids."""
        return [member.best for member in self._members]

    @property
    def histogram_counts(self) -> NDArray[np.uint64]:
        """Counts of each: below, every bin, above; of shape (n, n_bins + 2); needs ``histogram``."""
        return np.array([member.histogram_counts for member in self._members], dtype=np.uint64)

    @property
    def distinct_count(self) -> NDArray[np.int64]:
        """Estimated number of different values of each, of shape (n,); needs ``distinct=True``."""
        return np.array([member.distinct_count for member in self._members], dtype=np.int64)

    def _kept(self) -> tuple[bool, bool, bool]:
        """Tell whether all of them keep fourth powers, quantiles and distinct values."""
        return self._states.keeps(self._which)

    def _table(self, kept: tuple[bool, bool, bool] | None = None) -> dict[str, Cells]:
        """Give the statistics that all of them hold, or more of them, by short names, in the order of a table."""
        fourth, sketch, distinct = self._kept() if kept is None else kept
        table: dict[str, Cells] = {
            "count": self.count,
            "nulls": self.null_count,
            "nan": self.nan_count,
            "mean": self._cells("mean"),
            "std": self._cells("std"),
            "min": self._cells("min"),
        }
        if sketch:
            ranks = np.array([0.25, 0.5, 0.75])
            found = _core.quantiles_of_each(self._states, self._which, ranks, "linear")
            table |= zip(("25%", "50%", "75%"), self._at_ranks(found), strict=True)
        table["max"] = self._cells("max")
        if fourth:
            table |= {"skewness": self.skewness, "kurtosis": self.kurtosis}
        if distinct:
            table["distinct"] = self.distinct_count
        return table


class SequenceOfEach(ReadsOfEach[_One]):
    """The sequence of what has these statistics, with or without names."""

    __slots__ = ()
    _names: Names

    @abstractmethod
    def _part(self, places: range, names: Names, scales: Scales) -> Self:
        """Make one of some of the members."""

    @property
    def names(self) -> Names:
        """Names of the columns; None if they have none."""
        return self._names

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[_One]:
        return self._members

    @overload
    def __getitem__(self, key: int | str) -> _One: ...
    @overload
    def __getitem__(self, key: slice) -> Self: ...
    def __getitem__(self, key: int | str | slice) -> _One | Self:
        if isinstance(key, slice):
            names = None if self._names is None else self._names[key]
            return self._part(self._places[key], names, scales_at(self._scales, key))
        return self._member(self._position(key))

    def _position(self, key: int | str) -> int:
        """Find a column by its name, or by its number where no name is a number."""
        names = self._names
        if not isinstance(key, str) and (names is None or all(isinstance(name, str) for name in names)):
            try:
                return range(len(self))[key]
            except IndexError:
                named = "" if names is None else f", {listed(names)}"
                raise IndexError(f"{key!r}: there are {len(self)} columns{named}") from None
            except TypeError:
                raise TypeError(f"columns have numbers and names, got {key!r}") from None
        if names is None:
            raise KeyError(f"{key!r}: these {type(self).__name__} have no names, use a number")
        found = [i for i, name in enumerate(names) if name == key]
        if len(found) != 1:
            problem = "several columns have this name" if found else f"names are {list(names)}"
            raise KeyError(f"{key!r}: {problem}")
        return found[0]

    def _labels(self) -> Sequence[str | int]:
        return range(len(self)) if self._names is None else self._names

    def __repr__(self) -> str:
        named = "" if self._names is None else f" {listed(self._names)}"
        return f"<{type(self).__name__} of {len(self)} columns{named}>"


def listed(names: Sequence[str | int] | None) -> str:
    """Write names, or that there are none."""
    return "without names" if names is None else repr(list(names))

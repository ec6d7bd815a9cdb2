"""Statistics of several summaries side by side, as arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat.summary._reads import Identifier, NanPolicy, Reads, nan_words

if TYPE_CHECKING:
    from fractions import Fraction

    from foldstat._core import SummaryStates

_One = TypeVar("_One", bound=Reads, covariant=True)
Names: TypeAlias = "tuple[str | int, ...] | None"


class ReadsOfEach(Generic[_One]):
    """The statistics of several summaries, as arrays over them (see `Summary` for each)."""

    __slots__ = ()
    _states: SummaryStates
    _places: range  # which of the states
    _policy: NanPolicy

    @abstractmethod
    def _member(self, place: int) -> _One:
        """Give the one whose state is at a place."""

    @property
    def _members(self) -> Iterator[_One]:
        return map(self._member, self._places)

    @property
    def _which(self) -> tuple[int, int, int]:
        return self._places.start, self._places.step, len(self._places)

    def _counts(self, kind: str) -> NDArray[Any]:
        counts = self._states.counts(kind, self._which)
        few = not counts.size or counts.max() < 2**63
        return counts.view(np.int64) if few else counts

    def _read(self, values: Any) -> NDArray[Any]:
        """Give values as an array, under the policy for NaN."""
        read = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        if self._policy == "skip":
            return read
        counts = self.nan_count
        if self._policy == "raise" and counts.any():
            raise ValueError(f"{nan_words(int(counts[counts > 0][0]))}; read with nan='skip' to leave them out")
        read[counts > 0] = np.nan
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
        """Smallest value of each: float64, or objects if one is an int that no float holds."""
        return self._read(self._states.min(self._which))

    @property
    def max(self) -> NDArray[Any]:
        """Largest value of each: float64, or objects if one is an int that no float holds."""
        return self._read(self._states.max(self._which))

    @property
    def sum(self) -> NDArray[np.float64]:
        """Sum of each, of shape (n,)."""
        return self._read(self._states.sum(self._which))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each, of shape (n,)."""
        return self._read(self._states.mean(self._which))

    def var(self, ddof: int = 1) -> NDArray[np.float64]:
        """Give the variance of each, of shape (n,)."""
        return self._read(self._states.var(ddof, self._which))

    def std(self, ddof: int = 1) -> NDArray[np.float64]:
        """Give the standard deviation of each, of shape (n,)."""
        return self._read(self._states.std(ddof, self._which))

    @property
    def sem(self) -> NDArray[np.float64]:
        """Standard error of the mean of each, of shape (n,)."""
        return self._read(self._states.sem(self._which))

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

    def quantile(self, q: ArrayLike, method: str = "linear") -> NDArray[np.float64]:
        """Estimate quantiles of each, of shape ``np.shape(q) + (n,)``; needs ``quantiles=True``."""
        each = [np.asarray(member.quantile(q, method)) for member in self._members]
        return np.stack(each, axis=-1) if each else np.empty((*np.shape(q), 0))

    def quantile_bounds(self, q: ArrayLike, method: str = "linear") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give two numbers for each quantile of each, between which it lies for certain, of shape as `quantile`."""
        each = [np.asarray(member.quantile_bounds(q, method)) for member in self._members]
        low, high = np.stack(each, axis=-1) if each else np.empty((2, *np.shape(q), 0))
        return low, high

    @property
    def median(self) -> NDArray[np.float64]:
        """Median of each, of shape (n,); needs ``quantiles``."""
        return np.array([member.median for member in self._members], dtype=np.float64)

    @property
    def iqr(self) -> NDArray[np.float64]:
        """Interquartile range of each, of shape (n,); needs ``quantiles``."""
        return np.array([member.iqr for member in self._members], dtype=np.float64)

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

    def _table(self, kept: tuple[bool, bool, bool] | None = None) -> dict[str, Any]:
        """Give the statistics that all of them hold, or more of them, by short names, in the order of a table."""
        fourth, sketch, distinct = self._kept() if kept is None else kept
        table: dict[str, Any] = {
            "count": self.count,
            "nulls": self.null_count,
            "nan": self.nan_count,
            "mean": self.mean,
            "std": self.std(),
            "min": self.min,
        }
        if sketch:
            table |= zip(("25%", "50%", "75%"), self.quantile([0.25, 0.5, 0.75]), strict=True)
        table["max"] = self.max
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
    def _part(self, places: range, names: Names) -> Self:
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
            return self._part(self._places[key], None if self._names is None else self._names[key])
        return self._member(self._places[self._position(key)])

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

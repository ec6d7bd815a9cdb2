"""Statistics of several summaries side by side, as arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat.summary._reads import Identifier, Reads

if TYPE_CHECKING:
    from fractions import Fraction

_One = TypeVar("_One", bound=Reads, covariant=True)


class ReadsOfEach(Generic[_One]):
    """The statistics of several summaries, as arrays over them (see `Summary` for each)."""

    __slots__ = ()
    _members: tuple[_One, ...]

    @property
    def count(self) -> NDArray[np.int64]:
        """Number of values of each, of shape (n,)."""
        return _integers(member.count for member in self._members)

    @property
    def nan_count(self) -> NDArray[np.int64]:
        """Number of NaN in each, of shape (n,)."""
        return _integers(member.nan_count for member in self._members)

    @property
    def null_count(self) -> NDArray[np.int64]:
        """Number of nulls in each, of shape (n,)."""
        return _integers(member.null_count for member in self._members)

    @property
    def positive_infinity_count(self) -> NDArray[np.int64]:
        """Number of +inf in each, of shape (n,)."""
        return _integers(member.positive_infinity_count for member in self._members)

    @property
    def negative_infinity_count(self) -> NDArray[np.int64]:
        """Number of -inf in each, of shape (n,)."""
        return _integers(member.negative_infinity_count for member in self._members)

    @property
    def min(self) -> NDArray[Any]:
        """Smallest value of each: float64, or objects if one is an int that no float holds."""
        return _exactly([member.min for member in self._members])

    @property
    def max(self) -> NDArray[Any]:
        """Largest value of each: float64, or objects if one is an int that no float holds."""
        return _exactly([member.max for member in self._members])

    @property
    def sum(self) -> NDArray[np.float64]:
        """Sum of each, of shape (n,)."""
        return _floats(member.sum for member in self._members)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of each, of shape (n,)."""
        return _floats(member.mean for member in self._members)

    def var(self, ddof: int = 1) -> NDArray[np.float64]:
        """Give the variance of each, of shape (n,)."""
        return _floats(member.var(ddof) for member in self._members)

    def std(self, ddof: int = 1) -> NDArray[np.float64]:
        """Give the standard deviation of each, of shape (n,)."""
        return _floats(member.std(ddof) for member in self._members)

    @property
    def sem(self) -> NDArray[np.float64]:
        """Standard error of the mean of each, of shape (n,)."""
        return _floats(member.sem for member in self._members)

    @property
    def skewness(self) -> NDArray[np.float64]:
        """Skewness of each, of shape (n,); needs ``moments=4``."""
        return _floats(member.skewness for member in self._members)

    @property
    def kurtosis(self) -> NDArray[np.float64]:
        """Excess kurtosis of each, of shape (n,); needs ``moments=4``."""
        return _floats(member.kurtosis for member in self._members)

    def power_sum(self, k: int) -> list[Fraction]:
        """Give the exact sum of k-th powers of each."""
        return [member.power_sum(k) for member in self._members]

    def quantile(self, q: ArrayLike) -> NDArray[np.float64]:
        """Estimate quantiles of each, of shape ``np.shape(q) + (n,)``; needs ``quantiles``."""
        each = [np.asarray(member.quantile(q)) for member in self._members]
        return np.stack(each, axis=-1) if each else np.empty((*np.shape(q), 0))

    @property
    def median(self) -> NDArray[np.float64]:
        """Median of each, of shape (n,); needs ``quantiles``."""
        return _floats(member.median for member in self._members)

    @property
    def iqr(self) -> NDArray[np.float64]:
        """Interquartile range of each, of shape (n,); needs ``quantiles``."""
        return _floats(member.iqr for member in self._members)

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
        return _integers(member.distinct_count for member in self._members)


class SequenceOfEach(ReadsOfEach[_One]):
    """The sequence of what has these statistics, with or without names."""

    __slots__ = ()
    _names: tuple[str | int, ...] | None

    @abstractmethod
    def _part(self, members: tuple[_One, ...], names: tuple[str | int, ...] | None) -> Self:
        """Make one of some of the members."""

    @property
    def names(self) -> tuple[str | int, ...] | None:
        """Names of the columns; None if they have none."""
        return self._names

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[_One]:
        return iter(self._members)

    @overload
    def __getitem__(self, key: int | str) -> _One: ...
    @overload
    def __getitem__(self, key: slice) -> Self: ...
    def __getitem__(self, key: int | str | slice) -> _One | Self:
        if isinstance(key, slice):
            return self._part(self._members[key], None if self._names is None else self._names[key])
        return self._members[self._position(key)]

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


def _integers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), dtype=np.int64)


def _floats(values: Iterable[float]) -> NDArray[np.float64]:
    return np.array(list(values), dtype=np.float64)


def _exactly(values: list[float | int]) -> NDArray[Any]:
    exact = any(isinstance(value, int) for value in values)
    return np.array(values, dtype=object if exact else np.float64)

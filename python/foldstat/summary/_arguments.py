"""Checks of the arguments that every way of making a summary shares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.checks import flag, whole_number
from foldstat.summary._quantiles import as_relative_error, buckets_of
from foldstat.summary._weights import as_weight_kind

if TYPE_CHECKING:
    from foldstat._core import SummaryState

Ids: TypeAlias = "range | NDArray[np.int64] | NDArray[np.uint64] | list[int | str | bytes] | None"

_MOST_BEST = 2**24


class Default:
    """A default value that can be told from the same value given by the caller."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)

    @staticmethod
    def of(argument: Any) -> Any:
        """Give the argument, or the value it stands for."""
        return argument.value if isinstance(argument, Default) else argument


def default(value: Any) -> Any:
    """Make a default that shows as `value` in signatures."""
    return Default(value)


def empty_state(
    moments: Any,
    best: Any,
    largest: Any,
    quantiles: Any,
    quantile_buckets: Any,
    relative_error: Any,
    histogram: Any,
    distinct: Any,
    weights: Any = None,
) -> SummaryState:
    """Make the empty state with these settings; defaults that were not given count as their values."""
    return _core.SummaryState(
        moments=_moments(Default.of(moments)),
        best=_best(Default.of(best)),
        largest=flag(Default.of(largest), "largest"),
        quantile_buckets=buckets_of(Default.of(quantiles), Default.of(quantile_buckets)),
        relative_error=as_relative_error(Default.of(relative_error)),
        histogram=_histogram(Default.of(histogram)),
        distinct=flag(Default.of(distinct), "distinct"),
        weights=as_weight_kind(Default.of(weights)),
    )


def settings_of(state: SummaryState) -> dict[str, Any]:
    """Give the settings of a state as keywords; none for the identity."""
    if state.is_identity:
        return {}
    settings = {
        "moments": state.moments,
        "best": state.best_limit,
        "largest": state.largest,
        "quantiles": state.quantile_buckets is not None,
        "quantile_buckets": state.quantile_buckets,
        "relative_error": state.relative_error,
        "histogram": state.histogram_edges,
        "distinct": state.counts_distinct,
    }
    return settings if state.weights is None else settings | {"weights": state.weights}


def _moments(moments: Any) -> int:
    if isinstance(moments, (bool, np.bool_, str, bytes)) or np.ndim(moments) or moments not in (2, 4):
        raise ValueError(f"moments must be 2 (up to the variance) or 4 (also skewness and kurtosis), got {moments!r}")
    return int(moments)


def _best(best: Any) -> int:
    number = whole_number(best, "best", "a number of values to keep")
    if not 0 <= number <= _MOST_BEST:
        raise ValueError(f"best must be from 0 to {_MOST_BEST}, got {number}")
    return number


def as_times(times: Any) -> int:
    """Check how often a value counts."""
    number = whole_number(times, "push(times=): times", "a number of times")
    if not 0 <= number < 2**64:
        problem = "must not be negative" if number < 0 else "does not fit into 64 bits"
        raise ValueError(f"push(times=): times {problem}, got {times}")
    return number


def _histogram(histogram: Any) -> NDArray[np.float64] | None:
    if histogram is None:
        return None
    try:
        edges = np.asarray(histogram)
    except ValueError as error:
        raise ValueError(f"histogram is not an array of numbers: {error}") from None
    if edges.ndim != 1:
        raise ValueError(
            "histogram must be the edges of its bins, such as numpy.linspace(0, 1, 11): parts can only be merged "
            f"where their bins agree, so a number of bins is not enough; got {histogram!r}"
        )
    if edges.dtype.kind not in "biuf" or edges.dtype.itemsize > 8:
        raise TypeError(f"histogram must be the edges of its bins as real numbers, got dtype {edges.dtype}")
    return np.ascontiguousarray(edges, dtype=np.float64)


def as_ids(ids: Any, shape: tuple[int, ...], *, counted: str = "values") -> Ids:
    """Check who each value is: None (its position), or an int, str or bytes for each.

    `shape` is that of the values; ids may have the same, or be in one row in C order.
    """
    if ids is None:
        return None
    checked = _listed_ids(ids, shape)
    n = int(np.prod(shape, dtype=np.int64))
    if len(checked) != n:
        raise ValueError(f"ids must have one entry for each of the {n} {counted}, got {len(checked)}")
    return checked


def _listed_ids(ids: Any, shape: tuple[int, ...]) -> range | NDArray[Any] | list[int | str | bytes]:
    if isinstance(ids, range):
        return ids
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
        raise TypeError(f"ids must be a sequence with an int, str or bytes for each value, got {ids!r}")
    if hasattr(ids, "__array__"):
        array = np.asarray(ids)
        if array.ndim != 1 and array.shape == shape:
            array = array.ravel()
        if array.ndim != 1:
            raise ValueError(f"ids must have one dimension, or the shape {shape} of the values; got {array.shape}")
        if array.dtype.kind in "iu":
            return array.astype(np.uint64 if array.dtype == np.uint64 else np.int64, copy=False)
        if array.dtype.kind not in "USTO":
            raise TypeError(f"ids must be int, str or bytes, got dtype {array.dtype}")
        ids = array.tolist()
    return [identity.item() if isinstance(identity, np.generic) else identity for identity in ids]

"""The state of a summary of times or decimals: that of the whole numbers that they are stored as, and their unit.

Merging stays lawful: values of one kind and unit merge as their ticks do, zones that differ make UTC, numbers that are
none merge with everything, and anything else is refused whatever the order is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.fractions import as_fraction, rounded_root
from foldstat._common.libraries import native, offers_arrow
from foldstat.summary._decimals import Places, is_missing_decimal
from foldstat.summary._feed import feed
from foldstat.summary._input import check_index
from foldstat.summary._scaled_input import listed_times, scaled, unfit
from foldstat.summary._scales import AnyScale, encode_scale, united
from foldstat.summary._streams import Placed, opened, stream_of, told_in
from foldstat.summary._ticks import Ticks, is_missing_time
from foldstat.summary._weighed_batches import is_weighed_in_batches

if TYPE_CHECKING:
    from foldstat._core import SummaryState

KIND = "ScaledSummary"


class ScaledState:
    """The state of whole numbers, read as times or decimals; it is used as a `SummaryState` is.

    If it is `shared`, it is one of several whose scale is that of all.
    """

    __slots__ = ("_ticks", "scale", "shared")

    def __init__(self, ticks: SummaryState, scale: AnyScale, *, shared: bool = False) -> None:
        self._ticks = ticks
        self.scale = scale
        self.shared = shared

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ticks, name)  # counts, settings, powers, shape

    # ---------------------------------------------------------------- the monoid

    def copy(self) -> ScaledState:
        return ScaledState(self._ticks.copy(), self.scale)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScaledState) and self.scale == other.scale and self._ticks == other._ticks

    def __hash__(self) -> int:
        return hash((self.scale, self._ticks))

    def to_bytes(self) -> bytes:
        return _bytes.seal(KIND, [*encode_scale(self.scale), self._ticks.to_payload()])

    # ---------------------------------------------------------------- reads

    @property
    def min(self) -> Any:
        return self._extreme(self._ticks.min)

    @property
    def max(self) -> Any:
        return self._extreme(self._ticks.max)

    def _extreme(self, tick: float) -> Any:
        return self.scale.nothing if tick != tick else self.scale.read_exactly(int(tick))

    @property
    def mean(self) -> Any:
        return self.scale.read(self._power(1) / self._weight(1)) if self._ticks.count else self.scale.nothing

    @property
    def sum(self) -> Any:
        return self.scale.sum(self._power(1))

    def var(self, ddof: int = 1) -> Any:
        variance = self._variance(ddof)
        return self.scale.nothing if variance is None else self.scale.variance(variance)

    def std(self, ddof: int = 1) -> Any:
        variance = self._variance(ddof)
        return self.scale.nothing if variance is None else self.scale.root(variance)

    @property
    def sem(self) -> Any:
        variance = self._variance(1)
        return self.scale.nothing if variance is None else self.scale.root(variance / self._size())

    def _variance(self, ddof: int) -> Fraction | None:
        self._ticks.var(ddof)  # checks it
        weight = self._weight(1)
        if not weight:
            return None
        divisor = weight - ddof * weight / self._size() if self.weights == "reliability" else weight - ddof
        return (self._power(2) - self._power(1) ** 2 / weight) / divisor if divisor > 0 else None

    def _size(self) -> Fraction:
        """Give the number of values, or what stands for it where they have real weights."""
        weight = self._weight(1)
        return weight**2 / self._weight(2) if self.weights == "reliability" else weight

    def _power(self, k: int) -> Fraction:
        return as_fraction(*self._ticks.power_sum(k))

    def _weight(self, k: int) -> Fraction:
        return as_fraction(*self._ticks.weight_power_sum(k))

    def quantiles(self, ranks: NDArray[np.float64], method: str) -> NDArray[Any]:
        """Give the values at some ranks."""
        return self._values(self._ticks.quantiles(ranks, method))

    def quantile_bounds(self, ranks: NDArray[np.float64], method: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Give the values between which those at some ranks lie."""
        low, high = self._ticks.quantile_bounds(ranks, method)
        return self._values(low), self._values(high)

    def _values(self, ticks: NDArray[np.float64]) -> NDArray[Any]:
        found = np.empty(ticks.shape, dtype=object)
        # The float that is nearest to an end may lie beyond it.
        ends = [end if end != end else int(end) for end in (self._ticks.min, self._ticks.max)]
        for place, tick in enumerate(ticks.tolist()):
            found[place] = self.scale.nothing if tick != tick else self.scale.read(_within(Fraction(tick), *ends))
        return found

    @property
    def iqr(self) -> Any:
        low, high = self._ticks.quantiles(np.array([0.25, 0.75]), "linear").tolist()
        return self.scale.difference(Fraction(high) - Fraction(low)) if self._ticks.count else self.scale.nothing

    def mean_interval(self, t: float) -> tuple[Any, Any]:
        variance = self._variance(1)
        if variance is None:
            return self.scale.nothing, self.scale.nothing
        mean = self._power(1) / self._weight(1)
        width = Fraction(t) * Fraction(rounded_root(variance / self._size()))
        return self.scale.read(mean - width), self.scale.read(mean + width)

    @property
    def best(self) -> list[tuple[Any, Any]]:
        return [(self.scale.read_exactly(int(tick)), identity) for tick, identity in self._ticks.best]


def _within(number: Fraction, low: float, high: float) -> Fraction:
    # NaN, of what cannot be told, is no limit.
    return Fraction(low) if number < low else Fraction(high) if number > high else number


def scaled_state(state: object) -> ScaledState | None:
    """Give the state if it is one of times."""
    return state if isinstance(state, ScaledState) else None


def ticks_in(state: SummaryState) -> SummaryState:
    """Give the compiled state that is inside, or is it."""
    times = scaled_state(state)
    return state if times is None else times._ticks


def timed(ticks: SummaryState, scale: AnyScale | None, *, shared: bool = False) -> SummaryState:
    """Give the state that reads as times; as numbers without a scale."""
    return ticks if scale is None else cast("SummaryState", ScaledState(ticks, scale, shared=shared))


def common_scale(states: Iterable[SummaryState]) -> AnyScale | None:
    """Give what the values of all states stand for; a ValueError if they are different things."""
    return united((scale_of(state), has_values(state)) for state in states)


def scale_of(state: SummaryState) -> AnyScale | None:
    """Give what the numbers of a state stand for, if not for themselves."""
    times = scaled_state(state)
    return None if times is None else times.scale


def has_values(state: SummaryState) -> bool:
    """Tell whether there is any number, NaN included."""
    return bool(state.count or state.nan_count)


def merged(state: SummaryState, other: SummaryState) -> SummaryState:
    """Merge the other state into the first one, and give that."""
    if scaled_state(state) is None and scaled_state(other) is None:
        state.merge(other)
        return state
    state = _rescaled(state, common_scale([state, other]))
    ticks_in(state).merge(ticks_in(other))
    return state


def _rescaled(state: SummaryState, scale: AnyScale | None) -> SummaryState:
    """Give the state of the same values, to be changed, which has that scale."""
    times = scaled_state(state)
    if scale is None:
        return state
    if times is None:  # of no values: it may be one of several, which stay numbers
        return timed(state.copy(), scale)
    if times.scale == scale:
        return state
    if times.shared:
        raise ValueError(f"this Summary is one of several, all of {times.scale}: .copy() it before adding {scale}")
    return timed(times._ticks, scale)


def subtracted(state: SummaryState, other: SummaryState) -> SummaryState:
    """Take the values of the other state away from the first one, and give that."""
    state = _rescaled(state, common_scale([state, other]))
    ticks_in(state).subtract(ticks_in(other))
    return state


def merge_all(states: Sequence[SummaryState]) -> SummaryState:
    """Merge any number of states."""
    scale = common_scale(states)
    return timed(_core.SummaryState.merge_all([ticks_in(state) for state in states]), scale)


# ---------------------------------------------------------------- values in


def feed_any(
    state: SummaryState,
    x: Any,
    ids: Any,
    sample_weight: Any,
    n_jobs: int | None,
    name: str = "x",
    *,
    strict: bool = False,
) -> SummaryState:
    """Add numbers or times to a state, or nothing if that fails; give the state that has them."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "fiub" and scaled_state(state) is None:  # the most usual
        feed(state, x, ids, sample_weight, n_jobs, name)
        return state
    x = native(x)
    if ids is None and is_weighed_in_batches(x, sample_weight) and not offers_arrow(x):
        x = stream_of(x, name) or x
    x = listed_times(x)
    if ids is None and sample_weight is None:
        x, batches = _scaled_batches(state, x, name)
        if batches is not None:
            return _feed_batches(state, batches, n_jobs, name, strict=strict)
    (numbers, found), times = scaled(x, name), scaled_state(state)
    if found is None and times is None:
        check_index(x, ids, "ids", name)
        check_index(x, sample_weight, "sample_weight", name)
        feed(state, numbers, ids, sample_weight, n_jobs, name, strict=strict)
        return state
    begun = ticks_in(state).begin()
    if found is None:
        assert times is not None
        feed(begun, numbers, ids, sample_weight, n_jobs, name)
        if has_values(begun):
            raise TypeError(f"{name} holds numbers, and this Summary is of {times.scale}")
        times._ticks.commit(begun)
        return state
    scale, found = _fitting(state, found, name)
    _check_settings(begun, scale, name)
    check_index(x, ids, "ids", name)
    check_index(x, sample_weight, "sample_weight", name)
    state = _rescaled(state, scale)
    feed(begun, found.masked(), ids, sample_weight, n_jobs, name)
    ticks_in(state).commit(begun)
    return state


def _scaled_batches(state: SummaryState, x: Any, name: str) -> tuple[Any, Placed | None]:
    """Give the data, and the batches that they come in if these are of times or decimals, as the first one tells."""
    if not isinstance(x, Iterator) or offers_arrow(x):
        return x, None
    x, batches = opened(x, name)
    if batches is None:
        return x, None
    first = batches.peek()
    untold = str(getattr(first, "dtype", getattr(first, "type", ""))).lower() in ("object", "null")
    if untold or scaled_state(state) is not None or scaled(first, name)[1] is not None:
        return batches, batches
    return batches, None


def _feed_batches(state: SummaryState, batches: Placed, n_jobs: int | None, name: str, *, strict: bool) -> SummaryState:
    """Add batches in the unit of the first, or none of them if one fails."""
    times = scaled_state(state)
    begun = timed(ticks_in(state).begin(), None if times is None else times.scale)
    for batch in batches:
        with told_in(batches):
            begun = feed_any(begun, batch, None, None, n_jobs, name, strict=strict)
    found = scaled_state(begun)
    if found is not None:
        if times is None and has_values(state):
            raise TypeError(f"{name} holds {found.scale}, and this Summary is of numbers")
        state = _rescaled(state, found.scale)
    ticks_in(state).commit(ticks_in(begun))
    return state


def _check_settings(state: SummaryState, scale: AnyScale, name: str) -> None:
    problem = unfit(state, scale)
    if problem is not None:
        raise type(problem)(f"{name} {problem}")


def _fitting(state: SummaryState, found: Ticks, name: str) -> tuple[AnyScale, Ticks]:
    """Give times in the unit of those that the state has."""
    times = scaled_state(state)
    if times is not None:
        found = found.in_scale(times.scale, name)
        zone = times.scale.zone if times.scale.zone == found.scale.zone else "UTC"
        return replace(found.scale, zone=zone), found
    if state.count or state.nan_count:
        raise TypeError(f"{name} holds {found.scale}, and this Summary is of numbers")
    return found.scale, found


def whole_of(state: SummaryState, value: Any) -> tuple[SummaryState, int | None]:
    """Give the whole number that one time or decimal is, None if it is missing, and the state that it can enter."""
    name = "push(value): value"
    if is_missing_time(value) or is_missing_decimal(value):
        return state, None
    numbers, found = scaled([value], name)
    if found is not None:
        scale, found = _fitting(state, found, name)
        _check_settings(ticks_in(state), scale, name)
        return _rescaled(state, scale), int(found.values[0])
    if not isinstance(numbers, np.ndarray):
        raise TypeError(f"{name} must be a finite number or a time, got {value!r}")
    if isinstance(scale_of(state), Places):
        _, found = _fitting(state, Ticks(numbers, None, Places("0")), name)
        numbers = found.values
    elif scaled_state(state) is not None:
        raise TypeError(f"{name} holds numbers, and this Summary is of {scale_of(state)}")
    return state, int(numbers[0])


def check_missing(state: SummaryState, value: Any) -> None:
    """Check that a plain value is no number, which beside times or decimals has no unit; NaN is a null there."""
    alone = ticks_in(state).begin()
    alone.push(value, None, 1)  # which refuses what is no number either
    if alone.count:
        raise TypeError(f"push(value): value holds numbers, and this Summary is of {scale_of(state)}")

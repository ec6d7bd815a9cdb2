"""The state of a summary of times or decimals: that of the whole numbers that they are stored as, and their unit.

Merging stays lawful: values of one kind and unit merge as their ticks do, zones that differ make UTC, numbers that are
none merge with everything, and anything else is refused whatever the order is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.checks import shown
from foldstat._common.fractions import as_fraction, rounded_root
from foldstat.summary._decimals import MOST_PLACES, Places, decimals_of, is_missing_decimal
from foldstat.summary._feed import feed
from foldstat.summary._input import check_index
from foldstat.summary._instants import TIMES, Kind
from foldstat.summary._ticks import UNITS, Scale, Ticks, is_missing_time, ticks_of

if TYPE_CHECKING:
    from foldstat._core import SummaryState

MAGIC = b"foldTIME"

_PLAIN = frozenset({float, int, bool, type(None)})  # the usual lists cost no look at each item

_MERGED = "the state of {} does not merge with one of {}: give both in one unit, or keep two summaries"


class ScaledState:
    """The state of whole numbers, read as times or decimals; it is used as a `SummaryState` is."""

    __slots__ = ("_ticks", "scale")

    def __init__(self, ticks: SummaryState, scale: Scale | Places) -> None:
        self._ticks = ticks
        self.scale = scale

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
        fields = [self.scale.kind, self.scale.unit, self.scale.zone or ""]
        return _bytes.pack(MAGIC, [*(field.encode() for field in fields), self._ticks.to_bytes()])

    # ---------------------------------------------------------------- reads

    @property
    def min(self) -> Any:
        return self.scale.read_exactly(int(self._ticks.min)) if self._ticks.count else self.scale.nothing

    @property
    def max(self) -> Any:
        return self.scale.read_exactly(int(self._ticks.max)) if self._ticks.count else self.scale.nothing

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
        for place, tick in enumerate(ticks.tolist()):
            found[place] = self.scale.nothing if tick != tick else self.scale.read(Fraction(tick))
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


def scaled_state(state: object) -> ScaledState | None:
    """Give the state if it is one of times."""
    return state if isinstance(state, ScaledState) else None


def ticks_in(state: SummaryState) -> SummaryState:
    """Give the compiled state that is inside, or is it."""
    times = scaled_state(state)
    return state if times is None else times._ticks


def timed(ticks: SummaryState, scale: Scale | Places | None) -> SummaryState:
    """Give the state that reads as times; as numbers without a scale."""
    return ticks if scale is None else cast("SummaryState", ScaledState(ticks, scale))


def common_scale(states: Iterable[SummaryState]) -> Scale | Places | None:
    """Give what the values of all states stand for; a ValueError if they are different things."""
    found: Scale | Places | None = None
    numbers = False
    for state in states:
        times = scaled_state(state)
        if times is None:
            numbers = numbers or bool(state.count or state.nan_count)
            continue
        scale = times.scale
        if found is not None and (found.kind, found.unit) != (scale.kind, scale.unit):
            raise ValueError(_MERGED.format(*sorted([str(found), str(scale)])))
        zone = scale.zone if found is None or found.zone == scale.zone else "UTC"
        found = replace(scale, zone=zone)
    if found is not None and numbers:
        raise ValueError(_MERGED.format(found, "numbers"))
    return found


def merged(state: SummaryState, other: SummaryState) -> SummaryState:
    """Merge the other state into the first one, and give that."""
    if scaled_state(state) is None and scaled_state(other) is None:
        state.merge(other)
        return state
    scale = common_scale([state, other])
    ticks_in(state).merge(ticks_in(other))
    return timed(ticks_in(state), scale)


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
    x = _listed_times(x)
    (numbers, found), times = _scaled(x, name), scaled_state(state)
    if found is None and times is None:
        check_index(x, ids, "ids", name)
        check_index(x, sample_weight, "sample_weight", name)
        feed(state, numbers, ids, sample_weight, n_jobs, name, strict=strict)
        return state
    begun = ticks_in(state).copy()
    if found is None:
        assert times is not None
        feed(begun, numbers, ids, sample_weight, n_jobs, name)
        if (begun.count, begun.nan_count) != (state.count, state.nan_count):
            raise TypeError(f"{name} holds numbers, and this Summary is of {times.scale}")
        return timed(begun, times.scale)
    scale, found = _fitting(state, found, name)
    _check_settings(begun, scale, name)
    check_index(x, ids, "ids", name)
    check_index(x, sample_weight, "sample_weight", name)
    feed(begun, found.masked(), ids, sample_weight, n_jobs, name)
    return timed(begun, scale)


def _check_settings(state: SummaryState, scale: Scale | Places, name: str) -> None:
    """Refuse what would be counted or estimated from another origin than the values have."""
    if state.histogram_edges is not None:
        raise TypeError(f"{name} holds {scale}, which a histogram with numbers for edges does not count")
    if scale.kind in ("instant", "aware") and state.relative_error is not None:
        raise ValueError(
            f"{name} holds {scale}, whose quantiles cannot have a relative error, which would count from 1970: "
            "give quantiles=True"
        )


def _scaled(x: Any, name: str) -> tuple[Any, Ticks | None]:
    """Read times and decimals as ticks, and decimals without places, or integers of a wider type, as integers."""
    if isinstance(x, (list, tuple)) and _PLAIN.issuperset(map(type, x)):
        return x, None
    found = ticks_of(x, name)
    exact = None if found is not None else decimals_of(x)
    if exact is None:
        return (x if found is not None else _without_nat(x)), found
    if isinstance(exact.values, list):
        large = max(exact.values, key=abs)
        raise OverflowError(
            f"{name} holds a number that is {shown(large)} times 10**-{exact.places}, which needs more than 64 bits: "
            "describe reads it exactly, a Summary needs .astype(float)"
        )
    ticks = Ticks(exact.values, exact.absent, Places(str(exact.places)))
    return (ticks.masked(), None) if exact.places == 0 else (x, ticks)


def _without_nat(x: Any) -> Any:
    """Give nulls for a list of NaT, which are in no unit."""
    if not isinstance(x, (list, tuple)) or not all(map(is_missing_time, x)):
        return x
    return [None if isinstance(item, TIMES) else item for item in x]


def _listed_times(x: Any) -> Any:
    """List what an iterator gives if these are times: their unit is known at the end."""
    if not isinstance(x, Iterator) or hasattr(x, "__arrow_c_stream__"):
        return x
    begun = []
    for item in x:
        begun.append(item)
        if not is_missing_time(item):
            break
    rest = itertools.chain(begun, x)
    return list(rest) if begun and isinstance(begun[-1], (*TIMES, Decimal)) else rest


def _fitting(state: SummaryState, found: Ticks, name: str) -> tuple[Scale | Places, Ticks]:
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
    numbers, found = _scaled([value], name)
    if found is not None:
        scale, found = _fitting(state, found, name)
        _check_settings(ticks_in(state), scale, name)
        return timed(ticks_in(state), scale), int(found.values[0])
    if not isinstance(numbers, np.ndarray):
        raise TypeError(f"{name} must be a finite number or a time, got {value!r}")
    return state, int(numbers[0])


# ---------------------------------------------------------------- bytes


def state_from_bytes(data: bytes) -> SummaryState:
    """Decode what `to_bytes` of either state gave."""
    if not data.startswith(MAGIC):
        return _core.SummaryState.from_bytes(data)
    fields = _bytes.unpack(MAGIC, data, "a summary of times or decimals")
    try:
        kind, unit, zone, ticks = fields
        scale = _named(kind.decode(), unit.decode(), zone.decode() or None)
    except ValueError:
        raise ValueError("these bytes are not those of a summary of times or decimals: they name no unit") from None
    return timed(_core.SummaryState.from_bytes(ticks), scale)


def _named(kind: str, unit: str, zone: str | None) -> Scale | Places:
    """Give what has been written; a ValueError if nothing can have."""
    if kind == "decimal" and zone is None and 0 < int(unit) <= MOST_PLACES and unit == str(int(unit)):
        return Places(unit)
    if kind not in get_args(Kind) or unit not in UNITS or (zone is None) == (kind == "aware"):
        raise ValueError
    return Scale(cast("Kind", kind), unit, zone)

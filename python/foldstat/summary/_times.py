"""The state of a summary of dates, times or durations: that of their ticks, and what a tick is.

Merging stays lawful: times of one kind and unit merge as their ticks do, zones that differ make UTC, what holds no
value merges with everything, and anything else is refused whatever the order is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.fractions import rounded_root
from foldstat.summary._arguments import as_ids
from foldstat.summary._feed import feed
from foldstat.summary._input import check_index
from foldstat.summary._instants import TIMES, Kind
from foldstat.summary._ticks import UNITS, Scale, Ticks, is_missing_time, ticks_of

if TYPE_CHECKING:
    from foldstat._core import SummaryState

MAGIC = b"foldTIME"

_MERGED = "the state of {} does not merge with one of {}: give both in one unit, or keep two summaries"


class TimeState:
    """The state of ticks, read as times; it is used as a `SummaryState` is."""

    __slots__ = ("_ticks", "scale")

    def __init__(self, ticks: SummaryState, scale: Scale) -> None:
        self._ticks = ticks
        self.scale = scale

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ticks, name)  # counts, settings, powers, shape

    # ---------------------------------------------------------------- the monoid

    def copy(self) -> TimeState:
        return TimeState(self._ticks.copy(), self.scale)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeState) and self.scale == other.scale and self._ticks == other._ticks

    def __hash__(self) -> int:
        return hash((self.scale, self._ticks))

    def to_bytes(self) -> bytes:
        fields = [self.scale.kind, self.scale.unit, self.scale.zone or ""]
        return _bytes.pack(MAGIC, [*(field.encode() for field in fields), self._ticks.to_bytes()])

    # ---------------------------------------------------------------- reads

    @property
    def min(self) -> Any:
        return self.scale.exactly_at(int(self._ticks.min)).plain() if self._ticks.count else None

    @property
    def max(self) -> Any:
        return self.scale.exactly_at(int(self._ticks.max)).plain() if self._ticks.count else None

    @property
    def mean(self) -> Any:
        return self.scale.at(self._power(1) / self._ticks.count).plain() if self._ticks.count else None

    @property
    def sum(self) -> Any:
        if self.scale.kind != "duration":
            raise TypeError(f"{self.scale} have no sum: only durations have")
        return self.scale.lasting(self._power(1)).plain()

    def var(self, ddof: int = 1) -> Any:
        raise TypeError(f"the variance of {self.scale} has a squared unit, which no type of times has: use std()")

    def std(self, ddof: int = 1) -> Any:
        self._ticks.std(ddof)  # checks ddof
        return self._root(Fraction(1), ddof)

    @property
    def sem(self) -> Any:
        return self._root(Fraction(1, max(self._ticks.count, 1)), 1)

    def _root(self, share: Fraction, ddof: int) -> Any:
        n = self._ticks.count
        if n - ddof <= 0:
            return None
        variance = (self._power(2) - self._power(1) ** 2 / n) / (n - ddof)
        return self.scale.root(variance * share).plain()

    def _power(self, k: int) -> Fraction:
        numerator, exponent = self._ticks.power_sum(k)
        return Fraction(numerator << max(exponent, 0), 1 << max(-exponent, 0))

    def quantiles(self, ranks: NDArray[np.float64]) -> Any:
        """Give the times at some ranks, or the one time at one."""
        found = np.empty(ranks.shape, dtype=object)
        for place in np.ndindex(ranks.shape):
            tick = self._ticks.quantile(float(ranks[place]))
            found[place] = self.scale.at(Fraction(tick)).plain() if tick == tick else None
        return found if found.ndim else found[()]

    @property
    def iqr(self) -> Any:
        low, high = self._ticks.quantile(0.25), self._ticks.quantile(0.75)
        return self.scale.lasting(Fraction(high) - Fraction(low)).plain() if self._ticks.count else None

    def mean_interval(self, t: float) -> tuple[Any, Any]:
        n = self._ticks.count
        if n < 2:
            return None, None
        variance = (self._power(2) - self._power(1) ** 2 / n) / (n - 1)
        mean, width = self._power(1) / n, Fraction(t) * Fraction(rounded_root(variance / n))
        return self.scale.at(mean - width).plain(), self.scale.at(mean + width).plain()

    @property
    def best(self) -> list[tuple[Any, Any]]:
        return [(self.scale.exactly_at(int(tick)).plain(), identity) for tick, identity in self._ticks.best]


def time_state(state: object) -> TimeState | None:
    """Give the state if it is one of times."""
    return state if isinstance(state, TimeState) else None


def ticks_in(state: SummaryState) -> SummaryState:
    """Give the compiled state that is inside, or is it."""
    times = time_state(state)
    return state if times is None else times._ticks


def timed(ticks: SummaryState, scale: Scale | None) -> SummaryState:
    """Give the state that reads as times; as numbers without a scale."""
    return ticks if scale is None else cast("SummaryState", TimeState(ticks, scale))


def common_scale(states: Iterable[SummaryState]) -> Scale | None:
    """Give what the values of all states stand for; a ValueError if they are different things."""
    found: Scale | None = None
    numbers = False
    for state in states:
        times = time_state(state)
        if times is None:
            numbers = numbers or bool(state.count or state.nan_count)
            continue
        scale = times.scale
        if found is not None and (found.kind, found.unit) != (scale.kind, scale.unit):
            raise ValueError(_MERGED.format(*sorted([str(found), str(scale)])))
        zone = scale.zone if found is None or found.zone == scale.zone else "UTC"
        found = Scale(scale.kind, scale.unit, zone)
    if found is not None and numbers:
        raise ValueError(_MERGED.format(found, "numbers"))
    return found


def merged(state: SummaryState, other: SummaryState) -> SummaryState:
    """Merge the other state into the first one, and give that."""
    if time_state(state) is None and time_state(other) is None:
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
    x = _listed_times(x)
    found, times = ticks_of(x, name), time_state(state)
    if found is None and times is None:
        feed(state, x, ids, sample_weight, n_jobs, name, strict=strict)
        return state
    begun = ticks_in(state).copy()
    if found is None:
        assert times is not None
        feed(begun, x, ids, sample_weight, n_jobs, name)
        if (begun.count, begun.nan_count) != (state.count, state.nan_count):
            raise TypeError(f"{name} holds numbers, and this Summary is of {times.scale}")
        return timed(begun, times.scale)
    scale, found = _fitting(state, found, name)
    if begun.histogram_edges is not None:
        raise TypeError(f"{name} holds {scale}, which a histogram with numbers for edges does not count")
    masked = found.values if found.absent is None else np.ma.masked_array(found.values, found.absent)
    feed(begun, masked, _ids(x, ids, found), sample_weight, n_jobs, name)
    return timed(begun, scale)


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
    return list(rest) if begun and isinstance(begun[-1], TIMES) else rest


def _ids(x: Any, ids: Any, found: Ticks) -> Any:
    check_index(x, ids, "ids", "x")
    return as_ids(ids, found.values.shape)


def _fitting(state: SummaryState, found: Ticks, name: str) -> tuple[Scale, Ticks]:
    """Give times in the unit of those that the state has."""
    times = time_state(state)
    if times is not None:
        found = found.in_scale(times.scale, name)
        zone = times.scale.zone if times.scale.zone == found.scale.zone else "UTC"
        return Scale(found.scale.kind, found.scale.unit, zone), found
    if state.count or state.nan_count:
        raise TypeError(f"{name} holds {found.scale}, and this Summary is of numbers")
    return found.scale, found


def tick_of(state: SummaryState, value: Any) -> tuple[SummaryState, int]:
    """Give the tick of one time, and the state that it can enter."""
    found = ticks_of([value], "push(value): value")
    assert found is not None  # it is a time
    scale, found = _fitting(state, found, "push(value): value")
    return timed(ticks_in(state), scale), int(found.values[0])


# ---------------------------------------------------------------- bytes


def state_from_bytes(data: bytes) -> SummaryState:
    """Decode what `to_bytes` of either state gave."""
    if not data.startswith(MAGIC):
        return _core.SummaryState.from_bytes(data)
    fields = _bytes.unpack(MAGIC, data, "a summary of times")
    try:
        kind, unit, zone, ticks = fields
        scale = Scale(cast("Kind", kind.decode()), unit.decode(), zone.decode() or None)
    except ValueError:
        raise ValueError("these bytes are not those of a summary of times: they name no unit") from None
    if scale.kind not in get_args(Kind) or scale.unit not in UNITS or (scale.zone is None) == (scale.kind == "aware"):
        named = f"{scale.kind!r}, {scale.unit!r} and {scale.zone!r}"
        raise ValueError(f"these bytes are not those of a summary of times: they name {named}")
    return timed(_core.SummaryState.from_bytes(ticks), scale)

"""Panes of time: which one a time lies in, exactly, for numbers and for dates and times."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat.summary._decimals import Places
from foldstat.summary._instants import ATTOSECONDS, TIMES, exactly, time_key
from foldstat.summary._ticks import is_missing_time, ticks_of
from foldstat.summary._whole import ratio_of

# What times of a window are: numbers, or one of the kinds of time that go on.
TimeKind: TypeAlias = str
_NUMBERS = "numbers"
_WORDS = {"instant": "times without a zone", "aware": "times with a zone", "duration": "durations"}
_MOST_FLOAT = 2**52  # panes whose number a quotient of floats tells
_MOST = 2**62


@dataclass(frozen=True, slots=True)
class Panes:
    """Panes of one width, pane k from ``k * every`` on; a window is `number` of them.

    Parameters
    ----------
    every : number or duration
        The width, as given.
    size : int, float or Fraction
        The same: attoseconds of a duration.
    number : int
        How many make a window.
    timed : bool
        Whether it is a duration.
    """

    every: Any
    size: Any
    number: int
    timed: bool

    @classmethod
    def of(cls, every: Any, length: Any) -> Panes:
        """Check a width, and the length of a window."""
        size, timed = _width(every, "every")
        whole, length_timed = _width(length, "length")
        if timed != length_timed:
            raise TypeError(f"every and length must both be numbers, or both durations: got {every!r} and {length!r}")
        number = Fraction(whole, size) if timed else ratio_of(whole) / ratio_of(size)
        if not timed and round(number) * size == whole:
            number = Fraction(round(number))  # 3 * 0.1 as it is computed
        if number.denominator != 1 or number < 1:
            raise ValueError(f"length must be a multiple of every, got length={length!r} and every={every!r}")
        return cls(every, size, int(number), timed)

    def place(self, at: Any, name: str) -> tuple[int, TimeKind]:
        """Give the pane of one time, and what kind of time it is."""
        if is_missing_time(at):
            raise ValueError(f"{name} is missing: got {at!r}")
        if not self.timed:
            number = _number(at, name)
            if type(number) is type(self.size) is int:
                return number // self.size, _NUMBERS
            return int(self._of_numbers(np.asarray([number]), name)[0]), _NUMBERS
        if not isinstance(at, TIMES):
            raise TypeError(f"{name} must be a date, an instant or a duration, as every is a duration: got {at!r}")
        kind, attoseconds = exactly(at)
        return attoseconds // self.size, _going_on(kind, name)

    def places(self, at: Any, name: str) -> tuple[NDArray[np.int64], TimeKind]:
        """Give the pane of each time of an array, and what kind of time they are."""
        if not self.timed:
            return self._of_numbers(np.asarray(at), name), _NUMBERS
        ticks = ticks_of(at, name)
        if ticks is None or isinstance(ticks.scale, Places):
            if not len(at):
                return np.empty(0, dtype=np.int64), ""
            raise TypeError(f"{name} must hold dates, instants or durations, as every is a duration")
        if ticks.absent is not None:
            raise ValueError(f"{name}[{int(np.argmax(ticks.absent))}] is missing: each value needs a time")
        if ticks.values.ndim != 1:
            raise ValueError(f"{name} must be of one dimension, got shape {ticks.values.shape}")
        ratio = Fraction(ATTOSECONDS[ticks.scale.unit], self.size)
        return _quotients(ticks.values, ratio, name), _going_on(ticks.scale.kind, name)

    def _of_numbers(self, at: NDArray[Any], name: str) -> NDArray[np.int64]:
        if at.dtype.kind not in "iuf":
            raise TypeError(f"{name} must hold numbers, as every is a number: got dtype {at.dtype}")
        if at.ndim != 1:
            raise ValueError(f"{name} must be of one dimension, got shape {at.shape}")
        if at.dtype.kind == "f" and not np.isfinite(at).all():
            place = int(np.argmin(np.isfinite(at)))
            raise ValueError(f"{name} must hold finite numbers, got {at[place]} at position {place}")
        whole = float(self.size).is_integer() if isinstance(self.size, float) else True
        if at.dtype.kind != "f" and whole:
            return _quotients(at, Fraction(1, int(self.size)), name)
        if at.dtype.kind != "f" and at.size and max(abs(int(at.min())), abs(int(at.max()))) > 2**53:
            raise OverflowError(f"{name} holds integers beyond 2**53, which no float is: give a whole number as every")
        found = np.floor_divide(at.astype(np.float64), float(self.size))
        if found.size and not (np.abs(found) < _MOST_FLOAT).all():
            raise OverflowError(f"{name} is more than 2**52 panes of {self.every!r} from 0: floats do not tell which")
        return found.astype(np.int64)

    def begin(self, place: int, kind: TimeKind) -> Any:
        """Give the time at which a pane begins."""
        return time_key(kind, place * self.size) if self.timed else place * self.size  # type: ignore[arg-type]


def _width(given: Any, name: str) -> tuple[Any, bool]:
    """Give a positive width: a number, or attoseconds and that it is a duration."""
    if isinstance(given, (datetime.timedelta, np.timedelta64)):
        if given != given:
            raise ValueError(f"{name} must be a duration above 0, got {given!r}")
        if isinstance(given, np.timedelta64) and np.datetime_data(given)[0] in ("Y", "M", "generic"):
            raise TypeError(f"{name} must have a unit of one length (weeks, days and what is shorter), got {given!r}")
        size = exactly(given)[1]
        if size <= 0:
            raise ValueError(f"{name} must be a duration above 0, got {given!r}")
        return size, True
    number = _number(given, name, "a number or a duration, such as datetime.timedelta(minutes=1)")
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be a finite number above 0, got {given!r}")
    return number, False


def _number(given: Any, name: str, meaning: str = "a number, as every is a number") -> int | float:
    if isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be {meaning}: got {given!r}")
    number: int | float = given.item() if isinstance(given, np.generic) else given
    if isinstance(number, int) and abs(number) >= _MOST:
        raise OverflowError(f"{name} must be within 2**62 of 0, got an integer of {number.bit_length()} bits")
    return number


def _going_on(kind: str, name: str) -> TimeKind:
    if kind == "time":
        raise TypeError(f"{name} holds times of day, which begin anew every day: give dates and times")
    return kind


def _quotients(values: NDArray[Any], ratio: Fraction, name: str) -> NDArray[np.int64]:
    """Give the whole part of each integer times a ratio."""
    if not values.size:
        return np.empty(0, dtype=np.int64)
    over, under = ratio.numerator, ratio.denominator
    most = max(abs(int(values.min())), abs(int(values.max())))
    if most * over <= _MOST and under <= _MOST:
        found: NDArray[np.int64] = values.astype(np.int64) * over // under
        return found
    exact = [int(value) * over // under for value in values.tolist()]
    if max(map(abs, exact)) > _MOST:
        raise OverflowError(f"{name} is more than 2**62 panes from the origin: give a larger every")
    return np.array(exact, dtype=np.int64)


def kind_words(kind: TimeKind) -> str:
    """Name a kind of time."""
    return _WORDS.get(kind, kind)

"""Times as keys: one form for each of them, whatever library it came from and however finely that counts.

Dates and instants without a time zone, instants with one, times of day and durations are whole numbers of
attoseconds, the finest that NumPy counts. The form of a key follows from its kind and this number alone: Python's
own object where it holds the key, else NumPy's, else `WithNanoseconds`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind: TypeAlias = Literal["instant", "aware", "time", "duration"]

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
# Microseconds of the first and the last instant that Python has.
LOWEST, HIGHEST = ((end - _EPOCH) // _MICROSECOND for end in (datetime.datetime.min, datetime.datetime.max))
_DAY = 86_400 * 10**6  # microseconds
_LONGEST = datetime.timedelta.max // _MICROSECOND

# Attoseconds in NumPy's units of one length; years and months have none.
ATTOSECONDS = {"as": 1, "fs": 10**3, "ps": 10**6, "ns": 10**9, "us": 10**12, "ms": 10**15, "s": 10**18}
ATTOSECONDS |= {"m": 60 * 10**18, "h": 3600 * 10**18, "D": 86_400 * 10**18, "W": 7 * 86_400 * 10**18}
NANOSECOND, MICROSECOND = ATTOSECONDS["ns"], ATTOSECONDS["us"]


@dataclass(frozen=True, order=True, slots=True)
class WithNanoseconds:
    """A time of day, or an instant in UTC, between two whole microseconds, which no Python or NumPy object holds.

    Parameters
    ----------
    whole : datetime.time or datetime.datetime
        The last whole microsecond before it.
    nanoseconds : int
        Nanoseconds since then, 1 to 999.

    Examples
    --------
    >>> import datetime
    >>> from foldstat.summary import WithNanoseconds
    >>> print(WithNanoseconds(datetime.time(8, 30), 5))
    08:30:00.000000005
    """

    whole: Any
    nanoseconds: int

    def __str__(self) -> str:
        text = self.whole.isoformat(timespec="microseconds")
        return f"{text[:-6]}{self.nanoseconds:03}{text[-6:]}" if self._is_instant else f"{text}{self.nanoseconds:03}"

    @property
    def _is_instant(self) -> bool:
        return isinstance(self.whole, datetime.datetime)


TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64, WithNanoseconds)


def exactly(key: Any) -> tuple[Kind, int]:
    """Give the kind of a time, and its attoseconds: since 1970 (in UTC), since midnight, or how many it lasts."""
    if isinstance(key, WithNanoseconds):
        kind, whole = exactly(key.whole)
        return kind, whole + key.nanoseconds * NANOSECOND
    if isinstance(key, np.datetime64):
        return "instant", _numpy_ticks(key)
    if isinstance(key, np.timedelta64):
        return "duration", _numpy_ticks(key)
    if isinstance(key, datetime.datetime):
        return _of_datetime(key)
    if isinstance(key, datetime.date):
        return "instant", (key.toordinal() - _EPOCH.toordinal()) * ATTOSECONDS["D"]
    if isinstance(key, datetime.timedelta):
        numpys = getattr(key, "to_timedelta64", None)  # pandas' has nanoseconds
        return "duration", _numpy_ticks(numpys()) if numpys else key // _MICROSECOND * MICROSECOND
    return "time", _since_midnight(key)


def _of_datetime(key: Any) -> tuple[Kind, int]:
    # A zone may say nothing of an instant; Python then takes it for one without.
    offset = key.utcoffset()
    kind: Kind = "instant" if offset is None else "aware"
    numpys = getattr(key, "to_datetime64", None)  # pandas' has nanoseconds, and more years; it is in UTC
    if numpys:
        return kind, _numpy_ticks(numpys())
    # The offset knows which of the two hours is meant that a clock shows twice; `==` of Python does not.
    since = key.replace(tzinfo=None, fold=0) - _EPOCH - (offset or datetime.timedelta(0))
    return kind, since // _MICROSECOND * MICROSECOND


def _since_midnight(key: datetime.time) -> int:
    if key.tzinfo is not None:
        raise TypeError(
            f"a key in by must not be a time of day with a time zone, which is no time without its date, got {key!r}: "
            "use .replace(tzinfo=None), or datetimes"
        )
    seconds = (key.hour * 60 + key.minute) * 60 + key.second
    return seconds * ATTOSECONDS["s"] + key.microsecond * MICROSECOND


def _numpy_ticks(key: Any) -> int:
    """Count attoseconds of NumPy's scalars."""
    unit, count = np.datetime_data(key.dtype)
    if unit in ("Y", "M") and key.dtype.kind == "M":
        days = key.astype("M8[D]")
        if days.astype(key.dtype) != key:
            raise ValueError(f"a key in by must be a date whose days 64 bits count, got one of dtype {key.dtype}")
        return int(days.astype(np.int64)) * ATTOSECONDS["D"]
    if unit not in ATTOSECONDS:
        raise TypeError(
            f"a key in by must have a unit of one length (weeks, days and what is shorter), got {key!r}: "
            "count years and months as integers"
        )
    return int(key.astype(np.int64)) * count * ATTOSECONDS[unit]


def time_key(kind: Kind, ticks: int) -> Any:
    """Give the one form of the key that is so many attoseconds of a kind."""
    micros, rest = divmod(ticks, MICROSECOND)
    if kind == "duration":
        if rest == 0 and -_LONGEST <= micros <= _LONGEST:
            return datetime.timedelta(microseconds=micros)
        return _in_numpy(np.timedelta64, ticks)
    if kind == "instant":
        if rest == 0 and LOWEST <= micros <= HIGHEST:
            return _EPOCH + datetime.timedelta(microseconds=micros)
        return _in_numpy(np.datetime64, ticks)
    if kind == "time":
        if not 0 <= micros < _DAY:
            raise ValueError(f"a key in by must be a time of day within 24 hours, got {micros} microseconds")
        whole: Any = (_EPOCH + datetime.timedelta(microseconds=micros)).time()
    else:
        if not LOWEST <= micros <= HIGHEST:
            raise ValueError("a key in by with a time zone must be within the years 1 to 9999, in UTC")
        whole = _EPOCH_UTC + datetime.timedelta(microseconds=micros)
    if rest % NANOSECOND:
        raise ValueError(f"a key in by must be a whole number of nanoseconds, got {ticks} attoseconds")
    return WithNanoseconds(whole, rest // NANOSECOND) if rest else whole


def _in_numpy(make: Callable[..., Any], ticks: int) -> Any:
    """Give NumPy's scalar in the coarsest of its decimal units, or in days where seconds are too many."""
    for unit in ("s", "ms", "us", "ns", "ps", "fs", "as"):
        number, rest = divmod(ticks, ATTOSECONDS[unit])
        if rest == 0 and abs(number) < 2**63:
            return make(number, unit)
    number, rest = divmod(ticks, ATTOSECONDS["D"])
    if rest == 0 and abs(number) < 2**63:
        return make(number, "D")
    raise ValueError("a key in by must be a time that NumPy's datetime64 or timedelta64 holds")


def canonical_time(key: Any) -> Any:
    """Give the one form of a date, an instant, a time of day or a duration; None for NaT."""
    if key != key:
        return None
    if isinstance(key, datetime.date) and not isinstance(key, datetime.datetime):
        return key if type(key) is datetime.date else datetime.date(key.year, key.month, key.day)
    kind, ticks = exactly(key)
    if isinstance(key, np.datetime64) and np.datetime_data(key.dtype)[0] in "YMWD":
        return _date(ticks)
    return time_key(kind, ticks)


def _date(ticks: int) -> Any:
    """Give a day as a date if it is one of Python's."""
    found = time_key("instant", ticks)
    return found.date() if isinstance(found, datetime.datetime) else found


def times_of(values: NDArray[Any], *, aware: bool = False) -> list[Any]:
    """Give the keys that an array of datetime64 (of UTC, if aware) or timedelta64 holds; None for NaT."""
    kind = values.dtype.kind
    plain: type[Any] = datetime.datetime if kind == "M" else datetime.timedelta
    if kind == "M" and not aware and np.datetime_data(values.dtype)[0] in "YMWD":
        plain = datetime.date
    unit = "D" if plain is datetime.date else "us"
    try:
        there = values.astype(f"{kind}8[{unit}]")
        whole = (there.astype(values.dtype) == values).tolist()  # nanoseconds are none, nor what overflows
    except (OverflowError, TypeError):
        return [_one(value, aware) for value in values]
    pairs = zip(values, there.tolist(), whole, strict=True)
    return [
        _one(value, aware)
        if not ok or type(found) is not plain
        else found.replace(tzinfo=datetime.UTC)
        if aware
        else found
        for value, found, ok in pairs
    ]


def _one(value: Any, aware: bool) -> Any:
    if aware:
        return None if value != value else time_key("aware", _numpy_ticks(value))
    return canonical_time(value)

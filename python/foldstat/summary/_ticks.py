"""Dates, instants, times of day and durations as the whole numbers that they are stored as, in a unit."""

from __future__ import annotations

import datetime
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat._common.fractions import whole_root
from foldstat._common.libraries import is_of
from foldstat.summary._decimals import Places
from foldstat.summary._instants import ATTOSECONDS, MICROSECOND, TIMES, Kind, WithNanoseconds, exactly, time_key
from foldstat.summary._nulls import is_null

# The unit in which what NumPy counts in another is stored: as many of it make a whole number.
_STORED = {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"}
UNITS = ("D", "s", "ms", "us", "ns", "ps", "fs", "as")  # from coarse to fine
_LEAST, _MOST = -(2**63) + 1, 2**63 - 1  # what is below the least is NaT


@dataclass(frozen=True, slots=True)
class Scale:
    """What whole numbers stand for: a kind of time, the unit that they count, and the time zone of instants."""

    kind: Kind
    unit: str
    zone: str | None = None

    def __str__(self) -> str:
        words = {"instant": "datetimes", "aware": "datetimes", "time": "times of day", "duration": "durations"}
        name = "dates" if self.kind == "instant" and self.unit == "D" else words[self.kind]
        return f"{name} in {self.unit!r}" + (f" with the time zone {self.zone!r}" if self.zone else "")

    @property
    def size(self) -> Fraction:
        """What one stands for, in attoseconds."""
        return Fraction(ATTOSECONDS[self.unit])

    @property
    def nothing(self) -> None:
        """What is read where there are no values."""
        return None

    def read_exactly(self, tick: int) -> Any:
        """Give one of the values."""
        return self.exactly_at(tick).plain()

    def read(self, position: Fraction) -> Any:
        """Give what lies so many ticks from the origin, rounded once."""
        return self.at(position).plain()

    def difference(self, ticks: Fraction) -> Any:
        """Give a duration of so many ticks, rounded once."""
        return Moment("duration", self._rounded(ticks), self.fine_unit).plain()

    def sum(self, total: Fraction) -> Any:
        """Give a sum, which only durations have."""
        if self.kind != "duration":
            raise TypeError(f"{self} have no sum: only durations have")
        return self.difference(total)

    def variance(self, square: Fraction) -> Any:
        """Refuse."""
        raise TypeError(f"the variance of {self} has a squared unit, which no type of times has: use std()")

    @property
    def fine_unit(self) -> str:
        """The unit to which a mean is rounded: microseconds where the own one is coarser."""
        return "us" if ATTOSECONDS[self.unit] > MICROSECOND else self.unit

    @property
    def fine_factor(self) -> int:
        """How many of the fine unit make one of its own."""
        return ATTOSECONDS[self.unit] // ATTOSECONDS[self.fine_unit]

    @property
    def fine(self) -> Scale:
        """The same in the fine unit."""
        return replace(self, unit=self.fine_unit)

    @property
    def duration(self) -> Scale:
        """That of differences."""
        return Scale("duration", self.unit)

    def at(self, position: Fraction | int) -> Moment:
        """Give what lies so many ticks from the origin, rounded once to the fine unit."""
        return Moment(self.kind, self._rounded(Fraction(position)), self.fine_unit, self.zone)

    def exactly_at(self, tick: int) -> Moment:
        """Give what one of the values stands for."""
        return Moment(self.kind, tick, self.unit, self.zone)

    def root(self, square: Fraction) -> Any:
        """Give the duration whose square is this many squared ticks."""
        return self.root_moment(square).plain()

    def root_moment(self, square: Fraction) -> Moment:
        """Give the same, to be shown in the words of any library."""
        return Moment("duration", whole_root(square * self.fine_factor**2), self.fine_unit)

    def _rounded(self, position: Fraction) -> int:
        return round(position * self.fine_factor)


@dataclass(frozen=True, slots=True)
class Moment:
    """One time: a number of units since 1970 (in UTC), since midnight, or how many it lasts."""

    kind: Kind
    ticks: int
    unit: str
    zone: str | None = None

    def plain(self) -> Any:
        """Give it in Python's words: NumPy's, or `WithNanoseconds`, where Python has none that hold it."""
        try:
            found = time_key(self.kind, self.ticks * ATTOSECONDS[self.unit])
        except ValueError:
            raise OverflowError(f"no object of Python or NumPy holds {self.kind} {self.ticks} {self.unit}") from None
        if self.kind == "instant" and self.unit == "D" and isinstance(found, datetime.datetime):
            return found.date()
        return in_clock(found, self.zone) if self.kind == "aware" else found

    def of_pandas(self, pandas: Any) -> Any:
        """Give it in pandas' words, with all of its digits."""
        if self.kind == "time" or self.unit not in ("D", "s", "ms", "us", "ns"):
            return self.plain()
        kind = "m" if self.kind == "duration" else "M"
        stored = np.array([self.ticks]).view(f"{kind}8[{self.unit}]")[0]
        if self.kind == "duration":
            return pandas.Timedelta(stored)
        found = pandas.Timestamp(stored)
        if self.kind == "instant":
            return found
        try:
            return found.tz_localize("UTC").tz_convert(self.zone)
        except (KeyError, ValueError, TypeError):  # not every library knows every other's zones
            return found.tz_localize("UTC")

    def __str__(self) -> str:
        whole, rest = divmod(self.ticks * ATTOSECONDS[self.unit], MICROSECOND)
        if rest == 0 or (self.kind == "duration" and abs(whole) > 10**18):
            return str(self.plain()).replace("T", " ")
        # Python's own words end at microseconds: the digits that follow are put behind those.
        digits = f"{rest:012}"[: len(str(MICROSECOND // ATTOSECONDS[self.unit])) - 1]
        below = Moment(self.kind, whole, "us", self.zone).plain()
        if self.kind == "duration":
            text = str(below)
            return (text if "." in text else f"{text}.000000") + digits
        text = below.isoformat(timespec="microseconds").replace("T", " ")
        return re.sub(r"\.\d{6}", lambda found: found[0] + digits, text, count=1)


def in_clock(instant: Any, zone: str | None) -> Any:
    """Show an instant of UTC, which may have nanoseconds, by the clocks of a zone."""
    if isinstance(instant, WithNanoseconds):
        return WithNanoseconds(_in_zone(instant.whole, zone), instant.nanoseconds)
    return _in_zone(instant, zone)


def _in_zone(instant: Any, zone: str | None) -> Any:
    """Show an instant by the clocks of a zone, or in UTC where the machine does not know the zone."""
    if zone is None or zone == "UTC":
        return instant
    import zoneinfo

    try:
        if zone[0] in "+-" and len(zone) == 6 and zone[3] == ":":
            minutes = int(zone[1:3]) * 60 + int(zone[4:])
            offset = datetime.timedelta(minutes=-minutes if zone[0] == "-" else minutes)
            return instant.astimezone(datetime.timezone(offset))
        return instant.astimezone(zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OverflowError, OSError):  # "Europe" is a folder
        return instant


@dataclass(frozen=True, slots=True)
class Ticks:
    """Times, or decimals, of any shape as whole numbers; where `absent` is true there is none."""

    values: NDArray[np.int64]
    absent: NDArray[np.bool_] | None
    scale: Scale | Places

    def present(self) -> NDArray[np.int64]:
        """Give those that are there, in one row."""
        return self.values.ravel() if self.absent is None else self.values[~self.absent]

    @property
    def null_count(self) -> int:
        """How many are missing."""
        return 0 if self.absent is None else int(np.count_nonzero(self.absent))

    def masked(self) -> NDArray[np.int64]:
        """Give them as an array in which those that are missing are masked."""
        return self.values if self.absent is None else np.ma.masked_array(self.values, self.absent)

    def in_scale(self, scale: Scale | Places, name: str) -> Ticks:
        """Give the same in another unit, if that is exact; a ValueError if these are other things."""
        mine = self.scale
        if mine.kind != scale.kind:
            raise ValueError(f"{name} holds {mine}, which do not go together with {scale}")
        found, present = replace(mine, unit=scale.unit), self.present()
        ratio = mine.size / scale.size
        if ratio > 1:
            factor = int(ratio)
            if present.size and (int(present.max()) * factor > _MOST or int(present.min()) * factor < _LEAST):
                raise OverflowError(f"{name} holds {mine} that 64 bits do not hold as {scale}")
            return Ticks(self.values * factor, self.absent, found)
        whole, rest = np.divmod(self.values, int(1 / ratio))
        if (rest if self.absent is None else rest[~self.absent]).any():
            raise ValueError(f"{name} holds {mine} that are not whole as {scale}: give all pieces in one unit")
        return Ticks(whole, self.absent, found)


def ticks_of(x: Any, name: str) -> Ticks | None:
    """Read dates, instants, times of day and durations; None if `x` holds something else."""
    if isinstance(x, np.ndarray):
        return _of_numpy(x, name)
    if is_of(x, "pandas", "Series", "Index"):
        return _of_pandas(x, name)
    if is_of(x, "polars", "Series"):
        return _of_polars(x)
    if is_of(x, "pyarrow", "Array", "ChunkedArray"):
        return _of_pyarrow(x)
    if isinstance(x, (list, tuple)):
        return _of_objects(x, name)
    return None


def _of_numpy(x: NDArray[Any], name: str) -> Ticks | None:
    if x.dtype.kind == "O":
        found = _of_objects(x.ravel().tolist(), name)
        if found is None:
            return None
        absent = None if found.absent is None else found.absent.reshape(x.shape)
        return Ticks(found.values.reshape(x.shape), absent, found.scale)
    if x.dtype.kind not in "mM":
        return None
    mask = np.ma.getmaskarray(x) if isinstance(x, np.ma.MaskedArray) else False
    x = np.asarray(x.data if isinstance(x, np.ma.MaskedArray) else x)
    absent = np.isnat(x) | mask
    unit = np.datetime_data(x.dtype)[0]
    if unit == "generic" or (x.dtype.kind == "m" and unit in "YM"):
        raise TypeError(
            f"{name} has dtype {x.dtype}, which is no unit of one length: give weeks, days or what is shorter"
        )
    stored = _STORED.get(unit, unit)
    there = x.astype(f"{x.dtype.kind}8[{stored}]")
    if np.datetime_data(x.dtype) != (stored, 1) and not ((there.astype(x.dtype) == x) | absent).all():
        raise OverflowError(f"{name} has dtype {x.dtype} with values that 64 bits do not hold in {stored!r}")
    kind: Kind = "duration" if x.dtype.kind == "m" else "instant"
    return Ticks(there.view(np.int64), absent if absent.any() else None, Scale(kind, stored))


def _of_pandas(x: Any, name: str) -> Ticks | None:
    pandas = sys.modules["pandas"]
    if isinstance(x.dtype, np.dtype):
        return _of_numpy(x.to_numpy(), name)
    if isinstance(x.dtype, pandas.DatetimeTZDtype):
        found = _of_numpy(pandas.DatetimeIndex(x).tz_convert(None).to_numpy(), name)
        return None if found is None else Ticks(found.values, found.absent, _aware(found.scale.unit, str(x.dtype.tz)))
    if isinstance(x.dtype, pandas.ArrowDtype):
        import pyarrow

        return _of_pyarrow(pyarrow.array(x.array))
    return None


def _aware(unit: str, zone: str) -> Scale:
    return Scale("aware", unit, zone)


def _of_polars(x: Any) -> Ticks | None:
    polars = sys.modules["polars"]
    dtype = x.dtype
    if not dtype.is_temporal():
        return None
    kinds: dict[Any, Kind] = {polars.Time: "time", polars.Duration: "duration"}
    kind = kinds.get(dtype.base_type(), "instant")
    unit = {polars.Date: "D", polars.Time: "ns"}.get(dtype.base_type()) or dtype.time_unit
    zone = getattr(dtype, "time_zone", None)
    values = x.to_physical().cast(polars.Int64).fill_null(0).to_numpy()
    absent = x.is_null().to_numpy() if x.null_count() else None
    return Ticks(values, absent, Scale(kind, unit) if zone is None else _aware(unit, zone))


def _of_pyarrow(x: Any) -> Ticks | None:
    import pyarrow

    types, dtype = pyarrow.types, x.type
    if not types.is_temporal(dtype) or types.is_interval(dtype):
        return None
    width = pyarrow.int32() if dtype.bit_width == 32 else pyarrow.int64()
    values = x.cast(width).cast(pyarrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    unit: str = getattr(dtype, "unit", "D")
    if types.is_date64(dtype):
        values, unit = values // 86_400_000, "D"
    absent = x.is_null().to_numpy(zero_copy_only=False) if x.null_count else None
    zone = getattr(dtype, "tz", None)
    kind: Kind = "time" if types.is_time(dtype) else "duration" if types.is_duration(dtype) else "instant"
    return Ticks(values, absent, Scale(kind, unit) if zone is None else _aware(unit, zone))


def _of_objects(items: Sequence[Any], name: str) -> Ticks | None:
    """Read Python's, NumPy's and pandas' objects, in the finest of the units that their types have."""
    if not isinstance(next((item for item in items if not is_missing_time(item)), None), TIMES):
        return None
    missing = [is_missing_time(item) for item in items]
    present = [item for item, absent in zip(items, missing, strict=True) if not absent]
    for position, item in enumerate(items):
        if not missing[position] and not isinstance(item, TIMES):
            raise TypeError(f"{name}[{position}] is of type {type(item).__name__}, among dates and times")
    try:
        exact = [exactly(item) for item in present]
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("a key in by", f"what {name} holds")) from None
    kinds = {kind for kind, _ in exact}
    if len(kinds) > 1:
        found = " and ".join(sorted(kinds))
        raise TypeError(f"{name} mixes times of several kinds: {found}; pass them as pieces of their own")
    unit = max(map(_unit_of, present), key=UNITS.index)
    ticks = [attoseconds // ATTOSECONDS[unit] for _, attoseconds in exact]
    if not all(_LEAST <= tick <= _MOST for tick in ticks):
        raise OverflowError(f"{name} holds times that 64 bits do not hold in {unit!r}")
    absent = np.array(missing, dtype=bool)
    values = np.zeros(len(items), dtype=np.int64)
    values[~absent] = ticks
    kind = kinds.pop()
    scale = _aware(unit, _common_zone(present)) if kind == "aware" else Scale(kind, unit)
    return Ticks(values, absent if absent.any() else None, scale)


def is_missing_time(item: Any) -> bool:
    """Tell None, NaT and what else stands for a missing time."""
    return is_null(item) or (isinstance(item, (float, *TIMES)) and item != item)


def _unit_of(item: Any) -> str:
    if isinstance(item, (np.datetime64, np.timedelta64)):
        unit = np.datetime_data(item.dtype)[0]
        return _STORED.get(unit, unit)
    if isinstance(item, datetime.date) and not isinstance(item, datetime.datetime):
        return "D"
    if hasattr(item, "nanoseconds"):
        return "ns"
    return getattr(item, "unit", "us")  # pandas' have one


def _common_zone(instants: Sequence[Any]) -> str:
    """Give the zone that all instants are in, else UTC."""
    zones = {zone_name(getattr(instant, "tzinfo", None)) for instant in instants}
    return zones.pop() if len(zones) == 1 else "UTC"


def zone_name(zone: Any) -> str:
    """Name a time zone as libraries do: by its place, or by its offset where that is fixed."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if isinstance(name, str):
        return name
    if not isinstance(zone, datetime.timezone):
        return "UTC"
    minutes = zone.utcoffset(None) // datetime.timedelta(minutes=1)
    if minutes == 0 or datetime.timedelta(minutes=minutes) != zone.utcoffset(None):
        return "UTC"
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def iso_text(time: Any) -> str:
    """Write a time as ISO 8601 has it, a duration as its seconds."""
    if isinstance(time, (datetime.timedelta, np.timedelta64)):
        seconds, rest = divmod(abs(exactly(time)[1]), ATTOSECONDS["s"])
        sign = "-" if exactly(time)[1] < 0 else ""
        return f"{sign}{seconds}.{rest:018}".rstrip("0").rstrip(".")
    return time.isoformat() if hasattr(time, "isoformat") else str(time).replace(" ", "T")

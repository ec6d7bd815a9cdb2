"""Keys of groups: which of them are one key, and the one form that each has.

A key has one form whatever library it came from, on every machine, and whatever else is installed there, as bytes and
pickles travel: `canonical_key` gives it. Two rows are in one group if the `identity` of their keys is equal.

* None, NaN, NaT and all that libraries have for nulls are the missing key, which has no group. Within a tuple they
  are None, and the tuple is a key; of several columns of a frame, rows that lack one of their keys are missing.
* Numbers are one key if Python takes them for equal: 1, 1.0, True and Decimal("1.00"), 0.0 and -0.0. A dict cannot
  hold them apart, and pandas does not. When they meet, the wider type is kept (`common_key`): bool, int, float, then
  others. Decimals have no zeros at their ends.
* NumPy's scalars are Python's numbers and texts, and so are members of an IntEnum and a StrEnum, and instances of
  other subclasses of them. Members of other Enums are keys themselves.
* A date is the midnight that begins it, as in NumPy and pandas; when they meet, the datetime is kept.
* Instants with a time zone are one key if they are at the same time, wherever. They are in UTC, as Python takes the
  two hours for equal that a clock shows twice. No instant with a zone is one without.
* Nanoseconds, and what is finer, count (see `_instants`).
* Texts and bytes differ. Tuples are compared part by part, named ones too. Intervals and periods are those of pandas.
* Anything else that is hashable is the key that its own ``==`` says.
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import operator
import sys
from collections.abc import Hashable, Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from foldstat.summary._instants import TIMES, canonical_time, exactly

PLAIN = frozenset({str, int, bool, bytes})  # types whose objects are canonical as they are

_SORTABLE = PLAIN | {datetime.date, datetime.datetime, datetime.timedelta}

_DIGITS = 38  # of Decimals that are written out: as many as a decimal128 has


def canonical_key(key: Any) -> Hashable:
    """Give the one form of a key; None if it is missing."""
    kind = type(key)
    if kind in PLAIN or key is None:
        return key  # type: ignore[no-any-return]
    if kind is float:
        return None if key != key else key + 0.0  # -0.0 + 0.0 is 0.0
    if isinstance(key, tuple):
        return tuple(canonical_key(part) for part in key)
    if isinstance(key, TIMES):
        return canonical_time(key)  # type: ignore[no-any-return]
    if isinstance(key, np.generic):
        return _from_scalar(key)
    if isinstance(key, (int, float, str, bytes)):
        return _without_subclass(key)
    if isinstance(key, complex):
        return None if key != key else complex(key.real + 0.0, key.imag + 0.0)
    if isinstance(key, Decimal):
        return _shortest(key)
    if isinstance(key, UUID):
        return key if kind is UUID else UUID(int=key.int)
    if isinstance(key, list):
        raise TypeError(f"by must hold hashable keys, got the list {key!r}; make it a tuple")
    return _others(key)


def _from_scalar(key: np.generic) -> Hashable:
    if isinstance(key, (np.longdouble, np.clongdouble)):
        if key != key:
            return None
        rounded = complex(key) if isinstance(key, np.clongdouble) else float(key)
        if rounded != key:
            raise TypeError(
                f"a key in by must be a number that a float64 holds, got {key!r}: use .astype(float) to round"
            )
        return canonical_key(rounded)
    return canonical_key(key.item())


def _without_subclass(key: Any) -> Hashable:
    """Give the number or text that an instance of a subclass is, whatever else it can do."""
    if isinstance(key, int):
        return int.__int__(key)
    if isinstance(key, float):
        return canonical_key(float.__float__(key))
    return str.__str__(key) if isinstance(key, str) else bytes.__getitem__(key, slice(None))


def _shortest(key: Decimal) -> Decimal | None:
    """Give a Decimal without zeros at its end; `normalize` would round to the precision of the context."""
    if key.is_nan():
        return None
    sign, digits, exponent = key.as_tuple()
    if not isinstance(exponent, int):
        return Decimal(key)  # infinite
    if not key:
        return Decimal(0)
    kept = len(digits)
    while digits[kept - 1] == 0:
        kept -= 1
    exponent += len(digits) - kept
    digits = digits[:kept]
    if 0 < exponent <= _DIGITS - kept:
        digits, exponent = digits + (0,) * exponent, 0
    return Decimal((sign, digits, exponent))


def _others(key: Any) -> Hashable:
    if key is np.ma.masked:
        return None
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if key is pandas.NA or key is pandas.NaT:
            return None
        if isinstance(key, pandas.Interval):
            return interval(pandas, canonical_key(key.left), canonical_key(key.right), key.closed)  # type: ignore[no-any-return]
    return key  # type: ignore[no-any-return]


def interval(pandas: Any, left: Any, right: Any, closed: str) -> Any:
    """Make an interval whose ends are canonical, in the words of pandas where they are times."""
    return pandas.Interval(_end(pandas, left), _end(pandas, right), closed)


def _end(pandas: Any, end: Any) -> Any:
    if isinstance(end, (datetime.timedelta, np.timedelta64)):
        return pandas.Timedelta(end)
    if not isinstance(end, TIMES):
        return end
    kind, ticks = exactly(end)
    nanoseconds, rest = divmod(ticks, 10**9)
    if rest == 0 and abs(nanoseconds) < 2**63:
        return pandas.Timestamp(nanoseconds, tz="UTC" if kind == "aware" else None)
    return pandas.Timestamp(end)


def identity(key: Any) -> Hashable:
    """Give what is equal, for Python, for those canonical keys that are one."""
    kind = type(key)
    if kind is datetime.date:
        return datetime.datetime(key.year, key.month, key.day)
    if kind is tuple:
        parts = tuple(map(identity, key))
        return parts if any(map(operator.is_not, parts, key)) else key
    return key  # type: ignore[no-any-return]


def common_key(first: Any, second: Any) -> Hashable:
    """Choose one of two forms of a key (1, 1.0 and True are equal) in a way that no order of merging changes."""
    if first is second:
        return first  # type: ignore[no-any-return]
    if type(first) is tuple and type(second) is tuple:
        return tuple(common_key(a, b) for a, b in zip(first, second, strict=True))
    if is_interval(first) and is_interval(second):
        ends = (common_key(getattr(first, end), getattr(second, end)) for end in ("left", "right"))
        return type(first)(*ends, first.closed)  # type: ignore[no-any-return]
    return max(first, second, key=_breadth)  # type: ignore[no-any-return]


def _breadth(key: Any) -> tuple[int, str, str]:
    kinds: tuple[type, ...] = (bool, int, float)
    rank = kinds.index(type(key)) if type(key) in kinds else len(kinds)
    return rank, type(key).__qualname__, type(key).__module__


def is_interval(key: Any) -> bool:
    """Tell an interval of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(key, pandas.Interval)


def is_period(key: Any) -> bool:
    """Tell a period of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(key, pandas.Period)


def sorted_keys(keys: Iterable[Hashable]) -> list[Any]:
    """Sort canonical keys of any kinds: numbers, then texts, bytes and tuples, then others by their kind."""
    listed: list[Any] = list(keys)
    kinds = set(map(type, listed))
    if kinds <= {bool, int, float} or (len(kinds) == 1 and kinds <= _SORTABLE):
        with contextlib.suppress(TypeError):  # datetimes with and without a time zone
            return sorted(listed)
    return sorted(listed, key=order)


def order(key: Any) -> tuple[int, str, Any]:
    """Give a key's place among keys of any kind, which Python compares."""
    if isinstance(key, (bool, int, float)):
        return 0, "", key
    if isinstance(key, str):
        return 1, "", key
    if isinstance(key, bytes):
        return 2, "", key
    if isinstance(key, tuple):
        return 3, "", tuple(order(part) for part in key)
    name = type(key).__qualname__
    if isinstance(key, TIMES):
        return 9, *exactly(key)
    if isinstance(key, (Decimal, UUID)):
        return 9, name, key
    if isinstance(key, complex):
        return 9, name, (key.real, key.imag)
    if isinstance(key, enum.Enum):  # not in the order of their definition, which may change after bytes are written
        return 9, "Enum", (type(key).__module__, name, key.name or "", repr(key))
    if is_interval(key):
        return 9, name, (order(canonical_key(key.left)), order(canonical_key(key.right)), key.closed)
    if is_period(key):
        return 9, name, (key.freqstr, key.ordinal)
    return 9, name, _Place(key)


class _Place:
    """The place of an object of unknown kind among those of its type."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Place) -> bool:
        try:
            return bool(self.value < other.value)
        except TypeError:
            return repr(self.value) < repr(other.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and bool(self.value == other.value)

    __hash__ = None  # type: ignore[assignment]


def signature(key: Any) -> Any:
    """Give a key together with its types, so that 1 and 1.0 differ as their bytes do."""
    if type(key) is tuple:
        return tuple(signature(part) for part in key)
    if is_interval(key):
        return type(key), signature(key.left), signature(key.right), key.closed
    return type(key), key

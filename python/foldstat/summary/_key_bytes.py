"""Bytes of the keys of groups: one way to write each canonical key, a letter for its kind in front."""

from __future__ import annotations

import contextlib
import datetime
import enum
import struct
import sys
import warnings
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from foldstat._common.bytes import decode_integer, decode_text, encode_integer, encode_text
from foldstat.summary._instants import TIMES, Kind, exactly, time_key
from foldstat.summary._keys import canonical_key, interval, is_interval, is_period, signature

_DEEPEST = 16  # tuples within tuples, so that no bytes can exhaust the stack
_MALFORMED = "these bytes hold a key that is malformed"

_TIME_TAGS: dict[Kind, bytes] = {"instant": b"M", "aware": b"Z", "time": b"h", "duration": b"m"}


def encode_key(key: Any, depth: int = 0) -> bytes:
    """Write a canonical key, or None within a tuple."""
    if type(key) is tuple:
        if depth >= _DEEPEST:
            raise TypeError(
                f"to_bytes writes tuples within {_DEEPEST - 1} others, got deeper ones; pickle writes any key"
            )
        return b"t" + _joined([encode_key(part, depth + 1) for part in key])
    if key is None:
        return b"N"
    if isinstance(key, bool):
        return b"T" if key else b"F"
    encode = _ENCODED.get(type(key))
    if encode is not None:
        return encode(key)
    if isinstance(key, TIMES):
        kind, ticks = exactly(key)
        return _TIME_TAGS[kind] + encode_integer(ticks)
    if isinstance(key, enum.Enum):
        return _encode_member(key)
    if is_interval(key):
        return b"I" + _joined([encode_key(canonical_key(end)) for end in (key.left, key.right)], key.closed)
    if is_period(key):
        return b"P" + _joined([encode_integer(key.ordinal)], key.freqstr)
    raise TypeError(
        "to_bytes writes keys that are numbers, text, bytes, dates and times, Decimal, UUID, members of an Enum, "
        f"intervals and periods of pandas, None or tuples of these, got {key!r} of type {type(key).__name__}; "
        "pickle writes any key"
    )


def _joined(parts: list[bytes], *texts: str) -> bytes:
    return b"".join(struct.pack("<Q", len(part)) + part for part in [*parts, *map(encode_text, texts)])


_ENCODED: dict[type, Callable[[Any], bytes]] = {
    int: lambda key: b"i" + encode_integer(key),
    float: lambda key: b"f" + struct.pack("<d", key),
    complex: lambda key: b"c" + struct.pack("<dd", key.real, key.imag),
    str: lambda key: b"s" + encode_text(key),
    bytes: lambda key: b"b" + key,
    datetime.date: lambda key: b"d" + encode_integer(key.toordinal()),
    Decimal: lambda key: b"D" + encode_text(str(key)),
    UUID: lambda key: b"U" + key.bytes,
}


def _encode_member(key: enum.Enum) -> bytes:
    kind = type(key)
    name = key.name or ""
    try:
        known = _member(kind.__module__, kind.__qualname__, name) is key
    except ValueError:
        known = False
    if not known:
        raise TypeError(
            f"to_bytes writes members of an Enum by the name of its module and its own, got {key!r}, which is not "
            "found by them: define the Enum at the top of a module"
        )
    return b"E" + _joined([], kind.__module__, kind.__qualname__, name)


def _member(module: str, kind: str, name: str) -> Any:
    """Find a member of an Enum that was imported before: bytes must not run code, and no import is tried."""
    found: Any = sys.modules.get(module)
    for part in kind.split("."):
        found = None if found is None else vars(found).get(part) if hasattr(found, "__dict__") else None
    if not isinstance(found, enum.EnumMeta):
        raise ValueError(f"these bytes hold a member of the Enum {kind} of the module {module}: import that first")
    if name not in found.__members__:
        raise ValueError(
            f"these bytes hold the member {name} of the Enum {kind} of the module {module}, which has none"
        )
    return found.__members__[name]


def decode_key(field: bytes, depth: int = 0) -> Any:
    """Read what `encode_key` wrote; a ValueError if it would have written it in another way."""
    tag, rest = field[:1], field[1:]
    if tag in (b"N", b"T", b"F") and not rest:
        return {b"N": None, b"T": True, b"F": False}[tag]
    if tag == b"t" and depth < _DEEPEST:
        return tuple(decode_key(part, depth + 1) for part in _parts(rest))
    decode = _DECODED.get(tag)
    if decode is None:
        raise ValueError(_MALFORMED)
    try:
        key = decode(rest)
        canonical = canonical_key(key)
    except (ValueError, OverflowError, TypeError, struct.error, InvalidOperation) as error:
        # What those say who make keys of such numbers and texts is about arguments, of which there are none.
        raise ValueError(str(error) if str(error).startswith("these bytes") else _MALFORMED) from None
    if canonical is None:
        raise ValueError("these bytes hold NaN as a key, which is none")
    if signature(canonical) != signature(key) or encode_key(key) != field:
        raise ValueError(f"{_MALFORMED}: it is not written in the one way that it has")
    return key


def encode_keys(keys: Sequence[Any]) -> list[bytes]:
    """Write canonical keys."""
    kinds = set(map(type, keys))
    if kinds == {str}:  # the usual ones by the million
        return [b"s" + key.encode("utf-8", "surrogatepass") for key in keys]
    if kinds == {int}:
        return [b"i" + encode_integer(key) for key in keys]
    return list(map(encode_key, keys))


def decode_keys(fields: list[bytes]) -> list[Any]:
    """Read what `encode_keys` wrote."""
    tags = {field[:1] for field in fields}
    if tags == {b"s"}:
        with contextlib.suppress(UnicodeDecodeError):  # which is named below
            return [field[1:].decode("utf-8", "surrogatepass") for field in fields]
    if tags == {b"i"}:
        return [decode_integer(field[1:]) for field in fields]
    return list(map(decode_key, fields))


def _decode_complex(data: bytes) -> complex:
    return complex(*struct.unpack("<dd", data))


def _decode_interval(data: bytes) -> Any:
    left, right, closed = _exactly(data, 3)
    ends = decode_key(left, _DEEPEST), decode_key(right, _DEEPEST)
    return interval(_pandas("an interval"), *ends, decode_text(closed))


def _decode_period(data: bytes) -> Any:
    ordinal, frequency = _exactly(data, 2)
    pandas = _pandas("a period")
    with warnings.catch_warnings():  # of a frequency that will have another name: who wrote it was told
        warnings.simplefilter("ignore")
        return pandas.Period(ordinal=decode_integer(ordinal), freq=decode_text(frequency))


def _pandas(what: str) -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError(f"these bytes hold {what} as a key, which needs pandas: pip install pandas") from None
    return pandas


def _decode_member(data: bytes) -> Any:
    return _member(*(decode_text(part) for part in _exactly(data, 3)))


_DECODED: dict[bytes, Callable[[bytes], Any]] = {
    b"i": decode_integer,
    b"f": lambda data: struct.unpack("<d", data)[0],
    b"c": _decode_complex,
    b"s": decode_text,
    b"b": bytes,
    b"d": lambda data: datetime.date.fromordinal(decode_integer(data)),
    b"D": lambda data: Decimal(decode_text(data)),
    b"U": lambda data: UUID(bytes=data),
    b"E": _decode_member,
    b"I": _decode_interval,
    b"P": _decode_period,
    b"M": lambda data: time_key("instant", decode_integer(data)),
    b"Z": lambda data: time_key("aware", decode_integer(data)),
    b"h": lambda data: time_key("time", decode_integer(data)),
    b"m": lambda data: time_key("duration", decode_integer(data)),
}


def _exactly(data: bytes, n: int) -> list[bytes]:
    parts = _parts(data)
    if len(parts) != n:
        raise ValueError(_MALFORMED)
    return parts


def _parts(data: bytes) -> list[bytes]:
    parts, start = [], 0
    while start < len(data):
        if start + 8 > len(data):
            raise ValueError(_MALFORMED)
        stop = start + 8 + struct.unpack_from("<Q", data, start)[0]
        if stop > len(data):
            raise ValueError(_MALFORMED)
        parts.append(data[start + 8 : stop])
        start = stop
    return parts

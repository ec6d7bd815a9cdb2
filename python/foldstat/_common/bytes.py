"""Bytes of collections of summaries: fields with their lengths between a magic word and a checksum."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from foldstat._common.room import room_for

_VERSION = 1
_DEEPEST = 16  # tuples within tuples, so that no bytes can exhaust the stack


def pack(magic: bytes, fields: Sequence[bytes]) -> bytes:
    """Join fields to one string of bytes."""
    with room_for(f"{sum(map(len, fields))} bytes of {len(fields)} fields"):
        parts = [magic, bytes([_VERSION])]
        for field in fields:
            parts += [struct.pack("<Q", len(field)), field]
        body = b"".join(parts)
        return body + struct.pack("<I", zlib.crc32(body))


def unpack(magic: bytes, data: bytes | bytearray | memoryview, what: str) -> list[bytes]:
    """Give the fields that `pack` joined; a ValueError says why there are none."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"from_bytes needs bytes, got {type(data).__name__}")
    with room_for(f"{memoryview(data).nbytes} bytes, a copy of those of {what}"):
        data = bytes(data)
        return _fields(magic, data, what)


def _fields(magic: bytes, data: bytes, what: str) -> list[bytes]:
    if not data.startswith(magic):
        raise ValueError(f"these bytes are not those of {what}: they do not start with {magic!r}")
    start, end = len(magic) + 1, len(data) - 4
    if end < start or struct.unpack("<I", data[end:])[0] != zlib.crc32(data[:end]):
        raise ValueError(f"these bytes are not those of {what}: the checksum is wrong, some were lost or changed")
    if data[len(magic)] != _VERSION:
        raise ValueError(f"these bytes are of version {data[len(magic)]} of {what}, this foldstat reads {_VERSION}")
    fields = []
    while start < end:
        if start + 8 > end:
            raise ValueError(f"these bytes are not those of {what}: a length is cut off")
        stop = start + 8 + struct.unpack_from("<Q", data, start)[0]
        if stop > end:
            raise ValueError(f"these bytes are not those of {what}: a field is longer than the rest")
        fields.append(data[start + 8 : stop])
        start = stop
    return fields


def encode_count(number: int) -> bytes:
    """Write a number that is not negative."""
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def decode_count(field: bytes) -> int:
    """Read what `encode_count` wrote."""
    if field.endswith(b"\0"):
        raise ValueError("these bytes hold a count that is not in its shortest form")
    return int.from_bytes(field, "little")


def encode_names(names: Sequence[str | int] | None) -> list[bytes]:
    """Write column names, or that there are none, as fields."""
    if names is None:
        return [b"\0"]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) == len(names):
        return [b"\1", *(encode_text(name) for name in texts)]
    return [b"\2", *(encode_key(name) for name in names)]


def decode_names(fields: Sequence[bytes]) -> tuple[str | int, ...] | None:
    """Read what `encode_names` wrote."""
    if list(fields) == [b"\0"]:
        return None
    if fields and fields[0] == b"\1":
        return tuple(decode_text(name) for name in fields[1:])
    names = [decode_key(name) for name in fields[1:]] if fields and fields[0] == b"\2" else []
    if all(type(name) in (str, int) for name in names) and any(type(name) is int for name in names):
        return tuple(names)
    raise ValueError("these bytes hold names of columns that are malformed")


def encode_text(text: str) -> bytes:
    """Write text, whatever its code points."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(field: bytes) -> str:
    """Read what `encode_text` wrote."""
    try:
        return field.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise ValueError(f"these bytes hold text that is not UTF-8: {error.reason}") from None


def encode_key(key: Any) -> bytes:
    """Write the key of a group: None, bool, int, float, str, bytes, or a tuple of these."""
    if key is None:
        return b"N"
    if isinstance(key, bool):
        return b"T" if key else b"F"
    if type(key) is int:
        return b"i" + key.to_bytes(key.bit_length() // 8 + 1, "little", signed=True)
    if type(key) is float:
        return b"f" + struct.pack("<d", key)
    if type(key) is str:
        return b"s" + encode_text(key)
    if type(key) is bytes:
        return b"b" + key
    if type(key) is tuple:
        parts = [encode_key(part) for part in key]
        return b"t" + b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    raise TypeError(
        f"to_bytes writes keys that are int, float, str, bytes, bool, None or tuples of these, got {key!r} of type "
        f"{type(key).__name__}; pickle writes any key"
    )


def decode_key(field: bytes, depth: int = 0) -> Any:
    """Read what `encode_key` wrote."""
    tag, rest = field[:1], field[1:]
    if tag in (b"N", b"T", b"F") and not rest:
        return {b"N": None, b"T": True, b"F": False}[tag]
    if tag == b"i" and rest:
        return int.from_bytes(rest, "little", signed=True)
    if tag == b"f" and len(rest) == 8:
        number = struct.unpack("<d", rest)[0]
        if math.isnan(number):
            raise ValueError("these bytes hold NaN as a key, which is none")
        return number
    if tag == b"s":
        return decode_text(rest)
    if tag == b"b":
        return rest
    if tag == b"t" and depth < _DEEPEST:
        return tuple(decode_key(part, depth + 1) for part in _parts(rest))
    raise ValueError("these bytes hold a key that is malformed")


def _parts(data: bytes) -> list[bytes]:
    parts, start = [], 0
    while start < len(data):
        if start + 8 > len(data):
            raise ValueError("these bytes hold a key that is malformed")
        stop = start + 8 + struct.unpack_from("<Q", data, start)[0]
        if stop > len(data):
            raise ValueError("these bytes hold a key that is malformed")
        parts.append(data[start + 8 : stop])
        start = stop
    return parts

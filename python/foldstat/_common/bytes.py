"""Bytes of collections of summaries: fields with their lengths between a magic word and a checksum."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from foldstat._common.room import room_for

_VERSION = 1


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


def encode_integer(number: int) -> bytes:
    """Write a number of either sign."""
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def decode_integer(field: bytes) -> int:
    """Read what `encode_integer` wrote."""
    number = int.from_bytes(field, "little", signed=True)
    if encode_integer(number) != field:
        raise ValueError("these bytes hold a number that is not in its shortest form")
    return number


def encode_names(names: Sequence[str | int] | None) -> list[bytes]:
    """Write column names, or that there are none, as fields."""
    if names is None:
        return [b"\0"]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) == len(names):
        return [b"\1", *(encode_text(name) for name in texts)]
    return [
        b"\2",
        *(b"s" + encode_text(name) if isinstance(name, str) else b"i" + encode_integer(name) for name in names),
    ]


def decode_names(fields: Sequence[bytes]) -> tuple[str | int, ...] | None:
    """Read what `encode_names` wrote."""
    if list(fields) == [b"\0"]:
        return None
    if fields and fields[0] == b"\1":
        return tuple(decode_text(name) for name in fields[1:])
    names = [_decode_name(name) for name in fields[1:]] if fields and fields[0] == b"\2" else []
    if any(type(name) is int for name in names):
        return tuple(names)
    raise ValueError("these bytes hold names of columns that are malformed")


def _decode_name(field: bytes) -> str | int:
    if field[:1] == b"i":
        return decode_integer(field[1:])
    if field[:1] == b"s":
        return decode_text(field[1:])
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

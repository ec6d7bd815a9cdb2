"""Bytes of what has its state in Python: fields in the envelope of the compiled module, and what fields consist of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from foldstat import _core
from foldstat._common.room import room_for

# What began the bytes of each kind before there was an envelope; they were the first version of each.
_BEFORE = {
    "ScaledSummary": b"foldTIME\1",
    "Summaries": b"foldSUMS\1",
    "GroupedSummary": b"foldGRPS\1",
    "JointSummary": b"foldJNTS\1",
    "Moments": b"foldMOMS\1",
}


def seal(kind: str, fields: list[bytes]) -> bytes:
    """Put fields into an envelope."""
    with room_for(f"{sum(map(len, fields))} bytes of {len(fields)} fields"):
        return _core.seal_fields(kind, fields)


def unseal(kind: str, data: bytes | bytearray | memoryview) -> tuple[int, list[bytes]]:
    """Give the version and the fields of what `seal` gave; a ValueError says what the bytes are instead."""
    data = plain(data, kind)
    with room_for(f"{len(data)} bytes, a copy of those of {kind}"):
        found = _core.open_fields(kind, data)
        return (1, fields_before(_BEFORE[kind], data, kind)) if found is None else found


def plain(data: bytes | bytearray | memoryview, kind: str) -> bytes:
    """Copy what is like bytes, unless it is bytes; a TypeError if it is something else."""
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"from_bytes needs bytes, got {type(data).__name__}")
    with room_for(f"{memoryview(data).nbytes} bytes, a copy of those of {kind}"):
        return bytes(data)


def join(fields: list[bytes]) -> bytes:
    """Write fields as one."""
    return _core.join_fields(fields)


def split(kind: str, data: bytes) -> list[bytes]:
    """Read what `join` wrote."""
    return _core.split_fields(kind, data)


def fields_before(magic: bytes, data: bytes, kind: str) -> list[bytes]:
    """Read fields as they were before there was an envelope: lengths of eight bytes, and CRC-32 behind."""
    start, end = len(magic), len(data) - 4
    if end < start or struct.unpack("<I", data[end:])[0] != zlib.crc32(data[:end]):
        raise malformed(kind, "their checksum does not fit, some were lost or changed")
    if not data.startswith(magic):
        raise malformed(kind, "they are of a version that never was")
    fields = []
    while start < end:
        if start + 8 > end:
            raise malformed(kind, "a length is cut off")
        stop = start + 8 + struct.unpack_from("<Q", data, start)[0]
        if stop > end:
            raise malformed(kind, "a field is longer than the rest")
        fields.append(data[start + 8 : stop])
        start = stop
    return fields


def malformed(kind: str, why: str) -> ValueError:
    """Give the error that bytes with a checksum that fits are not what is written."""
    return ValueError(f"these bytes are not those of {kind}: {why}")


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

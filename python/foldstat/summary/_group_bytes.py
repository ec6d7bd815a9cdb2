"""Fields of the bytes of groups: keys, then the states of all groups in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.bytes import (
    decode_count,
    decode_names,
    encode_count,
    encode_names,
    join,
    malformed,
    split,
)
from foldstat.summary._collections import Summaries
from foldstat.summary._group_states import GroupStates, Shape
from foldstat.summary._key_bytes import decode_key, decode_keys, encode_keys
from foldstat.summary._key_columns import KeyColumns
from foldstat.summary._scaled_bytes import check_scales
from foldstat.summary._scales import decode_scales, encode_scales

KIND = "GroupedSummary"

# Keys, groups, the number of rows without a key, and what is known of the columns of keys.
Parts: TypeAlias = tuple[list[Any] | NDArray[Any], GroupStates, int, KeyColumns | None]

# What groups are: each a Summary, all Summaries of the same columns, or each of its own.
_SINGLE, _ALIKE, _DIFFERENT = b"\0", b"\1", b"\2"


def encode(keys: Sequence[Any], groups: GroupStates, missing: int, columns: KeyColumns | None) -> list[bytes]:
    """Write groups."""
    fields = [
        encode_count(missing),
        b"" if columns is None else columns.to_bytes(),
        _encode_shapes(groups),
        join(encode_keys(keys)),
        groups.states.to_payload((0, 1, len(groups.states))),
    ]
    scales = groups.scales()
    if scales:
        fields.append(join([encode_scales(scales.get(shape)) for shape in groups.different_shapes()]))
    return fields


def decode(version: int, fields: list[bytes]) -> Parts:
    """Read what `encode` wrote, or what was written before."""
    if version == 1:
        return _decode_first(fields)
    if len(fields) not in (5, 6):
        raise malformed(KIND, "they need 5 or 6 fields")
    missing, columns, shapes, keys, states, *scales = fields
    decoded = decode_keys(split(KIND, keys))
    groups = _decode_shapes(shapes, len(decoded), _core.SummaryStates.from_payload(states))
    if scales:
        groups = _with_scales(groups, split(KIND, scales[0]))
    known = KeyColumns.from_bytes(columns) if columns else None
    return _checked(decoded, groups, decode_count(missing), known)


def _checked(keys: list[Any], groups: GroupStates, missing: int, columns: KeyColumns | None) -> Parts:
    if None in keys or (columns is not None and not columns.fits(keys)):
        raise malformed(KIND, "a key is of other columns, or missing")
    in_order = columns is None or not columns.categorical
    return _as_numbers(keys) if in_order else keys, groups, missing, columns


def _encode_shapes(groups: GroupStates) -> bytes:
    if groups.shape is None:
        return _DIFFERENT + join([_encode_shape(shape) for shape in groups.shapes()])
    return _SINGLE if groups.shape.single else _ALIKE + _encode_shape(groups.shape)


def _encode_shape(shape: Shape) -> bytes:
    return join([encode_count(shape.width), *encode_names(shape.names)])


def _decode_shapes(field: bytes, length: int, states: _core.SummaryStates) -> GroupStates:
    tag, rest = field[:1], field[1:]
    if tag == _SINGLE and not rest:
        shapes: Shape | list[Shape] = Shape(True)
        found = len(states)
    elif tag == _ALIKE:
        shapes = _decode_shape(rest)
        found, left = divmod(len(states), shapes.width)
        found += left > 0
    elif tag == _DIFFERENT:
        shapes = [_decode_shape(shape) for shape in split(KIND, rest)]
        found = len(shapes) if sum(shape.width for shape in shapes) == len(states) else -1
    else:
        raise malformed(KIND, "what its groups are is malformed")
    if found != length:
        raise malformed(KIND, f"there are {len(states)} states for {length} keys")
    groups = GroupStates(states, shapes)
    if (groups.shape is None) != (tag == _DIFFERENT) or (tag == _ALIKE and groups.shape != shapes):
        raise malformed(KIND, "what its groups are is written in another way")
    return groups


def _with_scales(groups: GroupStates, fields: list[bytes]) -> GroupStates:
    shapes = groups.different_shapes()
    if len(shapes) != len(fields) or not any(fields):
        raise malformed(KIND, "what their numbers stand for is malformed")
    scales = {shape: decode_scales(KIND, field, shape.width) for shape, field in zip(shapes, fields, strict=True)}
    for place in range(len(groups)):
        check_scales(KIND, groups.states, groups.places(place), scales[groups.shape_of(place)])
    return GroupStates(groups.states, groups.shapes() if groups.shape is None else groups.shape, scales)


def _decode_shape(field: bytes) -> Shape:
    width, *names = split(KIND, field) or [b""]
    shape = Shape(False, decode_count(width), decode_names(names))
    if not shape.width or (shape.names is not None and len(shape.names) != shape.width):
        raise malformed(KIND, "the number of columns of a group is malformed")
    return shape


def _decode_first(fields: list[bytes]) -> Parts:
    """Read the first version: beside each key the bytes of its group."""
    if len(fields) < 2 or len(fields) % 2 or fields[1][:1] not in (b"", b"1", b"n"):
        raise malformed(KIND, "fields are missing")
    columns = KeyColumns.from_bytes(fields[1][1:]) if len(fields[1]) > 1 else None
    keys = [decode_key(key) for key in fields[2::2]]
    if fields[1][:1] == b"n":
        groups = GroupStates.of_groups([Summaries.from_bytes(group) for group in fields[3::2]])
    else:
        groups = GroupStates(_core.SummaryStates.of_each(fields[3::2]), Shape(True))
    return _checked(keys, groups, decode_count(fields[0]), columns)


def _as_numbers(keys: list[Any]) -> list[Any] | NDArray[Any]:
    """Give keys as an array if they are integers of 64 bits in ascending order."""
    if not keys or set(map(type, keys)) != {int} or not -(2**63) <= min(keys) <= max(keys) < 2**63:
        return keys
    numbers = np.array(keys, dtype=np.int64)
    return numbers if (numbers[1:] > numbers[:-1]).all() else keys

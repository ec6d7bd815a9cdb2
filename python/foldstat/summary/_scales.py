"""What the whole numbers of summaries stand for: times, decimals, or nothing but themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from typing import Any, TypeAlias, cast, get_args

from foldstat._common import bytes as _bytes
from foldstat.summary._decimals import MOST_PLACES, Places
from foldstat.summary._instants import Kind
from foldstat.summary._ticks import UNITS, Scale

AnyScale: TypeAlias = Scale | Places

# Of several summaries: one for all of them, or one for each. None is that of numbers.
Scales: TypeAlias = "AnyScale | tuple[AnyScale | None, ...] | None"

_APART = "the state of {} does not go together with one of {}: give both in one unit, or keep two summaries"


def of_each(scales: Sequence[AnyScale | None]) -> Scales:
    """Put the scales of several summaries together."""
    first = scales[0] if scales else None
    return first if all(scale == first for scale in scales) else tuple(scales)


def scale_at(scales: Scales, position: int) -> AnyScale | None:
    """Give the scale of one of several summaries."""
    return scales[position] if isinstance(scales, tuple) else scales


def scales_at(scales: Scales, positions: slice) -> Scales:
    """Give the scales of some of several summaries."""
    return of_each(scales[positions]) if isinstance(scales, tuple) else scales


def united(found: Iterable[tuple[AnyScale | None, bool]]) -> AnyScale | None:
    """Give what all values stand for; a ValueError if they are different things.

    Parameters
    ----------
    found : iterable of pairs
        Of each part what its numbers stand for, and whether it has any. Zones that differ make UTC. Numbers that stand
        for themselves go together with other things only if there are none.
    """
    scale: AnyScale | None = None
    numbers = False
    for other, has_values in found:
        if other is None:
            numbers = numbers or has_values
            continue
        if scale is not None and (scale.kind, scale.unit) != (other.kind, other.unit):
            raise ValueError(_APART.format(*sorted([str(scale), str(other)])))
        zone = other.zone if scale is None or scale.zone == other.zone else "UTC"
        scale = replace(other, zone=zone)
    if scale is not None and numbers:
        raise ValueError(_APART.format(scale, "numbers"))
    return scale


def plain_scales(scales: Scales) -> Any:
    """Give them as what any version of Python unpickles."""
    if isinstance(scales, tuple):
        return [None if scale is None else astuple(scale) for scale in scales]
    return None if scales is None else astuple(scales)


def of_plain_scales(plain: Any) -> Scales:
    """Read what `plain_scales` gave."""
    if isinstance(plain, list):
        return of_each([None if one is None else _of_plain(one) for one in plain])
    return None if plain is None else _of_plain(plain)


def _of_plain(plain: tuple[Any, Any, Any]) -> AnyScale:
    # The fields of decimals come in another order.
    return Places(*plain) if plain[1] == "decimal" else Scale(*plain)


# ---------------------------------------------------------------- bytes


def encode_scale(scale: AnyScale) -> list[bytes]:
    """Write one as fields."""
    return [field.encode() for field in (scale.kind, scale.unit, scale.zone or "")]


def decode_scale(what: str, fields: list[bytes]) -> AnyScale:
    """Read what `encode_scale` wrote."""
    try:
        kind, unit, zone = (field.decode() for field in fields)
        return _named(kind, unit, zone or None)
    except ValueError:
        raise _bytes.malformed(what, "they name no unit") from None


def _named(kind: str, unit: str, zone: str | None) -> AnyScale:
    if kind == "decimal" and zone is None and 0 < int(unit) <= MOST_PLACES and unit == str(int(unit)):
        return Places(unit)
    if kind not in get_args(Kind) or unit not in UNITS or (zone is None) == (kind == "aware"):
        raise ValueError
    return Scale(cast("Kind", kind), unit, zone)


def encode_scales(scales: Scales) -> bytes:
    """Write those of several summaries: nothing, one for all, or one for each."""
    if not isinstance(scales, tuple):
        return b"" if scales is None else _bytes.join(encode_scale(scales))
    return _bytes.join([b"", *(encode_scales(scale) for scale in scales)])


def decode_scales(what: str, field: bytes, length: int) -> Scales:
    """Read what `encode_scales` wrote of so many summaries."""
    fields = _bytes.split(what, field)
    if not fields:
        return None
    if fields[0]:
        return decode_scale(what, fields)
    each = [decode_scale(what, _bytes.split(what, one)) if one else None for one in fields[1:]]
    scales = of_each(each)
    if len(each) != length or not isinstance(scales, tuple):
        raise _bytes.malformed(what, "what they stand for is written in another way")
    return scales

"""What the whole numbers of summaries stand for: times, decimals, or nothing but themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace
from typing import Any, TypeAlias

from foldstat.summary._decimals import Places
from foldstat.summary._ticks import Scale

AnyScale: TypeAlias = Scale | Places

# Of several summaries: one for all of them, or one for each. None is that of numbers.
Scales: TypeAlias = "AnyScale | tuple[AnyScale | None, ...] | None"

_MERGED = "the state of {} does not merge with one of {}: give both in one unit, or keep two summaries"


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
            raise ValueError(_MERGED.format(*sorted([str(scale), str(other)])))
        zone = other.zone if scale is None or scale.zone == other.zone else "UTC"
        scale = replace(other, zone=zone)
    if scale is not None and numbers:
        raise ValueError(_MERGED.format(scale, "numbers"))
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

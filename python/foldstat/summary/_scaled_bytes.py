"""Bytes of the states of times and decimals: those of whole numbers, and what they stand for."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from foldstat import _core
from foldstat._common import bytes as _bytes
from foldstat._common.fractions import as_fraction
from foldstat.summary._scaled_input import unfit
from foldstat.summary._scaled_state import KIND, timed
from foldstat.summary._scales import AnyScale, Scales, decode_scale, scale_at

if TYPE_CHECKING:
    from foldstat._core import SummaryState

_WHAT = "a Summary of times or decimals"


def state_from_bytes(data: bytes) -> SummaryState:
    """Decode what `to_bytes` of either state gave."""
    if _core.kind_of_bytes(data) != KIND:
        return _core.SummaryState.from_bytes(data)
    version, fields = _bytes.unseal(KIND, data)
    *named, ticks = fields or [b""]
    scale = decode_scale(_WHAT, named)
    state = _core.SummaryState.from_bytes(ticks) if version == 1 else _core.SummaryState.from_payload(ticks)
    check_scales(_WHAT, [state], range(1), scale)
    return timed(state, scale)


def check_scales(what: str, states: Any, places: range, scales: Scales) -> None:
    """Raise a ValueError if there are no values that have these states and stand for that."""
    for position, place in enumerate(places if scales is not None else ()):
        scale = scale_at(scales, position)
        if scale is not None and not _fits(states[place], scale):
            raise _bytes.malformed(what, f"{scale} have no such sums and extremes")


def _fits(state: SummaryState, scale: AnyScale) -> bool:
    """Tell whether there are values that have this state, as far as reading it as times or decimals needs."""
    if unfit(state, scale) is not None:
        return False
    infinite = state.positive_infinity_count + state.negative_infinity_count
    if infinite or not state.count:
        return not infinite
    n = as_fraction(*state.weight_power_sum(1))
    first, second = (as_fraction(*state.power_sum(k)) for k in (1, 2))
    if (state.weights is None and first % 1) or first**2 > n * second:
        return False
    if state.is_reduced:
        return second <= n * 2**126 and _is_readable(first / n, scale)
    ends: list[Any] = [state.min, state.max, *(value for value, _ in state.best)]
    if any(end % 1 or not state.min <= end <= state.max for end in ends):  # infinity % 1 is NaN
        return False
    low, high = map(int, ends[:2])
    if not (n * low <= first <= n * high and second <= n * max(low**2, high**2)):
        return False
    return all(_is_readable(Fraction(end), scale) for end in (low, high))


def _is_readable(ticks: Fraction, scale: AnyScale) -> bool:
    try:
        return scale.read(ticks) is not None
    except (OverflowError, ValueError):
        return False

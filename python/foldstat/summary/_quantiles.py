"""Quantiles: the sketches that are asked for, and what is read from them."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat._common.checks import whole_number

if TYPE_CHECKING:
    from foldstat._core import SummaryState

BUCKETS = 4096
_FEWEST_BUCKETS, _MOST_BUCKETS = 2, 2**20
_LEAST_ERROR, _MOST_ERROR = 1e-4, 0.5


def buckets_of(quantiles: Any, quantile_buckets: Any) -> int | None:
    """Check what of quantiles is asked for, and give the number of buckets; None for no such sketch."""
    wanted = _switch(quantiles)
    if quantile_buckets is None:
        return BUCKETS if wanted else None
    number = whole_number(quantile_buckets, "quantile_buckets", "a number of buckets")
    if not _FEWEST_BUCKETS <= number <= _MOST_BUCKETS:
        raise ValueError(f"quantile_buckets must be from {_FEWEST_BUCKETS} to {_MOST_BUCKETS}, got {number}")
    return number


def _switch(quantiles: Any) -> bool:
    if quantiles is None:
        return False
    if isinstance(quantiles, (bool, np.bool_)):
        return bool(quantiles)
    if isinstance(quantiles, numbers.Number):
        raise TypeError(
            f"quantiles must be True or False, got {quantiles!r}: for quantiles of that relative error give "
            f"relative_error={quantiles!r}, and which quantiles to read is asked later, s.quantile({quantiles!r})"
        )
    if np.ndim(quantiles) and not isinstance(quantiles, (str, bytes)):
        raise TypeError(
            f"quantiles must be True or False, got {quantiles!r}: give quantiles=True, and then read "
            f"s.quantile({quantiles!r})"
        )
    raise TypeError(f"quantiles must be True or False, got {quantiles!r}")


def as_relative_error(error: Any) -> float | None:
    """Check the relative error that quantiles may have; None for no such sketch."""
    if error is None:
        return None
    if isinstance(error, bool) or not isinstance(error, numbers.Real):
        raise TypeError(f"relative_error must be a number such as 0.01, or None; got {error!r}")
    number = float(error)
    if not _LEAST_ERROR <= number <= _MOST_ERROR:
        raise ValueError(f"relative_error must be from {_LEAST_ERROR} to {_MOST_ERROR}, got {error!r}")
    return number


def keeps_quantiles(state: SummaryState) -> bool:
    """Tell whether there is any sketch."""
    return state.quantile_error is not None


def quantiles_of(state: SummaryState, q: ArrayLike, method: str, *, unknown: bool) -> NDArray[np.float64]:
    """Estimate quantiles, in the shape of `q`; NaN where they are `unknown`."""
    ranks = _checked(state, q, method, "quantile")
    found = state.quantiles(ranks.ravel(), method)
    return np.full(ranks.shape, math.nan) if unknown else found.reshape(ranks.shape)


def bounds_of(
    state: SummaryState, q: ArrayLike, method: str, *, unknown: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the limits of quantiles, in the shape of `q`; NaN where they are `unknown`."""
    ranks = _checked(state, q, method, "quantile_bounds")
    low, high = state.quantile_bounds(ranks.ravel(), method)
    if unknown:
        low = high = np.full(ranks.size, math.nan)
    return low.reshape(ranks.shape), high.reshape(ranks.shape)


def _checked(state: SummaryState, q: ArrayLike, method: Any, read: str) -> NDArray[np.float64]:
    ranks = checked_ranks(q, method, read)
    if not state.is_identity and not keeps_quantiles(state):
        raise no_quantiles()
    return ranks


def checked_ranks(q: ArrayLike, method: Any, read: str) -> NDArray[np.float64]:
    """Check which quantiles are asked for, and how."""
    ranks = _as_ranks(q, read)
    outside = ~((ranks >= 0) & (ranks <= 1))
    if outside.any():
        raise ValueError(f"{read}(q): q must be from 0 to 1, got {ranks[outside].flat[0]}")
    if not isinstance(method, str):
        raise TypeError(f"{read}(method=): method must be a name such as 'linear', got {method!r}")
    return ranks


def no_quantiles() -> ValueError:
    """Give the error of who asks for what is not kept."""
    return ValueError("this Summary keeps no quantiles: make it with quantiles=True, or with relative_error=0.01")


def _as_ranks(q: ArrayLike, read: str) -> NDArray[np.float64]:
    try:
        given = np.asarray(q)
    except ValueError as error:
        raise ValueError(f"{read}(q): q is not an array of numbers: {error}") from None
    if given.size and given.dtype.kind not in "iufb":
        raise TypeError(f"{read}(q): q must be a number from 0 to 1 or an array of such, got {q!r}")
    return given.astype(np.float64)

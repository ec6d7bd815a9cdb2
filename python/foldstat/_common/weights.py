"""Weights of rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from foldstat._common.arrays import Floats, as_doubles


def as_sample_weight(values: Any, n_rows: int, *, all_rows: bool = True) -> Floats | None:
    """Check the weights of rows: None, or one finite non-negative number for each, not all zero if it is all rows."""
    if values is None:
        return None
    weights = as_doubles(values, "sample_weight")
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {weights.ndim}D array. "
            f"Expected either a scalar value or a 1D array of length {n_rows}."
        )
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}!")
    low, high = weights.min(initial=0.0), weights.max(initial=0.0)
    if low < 0 or not math.isfinite(low + high):
        raise _bad_weight(weights)
    if all_rows and n_rows and high == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def within_range(weights: Floats, axis: int | None = None) -> Floats:
    """Give weights in units of a power of two near the largest: no bit of a ratio changes, no sum overflows.

    With ``axis=0`` each column has a unit of its own. Weights whose largest is near 1, and those that
    are not finite or negative, are given back as they are.
    """
    largest = weights.max(axis=axis, initial=0.0)
    if not (np.isfinite(largest).all() and weights.min(initial=0.0) >= 0):
        return weights
    _, exponent = np.frexp(largest)
    if ((exponent == 0) | (exponent == 1)).all():
        return weights
    scaled: Floats = np.ldexp(weights, -exponent)
    return scaled


def _bad_weight(weights: Floats) -> ValueError:
    for bad, what in ((np.isnan(weights), "NaN"), (np.isinf(weights), "infinity")):
        if bad.any():
            return ValueError(f"Input sample_weight contains {what}: first at row {bad.argmax()}.")
    row = int((weights < 0).argmax())
    return ValueError(
        f"Negative values in data passed to `sample_weight`: got {weights[row]} at row {row}, "
        "weights must not be negative"
    )

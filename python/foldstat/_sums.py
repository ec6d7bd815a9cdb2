"""Sums in a fixed order; a BLAS adds in the order that suits the machine, which changes the last bits."""

from __future__ import annotations

import numpy as np

from foldstat._validation import Floats


def weighted_sum(weights: Floats, values: Floats) -> Floats:
    """Give Σ wₖ vₖ over the first axis of `values`."""
    spread = weights.reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray((spread * values).sum(axis=0))


def scatter(rows: Floats, weights: Floats | None = None) -> Floats:
    """Give Σ wₖ xₖ xₖᵀ of rows x, symmetric to the last bit."""
    columns = np.ascontiguousarray(rows.T)
    products = np.empty_like(columns)  # made here: where NumPy finds no room for what it makes itself, it may crash
    sums = np.empty((len(columns), len(columns)))
    for column, row in zip(columns, sums, strict=True):
        np.multiply(column, columns, out=products)
        if weights is not None:
            np.multiply(products, weights, out=products)
        np.sum(products, axis=1, out=row)
    return sums

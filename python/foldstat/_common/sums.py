"""Sums in a fixed order; a BLAS adds in the order that suits the machine, which changes the last bits."""

from __future__ import annotations

import numpy as np

from foldstat._common.arrays import Floats


def weighted_sum(weights: Floats, values: Floats) -> Floats:
    """Give Σ wₖ vₖ over the first axis of `values`."""
    spread = weights.reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray((spread * values).sum(axis=0))


def scatter(rows: Floats, weights: Floats | None = None) -> Floats:
    """Give Σ wₖ xₖ xₖᵀ of rows x, symmetric to the last bit."""
    columns = np.ascontiguousarray(rows.T)
    # Vectors of one shape, and room made here: where NumPy broadcasts and finds no memory of its own, it may crash.
    products = np.empty(columns.shape[1])
    sums = np.empty((len(columns), len(columns)))
    for i, column in enumerate(columns):
        for j, other in enumerate(columns[: i + 1]):
            np.multiply(column, other, out=products)
            if weights is not None:
                np.multiply(products, weights, out=products)
            sums[i, j] = sums[j, i] = products.sum()
    return sums

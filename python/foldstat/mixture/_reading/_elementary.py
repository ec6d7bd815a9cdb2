"""Elementary functions of arrays, and small systems of equations: the same bits on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.arrays import Floats


def exp(x: Any) -> Floats:
    """Give eˣ."""
    return _each(_core.exp, x)


def log(x: Any) -> Floats:
    """Give the natural logarithm; that of 0 is −∞."""
    return _each(_core.log, x)


def times_log(x: Floats) -> Floats:
    """Give x log x, which is 0 at 0."""
    return x * log(np.where(x > 0, x, 1.0))


def log_sum_exp(x: Floats, axis: int) -> Floats:
    """Give log Σ eˣ along an axis; −∞ where all are."""
    largest = x.max(axis=axis, keepdims=True)
    finite = np.where(np.isfinite(largest), largest, 0.0)
    return np.asarray(log(exp(x - finite).sum(axis=axis)) + finite.squeeze(axis))


def _each(function: Callable[[Floats], Floats], x: Any) -> Floats:
    values = np.ascontiguousarray(x, dtype=np.float64)
    return function(values.reshape(-1)).reshape(np.shape(x))


def lower_factors(matrices: Floats, name: str) -> Floats:
    """Give Cholesky factors L, L Lᵀ = Σ, of a stack of matrices."""
    factors, definite = lower_factors_where(matrices)
    if not definite.all():
        raise ValueError(f"{name} must be positive definite, and to rounding one of them is not")
    return factors


def lower_factors_where(matrices: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Give the same of those that are positive definite, and which these are."""
    d = matrices.shape[-1]
    factors = np.zeros(matrices.shape)
    definite = np.ones(matrices.shape[:-2], dtype=bool)
    for j in range(d):
        known = (factors[..., j:, :j] * factors[..., j : j + 1, :j]).sum(axis=-1)
        column = matrices[..., j:, j] - known
        definite &= column[..., 0] > 0
        pivot = np.where(definite, column[..., 0], 1.0)[..., np.newaxis]
        factors[..., j:, j] = np.where(definite[..., np.newaxis], column, 1.0) / np.sqrt(pivot)
    return factors, definite


def solved(factors: Floats, right: Floats, *, transposed: bool = False) -> Floats:
    """Give x with L x = b, or Lᵀ x = b, for stacks of lower triangular L (…, d, d) and b (…, d, m)."""
    d = factors.shape[-1]
    shape = np.broadcast_shapes(factors.shape[:-2], right.shape[:-2])
    x = np.empty((*shape, *right.shape[-2:]))
    for i in range(d - 1, -1, -1) if transposed else range(d):
        others = slice(i + 1, d) if transposed else slice(0, i)
        row = factors[..., others, i] if transposed else factors[..., i, others]
        known = (row[..., np.newaxis] * x[..., others, :]).sum(axis=-2)
        x[..., i, :] = (right[..., i, :] - known) / factors[..., i, i, np.newaxis]
    return x


def solved_twice(factors: Floats, right: Floats) -> Floats:
    """Give x with L Lᵀ x = b for vectors b, one for each factor."""
    half = solved(factors, right[..., np.newaxis])
    return np.asarray(solved(factors, half, transposed=True)[..., 0])


def half_log_determinants(factors: Floats) -> Floats:
    """Give ½ log det Σ of Cholesky factors of Σ."""
    return np.asarray(log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1))


def unit_circle(n: int) -> Floats:
    """Give `n` points of the unit circle, the last one the first, shape (n, 2)."""
    quarters = np.arange(n) * (4.0 / (n - 1))
    turn = np.floor(quarters)
    angle = (quarters - turn) * (0.5 * math.pi)
    square = angle * angle
    cosine, sine = np.ones(n), np.ones(n)  # Horner's rule: 1 - x²/2·1 (1 - x²/4·3 (1 - …))
    for i in range(26, 0, -2):
        cosine = 1.0 - square / (i * (i - 1)) * cosine
        sine = 1.0 - square / (i * (i + 1)) * sine
    sine *= angle
    turned = [(cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)]
    quadrant = turn.astype(np.intp) % 4
    points: Floats = np.stack([np.choose(quadrant, [pair[axis] for pair in turned]) for axis in (0, 1)], axis=1) + 0.0
    return points

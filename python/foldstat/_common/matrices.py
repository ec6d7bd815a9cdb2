"""Symmetric matrices: one rule of how symmetric they must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import FLOAT32, FLOAT64, Floats

# How far a matrix may be from symmetric, relative to the roots of the diagonal at its row and column: so far,
_SYMMETRY = {FLOAT64: 1e-10, FLOAT32: 1e-5}


# or so many roundings, times the condition number, as `numpy.linalg.inv` leaves them.
_ROUNDINGS = 4.0


# LAPACK cannot be interrupted: of more features than this, eigenvalues are not asked of it.
LAPACK_FEATURES = 256


def symmetrised(matrices: Floats, name: str, dtype: np.dtype[Any] = FLOAT64) -> Floats:
    """Even out the rounding in covariances or precisions; refuse those further from symmetric than it takes them.

    `dtype` is that in which they were computed. The one rule of the package: relative to the standard
    deviations of row and column, so that no unit matters, and as far as an inverse may round them.
    """
    for label, matrix in named_matrices(matrices, name):
        pair = _asymmetry(matrix, dtype)
        if pair is not None:
            i, j = pair
            raise ValueError(
                f"{label} must be symmetric, got {matrix[i, j]} at ({i}, {j}) and {matrix[j, i]} at ({j}, {i})"
            )
    return 0.5 * matrices + 0.5 * matrices.swapaxes(-1, -2)


def _asymmetry(matrix: Floats, dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """Find the entry that is furthest from its mirror image, if that is further than rounding takes it."""
    scales = np.sqrt(np.abs(np.diagonal(matrix)))
    scales[scales == 0] = 1.0  # whatever is measured by it, the matrix is not positive definite
    unit = matrix / scales[:, np.newaxis] / scales  # correlations: no units, no overflow
    distance = np.abs(unit - unit.T)
    if distance.max(initial=0.0) <= _SYMMETRY[dtype]:
        return None
    rounding = float(np.finfo(dtype).eps)
    condition = _condition(0.5 * unit + 0.5 * unit.T)
    # No condition number makes sense of a matrix that is not positive definite to rounding.
    if condition * rounding < 1.0 and distance.max() <= _ROUNDINGS * rounding * condition:
        return None
    i, j = np.unravel_index(distance.argmax(), matrix.shape)
    return int(i), int(j)


def _condition(matrix: Floats) -> float:
    """Ratio of the largest to the smallest eigenvalue; infinity if the matrix is not positive definite."""
    if len(matrix) <= LAPACK_FEATURES:
        values = np.linalg.eigvalsh(matrix)
        return float(values[-1] / values[0]) if values[0] > 0 else math.inf
    try:
        factor = _core.precisions_cholesky(matrix, "tied")
    except ValueError:
        return math.inf
    d = len(matrix)
    return _largest_eigenvalue(matrix.dot, d) * _largest_eigenvalue(lambda x: factor.dot(factor.T.dot(x)), d)


def _largest_eigenvalue(product: Callable[[Floats], Floats], d: int) -> float:
    """Estimate it from below by power iterations, which a signal can interrupt."""
    vector, size = np.random.default_rng(0).normal(size=d), 0.0
    for _ in range(20):
        vector = product(vector / np.linalg.norm(vector))
        size = float(np.linalg.norm(vector))
    return size


def named_matrices(matrices: Floats, name: str) -> Iterator[tuple[str, Floats]]:
    if matrices.ndim == 2:
        yield name, matrices
    else:
        for component, matrix in enumerate(matrices):
            yield f"{name}[{component}]", matrix

"""What the cells accept, and how their statistics are read: see :mod:`foldstat.cells`."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._validation import Floats, Rows, as_floats, as_parameters, as_rows

_PAIR_KERNELS = ("product", "rbf", "laplacian", "distance")
_KERNELS_WITH_GAMMA = ("rbf", "laplacian")
# How far a covariance may be from symmetric, relative to its largest entry.
_SYMMETRY = 1e-10


def data_rows(X: ArrayLike) -> Rows:
    """Check the data of a cell: (n, d) with at least one row and one column."""
    rows = as_rows(X, "X")
    if 0 in rows.shape:
        raise ValueError(f"X must have at least one row and one column, got shape {rows.shape}.")
    return rows


def column(values: ArrayLike, length: int, name: str) -> Floats:
    """Check a finite vector that goes with X."""
    return as_parameters(values, (length,), name)


def non_negative(values: Floats, name: str) -> Floats:
    """Pass non-negative values on; name the first negative one."""
    if values.min(initial=0.0) < 0:
        position = tuple(int(index) for index in np.argwhere(values < 0)[0])
        raise ValueError(f"{name} must not be negative, got {values[position]} at {position}.")
    return values


def start_parameters(mu: ArrayLike, cov: ArrayLike, n_features: int) -> tuple[Floats, Floats]:
    """Copy the means (k, d) and covariances (k, d, d) to start from."""
    k = len(as_rows(mu, "mu"))
    if k == 0:
        raise ValueError("mu must have one row for each component, got none.")
    means = as_parameters(mu, (k, n_features), "mu").copy()
    covariances = as_parameters(cov, (k, n_features, n_features), "cov").copy()
    asymmetry = np.abs(covariances - covariances.transpose(0, 2, 1)).max(axis=(1, 2))
    if np.any(asymmetry > _SYMMETRY * np.abs(covariances).max(axis=(1, 2))):
        raise ValueError("cov must hold symmetric matrices.")
    return means, covariances


def equal_weights(n_components: int) -> Floats:
    """Give every component the weight 1 / k."""
    return np.full(n_components, 1.0 / n_components)


def factorise(covariances: Floats, label: str) -> Floats:
    """Factorise the precisions; `label` names the covariances in errors."""
    try:
        return _core.precisions_cholesky(covariances, "full")
    except ValueError as error:
        raise ValueError(
            f"{label} is not positive definite for every component. Start from other "
            "means, use fewer components, or use foldstat.mixture.em, which "
            "regularises covariances with reg_covar."
        ) from error


def means_and_covariances(statistics: _core.MixtureStatistics) -> tuple[Floats, Floats]:
    """Read the M-step off the folded statistics, without regularisation."""
    sums = statistics.responsibility_sums
    if not np.all(sums > 0):
        raise ValueError(
            f"Component {int(np.argmin(sums))} is responsible for no row: "
            "start from other means or use fewer components."
        )
    return statistics.means, statistics.scatter / sums[:, np.newaxis, np.newaxis]


def _sample(values: ArrayLike, name: str) -> Rows:
    array = as_floats(values, name)
    return as_rows(array[:, np.newaxis] if array.ndim == 1 else array, name)


def sample_pair(X: ArrayLike, Y: ArrayLike | None) -> tuple[Rows, Rows | None]:
    """Check one or two samples with the same number of columns."""
    first = _sample(X, "X")
    if first.shape[1] == 0:
        raise ValueError("X must have at least one column.")
    if Y is None:
        return first, None
    second = _sample(Y, "Y")
    if second.shape[1] != first.shape[1]:
        raise ValueError(
            f"Y has {second.shape[1]} columns but X has {first.shape[1]}: both samples need the same number of columns."
        )
    return first, second


def pair_scale(gamma: float | None, kernel: str, n_features: int) -> float:
    """Check `kernel` and `gamma`; kernels that have no gamma ignore the result."""
    if kernel not in _PAIR_KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(map(repr, _PAIR_KERNELS))}, got {kernel!r}.")
    if gamma is None:
        return 1.0 / n_features
    if kernel not in _KERNELS_WITH_GAMMA:
        raise ValueError(
            f"kernel={kernel!r} has no gamma; it belongs to {' and '.join(map(repr, _KERNELS_WITH_GAMMA))}."
        )
    return _positive(gamma, "gamma")


def iterations(n_iter: object) -> int:
    """Check a number of iterations."""
    if isinstance(n_iter, bool) or not isinstance(n_iter, Integral) or int(n_iter) < 0:
        raise ValueError(f"n_iter must be a non-negative integer, got {n_iter!r}.")
    return int(n_iter)


def _positive(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < np.inf:
        raise ValueError(f"{name} must be a positive finite number, got {value!r}.")
    return float(value)

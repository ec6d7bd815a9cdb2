"""What the cells accept, and how their statistics are read: see :mod:`foldstat.cells`."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import Floats, Rows, as_floats, as_parameters, as_rows
from foldstat._common.checks import as_count
from foldstat._common.threads import thread_count
from foldstat.mixture._parameters import as_covariances


def whole(value: Any, name: str, meaning: str, *, least: int) -> int:
    """Check a number of something, which may be a float that is whole: notebooks write 1e5 and 50."""
    return as_count(_unfloat(value, name, meaning), name, meaning, least=least)


def threads(n_jobs: Any) -> int | None:
    """Check a number of threads; None for that of a `threads` block around the call, or of the process."""
    value = _scalar(n_jobs)
    is_whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return thread_count(int(value) if is_whole else value)


def _unfloat(value: Any, name: str, meaning: str) -> Any:
    """Turn a float that is whole into the integer it is, and leave everything else as it is."""
    value = _scalar(value)
    if not isinstance(value, (float, np.floating)):
        return value
    if not float(value).is_integer():
        raise ValueError(f"{name} must be {meaning}, an integer or a float that is whole, got {value!r}")
    return int(value)


def _scalar(value: Any) -> Any:
    """Give the element of an array without dimensions, and everything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def data_rows(X: ArrayLike) -> Rows:
    """Check the data of a cell: (n, d) with at least one row and one column."""
    rows = as_rows(X, "X")
    if 0 in rows.shape:
        raise ValueError(f"X must have at least one row and one column, got shape {rows.shape}")
    return rows


def non_negative(values: Floats, name: str) -> Floats:
    """Pass non-negative values on; name the first negative one."""
    if values.min(initial=0.0) < 0:
        position = tuple(int(index) for index in np.argwhere(values < 0)[0])
        raise ValueError(f"{name} must not be negative, got {values[position]} at {position}")
    return values


def start_parameters(mu: ArrayLike, cov: ArrayLike, n_features: int) -> tuple[Floats, Floats, Floats]:
    """Give the means (k, d) and covariances (k, d, d) to start from, copied, and the precisions' factors."""
    k = len(as_rows(mu, "mu"))
    if k == 0:
        raise ValueError("mu must have one row for each component, got none")
    means = as_parameters(mu, (k, n_features), "mu").copy()
    as_parameters(cov, (k, n_features, n_features), "cov")
    try:
        covariances, factors = as_covariances(cov, "full", k, n_features)
    except ValueError as error:
        raise ValueError(f"cov: {error}") from error
    return means, covariances.copy(), factors


def means_and_covariances(statistics: _core.MixtureStatistics) -> tuple[Floats, Floats]:
    """Read the M-step off the folded statistics, without regularisation."""
    sums = statistics.responsibility_sums
    if not np.all(sums > 0):
        raise ValueError(
            f"Component {int(np.argmin(sums))} is responsible for no row: "
            "start from other means or use fewer components."
        )
    return statistics.means, statistics.scatter / sums[:, np.newaxis, np.newaxis]


def sample_rows(values: ArrayLike, name: str) -> Rows:
    """Check a sample of numbers (n,) or of rows (n, d)."""
    array = as_floats(values, name)
    rows = as_rows(array[:, np.newaxis] if array.ndim == 1 else array, name)
    if rows.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column, got shape {rows.shape}")
    return rows


def number(value: Any, name: str, meaning: str) -> float:
    """Check a finite real number."""
    value = _scalar(value)
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise ValueError(f"{name} must be {meaning}, a finite number, got {value!r}")
    return float(value)

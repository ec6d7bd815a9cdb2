"""Where a fit starts: parameters given by the user, the rest from initial responsibilities."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat._common.matrices import symmetrised
from foldstat.mixture._parameters import Family, are_matrices, sums_to_one
from foldstat.mixture._rows import numbers_only


class Posterior(NamedTuple):
    """The distribution of a Bayesian mixture's parameters, but for means and covariances."""

    concentration: Any
    left: Any  # the second numbers of a Dirichlet process, None for a Dirichlet distribution
    mean_precision: Any
    degrees_of_freedom: Any


class Start(NamedTuple):
    """Parameters that EM starts from."""

    weights: Floats
    means: Floats
    covariances: Floats
    precisions_cholesky: Floats
    posterior: Posterior | None = None


class Given(NamedTuple):
    """Checked values of `weights_init`, `means_init` and `precisions_init`."""

    weights: Floats | None
    means: Floats | None
    precisions: Floats | None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be found from the data."""
        return all(value is not None for value in self)


def check_given(weights: Any, means: Any, precisions: Any, family: Family, k: int, d: int) -> Given:
    """Check what the user wants to start from; the messages are those of scikit-learn."""
    return Given(
        None if weights is None else _check_weights(weights, k),
        None if means is None else check_shape(_floats(means, "means_init"), (k, d), "means"),
        None if precisions is None else _check_precisions(precisions, family, k, d),
    )


def _floats(values: Any, name: str, *, allow_nd: bool = False) -> Any:
    values = numbers_only(values, name)
    return check_array(values, dtype=[np.float64, np.float32], ensure_2d=False, allow_nd=allow_nd)


def check_shape(array: Any, shape: tuple[int, ...], name: str) -> Any:
    """Refuse an array of another shape, in the words of scikit-learn."""
    if array.shape != shape:
        raise ValueError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    return array


def _check_weights(values: Any, k: int) -> Any:
    weights = check_shape(_floats(values, "weights_init"), (k,), "weights")
    if weights.min() < 0.0 or weights.max() > 1.0:
        # scikit-learn's message swaps the two values; tests of other people may rely on it.
        raise ValueError(
            "The parameter 'weights' should be in the range [0, 1], but got "
            f"max value {weights.min():.5f}, min value {weights.max():.5f}"
        )
    total = float(weights.sum(dtype=np.float64))
    if not sums_to_one(total, weights.dtype):
        raise ValueError(f"The parameter 'weights' should be normalized, but got sum(weights) = {total:.5f}")
    return weights


def _check_precisions(values: Any, family: Family, k: int, d: int) -> Any:
    allow_nd = len(_core.covariances_shape(family, k, d)) > 2
    precisions = _floats(values, "precisions_init", allow_nd=allow_nd)
    check_shape(precisions, _core.covariances_shape(family, k, d), f"{family} precision")
    if not are_matrices(family):
        if (precisions <= 0.0).any():
            raise ValueError(f"'{family} precision' should be positive")
        return precisions
    try:
        even = symmetrised(np.asarray(precisions, dtype=np.float64), "precisions_init", precisions.dtype)
        # Eigenvalues would depend on the units of the features; whether there is a factor does not.
        _core.precisions_cholesky_from_precisions(even, family)
    except ValueError as error:
        raise ValueError(f"'{family} precision' should be symmetric, positive-definite") from error
    return even.astype(precisions.dtype)


def with_copies(rows: Rows, w: Floats | None, k: int) -> tuple[Rows, Floats | None]:
    """Spell integer weights out as copies where fewer rows than components have a weight.

    A start needs `k` rows to choose from, and a row of weight 5 is five of them. This is the one
    place where the scale of weights matters, as otherwise there would be no fit at all.
    """
    if w is None or np.count_nonzero(w) >= k:
        return rows, w
    there = np.flatnonzero(w)
    copies = np.clip(np.floor(w[there]), 1, k).astype(np.intp)
    numbers = np.repeat(there, copies)
    return rows[numbers], np.repeat(w[there] / copies, copies)

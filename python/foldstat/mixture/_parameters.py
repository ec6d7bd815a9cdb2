"""Checks of what describes a mixture: its family, weights, means and covariances."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foldstat import _core
from foldstat._common.arrays import FLOAT32, Floats, as_floats, as_parameters
from foldstat._common.matrices import LAPACK_FEATURES, named_matrices, symmetrised

# What a value of `covariance_type` is called; the names are those that the compiled module knows.
Family: TypeAlias = str
FAMILIES = tuple(_core.covariance_types())
# Each family once, under the name that says its volume, shape and orientation.
NAMED_BY_PARTS = tuple(name for name in FAMILIES if name.isupper())
Method: TypeAlias = Literal["kmeans", "k-means++", "random", "random_from_data", "whitened", "short-em"]
# Those that the compiled module knows.
METHODS = "kmeans", "k-means++", "random", "random_from_data"

# What EM compares with its tolerance, and how its steps are lengthened.
Stop: TypeAlias = Literal["change", "aitken"]
Accelerate: TypeAlias = Literal["squarem"]


def is_collapse(error: ValueError) -> bool:
    """Tell whether a fit has failed because a covariance collapsed."""
    return "ill-defined empirical covariance" in str(error)


def as_family(covariance_type: str) -> Family:
    """Check the name of a covariance family."""
    for family in FAMILIES:
        if covariance_type == family:
            return family
    raise ValueError(f"covariance_type must be one of {', '.join(map(repr, FAMILIES))}, got {covariance_type!r}")


def are_matrices(family: Family) -> bool:
    """Whether covariances of a family are matrices, and not variances."""
    return _core.covariances_geometry(family) in ("full", "tied")


def as_matrices(covariances: Floats, family: Family, k: int, d: int) -> Floats:
    """Spell the covariances of `k` components in `d` dimensions out as matrices."""
    if are_matrices(family):
        return np.broadcast_to(covariances, (k, d, d))
    return covariances.reshape(k, -1, 1) * np.eye(d)


def as_means(values: ArrayLike) -> Floats:
    """Check the means of a mixture: finite, two-dimensional, at least one component and feature."""
    shape = np.shape(as_floats(values, "means"))
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"means must have shape (n_components, n_features), got {shape}")
    return as_parameters(values, shape, "means")


def as_weights(values: ArrayLike, n_components: int, name: str = "weights") -> Floats:
    """Check the weights of a mixture: non-negative and of sum 1."""
    weights = as_parameters(values, (n_components,), name)
    if (weights < 0).any():
        raise ValueError(f"{name} must not be negative, got {weights.min()} for component {weights.argmin()}")
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not sums_to_one(total, np.asarray(values).dtype):
        raise ValueError(f"{name} must sum to 1, got a sum of {total!r}")
    return weights


def sums_to_one(total: float, dtype: np.dtype[Any]) -> bool:
    """Whether shares of that type add up to 1, but for rounding."""
    return abs(total - 1.0) <= (1e-6 if dtype == FLOAT32 else 1e-8)


def as_covariances(values: ArrayLike, family: Family, k: int, d: int) -> tuple[Floats, Floats]:
    """Check covariances (symmetric, positive definite); return them and the precisions' factors."""
    floats = as_floats(values, "covariances")
    covariances = as_parameters(floats, _core.covariances_shape(family, k, d), "covariances")
    if are_matrices(family):
        covariances = symmetrised(covariances, "covariances", floats.dtype)
    try:
        return covariances, _core.precisions_cholesky(covariances, family)
    except ValueError as error:
        raise ValueError(_not_positive_definite(covariances, family)) from error


def restart_seeds(random_state: np.random.RandomState, n: int) -> NDArray[np.uint64]:
    """Draw one seed for each restart; the first ones do not depend on how many are drawn."""
    return random_state.randint(0, 2**63, size=n, dtype=np.uint64)


def _not_positive_definite(covariances: Floats, family: Family) -> str:
    if not are_matrices(family):
        where = tuple(int(i) for i in np.argwhere(~(covariances > 0))[0])
        return f"covariances must be positive, got {covariances[where]} at {where}"
    if covariances.shape[-1] > LAPACK_FEATURES:
        name = next(name for name, m in named_matrices(covariances, "covariances") if not _has_factor(m))
        return (
            f"{name} must be positive definite, and has no Cholesky factor "
            f"(eigenvalues of more than {LAPACK_FEATURES} features are not computed)"
        )
    name, smallest = min(
        ((name, _core.smallest_eigenvalue(m)) for name, m in named_matrices(covariances, "covariances")),
        key=lambda pair: pair[1],
    )
    return f"{name} must be positive definite, got a smallest eigenvalue of {smallest:g}"


def _has_factor(matrix: Floats) -> bool:
    try:
        _core.precisions_cholesky(matrix, "tied")
    except ValueError:
        return False
    return True

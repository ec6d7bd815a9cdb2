"""The parameters of a model as its methods read them: anyone may have set them, to any kind of array.

The kernels check those that they are given in the same way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from foldstat import _core
from foldstat._common.arrays import FLOAT32, Floats, as_floats, as_parameters
from foldstat.mixture._parameters import are_matrices, as_family, as_weights, sums_to_one


def as_set(values: Any, name: str) -> Floats:
    """Give an attribute as an array of floats; what is no such array is judged as an argument would be."""
    return as_floats(values, name)  # type: ignore[return-value] # or of float32, as the model then is


def weights_of(model: Any) -> Floats:
    """Give the weights of a model, which must be shares of 1, one for each mean."""
    weights, means = as_set(model.weights_, "weights_"), as_set(model.means_, "means_")
    k = len(means) if means.ndim else 1
    shares = weights.tolist() if weights.shape == (k,) else []
    # Those of float64 may have been of float32 before.
    if not (shares and all(0 <= share <= 2 for share in shares) and sums_to_one(math.fsum(shares), FLOAT32)):
        as_weights(weights, k, "weights_")
    return weights


def means_and_covariances_of(model: Any) -> tuple[Floats, Floats]:
    """Give the means and covariances of a model, finite and of its family's shapes, with positive variances."""
    means, covariances = as_set(model.means_, "means_"), as_set(model.covariances_, "covariances_")
    if means.ndim != 2:
        raise ValueError(f"means_ must have shape (n_components, n_features), got {means.shape}")
    family = as_family(model.covariance_type)
    as_parameters(means, means.shape, "means_")
    as_parameters(covariances, _core.covariances_shape(family, *means.shape), "covariances_")
    variances = np.diagonal(covariances, axis1=-2, axis2=-1) if are_matrices(family) else covariances
    if (variances < 0).any():
        raise ValueError(f"covariances_ must have no negative variance, got {variances.min()}")
    return means, covariances

"""The parameters of a model as its methods read them: anyone may have set them, to any kind of array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from foldstat._validation import FLOAT32, FLOAT64, Floats, as_floats, as_weights, sums_to_one


def as_set(values: Any, name: str) -> Floats:
    """Give an attribute as an array of floats; what is no such array is judged as an argument would be."""
    if type(values) is np.ndarray and (values.dtype is FLOAT64 or values.dtype is FLOAT32):
        return values  # a score of one row has no time for more
    return as_floats(values, name)  # type: ignore[return-value] # or of float32, as the model then is


def weights_of(model: Any) -> Floats:
    """Give the weights of a model, which must be shares of 1, one for each mean."""
    weights, k = as_set(model.weights_, "weights_"), len(model.means_)
    shares = weights.tolist() if weights.shape == (k,) else []
    # Those of float64 may have been of float32 before.
    if not (shares and min(shares) >= 0 and sums_to_one(math.fsum(shares), FLOAT32)):
        as_weights(weights, k, "weights_")
    return weights


def kernel_parameters(model: Any) -> tuple[Floats, Floats, Floats]:
    """Give weights, means and factors of the precisions, in the order of the kernels."""
    weights = weights_of(model)
    return weights, as_set(model.means_, "means_"), as_set(model.precisions_cholesky_, "precisions_cholesky_")

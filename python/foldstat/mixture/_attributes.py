"""The parameters of a model as its methods read them: anyone may have set them, to any kind of array.

The kernels check those that they are given in the same way.
"""

from __future__ import annotations

import math
from typing import Any

from foldstat._validation import FLOAT32, Floats, as_floats, as_weights, sums_to_one


def as_set(values: Any, name: str) -> Floats:
    """Give an attribute as an array of floats; what is no such array is judged as an argument would be."""
    return as_floats(values, name)  # type: ignore[return-value] # or of float32, as the model then is


def weights_of(model: Any) -> Floats:
    """Give the weights of a model, which must be shares of 1, one for each mean."""
    weights, k = as_set(model.weights_, "weights_"), len(model.means_)
    shares = weights.tolist() if weights.shape == (k,) else []
    # Those of float64 may have been of float32 before.
    if not (shares and min(shares) >= 0 and sums_to_one(math.fsum(shares), FLOAT32)):
        as_weights(weights, k, "weights_")
    return weights

"""Random rows from a mixture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foldstat._common.arrays import Floats
from foldstat.mixture._parameters import Family, are_matrices


def draw(
    rng: np.random.RandomState,
    n_samples: int,
    weights: Floats,
    means: Floats,
    covariances: Floats,
    family: Family,
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw rows component by component, consuming `rng` as scikit-learn does.

    The order of the calls and their arguments decide the numbers, so they must not be rearranged.
    """
    counts = rng.multinomial(n_samples, _shares(weights))
    blocks = []
    for component, count in enumerate(counts):
        mean = means[component]
        if are_matrices(family):
            covariance = covariances[component] if covariances.ndim == 3 else covariances
            blocks.append(rng.multivariate_normal(mean, covariance, int(count)))
        else:
            noise = rng.standard_normal(size=(count, len(mean)))
            blocks.append(mean + noise * np.sqrt(covariances[component]))
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    return np.concatenate(blocks).astype(np.float64, copy=False), labels


def _shares(weights: Floats) -> Floats:
    # NumPy demands a sum of 1 to double precision, which weights that are or were of float32 do not have.
    if weights.dtype == np.float64 and weights[:-1].sum() <= 1.0 + 1e-12:
        return weights
    shares: Floats = weights.astype(np.float64)
    shares /= shares.sum()
    return shares

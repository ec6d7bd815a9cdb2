"""Random rows from a mixture."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from foldstat._common.arrays import Floats
from foldstat._common.random import seed_sequence
from foldstat._common.room import room_for
from foldstat.mixture._parameters import Family, are_matrices

Rng: TypeAlias = np.random.Generator | np.random.SeedSequence | np.random.BitGenerator | int | None
_ROWS = 1 << 18  # drawn at a time, so that signals are handled in between


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


def generator_of(rng: Any, random_state: Any) -> np.random.Generator:
    """Give a generator of random numbers: the one given, one of a seed, or one that a model's state decides."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        words = check_random_state(random_state).randint(0, 2**32, size=8, dtype=np.uint32)
        return np.random.default_rng(np.random.SeedSequence(words.tolist()))
    return np.random.default_rng(seed_sequence(rng))


def draw_normals(
    generator: np.random.Generator, n_samples: int, weights: Floats, means: Floats, factors: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw rows component by component, μ + L z with standard normal z.

    No product of matrices: a BLAS would add up in the order of the machine.
    """
    counts = generator.multinomial(n_samples, _shares(weights))
    k, d = means.shape
    with room_for(f"{n_samples} draws"):
        rows = np.empty((n_samples, d))
        labels = np.repeat(np.arange(k, dtype=np.int64), counts)
    for first in range(0, n_samples, _ROWS):
        generator.standard_normal(out=rows[first : first + _ROWS])
    end = 0
    for mean, factor, count in zip(means, factors, counts.tolist(), strict=True):
        for first in range(end, end + count, _ROWS):
            shape_normals(rows[first : min(first + _ROWS, end + count)], mean, factor)
        end += count
    return rows, labels


def shape_normals(normals: Floats, mean: Floats, factor: Floats) -> None:
    """Turn standard normal numbers into draws, where they lie: the last column needs all, the first one itself only."""
    for i in range(len(mean) - 1, -1, -1):
        column = normals[:, i] * factor[i, i]
        for j in range(i):
            column += normals[:, j] * factor[i, j]
        column += mean[i]
        normals[:, i] = column


def _shares(weights: Floats) -> Floats:
    # NumPy demands a sum of 1 to double precision, which weights that are or were of float32 do not have.
    if weights.dtype == np.float64 and weights[:-1].sum() <= 1.0 + 1e-12:
        return weights
    shares: Floats = weights.astype(np.float64)
    shares /= shares.sum()
    return shares

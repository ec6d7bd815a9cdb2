"""Random mixtures and rows for the tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import twin
from foldstat import GaussianMixture

FAMILIES = ("full", "tied", "diag", "spherical")
INITS = ("kmeans", "k-means++", "random", "random_from_data")


class Mixture(NamedTuple):
    X: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    factor: np.ndarray
    family: str

    @property
    def parameters(self):
        """The arguments of a kernel after X."""
        return self.weights, self.means, self.factor, self.family

    @property
    def precisions(self):
        return twin.precisions(self.factor, self.family)


def random_mixture(family, n=300, d=3, k=2, seed=0, scale=1.0, offset=0.0, spread=3.0):
    """A mixture, and rows that roughly follow it.

    Every component gets at least d + 2 rows of its own, as far as n goes.
    """
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(k, 5.0))
    means = spread * rng.normal(size=(k, d))
    roots = rng.normal(size=(k, d, d)) / np.sqrt(d) * 0.5 + np.eye(d)
    matrices = roots @ np.swapaxes(roots, 1, 2)
    covariances = {
        "full": matrices,
        "tied": matrices.mean(axis=0),
        "diag": rng.uniform(0.5, 2.0, size=(k, d)),
        "spherical": rng.uniform(0.5, 2.0, size=k),
    }[family]
    spelled = twin.full_covariances(covariances, family, k, d)
    labels = np.resize(np.repeat(np.arange(k), d + 2), n)
    labels[k * (d + 2) :] = rng.choice(k, size=max(0, n - k * (d + 2)), p=weights)
    noise = np.einsum("nij,nj->ni", np.linalg.cholesky(spelled)[labels], rng.normal(size=(n, d)))
    X = (means[labels] + noise) * scale + offset
    covariances = covariances * scale**2
    means = means * scale + offset
    factor = twin.precisions_cholesky(covariances, family)
    return Mixture(X, weights, means, covariances, factor, family)


def model_of(m, **parameters):
    """The estimator with the parameters of a mixture."""
    return GaussianMixture.from_parameters(m.weights, m.means, m.covariances, covariance_type=m.family, **parameters)


def integer_weights(n, seed=0):
    """Weights 0, 1, 2, 3 with every value present if there are rows enough."""
    return np.random.default_rng(seed).permutation(np.arange(n) % 4).astype(float)


def assert_close(actual, expected, rtol=1e-9, atol=None):
    """Equal up to `rtol` relative to the entry, or to the largest entry times 1e-3 of that.

    Sums of cancelling terms (a covariance near 0 between features of variance 1) are only exact
    relative to their terms, hence the second part.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    largest = np.abs(expected).max(initial=0.0)
    atol = rtol * largest * 1e-3 if atol is None else atol
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def unaligned(X):
    """The same rows at odd addresses."""
    raw = np.zeros(X.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(np.dtype(X.dtype)).reshape(X.shape) if X.size else X
    view[...] = X
    return view

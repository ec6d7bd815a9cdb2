"""What is measured: the shapes, their data, and the bars they are held to."""

import math
from dataclasses import dataclass, replace

import numpy as np

SEED = 20240229

# How far apart the components lie. `spread` is the standard deviation of each
# coordinate of the means, `elongation` that of the logarithms of the
# covariances' eigenvalues. "overlapping" shrinks both with the dimension, so
# that a row has several components with responsibilities that matter however
# many dimensions there are; no shortcut past negligible ones helps there.
DATA_SETS = {
    "notebook": None,
    "mixed": lambda d: (1.0, 0.4),
    "separated": lambda d: (2.0, 0.4),
    "overlapping": lambda d: (1.5 / math.sqrt(d), math.sqrt(2.0 / d)),
}


@dataclass(frozen=True)
class Case:
    """One row of the table of EM iterations."""

    family: str
    n: int
    d: int
    k: int
    bar: float
    data: str = "mixed"
    headline: bool = True

    @property
    def key(self):
        suffix = "" if self.headline else f"-{self.data}"
        return f"{self.family}-{self.d}{suffix}"

    @property
    def label(self):
        return f"{self.family} {self.n:,} × {self.d}, k={self.k}, {self.data}"

    def reduced(self, factor):
        """Fewer rows and components, the same everything else."""
        k = min(self.k, 4)
        return replace(self, k=k, n=max(self.n // factor, 50 * k, 3 * self.d * k))


CASES = [
    Case("full", 4_000_000, 2, 4, bar=70, data="notebook"),
    Case("full", 1_000_000, 8, 8, bar=35),
    Case("full", 500_000, 16, 16, bar=25),
    Case("full", 200_000, 32, 16, bar=10, data="overlapping"),
    Case("full", 200_000, 32, 16, bar=10, data="separated", headline=False),
    Case("full", 100_000, 64, 32, bar=8, data="overlapping"),
    Case("full", 100_000, 64, 32, bar=8, data="separated", headline=False),
    Case("full", 50_000, 128, 16, bar=6, data="overlapping"),
    Case("full", 50_000, 128, 16, bar=6, data="separated", headline=False),
    Case("diag", 1_000_000, 16, 16, bar=12),
    Case("tied", 500_000, 16, 16, bar=40),
]


@dataclass(frozen=True)
class Mixture:
    """A mixture as scikit-learn's constructor wants it: weights, means, precisions."""

    family: str
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def precisions(self):
        if self.family in ("full", "tied"):
            return np.linalg.inv(self.covariances)
        return 1.0 / self.covariances

    def start(self):
        """Arguments that start a fit from this mixture."""
        return {
            "n_components": len(self.weights),
            "covariance_type": self.family,
            "weights_init": self.weights,
            "means_init": self.means,
            "precisions_init": self.precisions(),
        }


def _covariances(family, d, k, elongation, rng):
    if family == "diag":
        return np.exp(elongation * rng.normal(size=(k, d)))
    matrices = []
    for _ in range(1 if family == "tied" else k):
        rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
        matrix = (rotation * np.exp(elongation * rng.normal(size=d))) @ rotation.T
        matrices.append((matrix + matrix.T) / 2)  # exactly symmetric
    return matrices[0] if family == "tied" else np.array(matrices)


def true_mixture(case, rng):
    """The mixture the rows are drawn from."""
    if case.data == "notebook":
        # Unit Gaussians around (0, 0), (5, 5), (10, 10), (15, 15).
        means = 5.0 * np.arange(case.k)[:, None] * np.ones(case.d)
        return Mixture("full", np.full(case.k, 1 / case.k), means, np.array([np.eye(case.d)] * case.k))
    spread, elongation = DATA_SETS[case.data](case.d)
    weights = rng.uniform(0.5, 1.5, size=case.k)
    means = spread * rng.normal(size=(case.k, case.d))
    covariances = _covariances(case.family, case.d, case.k, elongation, rng)
    return Mixture(case.family, weights / weights.sum(), means, covariances)


def draw(mixture, n, rng):
    """`n` rows of a mixture, in random order."""
    k, d = mixture.means.shape
    labels = rng.choice(k, size=n, p=mixture.weights)
    X = rng.standard_normal((n, d))
    for j in range(k):
        rows = np.flatnonzero(labels == j)
        if mixture.family == "diag":
            X[rows] = X[rows] * np.sqrt(mixture.covariances[j]) + mixture.means[j]
        else:
            full = mixture.covariances if mixture.family == "tied" else mixture.covariances[j]
            X[rows] = X[rows] @ np.linalg.cholesky(full).T + mixture.means[j]
    return X


def make(case):
    """Data, and a start near the mixture it was drawn from.

    Near, so that all iterations meet the same mixture and cost the same; not on
    it, so that they have something to do.
    """
    rng = np.random.default_rng(SEED)
    mixture = true_mixture(case, rng)
    X = draw(mixture, case.n, rng)
    shift = 0.1 * rng.normal(size=mixture.means.shape) / math.sqrt(case.d)
    return X, replace(mixture, means=mixture.means + shift)


def active_components(X, model):
    """Mean number of components that share a row: responsibilities above 1e-6."""
    step = max(1, len(X) // 5000)
    return float((model.predict_proba(X[::step]) > 1e-6).sum(axis=1).mean())

"""Clusters of several components: which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from foldstat._common.arrays import Floats
from foldstat._common.checks import as_count
from foldstat._common.frames import as_kind, build_frame
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._reading._base import Fitted
from foldstat.mixture._reading._elementary import times_log
from foldstat.mixture._sample import Rng, generator_of


@dataclass(frozen=True)
class Merging:
    """Which components of a mixture are merged into clusters, one after the other.

    The density stays the same: a cluster is the mixture of its components.

    Attributes
    ----------
    merges : list of (int, int)
        What is merged in each step: clusters by their first components, the smaller number first.
    entropy : ndarray of shape (n_components,)
        Entropy of the clusters of all rows, Σ -t log t: of as many as there are components, of one less, … , of one.
    merged_weight : ndarray of shape (n_components - 1,)
        Number of rows in the two clusters of each step, the weights of fractional ones.
    n_components : int
        Number of components.
    """

    merges: list[tuple[int, int]]
    entropy: Floats
    merged_weight: Floats
    model: Any = field(repr=False, compare=False)

    @property
    def n_components(self) -> int:
        return len(self.entropy)

    @property
    def n_clusters(self) -> NDArray[np.int64]:
        """Numbers of clusters that `entropy` is of, falling."""
        return np.arange(self.n_components, 0, -1, dtype=np.int64)

    def labels(self, n_clusters: int) -> NDArray[np.int64]:
        """Give the cluster of each component, numbered in the order of their first components."""
        n = as_count(n_clusters, "n_clusters", "a number of clusters", least=1)
        if n > self.n_components:
            raise ValueError(f"n_clusters must be at most {self.n_components}, the number of components, got {n}")
        first = np.arange(self.n_components)
        for into, other in self.merges[: self.n_components - n]:
            first[first == other] = into
        found: NDArray[np.int64] = np.unique(first, return_inverse=True)[1].astype(np.int64)
        return found

    def predict_proba(self, X: Any, n_clusters: int) -> Floats:
        """Give soft labels: the probability of each cluster for every row, shape (n_samples, n_clusters)."""
        labels = self.labels(n_clusters)
        shares = np.asarray(self.model.predict_proba(X))
        found = np.zeros((len(shares), labels.max() + 1), dtype=shares.dtype)
        for component, cluster in enumerate(labels):
            found[:, cluster] += shares[:, component]
        return found

    def predict(self, X: Any, n_clusters: int) -> NDArray[np.int64]:
        """Give the most probable cluster of every row."""
        found: NDArray[np.int64] = self.predict_proba(X, n_clusters).argmax(axis=1).astype(np.int64)
        return found

    @property
    def elbow(self) -> int:
        """Number of clusters where the entropy stops to fall steeply: where two straight lines fit it best.

        The second criterion of Baudry et al. (2010), section 4.1. With less than four components there is no elbow:
        it is their number, then.
        """
        k = self.n_components
        if k < 4:
            return k
        x, y = self.n_clusters.astype(np.float64)[::-1], self.entropy[::-1]
        errors = [_residual(x[:i], y[:i]) + _residual(x[i - 1 :], y[i - 1 :]) for i in range(2, k)]
        return int(np.argmin(errors)) + 2

    def to_frame(self, kind: str | None = None) -> Any:
        """Give a table with a row for each number of clusters.

        Parameters
        ----------
        kind : {'pandas', 'polars', 'pyarrow'} or None, default=None
            The library; None takes one that is installed.

        Returns
        -------
        DataFrame or Table
            `n_clusters`, `entropy`, and what was merged to come there: `cluster`, `merged_with`, `merged_weight`.
        """
        before = [None, *self.merges]
        columns = [
            self.entropy,
            [None if pair is None else pair[0] for pair in before],
            [None if pair is None else pair[1] for pair in before],
            [None, *self.merged_weight.tolist()],
        ]
        names = ("entropy", "cluster", "merged_with", "merged_weight")
        return build_frame(as_kind(kind), ("n_clusters", self.n_clusters.tolist()), names, columns)


class MergingReads(Fitted):
    """Components to clusters."""

    def merge_components(
        self, X: Any = None, sample_weight: Any = None, *, n_samples: int = 10_000, rng: Rng = None
    ) -> Merging:
        """Merge components into clusters, each time those two that overlap most.

        A cluster that is not normal takes several components. Each step merges the pair whose union lowers the entropy
        of the soft labels most.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), source or None, default=None
            Rows to judge by, as in `fit`. None judges by draws from the mixture itself.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        n_samples : int, default=10000
            Number of draws if X is None.
        rng : Generator, SeedSequence, int or None, default=None
            Where these come from. None takes `random_state`.

        Returns
        -------
        Merging
            All steps down to one cluster: `merges`, `entropy`, `labels(n)`, `predict_proba(X, n)`, `elbow`,
            `to_frame()`.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or infinite entries or the wrong number of features.

        References
        ----------
        Baudry, Raftery, Celeux, Lo & Gottardo, "Combining mixture components for clustering", Journal of
        Computational and Graphical Statistics 19 (2010).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.4, 0.2, 0.4], [[0.0], [8.0], [1.0]], [1.0, 1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> merging = model.merge_components(rng=0)
        >>> merging.merges
        [(0, 2), (0, 1)]
        >>> merging.labels(2)
        array([0, 1, 0])
        """
        check_is_fitted(self)
        if X is None:
            if sample_weight is not None:
                raise ValueError("sample_weight belongs to rows: pass X, too")
            n = as_count(n_samples, "n_samples", "a number of draws", least=1)
            X = self.sample(n, rng=generator_of(rng, self.random_state))[0]
        shares = np.asarray(self.predict_proba(X), dtype=np.float64)
        weights = as_sample_weight(sample_weight, len(shares))
        return Merging(*_merged(np.ascontiguousarray(shares.T), weights), model=self)


def _merged(shares: Floats, weights: Floats | None) -> tuple[list[tuple[int, int]], Floats, Floats]:
    """Merge rows of `shares`, of which it makes use, until one is left."""
    k = len(shares)
    entropies = np.array([_entropy(share, weights) for share in shares])
    gains = np.full((k, k), -np.inf)
    for i in range(k):
        for j in range(i + 1, k):
            gains[i, j] = entropies[i] + entropies[j] - _entropy(shares[i] + shares[j], weights)
    merges, path, merged = [], [entropies.sum()], []
    alive = list(range(k))
    for _ in range(k - 1):
        into, other = (int(i) for i in np.unravel_index(gains.argmax(), gains.shape))
        merges.append((into, other))
        shares[into] += shares[other]
        merged.append(float(shares[into].sum() if weights is None else (weights * shares[into]).sum()))
        alive.remove(other)
        entropies[into], entropies[other] = _entropy(shares[into], weights), 0.0
        gains[other], gains[:, other] = -np.inf, -np.inf
        for i in alive:
            if i != into:
                gain = entropies[into] + entropies[i] - _entropy(shares[into] + shares[i], weights)
                gains[min(i, into), max(i, into)] = gain
        path.append(entropies[alive].sum() if len(alive) > 1 else 0.0)
    return merges, np.maximum(np.array(path), 0.0), np.array(merged)


def _entropy(share: Floats, weights: Floats | None) -> float:
    terms = times_log(np.minimum(share, 1.0))
    return -float(terms.sum() if weights is None else (weights * terms).sum())


def _residual(x: Floats, y: Floats) -> float:
    """Sum of squares that the best straight line leaves."""
    x, y = x - x.sum() / len(x), y - y.sum() / len(y)
    slope = (x * y).sum() / (x * x).sum()
    return float(((y - slope * x) ** 2).sum())

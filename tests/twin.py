"""Slow, obvious twin of the mixture kernels of ``foldstat._core``: NumPy, SciPy and textbook formulas.

It is the oracle of the kernel tests, so it favours being right at a glance: whole arrays of size rows x components are
stored, second moments are taken about the mean, and nothing is blocked, fused or threaded. Random starts follow the
same rules as the kernels but draw other numbers.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import linalg
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning

FAMILIES = ("full", "tied", "diag", "spherical")
ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)
Array = np.ndarray


# --- checks ---------------------------------------------------------------------------------------------------------


def _rows(X: Array) -> Array:
    X = np.ascontiguousarray(X, dtype=np.float64) if np.ndim(X) else np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"X must have 2 dimensions, got {X.ndim}")
    for bad, name in ((np.isnan, "NaN"), (np.isinf, "infinity")):
        if bad(X).any():
            row, column = np.argwhere(bad(X))[0]
            raise ValueError(f"Input X contains {name}: first at row {row}, column {column}.")
    return X


def _weights_of_rows(sample_weight: Array | None, n: int) -> Array:
    if sample_weight is None:
        return np.ones(n)
    w = np.asarray(sample_weight, dtype=np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any():
        raise ValueError(f"sample_weight must be {n} finite numbers >= 0")
    return w


def shape_of(covariance_type: str, k: int, d: int) -> tuple[int, ...]:
    """Shape of covariances (and scatters, precisions, factors) of a family."""
    return {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[covariance_type]


def full_covariances(covariances: Array, covariance_type: str, k: int, d: int) -> Array:
    """Spell any family's array out as k matrices of d x d."""
    c = np.asarray(covariances, dtype=np.float64)
    return {
        "full": lambda: c,
        "tied": lambda: np.stack([c] * k),
        "diag": lambda: np.stack([np.diag(row) for row in c]),
        "spherical": lambda: np.stack([v * np.eye(d) for v in c]),
    }[covariance_type]()


# --- densities ------------------------------------------------------------------------------------------------------


def log_prob(
    X: Array, means: Array, precisions_cholesky: Array, covariance_type: str, n_jobs: int | None = None
) -> Array:
    """log N(x | mean, covariance) for every row and component."""
    X, means = _rows(X), np.asarray(means, dtype=np.float64)
    k, d = means.shape
    if X.shape[1] != d:
        raise ValueError(f"X has {X.shape[1]} features, the mixture has {d}")
    factors = full_covariances(precisions_cholesky, covariance_type, k, d)
    columns = []
    for mean, factor in zip(means, factors, strict=True):
        with np.errstate(over="ignore"):
            distance = (((X - mean) @ factor) ** 2).sum(axis=1)
        columns.append(-0.5 * (d * np.log(2 * np.pi) + distance) + np.log(np.diag(factor)).sum())
    return np.stack(columns, axis=1)


def expectation(
    X: Array, weights: Array, means: Array, precisions_cholesky: Array, covariance_type: str, n_jobs: int | None = None
) -> tuple[Array, Array]:
    """log p(x) of every row and the responsibilities p(component | x)."""
    with np.errstate(divide="ignore"):
        weighted = log_prob(X, means, precisions_cholesky, covariance_type) + np.log(np.asarray(weights, np.float64))
    log_likelihood = logsumexp(weighted, axis=1)
    return log_likelihood, np.exp(weighted - log_likelihood[:, None])


def score_samples(
    X: Array, weights: Array, means: Array, precisions_cholesky: Array, covariance_type: str, n_jobs: int | None = None
) -> Array:
    """log p(x) of every row."""
    return expectation(X, weights, means, precisions_cholesky, covariance_type)[0]


def predict_proba(
    X: Array, weights: Array, means: Array, precisions_cholesky: Array, covariance_type: str, n_jobs: int | None = None
) -> Array:
    """Responsibilities of every row."""
    return expectation(X, weights, means, precisions_cholesky, covariance_type)[1]


def predict(
    X: Array, weights: Array, means: Array, precisions_cholesky: Array, covariance_type: str, n_jobs: int | None = None
) -> Array:
    """The most probable component of every row."""
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.asarray(weights, np.float64))
    return (log_prob(X, means, precisions_cholesky, covariance_type) + log_weights).argmax(axis=1)


# --- statistics -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class MixtureStatistics:
    """What one EM pass needs to know of the rows."""

    covariance_type: str | None = None
    n_components: int = 0
    n_features: int = 0
    total_weight: float = 0.0
    log_likelihood: float = 0.0
    responsibility_sums: Array = field(default_factory=lambda: np.zeros(0))
    means: Array = field(default_factory=lambda: np.zeros((0, 0)))
    scatter: Array = field(default_factory=lambda: np.zeros(0))

    def _kind(self) -> tuple[str | None, int, int]:
        return self.covariance_type, self.n_components, self.n_features

    def __add__(self, other: object) -> MixtureStatistics:
        if not isinstance(other, MixtureStatistics):
            return NotImplemented
        if other.covariance_type is None:
            return self
        if self.covariance_type is None:
            return other
        if self._kind() != other._kind():
            raise ValueError(f"cannot merge statistics of {self._kind()} with {other._kind()}")
        a, b = self.responsibility_sums, other.responsibility_sums
        total = a + b
        share = np.divide(b, total, out=np.zeros_like(b), where=total > 0)
        step = other.means - self.means
        # Chan, Golub & LeVeque (1979): two scatters about two means, and the scatter of the means themselves.
        between = full_scatter(step, a * share)
        return MixtureStatistics(
            self.covariance_type,
            self.n_components,
            self.n_features,
            self.total_weight + other.total_weight,
            self.log_likelihood + other.log_likelihood,
            total,
            self.means + share[:, None] * step,
            self.scatter + other.scatter + reduce_scatter(between, self.covariance_type or ""),
        )


def full_scatter(differences: Array, weights: Array) -> Array:
    """w d dᵀ for every difference: (k, d, d)."""
    return np.einsum("k,ki,kj->kij", weights, differences, differences)


def reduce_scatter(scatter: Array, covariance_type: str) -> Array:
    """From k matrices to the array a family keeps."""
    return {
        "full": lambda: scatter,
        "tied": lambda: scatter.sum(axis=0),
        "diag": lambda: np.einsum("kii->ki", scatter),
        "spherical": lambda: np.einsum("kii->k", scatter),
    }[covariance_type]()


def statistics_from_responsibilities(
    X: Array, resp: Array, covariance_type: str, sample_weight: Array | None = None, n_jobs: int | None = None
) -> MixtureStatistics:
    """Statistics of rows whose responsibilities are given."""
    X, resp = _rows(X), np.asarray(resp, dtype=np.float64)
    w = _weights_of_rows(sample_weight, len(X))
    if resp.ndim != 2 or len(resp) != len(X):
        raise ValueError(f"resp has shape {resp.shape}, X has {len(X)} rows")
    k, d = resp.shape[1], X.shape[1]
    r = resp * w[:, None]
    sums = r.sum(axis=0)
    means = np.divide(r.T @ X, sums[:, None], out=np.zeros((k, d)), where=sums[:, None] > 0)
    scatter = np.zeros((k, d, d))
    for j in range(k):
        centred = X - means[j]
        scatter[j] = (r[:, j, None] * centred).T @ centred
    return MixtureStatistics(covariance_type, k, d, w.sum(), 0.0, sums, means, reduce_scatter(scatter, covariance_type))


def statistics(
    X: Array,
    weights: Array,
    means: Array,
    precisions_cholesky: Array,
    covariance_type: str,
    sample_weight: Array | None = None,
    n_jobs: int | None = None,
) -> MixtureStatistics:
    """Statistics of one E-step."""
    log_likelihood, resp = expectation(X, weights, means, precisions_cholesky, covariance_type)
    s = statistics_from_responsibilities(X, resp, covariance_type, sample_weight)
    s.log_likelihood = float(_weights_of_rows(sample_weight, len(X)) @ log_likelihood)
    return s


def moments(statistics: MixtureStatistics, reg_covar: float) -> tuple[Array, Array, Array]:
    """The M-step: component sizes, means and covariances about those means.

    The sizes are a little larger than the sums of responsibilities, which pulls the means towards
    the origin by `shift`. Taken about the means returned, a component of one row has therefore a
    variance that is tiny but not zero.
    """
    sums, d, family = statistics.responsibility_sums, statistics.n_features, statistics.covariance_type
    extra = 10 * np.finfo(np.float64).eps
    nk = sums + extra
    means = statistics.means * (sums / nk)[:, None]
    shift = statistics.means * (extra / nk)[:, None]
    scatter = statistics.scatter + reduce_scatter(full_scatter(shift, sums), family)
    if family == "full":
        return nk, means, scatter / nk[:, None, None] + reg_covar * np.eye(d)
    if family == "tied":
        return nk, means, scatter / nk.sum() + reg_covar * np.eye(d)
    if family == "diag":
        return nk, means, scatter / nk[:, None] + reg_covar
    return nk, means, scatter / (d * nk) + reg_covar


# --- factors --------------------------------------------------------------------------------------------------------


def precisions_cholesky(covariances: Array, covariance_type: str) -> Array:
    """Upper triangular U with U Uᵀ = covariance⁻¹, or 1/σ for the diagonal families."""
    c = np.asarray(covariances, dtype=np.float64)
    if covariance_type in ("diag", "spherical"):
        if not (c > 0).all():
            raise ValueError(ILL_DEFINED)
        return 1.0 / np.sqrt(c)
    try:
        factors = [linalg.inv(linalg.cholesky(m, lower=True)).T for m in c.reshape(-1, *c.shape[-2:])]
    except (linalg.LinAlgError, ValueError) as error:
        raise ValueError(ILL_DEFINED) from error
    return np.stack(factors).reshape(c.shape)


def precisions_cholesky_from_precisions(precisions: Array, covariance_type: str) -> Array:
    """The same factor from precisions: the Cholesky factor of the matrix with rows and columns reversed."""
    p = np.asarray(precisions, dtype=np.float64)
    if covariance_type in ("diag", "spherical"):
        return np.sqrt(p)
    matrices = p.reshape(-1, *p.shape[-2:])
    return np.stack([linalg.cholesky(m[::-1, ::-1], lower=True)[::-1, ::-1] for m in matrices]).reshape(p.shape)


def precisions(precisions_cholesky: Array, covariance_type: str) -> Array:
    """U Uᵀ."""
    u = np.asarray(precisions_cholesky, dtype=np.float64)
    return u**2 if covariance_type in ("diag", "spherical") else u @ np.swapaxes(u, -1, -2)


def smallest_eigenvalue(matrix: Array) -> float:
    """Of a symmetric matrix."""
    return float(linalg.eigvalsh(matrix)[0])


# --- starts and the loop --------------------------------------------------------------------------------------------


def _start(X: Array, k: int, method: str, rng: np.random.RandomState, w: Array) -> Array:
    n = len(X)
    resp = np.zeros((n, k))
    there = np.flatnonzero(w)
    if method == "kmeans":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
            kmeans = KMeans(k, n_init=1, random_state=rng).fit(X[there], sample_weight=w[there])
        resp[there, kmeans.labels_] = 1
    elif method == "k-means++":
        _, rows = kmeans_plusplus(X[there], k, sample_weight=w[there], random_state=rng)
        resp[there[rows], np.arange(k)] = 1
    elif method == "random":
        resp = rng.uniform(size=(n, k))
        resp /= resp.sum(axis=1, keepdims=True)
    else:
        resp[rng.choice(n, size=k, replace=False, p=w / w.sum()), np.arange(k)] = 1
    return resp


def initial_statistics(
    X: Array,
    n_components: int,
    covariance_type: str,
    method: str,
    seeds: Array,
    sample_weight: Array | None = None,
    n_jobs: int | None = None,
) -> list[MixtureStatistics]:
    """Statistics to start each restart from."""
    X = _rows(X)
    w = _weights_of_rows(sample_weight, len(X))
    rngs = [np.random.RandomState(int(seed) % 2**32) for seed in seeds]
    starts = [_start(X, n_components, method, rng, w) for rng in rngs]
    return [statistics_from_responsibilities(X, resp, covariance_type, sample_weight) for resp in starts]


def em(
    X: Array,
    starts: list[tuple[Array, Array, Array]],
    covariance_type: str,
    tol: float,
    reg_covar: float,
    max_iter: int,
    sample_weight: Array | None = None,
    n_jobs: int | None = None,
    lower_bounds: list[float] | None = None,
    callback: Any = None,
) -> list[dict[str, Any]]:
    """Expectation maximisation from each start, one after another."""
    results = []
    for restart, (weights, means, factor) in enumerate(starts):
        previous = -np.inf if lower_bounds is None else lower_bounds[restart]
        bounds: list[float] = []
        converged = False
        while not converged and len(bounds) < max_iter:
            s = statistics(X, weights, means, factor, covariance_type, sample_weight)
            nk, means, covariances = moments(s, reg_covar)
            weights, factor = nk / nk.sum(), precisions_cholesky(covariances, covariance_type)
            bounds.append(s.log_likelihood / s.total_weight)
            converged = bool(abs(bounds[-1] - previous) < tol)
            previous = bounds[-1]
            if callback is not None:
                callback([(restart, len(bounds), previous, converged or len(bounds) == max_iter)])
        results.append(
            {
                "weights": weights,
                "means": means,
                "covariances": covariances,
                "precisions_cholesky": factor,
                "converged": converged,
                "n_iter": len(bounds),
                "lower_bounds": np.array(bounds),
            }
        )
    return results


# --- sums -----------------------------------------------------------------------------------------------------------


def pairwise_sum(x: Array, y: Array | None, kernel: str, gamma: float, n_jobs: int | None = None) -> float:
    """Σ kernel(xᵢ, yⱼ) over all pairs."""
    x = _rows(x)
    y = x if y is None else _rows(y)
    if kernel == "product":
        return float((x @ y.T).sum())
    if kernel == "rbf":
        return float(np.exp(-gamma * cdist(x, y, "sqeuclidean")).sum())
    if kernel == "laplacian":
        return float(np.exp(-gamma * cdist(x, y, "cityblock")).sum())
    if kernel == "distance":
        return float(cdist(x, y).sum())
    raise ValueError(f"kernel must be product, rbf, laplacian or distance, got {kernel!r}")


def count_and_sum(x: Array, n_jobs: int | None = None) -> tuple[int, float]:
    """Number of values and their sum."""
    x = np.asarray(x, dtype=np.float64)
    return x.size, float(x.sum())

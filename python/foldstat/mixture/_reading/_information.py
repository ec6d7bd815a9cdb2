"""Entropy and divergence: estimates with their errors, and bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from foldstat import _core
from foldstat._common.arrays import FLOAT32, Floats, Rows
from foldstat._common.checks import as_count
from foldstat._common.threads import thread_count
from foldstat.mixture._reading._base import Fitted
from foldstat.mixture._reading._columns import names_of
from foldstat.mixture._reading._components import Components
from foldstat.mixture._reading._elementary import (
    half_log_determinants,
    log,
    log_sum_exp,
    lower_factors,
    solved,
    times_log,
)
from foldstat.mixture._sample import Rng, generator_of

_VARIATIONAL_STEPS = 100  # each costs k² exponentials, and none is needed for a bound to be one


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated from random draws.

    Attributes
    ----------
    value : float
        The estimate, in nats.
    error : float
        Its standard error.
    lower, upper : float
        Bounds that hold whatever was drawn.
    n_samples : int
        Number of draws.
    """

    value: float
    error: float
    lower: float
    upper: float
    n_samples: int

    def __float__(self) -> float:
        return self.value


class InformationReads(Fitted):
    """How much a mixture leaves open, and how far it is from another one."""

    def entropy(self, n_samples: int = 10_000, *, rng: Rng = None) -> Estimate:
        """Differential entropy -E log p(x).

        Parameters
        ----------
        n_samples : int, default=10000
            Number of draws; the error falls with its root.
        rng : Generator, SeedSequence, int or None, default=None
            Where draws come from. None takes `random_state`.

        Returns
        -------
        Estimate
            The estimate, its standard error, and bounds from distances between components.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If `n_samples` is less than 2.

        References
        ----------
        Huber, Bailey, Durrant-Whyte & Hanebeck, "On entropy approximation for Gaussian mixture random vectors", IEEE
        MFI (2008). Kolchinsky & Tracey, "Estimating mixture entropy with pairwise distances", Entropy 19 (2017).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
        >>> found = model.entropy(rng=0)
        >>> round(found.upper, 6), bool(abs(found.value - found.upper) < 4 * found.error)
        (1.418939, True)
        """
        check_is_fitted(self)
        n = as_count(n_samples, "n_samples", "a number of draws", least=2)
        draws = self._draws(n, rng)
        components = Components.of(self).present
        lower, upper = _entropy_bounds(components)
        return _estimate(-self._log_densities(draws), lower, upper)

    def kl_divergence(self, other: Any, n_samples: int = 10_000, *, rng: Rng = None) -> Estimate:
        """Kullback-Leibler divergence E log p(x) / q(x) from this mixture p to another one q.

        Parameters
        ----------
        other : GaussianMixture
            The mixture q, of the same features; also one of scikit-learn's.
        n_samples : int, default=10000
            Number of draws from p; the error falls with its root.
        rng : Generator, SeedSequence, int or None, default=None
            Where draws come from. None takes `random_state`.

        Returns
        -------
        Estimate
            The estimate, its standard error, and bounds from distances between components. The estimate itself may
            lie outside of them, or below 0, by some errors.

        Raises
        ------
        NotFittedError
            If one of the models has no parameters yet.
        ValueError
            If the features differ, or `n_samples` is less than 2.

        References
        ----------
        Hershey & Olsen, "Approximating the Kullback Leibler divergence between Gaussian mixture models", ICASSP
        (2007). Durrieu, Thiran & Kelly, "Lower and upper bounds for approximation of the Kullback-Leibler divergence
        between Gaussian mixture models", ICASSP (2012).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> p = GaussianMixture.from_parameters([1.0], [[0.0]], [1.0], covariance_type="spherical")
        >>> q = GaussianMixture.from_parameters([1.0], [[2.0]], [1.0], covariance_type="spherical")
        >>> found = p.kl_divergence(q, rng=0)
        >>> round(found.upper, 6), bool(abs(found.value - 2.0) < 4 * found.error)
        (2.0, True)
        >>> p.kl_divergence(p).value
        0.0
        """
        check_is_fitted(self)
        n = as_count(n_samples, "n_samples", "a number of draws", least=2)
        q = _other(self, other)
        draws = self._draws(n, rng)
        ratios = self._log_densities(draws) - q.score_samples(draws, thread_count(self.n_jobs))
        lower, upper = _divergence_bounds(Components.of(self).present, Components.of(other).present)
        return _estimate(ratios, lower, upper)

    def posterior_entropy(self, X: Any) -> Rows:
        """Entropy of the component of each row: how far the model is from knowing it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or of Dask where X is
            -Σ r log r in nats, from 0 to the logarithm of the number of components.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or infinite entries or the wrong number of features.

        References
        ----------
        Biernacki, Celeux & Govaert, "Assessing a mixture model for clustering with the integrated completed
        likelihood", IEEE Transactions on Pattern Analysis and Machine Intelligence 22 (2000).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> model.posterior_entropy([[2.0], [8.0]]).round(6)
        array([0.693147, 0.      ])
        """
        found: Rows = _by_row(self.predict_proba(X), _entropies)
        return found

    def uncertainty(self, X: Any) -> Rows:
        """Probability of each row to be of another component than the most probable one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or source
            Rows, in memory or elsewhere, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or of Dask where X is
            1 - max p(component | x), summed over the others: small ones are exact, too.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If X has NaN or infinite entries or the wrong number of features.

        References
        ----------
        Fraley & Raftery, "Model-based clustering, discriminant analysis, and density estimation", Journal of the
        American Statistical Association 97 (2002).

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [4.0]], [1.0, 1.0],
        ...                                         covariance_type="spherical")
        >>> model.uncertainty([[2.0]])
        array([0.5])
        """
        found: Rows = _by_row(self.predict_proba(X), _uncertainties)
        return found

    def _draws(self, n: int, rng: Rng) -> Floats:
        generator = generator_of(rng, self.random_state)
        draws: Floats = self.sample(n, rng=generator)[0]
        return draws

    def _log_densities(self, rows: Floats) -> Floats:
        mixture: _core.Mixture = self._compiled_mixture()
        return mixture.score_samples(rows, thread_count(self.n_jobs))


def _other(model: Any, other: Any) -> _core.Mixture:
    """Give another mixture as kernels take it, if it is one of the same features."""
    if not all(hasattr(other, name) for name in ("weights_", "means_", "covariances_", "covariance_type")):
        raise TypeError(f"other must be a fitted Gaussian mixture, got {type(other).__name__}")
    d, there = np.shape(model.means_)[1], np.shape(other.means_)[1]
    if there != d:
        raise ValueError(f"other has {there} features, and this model has {d}")
    mine, names = names_of(model, d), names_of(other, d)
    if None not in (*mine, *names) and mine != names:
        raise ValueError(f"other has the features {names}, and this model has {mine}")
    compiled = getattr(other, "_compiled_mixture", None)
    found: _core.Mixture = compiled() if compiled is not None else Components.of(other).compiled()
    return found


def _estimate(values: Floats, lower: float, upper: float) -> Estimate:
    n, center = len(values), float(values[0])
    deviations = values - center  # constant ones have no error at all
    mean = float(deviations.sum()) / n
    variance = float(((deviations - mean) ** 2).sum()) / (n - 1)
    return Estimate(center + mean, math.sqrt(variance / n), lower, upper, n)


def _by_row(shares: Any, function: Any) -> Any:
    """Apply a function to responsibilities, which of a Dask collection are as lazy."""
    if hasattr(shares, "map_blocks"):
        return shares.map_blocks(function, drop_axis=1, dtype=shares.dtype)
    return function(shares)


def _entropies(shares: Rows) -> Rows:
    found: Floats = -times_log(np.asarray(shares, dtype=np.float64)).sum(axis=1) + 0.0
    return found.astype(np.float32) if shares.dtype == FLOAT32 else found


def _uncertainties(shares: Rows) -> Rows:
    others = np.array(shares)
    if others.size:
        others[np.arange(len(others)), others.argmax(axis=1)] = 0.0
    found: Rows = others.sum(axis=1)
    return found


# ---------------------------------------------------------------- distances between components


def _divergences(p: Components, q: Components) -> Floats:
    """Give D(pₐ ‖ q_b) of all pairs of components."""
    of_p, of_q = lower_factors(p.covariances, "covariances_"), lower_factors(q.covariances, "covariances_")
    determinants = half_log_determinants(of_q) - half_log_determinants(of_p)[:, np.newaxis]
    found: Floats = np.empty((len(p.weights), len(q.weights)))
    d = p.means.shape[1]
    for a, factor in enumerate(of_p):
        roots = solved(of_q, factor[np.newaxis])
        offsets = solved(of_q, (p.means[a] - q.means)[:, :, np.newaxis])
        squares = (roots**2).sum(axis=(1, 2)) + (offsets**2).sum(axis=(1, 2))
        found[a] = determinants[a] + 0.5 * (squares - d)
    return np.maximum(found, 0.0)


def _log_overlaps(p: Components, q: Components) -> Floats:
    """Give log ∫ pₐ q_b of all pairs of components."""
    found: Floats = np.empty((len(p.weights), len(q.weights)))
    d = p.means.shape[1]
    for a, covariance in enumerate(p.covariances):
        factors = lower_factors(covariance + q.covariances, "covariances_")
        offsets = solved(factors, (p.means[a] - q.means)[:, :, np.newaxis])
        found[a] = -half_log_determinants(factors) - 0.5 * (offsets**2).sum(axis=(1, 2))
    return np.asarray(found - 0.5 * d * math.log(2 * math.pi))


def _log_affinities(p: Components) -> Floats:
    """Give log ∫ √(pₐ p_b) of all pairs of components: minus their Bhattacharyya distance."""
    found = np.empty((len(p.weights), len(p.weights)))
    determinants = half_log_determinants(lower_factors(p.covariances, "covariances_"))
    for a, covariance in enumerate(p.covariances):
        factors = lower_factors(0.5 * covariance + 0.5 * p.covariances, "covariances_")
        offsets = solved(factors, (p.means[a] - p.means)[:, :, np.newaxis])
        found[a] = 0.5 * (determinants[a] + determinants) - half_log_determinants(factors)
        found[a] -= 0.125 * (offsets**2).sum(axis=(1, 2))
    return np.minimum(found, 0.0)


def _component_entropy(p: Components) -> float:
    """Give Σ πₐ H(pₐ)."""
    d = p.means.shape[1]
    determinants = half_log_determinants(lower_factors(p.covariances, "covariances_"))
    within = math.fsum((p.weights * determinants).tolist())
    return float(within + 0.5 * d * (1 + math.log(2 * math.pi)))


def _expected_log(p: Components, q: Components, log_values: Floats) -> float:
    """Give Σ πₐ log Σ ω_b exp(v_ab)."""
    return float((p.weights * log_sum_exp(log(q.weights) + log_values, axis=1)).sum())


def _entropy_bounds(p: Components) -> tuple[float, float]:
    within = _component_entropy(p)
    lower = max(-_expected_log(p, p, _log_overlaps(p, p)), within - _expected_log(p, p, _log_affinities(p)))
    upper = within - _expected_log(p, p, -_divergences(p, p))
    return min(lower, upper), upper


def _divergence_bounds(p: Components, q: Components) -> tuple[float, float]:
    within = _component_entropy(p)
    divergences = _divergences(p, q)
    lower_p, upper_p = _entropy_bounds(p)
    # E log q lies between the variational and the product bound.
    lower = -upper_p - _expected_log(p, q, _log_overlaps(p, q))
    upper = -lower_p - (_expected_log(p, q, -divergences) - within)
    upper = max(0.0, min(upper, _variational_bound(p, q, divergences)))
    return min(max(0.0, lower), upper), upper


def _variational_bound(p: Components, q: Components, divergences: Floats) -> float:
    """Split components into pairs, which can only lose; the best split by Hershey & Olsen's iteration."""
    mine, theirs = log(p.weights)[:, np.newaxis], log(q.weights)
    log_psi = mine + theirs - divergences
    log_psi = log_psi - log_sum_exp(log_psi, axis=0) + theirs
    bound = math.inf
    for _ in range(_VARIATIONAL_STEPS):
        joint = log_psi - divergences
        total = log_sum_exp(joint, axis=1)[:, np.newaxis]
        if not np.isfinite(total).all():
            return bound
        previous, bound = bound, float((p.weights * (mine - total)[:, 0]).sum())
        if not previous - bound > 1e-12 * abs(bound):
            break
        log_phi = joint - total + mine
        log_psi = log_phi - log_sum_exp(log_phi, axis=0) + theirs
    return bound

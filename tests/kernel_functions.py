"""The kernels of a mixture as functions of arrays."""

from __future__ import annotations

import numpy as np

from foldstat import _core


def log_prob(X, means, factors, family, n_jobs=None):
    return _core.Mixture(None, means, factors, family, n_jobs).log_prob(X, n_jobs)


def score_samples(X, weights, means, factors, family, n_jobs=None):
    return _core.Mixture(weights, means, factors, family, n_jobs).score_samples(X, n_jobs)


def predict_proba(X, weights, means, factors, family, n_jobs=None):
    return _core.Mixture(weights, means, factors, family, n_jobs).predict_proba(X, n_jobs)


def predict(X, weights, means, factors, family, n_jobs=None):
    return _core.Mixture(weights, means, factors, family, n_jobs).predict(X, n_jobs)


def expectation(X, weights, means, factors, family, n_jobs=None):
    return _core.Mixture(weights, means, factors, family, n_jobs).expectation(X, n_jobs)


def statistics(X, weights, means, factors, family, sample_weight=None, n_jobs=None, check_finite=True):
    return _core.Mixture(weights, means, factors, family, n_jobs).statistics(X, sample_weight, n_jobs, check_finite)


def em(
    X,
    starts,
    family,
    tol,
    reg_covar,
    max_iter,
    sample_weight=None,
    n_jobs=None,
    lower_bounds=None,
    callback=None,
):
    """EM from weights, means and factors; what it ends with by name."""
    mixtures = [_core.Mixture(*start, family, n_jobs) for start in starts]
    fits = _core.fit(
        X,
        family,
        tol=tol,
        reg_covar=reg_covar,
        max_iter=max_iter,
        starts=[(mixture, np.zeros(mixture.precisions_cholesky.shape)) for mixture in mixtures],
        sample_weight=sample_weight,
        n_jobs=n_jobs,
        lower_bounds=lower_bounds,
        callback=callback,
    )
    return [named(fit) for fit in fits]


def named(fit):
    """A fit as a dict of arrays and numbers."""
    mixture = fit["mixture"]
    return {
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": fit["covariances"],
        "precisions_cholesky": mixture.precisions_cholesky,
        "converged": fit["converged"],
        "n_iter": len(fit["lower_bounds"]),
        "lower_bounds": fit["lower_bounds"],
    }

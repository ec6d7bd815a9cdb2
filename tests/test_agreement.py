"""The numbers of scikit-learn's `GaussianMixture`, from the same start.

The likelihood after each iteration and the parameters after the last agree to 1e-9. scikit-learn
has no weights of rows; integer weights are compared with repeated rows.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Reference

from foldstat import GaussianMixture
from mixtures import FAMILIES, assert_close, integer_weights, random_mixture

RTOL = 1e-9


def fit_both(m, k, rows=None, sample_weight=None, reference_rows=None, max_iter=15):
    start = {
        "weights_init": m.weights,
        "means_init": m.means,
        "precisions_init": m.precisions,
        "max_iter": max_iter,
        "tol": 0.0,
    }
    rows = m.X if rows is None else rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = GaussianMixture(k, covariance_type=m.family, **start)
        ours.fit(rows, sample_weight=sample_weight)
        theirs = Reference(k, covariance_type=m.family, **start)
        theirs.fit(rows if reference_rows is None else reference_rows)
    return ours, theirs


def assert_agreement(ours, theirs):
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.converged_ == theirs.converged_
    assert len(ours.lower_bounds_) == ours.n_iter_
    # Rows of a mixture seldom have a mean log-likelihood near 0; where they do, 1 is the scale.
    assert_close(ours.lower_bounds_, theirs.lower_bounds_, RTOL, atol=RTOL)
    assert_close(ours.lower_bound_, theirs.lower_bound_, RTOL, atol=RTOL)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        expected = getattr(theirs, name)
        assert_close(getattr(ours, name), expected, RTOL, atol=RTOL * np.abs(expected).max())


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(60, 400),
    d=st.integers(1, 10),
    k=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_shape(family, n, d, k, seed):
    m = random_mixture(family, n, d, k, seed)
    ours, theirs = fit_both(m, k)
    assert_agreement(ours, theirs)


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(80, 300),
    d=st.integers(1, 6),
    k=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
@pytest.mark.parametrize("family", FAMILIES)
def test_integer_weights_are_repeated_rows(family, n, d, k, seed):
    m = random_mixture(family, n, d, k, seed)
    w = integer_weights(n, seed)
    repeated = np.repeat(m.X, w.astype(int), axis=0)
    ours, theirs = fit_both(m, k, sample_weight=w, reference_rows=repeated)
    assert_agreement(ours, theirs)
    assert_close(ours.score(m.X, sample_weight=w), theirs.score(repeated), RTOL, atol=RTOL)
    assert_close(ours.bic(m.X, sample_weight=w), theirs.bic(repeated), RTOL)
    assert_close(ours.aic(m.X, sample_weight=w), theirs.aic(repeated), RTOL)


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_weight_zero_are_not_there(family):
    m = random_mixture(family, n=200, d=3, k=3)
    rng = np.random.default_rng(0)
    w = (rng.random(200) < 0.6).astype(float)
    rows = m.X.copy()
    rows[w == 0] = rng.normal(scale=1e6, size=rows[w == 0].shape)
    ours, theirs = fit_both(m, 3, rows=rows, sample_weight=w, reference_rows=m.X[w > 0])
    assert_agreement(ours, theirs)


@pytest.mark.parametrize("factor", [1e-3, 7.5])
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_relative(family, factor):
    m = random_mixture(family, n=300, d=2, k=2)
    ours, theirs = fit_both(m, 2, sample_weight=np.full(300, factor))
    assert_agreement(ours, theirs)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(4000, 2, 4), (600, 16, 4), (400, 40, 2)], ids=str)
def test_larger_shapes(family, shape):
    m = random_mixture(family, *shape)
    ours, theirs = fit_both(m, shape[2], max_iter=8)
    assert_agreement(ours, theirs)
    X = m.X[:200]
    assert_close(ours.score_samples(X), theirs.score_samples(X), RTOL)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_rule_of_convergence(family, tol):
    m = random_mixture(family, n=300, d=2, k=3, spread=1.5)
    start = {
        "weights_init": m.weights,
        "means_init": m.means,
        "precisions_init": m.precisions,
        "tol": tol,
        "max_iter": 500,
    }
    ours = GaussianMixture(3, covariance_type=family, **start).fit(m.X)
    theirs = Reference(3, covariance_type=family, **start).fit(m.X)
    assert ours.converged_
    assert_agreement(ours, theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_clear_clusters_are_found_from_every_default_start(family):
    """Different random numbers, the same maximum."""
    m = random_mixture(family, n=600, d=2, k=3, spread=30)
    ours = GaussianMixture(3, covariance_type=family, n_init=3, random_state=0, tol=1e-9).fit(m.X)
    theirs = Reference(3, covariance_type=family, n_init=3, random_state=0, tol=1e-9).fit(m.X)
    assert_close(ours.lower_bound_, theirs.lower_bound_, 1e-6)
    a, b = np.lexsort(ours.means_.T), np.lexsort(theirs.means_.T)
    np.testing.assert_allclose(ours.means_[a], theirs.means_[b], atol=1e-4)
    np.testing.assert_allclose(ours.weights_[a], theirs.weights_[b], atol=1e-4)

"""Sample weights: their scale does not matter, and a row of weight zero is not there."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

import kernel_functions
from foldstat import GaussianMixture, MixtureStatistics
from foldstat.mixture import em, maximization, statistics
from mixtures import FAMILIES, INITS, assert_close, model_of, random_mixture

ARRAYS = ("weights_", "means_", "covariances_", "precisions_cholesky_")


def fit(X, w=None, family="full", k=2, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianMixture(k, covariance_type=family, **{"random_state": 0, "max_iter": 20, **params})
        return model.fit(X, sample_weight=w)


def some_weights(n, seed=0):
    """Weights of every size, among them tiny ones, and zeros."""
    rng = np.random.default_rng(seed)
    weights = rng.gamma(1.0, size=n)
    weights[rng.random(n) < 0.2] = 0.0
    return weights


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_scale_of_weights_changes_no_bit(family, init, dtype):
    X, w = random_mixture(family, n=300, d=3).X.astype(dtype), some_weights(300)
    if dtype == np.float32:
        w = w.astype(np.float32).astype(np.float64)
    plain = fit(X, w, family, init_params=init)
    for power in (-990, -53, -3, 1, 40, 1015):
        scaled = fit(X, np.ldexp(w, power), family, init_params=init)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(scaled, name), getattr(plain, name))
        assert scaled.lower_bounds_ == plain.lower_bounds_
        assert plain.score(X, sample_weight=np.ldexp(w, power)) == plain.score(X, sample_weight=w)


@pytest.mark.parametrize("scale", [1e-300, 1e-16, 1e16, 1e300])
@pytest.mark.parametrize("family", FAMILIES)
def test_equal_weights_are_no_weights(family, scale):
    X = 5.0 + random_mixture(family, n=300, d=3).X
    w = np.full(300, scale)
    plain, weighted = fit(X, family=family), fit(X, w, family)
    for name in ARRAYS:
        assert_close(getattr(weighted, name), getattr(plain, name), 1e-9)
    start = plain.weights_, plain.means_, plain.covariances_
    fits = [em(X, *start, covariance_type=family, sample_weight=sample_weight) for sample_weight in (None, w)]
    assert_close(fits[1].means, fits[0].means, 1e-9)
    r = plain.predict_proba(X)
    assert_close(
        maximization(X, r, covariance_type=family, sample_weight=w).means,
        maximization(X, r, covariance_type=family).means,
        1e-9,
    )


@pytest.mark.parametrize("scale", [1e-290, 1e-16, 1.0, 1e290])
def test_statistics_are_in_the_unit_of_the_weights(scale):
    m, w = random_mixture("full"), some_weights(300)
    parameters = m.X, m.weights, m.means, m.covariances
    plain, scaled = (statistics(*parameters, sample_weight=s * w) for s in (1.0, scale))
    assert_close(scaled.total_weight, scale * w.sum(), 1e-12)
    assert_close(scaled.responsibility_sums, scale * plain.responsibility_sums, 1e-12)
    assert_close(scaled.scatter, scale * plain.scatter, 1e-9)
    assert_close(scaled.log_likelihood, scale * plain.log_likelihood, 1e-12)
    assert scaled.n_rows == plain.n_rows == (w > 0).sum()
    for ours, expected in zip(maximization(scaled), maximization(plain), strict=True):
        assert_close(ours, expected, 1e-9)


def test_an_empty_component_is_that_of_scikit_learn():
    """What keeps it from dividing by zero is 10 ε of a row, whatever rows weigh."""
    X = random_mixture("full").X
    r = np.zeros((300, 2))
    r[:, 0] = 1.0
    r[0, 1] = 1e-15
    eps = 10 * np.finfo(float).eps
    for scale in (1.0, 1e-200, 1e200):
        found = maximization(X, r, sample_weight=np.full(300, scale))
        assert_close(found.means[1], 1e-15 * X[0] / (1e-15 + eps), 1e-9)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_a_row_of_weight_zero_is_not_there(family, init, k):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        n, more = [(200, 90), (1500, 700), (60, 2000)][seed]
        X = random_mixture(family, n=n, d=2, k=3, seed=seed).X
        w = rng.uniform(0.5, 2.0, n)
        places = np.sort(rng.integers(0, n + 1, more))
        with_zeros = np.insert(X, places, rng.normal(scale=30.0, size=(more, 2)), axis=0)
        plain, zeros = (
            fit(rows, weights, family, k, init_params=init, random_state=seed, max_iter=0)
            for rows, weights in [(X, w), (with_zeros, np.insert(w, places, 0.0))]
        )
        for name in ARRAYS:
            assert_close(getattr(zeros, name), getattr(plain, name), 1e-7)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    family=st.sampled_from(FAMILIES),
    init=st.sampled_from(INITS),
    k=st.integers(1, 4),
    weighted=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_fits_with_and_without_rows_of_weight_zero(seed, family, init, k, weighted, dtype):
    rng = np.random.default_rng(seed)
    X = random_mixture(family, n=120, d=2, k=2, seed=seed % 1000).X.astype(dtype)
    w = rng.integers(1, 4, 120).astype(float) if weighted else np.ones(120)
    places = np.sort(rng.integers(0, 121, 50))
    with_zeros = np.insert(X, places, rng.normal(scale=9.0, size=(50, 2)), axis=0).astype(dtype)
    plain, zeros = (
        fit(rows, weights, family, k, init_params=init, random_state=seed, max_iter=3)
        for rows, weights in [(X, w), (with_zeros, np.insert(w, places, 0.0))]
    )
    tolerance = 1e-6 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(zeros.means_, plain.means_, tolerance, tolerance)
    np.testing.assert_allclose(zeros.weights_, plain.weights_, tolerance, tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
def test_integer_weights_are_copies_for_em_from_a_given_start(family, dtype):
    m = random_mixture(family, n=300, d=2, k=3)
    X, w = m.X.astype(dtype), np.arange(300) % 4
    start = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    weighted, copied = fit(X, w, family, 3, **start), fit(X.repeat(w, axis=0), None, family, 3, **start)
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    for name in ARRAYS:
        assert_close(getattr(weighted, name), getattr(copied, name), tolerance)


def test_weights_that_are_left_alone_are_not_copied():
    m, w = random_mixture("full"), np.ones(300)
    frozen = w.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(fit(m.X, frozen).means_, fit(m.X, w).means_)
    assert_close(model_of(m).score(m.X, sample_weight=3 * frozen), model_of(m).score(m.X), 1e-12)
    with pytest.raises(ValueError, match="weighted sums exceed the range of float64; scale the weights"):
        kernel_functions.statistics(m.X, *m.parameters, np.full(300, 1e308))


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e-16, 1.0, 1e16, 1e300])
@pytest.mark.parametrize("family", FAMILIES)
def test_parts_of_weights_of_any_scale_add_up(family, scale):
    """Identity and empty parts change nothing, and the parts give what the whole gives."""
    m = random_mixture(family, n=3000, d=2)
    model = {"weights": m.weights, "means": m.means, "covariances": m.covariances, "covariance_type": family}

    def of(X):
        return statistics(X, **model, sample_weight=np.full(len(X), scale))

    whole, nothing = of(m.X), of(m.X[:0])
    assert MixtureStatistics() + whole == whole == whole + MixtureStatistics()
    total = sum([nothing, of(m.X[:100]), of(m.X[100:2000]), of(m.X[2000:]), nothing], MixtureStatistics())
    assert total.n_rows == whole.n_rows == 3000
    for found, expected in zip(maximization(total), maximization(whole), strict=True):
        assert_close(found, expected, 1e-9)

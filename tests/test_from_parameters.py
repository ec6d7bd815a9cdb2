"""Models from known parameters, and what they draw."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.mixture import GaussianMixture as Reference

from foldstat import GaussianMixture
from foldstat.walkers import NormalStep
from mixtures import assert_close, model_of

METHODS = ("score_samples", "predict_proba", "predict")


def test_from_parameters_is_ready_to_use(m):
    model = model_of(m, random_state=3)
    theirs = Reference(2, covariance_type=m.family, random_state=3)
    theirs.weights_, theirs.means_, theirs.covariances_ = m.weights, m.means, m.covariances
    theirs.precisions_cholesky_ = m.factor
    for method in METHODS:
        assert_close(getattr(model, method)(m.X), getattr(theirs, method)(m.X), 1e-9, atol=1e-12)
    assert_close(model.bic(m.X), theirs.bic(m.X), 1e-9)
    assert_close(model.aic(m.X), theirs.aic(m.X), 1e-9)
    for a, b in zip(model.sample(50), theirs.sample(50), strict=True):
        np.testing.assert_array_equal(a, b)
    assert_close(model.precisions_, m.precisions, 1e-9, atol=1e-12)
    assert (model.n_features_in_, model.n_components) == (3, 2)
    assert (model.converged_, model.n_iter_, model.lower_bounds_) == (False, 0, [])
    pickle.loads(pickle.dumps(model)).predict(m.X)
    clone(model)


def test_from_parameters_owns_what_it_was_given(m):
    model = model_of(m)
    before = model.score(m.X)
    for array in (m.weights, m.means, m.covariances):
        array[...] = 7.0
    assert model.score(m.X) == before


def test_from_parameters_warm_start(m):
    warm = model_of(m, warm_start=True, tol=1e-6).fit(m.X)
    given = GaussianMixture(
        2,
        covariance_type=m.family,
        weights_init=m.weights,
        means_init=m.means,
        precisions_init=m.precisions,
        tol=1e-6,
    ).fit(m.X)
    assert warm.n_iter_ == given.n_iter_
    assert_close(warm.means_, given.means_, 1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [0.5]}, r"weights must have shape \(2,\), got \(1,\)"),
        ({"weights": [0.5, 0.6]}, r"weights must sum to 1, got a sum of .*1\.1"),
        ({"weights": [1.5, -0.5]}, "weights must not be negative, got -0.5 for component 1"),
        ({"weights": [np.nan, 0.5]}, r"weights must be finite, got nan at \(0,\)"),
        ({"weights": ["a", "b"]}, "weights must hold real numbers"),
        ({"means": [0.0, 1.0]}, r"means must have shape \(n_components, n_features\), got \(2,\)"),
        ({"means": [[0.0, np.inf], [0.0, 0.0]]}, r"means must be finite, got inf at \(0, 1\)"),
        ({"covariances": np.eye(2)}, r"covariances must have shape \(2, 2, 2\), got \(2, 2\)"),
        (
            {"covariances": [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]]},
            r"covariances\[1\] must be positive definite, got a smallest eigenvalue of -1",
        ),
        (
            {"covariances": [np.eye(2), [[1.0, 0.5], [0.1, 1.0]]]},
            r"covariances\[1\] must be symmetric, got .*0\.5.* and .*0\.1",
        ),
        ({"covariance_type": "round"}, r"covariance_type must be one of 'full'.*got 'round'"),
    ],
)
def test_from_parameters_names_what_is_wrong(change, message):
    good = {
        "weights": [0.5, 0.5],
        "means": [[0.0, 0.0], [1.0, 1.0]],
        "covariances": [np.eye(2), np.eye(2)],
    }
    GaussianMixture.from_parameters(**good)
    with pytest.raises((ValueError, TypeError), match=message):
        GaussianMixture.from_parameters(**{**good, **change})


def test_from_parameters_names_bad_variances():
    arguments = [1.0], [[0.0, 0.0]]
    with pytest.raises(ValueError, match=r"covariances must be positive, got 0.0 at \(0, 1\)"):
        GaussianMixture.from_parameters(*arguments, [[1.0, 0.0]], covariance_type="diag")
    with pytest.raises(ValueError, match="covariances must be positive definite, got a smallest"):
        GaussianMixture.from_parameters(*arguments, np.diag([1.0, -2.0]), covariance_type="tied")
    with pytest.raises(TypeError, match="n_components"):
        GaussianMixture.from_parameters(*arguments, [np.eye(2)], n_components=1)


def test_from_parameters_of_a_float32_model():
    X = np.random.default_rng(0).normal(size=(2000, 20)) @ np.random.default_rng(1).normal(size=(20, 20))
    theirs = Reference(3, random_state=0, max_iter=5, tol=1.0).fit(X.astype(np.float32))
    assert theirs.covariances_.dtype == np.float32
    assert (theirs.covariances_ != np.swapaxes(theirs.covariances_, -1, -2)).any(), "nothing to even out"
    model = GaussianMixture.from_parameters(theirs.weights_, theirs.means_, theirs.covariances_)
    assert_close(model.score_samples(X), theirs.score_samples(X), 1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_covariances_may_be_unsymmetric_by_rounding(scale):
    Q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 20)))
    covariance = scale * ((Q * np.linspace(1.0, 3.0, 20)) @ Q.T)
    assert (covariance != covariance.T).any(), "nothing to even out"
    model = GaussianMixture.from_parameters([1.0], np.zeros((1, 20)), [covariance])
    np.testing.assert_array_equal(model.covariances_[0], model.covariances_[0].T)
    assert_close(model.covariances_[0], covariance, 1e-14, atol=1e-14 * scale)


def inverse_of_a_precision(condition, spread, d=8, seed=0):
    """What `numpy.linalg.inv` makes of a precision of that condition, features having scales of their own."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(d, d)))
    precision = (Q * np.geomspace(1.0, condition, d)) @ Q.T
    scales = 10.0 ** rng.uniform(-spread, spread, d)
    precision = 0.5 * (precision + precision.T) * np.outer(scales, scales)
    return precision, np.linalg.inv(precision)


@pytest.mark.parametrize("spread", [0, 5])
@pytest.mark.parametrize("condition", [1e2, 1e6, 1e8, 1e10, 1e12])
def test_the_inverse_of_a_precision_is_a_covariance(condition, spread):
    for seed in range(5):
        precision, covariance = inverse_of_a_precision(condition, spread, seed=seed)
        mean = np.zeros((1, 8))
        GaussianMixture.from_parameters([1.0], mean, [covariance])
        NormalStep(covariance)
        X = np.random.default_rng(seed).multivariate_normal(mean[0], 0.5 * (covariance + covariance.T), 50)
        start = {"weights_init": [1.0], "means_init": mean, "max_iter": 0}
        GaussianMixture(precisions_init=[precision], **start).fit(X)
        GaussianMixture(precisions_init=[np.linalg.inv(covariance)], **start).fit(X)


@pytest.mark.parametrize("scale", [1e-150, 1e-9, 1.0, 1e150])
@pytest.mark.parametrize("condition", [1e2, 1e6])
def test_a_real_asymmetry_is_refused_whatever_the_scale(condition, scale):
    _, covariance = inverse_of_a_precision(condition, 0)
    covariance = 0.5 * (covariance + covariance.T)
    covariance[2, 5] += 1e-6 * np.sqrt(covariance[2, 2] * covariance[5, 5])
    covariance *= scale
    X = np.random.default_rng(0).normal(size=(50, 8))
    with pytest.raises(ValueError, match=r"covariances\[0\] must be symmetric, got .* at \(2, 5\)"):
        GaussianMixture.from_parameters([1.0], np.zeros((1, 8)), [covariance])
    with pytest.raises(ValueError, match=r"cov must be symmetric, got .* at \(2, 5\)"):
        NormalStep(covariance)
    with pytest.raises(ValueError, match="'full precision' should be symmetric, positive-definite"):
        GaussianMixture(precisions_init=[covariance]).fit(X)


@pytest.mark.parametrize(("dtype", "difference"), [(np.float64, 1e-8), (np.float32, 1e-3)])
def test_covariances_further_from_symmetric_are_refused(dtype, difference):
    scales = np.array([1.0, 1e-4])  # the second feature is small, and counts all the same
    covariance = np.array([[1.0, 0.5 + difference], [0.5, 1.0]]) * np.outer(scales, scales)
    with pytest.raises(ValueError, match=r"covariances\[0\] must be symmetric"):
        GaussianMixture.from_parameters([1.0], np.zeros((1, 2)), covariance[np.newaxis].astype(dtype))


@pytest.mark.parametrize("n_samples", [1, 2, 1000])
def test_sample_draws_what_scikit_learn_draws(m, n_samples):
    model = model_of(m, random_state=5)
    theirs = Reference(2, covariance_type=m.family, random_state=5)
    theirs.weights_, theirs.means_, theirs.covariances_ = m.weights, m.means, m.covariances
    (X, y), (X_expected, y_expected) = model.sample(n_samples), theirs.sample(n_samples)
    np.testing.assert_array_equal(X, X_expected)
    np.testing.assert_array_equal(y, y_expected)
    assert (X.dtype, y.dtype) == (np.float64, y_expected.dtype)


def test_sample_from_a_float32_model(m):
    model = GaussianMixture(2, covariance_type=m.family, random_state=0).fit(m.X.astype(np.float32))
    X, y = model.sample(200)
    assert X.shape == (200, 3)
    assert (np.sort(y) == y).all()
    with pytest.raises(ValueError, match="Invalid value for 'n_samples': 0 "):
        model.sample(0)


@pytest.mark.parametrize("d", [250, 300])  # with LAPACK's eigenvalues and without
def test_rounding_in_an_inverse_of_many_features_is_evened_out(d):
    rng = np.random.default_rng(0)
    root, _ = np.linalg.qr(rng.normal(size=(d, d)))
    covariance = np.linalg.inv((root * np.geomspace(1.0, 1e9, d)) @ root.T)
    assert np.abs(covariance - covariance.T).max() > 1e-10 * covariance.max()
    model = GaussianMixture.from_parameters([1.0], np.zeros((1, d)), [covariance])
    np.testing.assert_allclose(model.covariances_[0], covariance, atol=1e-6)
    covariance[0, 1] += 1e-3
    with pytest.raises(ValueError, match=r"covariances\[0\] must be symmetric"):
        GaussianMixture.from_parameters([1.0], np.zeros((1, d)), [covariance])


def test_the_covariance_of_many_features_that_is_not_positive_definite_is_named():
    good = np.eye(300)
    bad = good.copy()
    bad[3, 4] = bad[4, 3] = 2.0
    with pytest.raises(ValueError, match=r"covariances\[1\] must be positive definite, and has no Cholesky factor"):
        GaussianMixture.from_parameters([0.5, 0.25, 0.25], np.zeros((3, 300)), [good, bad, bad])

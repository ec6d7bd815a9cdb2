"""Models whose attributes were set by hand: any factor of the precisions, any kind of array."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Reference

from foldstat import GaussianMixture, _core
from foldstat.plot import plot_mixture
from foldstat.walkers.densities import gaussian_mixture
from mixtures import assert_close, model_of


def by_hand(weights, means, factors, family="full", covariances=None, cls=GaussianMixture, **params):
    model = cls(len(weights), covariance_type=family, **params)
    model.weights_, model.means_, model.precisions_cholesky_ = weights, means, factors
    if covariances is not None:
        model.covariances_ = covariances
    return model


def test_the_lower_triangle_that_snippets_use():
    covariance = np.array([[[2.0, 1.2], [1.2, 1.0]]])
    model = by_hand(np.ones(1), np.zeros((1, 2)), np.linalg.cholesky(np.linalg.inv(covariance)))
    X = np.array([[0.0, 1.0], [3.0, 2.0]])
    np.testing.assert_allclose(model.score_samples(X), [-3.334, -3.869], atol=5e-4)
    expected = multivariate_normal([0.0, 0.0], covariance[0]).logpdf(X)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-12)


def drawn(seed, k, d, family, spread):
    """Weights, means, covariances, and factors F of the precisions, rotated anyhow."""
    rng = np.random.default_rng(seed)
    n = k if family == "full" else 1
    roots = rng.normal(size=(n, d, d)) + 2 * np.eye(d)
    roots *= 10.0 ** rng.uniform(-spread, spread, size=(n, d, 1))  # every feature has a scale of its own
    covariances = roots @ np.swapaxes(roots, 1, 2)
    # Σ = RRᵀ, so F = R⁻ᵀQ for any orthogonal Q.
    rotations, _ = np.linalg.qr(rng.normal(size=(n, d, d)))
    factors = np.swapaxes(np.linalg.inv(roots), 1, 2) @ rotations
    spelled = np.broadcast_to(covariances, (k, d, d))
    scale = np.sqrt(np.diagonal(spelled, axis1=1, axis2=2))
    means = rng.normal(size=(k, d)) * scale
    X = means[rng.integers(k, size=40)] + 2 * rng.normal(size=(40, d)) * scale.max(axis=0)
    weights = rng.dirichlet(np.ones(k))
    if family == "tied":
        covariances, factors = covariances[0], factors[0]
    return weights, means, covariances, factors, X, spelled


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 4),
    d=st.integers(1, 9) | st.sampled_from([24, 25, 33]),
    family=st.sampled_from(["full", "tied"]),
    spread=st.sampled_from([0.0, 3.0]),
)
def test_any_factor_of_the_precisions(seed, k, d, family, spread):
    weights, means, covariances, factors, X, spelled = drawn(seed, k, d, family, spread)
    model = by_hand(weights, means, factors, family, covariances)
    logs = np.stack([log_density(X, *normal) for normal in zip(means, spelled, strict=True)], axis=1) + np.log(weights)
    tolerance = {"rtol": 1e-7, "atol": 1e-7 * np.abs(logs).max()}
    expected = logsumexp(logs, axis=1)
    np.testing.assert_allclose(model.score_samples(X), expected, **tolerance)
    np.testing.assert_allclose(model._estimate_weighted_log_prob(X), logs, **tolerance)
    np.testing.assert_allclose(gaussian_mixture(model)(X), expected, **tolerance)
    np.testing.assert_allclose(model.predict_proba(X), np.exp(logs - expected[:, np.newaxis]), atol=1e-6)
    np.testing.assert_allclose(model.score(X), expected.mean(), **tolerance)
    theirs = by_hand(weights, means, factors, family, covariances, Reference)
    np.testing.assert_allclose(model.bic(X), theirs._n_parameters() * np.log(40) - 2 * expected.sum(), **tolerance)
    np.testing.assert_allclose(model.aic(X), theirs._n_parameters() * 2 - 2 * expected.sum(), **tolerance)
    spelled = model_of_covariances(weights, means, covariances, family)
    np.testing.assert_allclose(
        _core.precisions(factors, family), spelled.precisions_, rtol=1e-6, atol=1e-9 * np.abs(spelled.precisions_).max()
    )
    kernels = [_core.statistics(X, weights, means, f, family) for f in (factors, spelled.precisions_cholesky_)]
    np.testing.assert_allclose(kernels[0].responsibility_sums, kernels[1].responsibility_sums, atol=1e-5)


def log_density(X, mean, covariance):
    """SciPy's, in units of the standard deviations, as it takes other scales for singular."""
    scale = np.sqrt(np.diagonal(covariance))
    normal = multivariate_normal(mean / scale, covariance / np.outer(scale, scale))
    return np.reshape(normal.logpdf(X / scale), len(X)) - np.log(scale).sum()


def model_of_covariances(weights, means, covariances, family):
    return GaussianMixture.from_parameters(weights, means, covariances, covariance_type=family)


@pytest.mark.parametrize("family", ["full", "tied"])
def test_a_triangular_factor_keeps_its_bits(family):
    weights, means, covariances, _, X, _ = drawn(0, 3, 4, family, 0.0)
    upper = model_of_covariances(weights, means, covariances, family).precisions_cholesky_
    model = by_hand(weights, means, upper, family)
    np.testing.assert_array_equal(
        model.score_samples(X), _core.score_samples(X, weights, means, np.triu(upper), family)
    )


@pytest.mark.parametrize("family", ["full", "tied"])
def test_warm_start_from_any_factor(family):
    weights, means, covariances, factors, X, _ = drawn(1, 2, 3, family, 0.0)
    fits = []
    for start in (factors, model_of_covariances(weights, means, covariances, family).precisions_cholesky_):
        model = by_hand(weights, means, start, family, covariances, warm_start=True, max_iter=3)
        model.converged_, model.lower_bound_ = False, -np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fits.append(model.fit(X))
    assert_close(fits[0].means_, fits[1].means_, 1e-9)
    assert_close(fits[0].lower_bounds_, fits[1].lower_bounds_, 1e-9)


def test_a_plot_of_a_model_made_by_hand():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    weights, means, covariances, factors, X, _ = drawn(2, 2, 2, "full", 0.0)
    lists = (array.tolist() for array in (weights, means, factors))
    axes = plot_mixture(by_hand(*lists, "full", covariances.tolist()), X, ax=pyplot.figure().subplots())
    assert len(axes.patches) == 4


KINDS = {
    "lists": np.ndarray.tolist,
    "Fortran order": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "big-endian": lambda array: array.astype(">f8"),
    "float32": lambda array: array.astype(np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_array_will_do(m, kind):
    change, expected = KINDS[kind], model_of(m, random_state=0)
    arrays = [change(array) for array in (m.weights, m.means, m.factor, m.covariances)]
    model = by_hand(*arrays[:3], m.family, arrays[3], random_state=0)
    tolerance = 1e-4 if kind == "float32" else 1e-12
    for method in ("score_samples", "predict_proba", "score", "bic", "aic"):
        ours, theirs = getattr(model, method)(m.X), getattr(expected, method)(m.X)
        np.testing.assert_allclose(ours, theirs, tolerance, tolerance)
    np.testing.assert_allclose(model.sample(20)[0], expected.sample(20)[0], tolerance, tolerance)
    np.testing.assert_array_equal(model.predict(m.X), expected.predict(m.X))


def test_integers_will_do():
    factors = np.array([[[1, 0], [1, 1]]])
    model = by_hand([1], [[0, 1]], factors, "full", [[[2, -1], [-1, 1]]])
    X = np.array([[0.0, 1.0], [3.0, 2.0]])
    expected = multivariate_normal([0.0, 1.0], np.linalg.inv(factors[0] @ factors[0].T)).logpdf(X)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-12)
    assert model.sample(3)[0].shape == (3, 2)


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_a_singular_factor_is_refused(family):
    factor = {"full": [[[1.0, 2.0], [2.0, 4.0]]], "tied": [[1.0, 1.0], [0.0, 0.0]], "diag": [[1.0, 0.0]]}
    model = by_hand([1.0], [[0.0, 0.0]], factor.get(family, [0.0]), family)
    with pytest.raises(ValueError, match="precisions_cholesky: must be invertible, found a singular factor"):
        model.score_samples(np.ones((2, 2)))


@pytest.mark.parametrize("missing", ["weights_", "means_", "covariances_", "precisions_cholesky_"])
def test_what_is_missing_is_missed_where_scikit_learn_misses_it(m, missing):
    for method, argument in [("score_samples", m.X), ("predict", m.X), ("sample", 3), ("bic", m.X)]:
        outcomes = []
        for cls in (GaussianMixture, Reference):
            model = by_hand(m.weights, m.means, m.factor, m.family, m.covariances, cls)
            delattr(model, missing)
            try:
                getattr(model, method)(argument)
                outcomes.append("done")
            except AttributeError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1], method

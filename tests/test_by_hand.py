"""Models whose attributes were set by hand: any factor of the precisions, any kind of array."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Reference

import kernel_functions
from foldstat import GaussianMixture, _core
from foldstat.plot import plot_mixture
from foldstat.walkers.densities import GaussianMixtureDensity
from mixtures import INITS, assert_close, model_of


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
    assume(
        max(np.linalg.cond(in_deviations(covariance)) for covariance in spelled) < 1e9
    )  # SciPy takes others as singular
    model = by_hand(weights, means, factors, family, covariances)
    logs = np.stack([log_density(X, *normal) for normal in zip(means, spelled, strict=True)], axis=1) + np.log(weights)
    tolerance = {"rtol": 1e-7, "atol": 1e-7 * np.abs(logs).max()}
    expected = logsumexp(logs, axis=1)
    np.testing.assert_allclose(model.score_samples(X), expected, **tolerance)
    np.testing.assert_allclose(model._estimate_weighted_log_prob(X), logs, **tolerance)
    np.testing.assert_allclose(GaussianMixtureDensity.of(model)(X), expected, **tolerance)
    np.testing.assert_allclose(model.predict_proba(X), np.exp(logs - expected[:, np.newaxis]), atol=1e-6)
    np.testing.assert_allclose(model.score(X), expected.mean(), **tolerance)
    theirs = by_hand(weights, means, factors, family, covariances, Reference)
    np.testing.assert_allclose(model.bic(X), theirs._n_parameters() * np.log(40) - 2 * expected.sum(), **tolerance)
    np.testing.assert_allclose(model.aic(X), theirs._n_parameters() * 2 - 2 * expected.sum(), **tolerance)
    spelled = model_of_covariances(weights, means, covariances, family)
    np.testing.assert_allclose(
        _core.precisions(factors, family), spelled.precisions_, rtol=1e-6, atol=1e-9 * np.abs(spelled.precisions_).max()
    )
    kernels = [
        kernel_functions.statistics(X, weights, means, f, family) for f in (factors, spelled.precisions_cholesky_)
    ]
    np.testing.assert_allclose(kernels[0].responsibility_sums, kernels[1].responsibility_sums, atol=1e-5)


def in_deviations(covariance):
    scale = np.sqrt(np.diagonal(covariance))
    return covariance / np.outer(scale, scale)


def log_density(X, mean, covariance):
    """SciPy's, in units of the standard deviations, as it takes other scales for singular."""
    scale = np.sqrt(np.diagonal(covariance))
    normal = multivariate_normal(mean / scale, in_deviations(covariance))
    return np.reshape(normal.logpdf(X / scale), len(X)) - np.log(scale).sum()


def model_of_covariances(weights, means, covariances, family):
    return GaussianMixture.from_parameters(weights, means, covariances, covariance_type=family)


@pytest.mark.parametrize("family", ["full", "tied"])
def test_a_triangular_factor_keeps_its_bits(family):
    weights, means, covariances, _, X, _ = drawn(0, 3, 4, family, 0.0)
    upper = model_of_covariances(weights, means, covariances, family).precisions_cholesky_
    model = by_hand(weights, means, upper, family)
    np.testing.assert_array_equal(
        model.score_samples(X), kernel_functions.score_samples(X, weights, means, np.triu(upper), family)
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


@pytest.mark.parametrize("seed", range(20))
def test_weights_that_were_float32_before(seed):
    weights = np.random.default_rng(seed).dirichlet(np.ones(5)).astype(np.float32).astype(np.float64)
    model = by_hand(weights, np.zeros((5, 1)), np.ones(5), "spherical", np.ones(5), random_state=0)
    assert model.sample(7)[0].shape == (7, 1)
    assert np.isfinite(model.score_samples(np.zeros((2, 1)))).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", INITS)
def test_a_start_that_is_kept_can_be_used(m, init):
    model = GaussianMixture(2, covariance_type=m.family, init_params=init, max_iter=0, random_state=0).fit(m.X)
    assert model.weights_.sum() == pytest.approx(1.0, rel=1e-12)
    for method in METHODS.values():
        method(model, m.X)


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


METHODS = {
    "score_samples": lambda model, X: model.score_samples(X),
    "predict_proba": lambda model, X: model.predict_proba(X),
    "predict": lambda model, X: model.predict(X),
    "score": lambda model, X: model.score(X),
    "bic": lambda model, X: model.bic(X),
    "sample": lambda model, X: model.sample(5),
    "_estimate_weighted_log_prob": lambda model, X: model._estimate_weighted_log_prob(X),
    "_estimate_log_prob_resp": lambda model, X: model._estimate_log_prob_resp(X),
    "warm start": lambda model, X: model.set_params(warm_start=True, max_iter=1).fit(X),
    "density": lambda model, X: GaussianMixtureDensity.of(model),
    "plot": lambda model, X: plot_mixture(model, X, ax=axes(), features=[0, 1]),
}


def axes():
    return pytest.importorskip("matplotlib.figure").Figure().subplots()


def read_by(method):
    """The attributes that a method reads."""
    if method in ("sample", "plot"):
        return ("weights_", "means_", "covariances_")
    return ("weights_", "means_", "precisions_cholesky_")


@pytest.mark.parametrize("method", METHODS)
def test_masked_attributes_are_refused(m, method):
    for name in read_by(method):
        model = model_of(m)
        setattr(model, name, np.ma.masked_greater(getattr(model, name), 0.0))
        with pytest.raises(TypeError, match=f"{name.rstrip('_')}_? is a masked array"):
            METHODS[method](model, m.X)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [0.0, 0.0], [0.5, 0.25, 0.25], [[0.5, 0.5]]])
@pytest.mark.parametrize("kind", [list, np.array])
def test_weights_that_are_no_shares_are_refused_wherever_they_are_read(m, method, bad, kind):
    model = model_of(m)
    model.weights_ = kind(bad)
    with pytest.raises(ValueError, match=r"weights_?:? (must|has the wrong shape)"):
        METHODS[method](model, m.X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", METHODS)
def test_attributes_of_python_numbers_are_those_numbers(m, method):
    """scikit-learn computes with arrays of objects, so these do no harm either."""
    plain, model = model_of(m, random_state=0), model_of(m, random_state=0)
    for name in ("weights_", "means_", "precisions_cholesky_", "covariances_"):
        setattr(model, name, getattr(model, name).astype(object))
    ours, expected = METHODS[method](model, m.X), METHODS[method](plain, m.X)
    if isinstance(expected, GaussianMixture):
        ours, expected = ours.means_, expected.means_
    if method not in ("density", "plot"):
        for found, right in (
            zip(np.atleast_1d(ours), np.atleast_1d(expected), strict=True)
            if method
            not in (
                "sample",
                "_estimate_log_prob_resp",
            )
            else zip(ours, expected, strict=True)
        ):
            np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("values", [["a", 1.0], [None, 1.0], [1j, 1.0], [np.datetime64("2024-01-01")] * 2])
def test_attributes_that_are_no_numbers_are_refused(values):
    model = by_hand([1.0], [values], [[1.0, 1.0]], "diag")
    with pytest.raises((TypeError, ValueError), match=r"means must hold real numbers|means: must be finite"):
        model.score_samples(np.ones((2, 2)))


@pytest.mark.parametrize("family", ["full", "tied"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(2, 30), spread=st.sampled_from([0.0, 8.0]))
def test_a_factor_that_rounding_alone_makes_invertible_is_refused(family, seed, d, spread):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(d, d - 1)) @ rng.normal(size=(d - 1, d))
    factor *= 10.0 ** rng.uniform(-spread, spread, size=(d, 1))
    model = by_hand([1.0], np.zeros((1, d)), factor[np.newaxis] if family == "full" else factor, family)
    with pytest.raises(ValueError, match="precisions_cholesky: must be invertible, found a singular factor"):
        model.score_samples(np.ones((2, d)))


def test_an_ill_conditioned_factor_is_not_a_singular_one():
    """Correlations up to 1 - 1e-12 and units of any size are what they are."""
    correlation, scale = 1.0 - 1e-12, np.array([1e-150, 1e150])
    root = np.array([[1.0, 0.0], [correlation, np.sqrt(2e-12)]])
    lower = np.linalg.inv(root).T[:, ::-1] / scale[:, np.newaxis]
    upper = np.linalg.inv(root).T / scale[:, np.newaxis]
    X = np.array([[1.0, 1.0 + 3e-6], [0.0, 1e-6]]) * scale
    found = [by_hand([1.0], [[0.0, 0.0]], factor[np.newaxis]).score_samples(X) for factor in (lower, upper)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    tiny = by_hand([1.0], [[0.0, 0.0]], np.array([[[1e-300, 1e300], [0.0, 1e-300]]]))
    assert np.isfinite(tiny.score_samples(np.zeros((2, 2)))).all()


@pytest.mark.parametrize("name", ["weights_init", "means_init", "precisions_init"])
@pytest.mark.parametrize("as_list", [False, True])
def test_starts_that_are_dates_or_masked_are_refused(m, name, as_list):
    plain = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}[name]
    dates = np.full(plain.shape, np.datetime64("2024-01-01"))
    with pytest.raises(TypeError, match=f"{name} must hold real numbers, got dtype datetime64"):
        GaussianMixture(2, covariance_type=m.family, **{name: list(dates) if as_list else dates}).fit(m.X)
    with pytest.raises(TypeError, match=f"{name} is a masked array"):
        GaussianMixture(2, covariance_type=m.family, **{name: np.ma.masked_less(plain, 0.2)}).fit(m.X)


@pytest.mark.parametrize(
    ("family", "name", "value", "message"),
    [
        ("full", "means_", [[np.nan, 0.0], [5.0, 5.0]], r"means_ must be finite, got nan at \(0, 0\)"),
        ("full", "means_", [0.0, 5.0], r"means_ must have shape \(n_components, n_features\), got \(2,\)"),
        ("spherical", "covariances_", [np.nan, 1.0], r"covariances_ must be finite, got nan at \(0,\)"),
        ("spherical", "covariances_", [-1.0, 1.0], r"covariances_ must have no negative variance, got -1\.0"),
        ("spherical", "covariances_", [[1.0, 2.0], [3.0, 4.0]], r"covariances_ must have shape \(2,\), got \(2, 2\)"),
        ("diag", "covariances_", [1.0, 1.0], r"covariances_ must have shape \(2, 2\), got \(2,\)"),
        ("tied", "covariances_", [[-1.0, 0.0], [0.0, 1.0]], r"covariances_ must have no negative variance"),
        ("full", "covariances_", np.ones((3, 2, 2)), r"covariances_ must have shape \(2, 2, 2\), got \(3, 2, 2\)"),
        ("full", "weights_", [1e308, 1e308], r"weights_ must sum to 1"),
    ],
)
def test_sample_refuses_what_is_no_mixture(family, name, value, message):
    model = GaussianMixture(2, covariance_type=family, random_state=0)
    rng = np.random.default_rng(0)
    model.fit(np.concatenate([rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 9]))
    assert model.sample(5)[0].shape == (5, 2)
    setattr(model, name, np.asarray(value))
    with pytest.raises(ValueError, match=message):
        model.sample(5)


@pytest.mark.parametrize("family", [None, "fulll", 3, ["full"]])
@pytest.mark.parametrize(
    "read",
    [
        lambda model, X: model.predict(X),
        lambda model, X: model.score_samples(X),
        lambda model, X: model.bic(X),
        lambda model, X: model.sample(3),
        lambda model, X: plot_mixture(model),
    ],
    ids=["predict", "score_samples", "bic", "sample", "plot"],
)
def test_a_covariance_type_that_there_is_not_is_named(read, family):
    X = np.random.default_rng(0).normal(size=(50, 2))
    model = GaussianMixture(2, random_state=0).fit(X)
    model.covariance_type = family
    with pytest.raises(ValueError, match=r"covariance_type:? must be "):
        read(model, X)


@pytest.mark.parametrize(
    ("weights", "found"),
    [([1e308, -1e308], "found -1e308$"), ([1e308, 1e308], "found inf$"), ([0.25, 0.25], "that sum to 0.5$")],
)
def test_numbers_in_errors_have_few_digits(weights, found):
    arguments = np.zeros((2, 1)), np.ones((2, 1, 1)), "full"
    with pytest.raises(ValueError, match=found):
        kernel_functions.score_samples(np.zeros((1, 1)), np.array(weights), *arguments)
    with pytest.raises(ValueError, match=r"found -1e300 at row 0, column 0$"):
        _core.statistics_from_responsibilities(np.zeros((1, 1)), np.array([[-1e300]]), "full")

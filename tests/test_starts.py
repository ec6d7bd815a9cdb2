"""Where a fit starts, and how it goes on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import kernel_functions
from foldstat import GaussianMixture, _core
from mixtures import INITS, assert_close, random_mixture

ARRAYS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


@pytest.mark.parametrize("init", INITS)
def test_restarts_are_nested(init):
    X = random_mixture("full", n=200, d=2, k=4, spread=1).X
    parameters = {"init_params": init, "random_state": 3, "tol": 1e-5, "max_iter": 500}
    bounds = [GaussianMixture(4, n_init=n, **parameters).fit(X).lower_bound_ for n in (1, 2, 5, 10)]
    assert bounds == sorted(bounds)
    seeds = np.random.RandomState(3).randint(0, 2**63, size=5, dtype=np.uint64)
    starts = _core.initial_statistics(X, 4, "full", init, seeds)
    single = [
        kernel_functions.em(
            X,
            [(*_start(s),)],
            "full",
            1e-5,
            1e-6,
            500,
        )[0]["lower_bounds"][-1]
        for s in starts
    ]
    assert bounds[2] == max(single)
    assert bounds[0] == single[0]


def _start(s):
    sizes, means, covariances = _core.moments(s, 1e-6)
    return sizes / s.total_weight, means, _core.precisions_cholesky(covariances, s.covariance_type)


def test_random_state(m):
    def means(random_state):
        model = GaussianMixture(2, covariance_type=m.family, random_state=random_state, init_params="random")
        model.max_iter = 0
        return model.fit(m.X).means_

    np.testing.assert_array_equal(means(0), means(0))
    assert (means(0) != means(1)).any()
    np.testing.assert_array_equal(means(0), means(np.random.RandomState(0)))
    state = np.random.RandomState(0)
    assert (means(state) != means(state)).any()
    assert (means(None) != means(None)).any()


@pytest.mark.parametrize("init", INITS)
def test_max_iter_zero_keeps_the_start(m, init):
    model = GaussianMixture(2, covariance_type=m.family, init_params=init, max_iter=0, random_state=0, n_init=3).fit(
        m.X
    )
    seeds = np.random.RandomState(0).randint(0, 2**63, size=3, dtype=np.uint64)
    s = _core.initial_statistics(m.X, 2, m.family, init, seeds)[-1]
    sizes, means, covariances = _core.moments(s, 1e-6)
    np.testing.assert_allclose(model.weights_, sizes / sizes.sum(), rtol=1e-12)
    np.testing.assert_array_equal(model.means_, means)
    np.testing.assert_array_equal(model.covariances_, covariances)
    assert (model.converged_, model.n_iter_) == (False, 0)
    assert (model.lower_bound_, model.lower_bounds_) == (-np.inf, [])


def test_given_parameters_replace_found_ones(m):
    def start(**given):
        model = GaussianMixture(2, covariance_type=m.family, max_iter=0, random_state=0, init_params="random", **given)
        return model.fit(m.X)

    found = start()
    weights = start(weights_init=m.weights)
    np.testing.assert_array_equal(weights.weights_, m.weights)
    np.testing.assert_array_equal(weights.means_, found.means_)
    means = start(means_init=m.means)
    np.testing.assert_array_equal(means.means_, m.means)
    np.testing.assert_array_equal(means.covariances_, found.covariances_)
    precisions = start(precisions_init=m.precisions)
    assert_close(precisions.precisions_, m.precisions, 1e-10, atol=1e-12)
    assert_close(precisions.covariances_, m.covariances, 1e-9, atol=1e-12)
    assert_close(precisions.precisions_cholesky_, m.factor, 1e-9, atol=1e-12)
    np.testing.assert_array_equal(precisions.weights_, found.weights_)


def test_nothing_is_looked_for_if_all_is_given(m):
    def draws_after(**given):
        rng = np.random.RandomState(0)
        model = GaussianMixture(2, covariance_type=m.family, n_init=5, random_state=rng, **given).fit(m.X)
        return model, rng.random_sample()

    given = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    model, draw = draws_after(**given)
    assert draw == np.random.RandomState(0).random_sample()
    assert draw != draws_after()[1]
    (start,) = _core.fit(
        m.X,
        m.family,
        tol=0.0,
        reg_covar=0.0,
        max_iter=0,
        initial=(2, "kmeans", [0], m.weights, m.means, m.precisions),
    )
    np.testing.assert_array_equal(start["mixture"].weights, m.weights)
    np.testing.assert_array_equal(start["mixture"].means, m.means)
    assert_close(start["covariances"], m.covariances, 1e-9, atol=1e-12)
    assert model.n_iter_ > 0


def test_user_arrays_are_left_alone(m):
    given = {"weights_init": m.weights, "means_init": m.means, "precisions_init": m.precisions}
    model = GaussianMixture(2, covariance_type=m.family, max_iter=0, **given).fit(m.X)
    before = m.means.copy()
    model.means_[...] = 0.0
    np.testing.assert_array_equal(m.means, before)
    lists = GaussianMixture(2, covariance_type=m.family, weights_init=[0.5, 0.5]).fit(m.X)
    assert lists.weights_init == [0.5, 0.5]


@pytest.mark.parametrize("max_iter", [1, 7])
def test_warm_start_goes_on(max_iter):
    X = random_mixture("full", n=500, d=2, k=3, spread=0.8).X
    parameters = {"random_state": 0, "tol": 1e-8}
    whole = GaussianMixture(3, max_iter=2000, **parameters).fit(X)
    warm = GaussianMixture(3, max_iter=max_iter, warm_start=True, **parameters)
    bounds, fits = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        while fits == 0 or (not warm.converged_ and fits < 3000):
            bounds += warm.fit(X).lower_bounds_
            fits += 1
            warm.set_params(n_init=4, random_state=None)  # without effect from now on
    assert fits > 1
    assert whole.converged_
    np.testing.assert_array_equal(bounds, whole.lower_bounds_)
    np.testing.assert_array_equal(warm.means_, whole.means_)


def _state(model):
    return {name: np.copy(value) for name, value in vars(model).items() if name.endswith("_")}


def _interrupt(*arguments, **options):
    raise KeyboardInterrupt


class _Interrupted:
    """A mixture whose labels are interrupted."""

    predict = _interrupt


INTERRUPTS = {
    "fit": (_core, "fit", _interrupt),
    "labels": (GaussianMixture, "_compiled_mixture", lambda model: _Interrupted),
}


@pytest.mark.parametrize(("method", "where"), [("fit", "fit"), ("fit_predict", "fit"), ("fit_predict", "labels")])
def test_an_interrupted_fit_leaves_the_model_as_it_was(m, model, monkeypatch, method, where):
    before = _state(model)
    monkeypatch.setattr(*INTERRUPTS[where])
    with pytest.raises(KeyboardInterrupt):
        getattr(model, method)(m.X[:, :2] + 1)
    np.testing.assert_equal(_state(model), before)
    monkeypatch.undo()
    fresh = GaussianMixture(2, covariance_type=m.family)
    monkeypatch.setattr(*INTERRUPTS[where])
    with pytest.raises(KeyboardInterrupt):
        getattr(fresh, method)(m.X)
    assert not _state(fresh)


@pytest.mark.parametrize("method", ["fit", "fit_predict"])
def test_a_failed_fit_leaves_the_names_of_the_features(m, method):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(m.X, columns=["a", "b", "c"])
    model = GaussianMixture(2, covariance_type=m.family, random_state=0).fit(frame)
    before, labels = _state(model), model.predict(frame)
    failures = [frame[["c", "a", "b"]] * np.nan, frame[["c", "a"]].iloc[:1], m.X[:, :2] * np.nan]
    for rows in failures:
        with pytest.raises(ValueError, match=r"."):
            getattr(model, method)(rows)
        np.testing.assert_equal(_state(model), before)
        np.testing.assert_array_equal(model.predict(frame), labels)
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame[["c", "a", "b"]])
    constant = frame[["b", "a"]] * 0.0
    model.set_params(reg_covar=0.0)
    with pytest.raises(ValueError, match="ill-defined"):
        getattr(model, method)(constant)
    np.testing.assert_equal(_state(model), before)
    model.set_params(reg_covar=1e-6).fit(m.X[:, :2])
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2


def test_a_warning_that_is_an_error_leaves_the_model_as_it_was(m, model):
    before = _state(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            model.set_params(max_iter=1, tol=0.0).fit(m.X)
    np.testing.assert_equal(_state(model), before)

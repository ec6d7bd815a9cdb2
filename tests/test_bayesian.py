"""`BayesianGaussianMixture` against scikit-learn's, iteration by iteration, and its laws."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture as Theirs

import foldstat
from foldstat import BayesianGaussianMixture as Ours
from foldstat import _core
from mixtures import FAMILIES, INITS, assert_close, integer_weights, random_mixture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = ("dirichlet_process", "dirichlet_distribution")
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "mean_precision_", "degrees_of_freedom_")
PRIORS = ("weight_concentration", "mean_precision", "mean", "degrees_of_freedom", "covariance")


def fitted(kind, X, **params):
    """A fit that is not judged by whether it converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**params).fit(X)


def started(theirs, **params):
    """Ours where theirs is, to go on from there."""
    model = Ours(**{**theirs.get_params(), "warm_start": True, **params})
    model._set_parameters(theirs._get_parameters())
    model.n_features_in_, model.converged_, model.lower_bound_ = theirs.n_features_in_, False, bounds_of(theirs)[-1]
    return model


def bounds_of(theirs):
    """Numbers: with one covariance for all, theirs are arrays."""
    return np.ravel(theirs.lower_bounds_)


def fit_on(model, X, *args, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(**params).fit(X, *args)


def assert_same_fit(ours, theirs, rtol=1e-7):
    for name in PARAMETERS:
        assert_close(getattr(ours, name), getattr(theirs, name), rtol=rtol)
    for mine, other in zip(ours.weight_concentration_, theirs.weight_concentration_, strict=True):
        assert_close(mine, other, rtol=rtol)


def drawn_prior(rng, family, d):
    """Every prior given, none at its default."""
    root = rng.normal(size=(d, d))
    matrix = root @ root.T + np.eye(d)
    covariance = {"full": matrix, "tied": matrix, "diag": np.diag(matrix).copy(), "spherical": float(matrix[0, 0])}
    return {
        "weight_concentration_prior": float(rng.uniform(1e-3, 10)),
        "mean_precision_prior": float(rng.uniform(1e-2, 5)),
        "mean_prior": rng.normal(size=d),
        "degrees_of_freedom_prior": float(d - 1 + rng.uniform(0.1, 5)),
        "covariance_prior": covariance[family],
    }


@settings(max_examples=40)
@given(
    family=st.sampled_from(FAMILIES),
    kind=st.sampled_from(KINDS),
    d=st.integers(1, 5),
    k=st.integers(1, 6),
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    told=st.booleans(),
)
def test_every_iteration_is_scikit_learns(family, kind, d, k, seed, scale, told):
    m = random_mixture(family, n=150, d=d, k=k, seed=seed, scale=scale, offset=3 * scale)
    prior = drawn_prior(np.random.default_rng(seed), family, d) if told else {}
    params = {"n_components": k, "covariance_type": family, "weight_concentration_prior_type": kind, **prior}
    theirs = fitted(Theirs, m.X, **params, init_params="random", max_iter=1, random_state=0, warm_start=True)
    ours = fit_on(started(theirs), m.X, max_iter=6, tol=0.0)
    theirs = fit_on(theirs, m.X, max_iter=6, tol=0.0)

    assert len(ours.lower_bounds_) == ours.n_iter_ == 6
    largest = np.abs(bounds_of(theirs)).max()
    np.testing.assert_allclose(ours.lower_bounds_, bounds_of(theirs), rtol=1e-9, atol=1e-9 * largest)
    assert ours.lower_bound_ == ours.lower_bounds_[-1]
    assert_same_fit(ours, theirs)
    for name in PRIORS:
        assert_close(getattr(ours, f"{name}_prior_"), getattr(theirs, f"{name}_prior_"))
    rows = m.X[:40] + 2 * scale
    assert_close(ours.score_samples(rows), theirs.score_samples(rows), rtol=1e-7)
    assert_close(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-6, atol=1e-9)
    assert_close(ours._estimate_log_weights(), theirs._estimate_log_weights(), rtol=1e-7)
    assert_close(ours._estimate_log_prob(rows), theirs._estimate_log_prob(rows), rtol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("family", "init"), [*zip(FAMILIES, INITS, strict=True)])
def test_a_fit_ends_where_scikit_learns_goes_on_from(family, init, kind):
    """What a fit of ours keeps is all that theirs needs."""
    m = random_mixture(family, n=400, d=3, k=3, seed=5)
    params = {"n_components": 4, "covariance_type": family, "weight_concentration_prior_type": kind, "random_state": 0}
    ours = fitted(Ours, m.X, **params, init_params=init, max_iter=4, tol=0.0)
    theirs = fitted(Theirs, m.X, **params, max_iter=1, warm_start=True)
    theirs._set_parameters(ours._get_parameters())
    theirs.lower_bound_ = ours.lower_bound_
    ours.warm_start = True
    ours, theirs = fit_on(ours, m.X, max_iter=3), fit_on(theirs, m.X, max_iter=3, tol=0.0)
    assert_same_fit(ours, theirs)
    np.testing.assert_allclose(ours.lower_bounds_, bounds_of(theirs), rtol=1e-9)


def test_going_on_is_one_fit():
    m = random_mixture("full", n=300, d=2, k=3, seed=3)
    params = {"n_components": 4, "random_state": 1, "tol": 0.0}
    whole = fitted(Ours, m.X, **params, max_iter=9)
    parts = fit_on(fitted(Ours, m.X, **params, max_iter=4, warm_start=True), m.X, max_iter=5)
    assert parts.lower_bounds_ == whole.lower_bounds_[4:]
    np.testing.assert_array_equal(parts.means_, whole.means_)


@settings(max_examples=30)
@given(kind=st.sampled_from(KINDS), k=st.integers(1, 6), d=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_the_bound_never_falls(kind, k, d, seed):
    """Of full covariances: scikit-learn's bound of the other families is that of full ones."""
    m = random_mixture("full", n=120, d=d, k=k, seed=seed)
    params = {"n_components": k, "weight_concentration_prior_type": kind, "reg_covar": 0.0, "random_state": 0}
    model = fitted(Ours, m.X, **params, init_params="random", max_iter=25, tol=0.0)
    bounds = np.array(model.lower_bounds_)
    assert (np.diff(bounds) >= -1e-10 * np.abs(bounds).max()).all()


@settings(max_examples=25)
@given(
    family=st.sampled_from(FAMILIES),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**31),
    unit=st.sampled_from([1, 3, 64]),
)
def test_integer_weights_are_copies(family, kind, seed, unit):
    m = random_mixture(family, n=80, d=2, k=2, seed=seed)
    w = integer_weights(len(m.X), seed % 1000) * unit
    params = {"n_components": 3, "covariance_type": family, "weight_concentration_prior_type": kind, "tol": 0.0}
    start = fitted(Theirs, m.X, **params, init_params="random", max_iter=1, random_state=0, warm_start=True)
    weighed = fit_on(started(start), m.X, None, w, max_iter=4)
    copied = fit_on(started(start), np.repeat(m.X, w.astype(int), axis=0), max_iter=4)
    assert_same_fit(weighed, copied, rtol=1e-9)
    np.testing.assert_allclose(weighed.lower_bounds_, copied.lower_bounds_, rtol=1e-10)
    assert_close(weighed.covariance_prior_, copied.covariance_prior_)
    assert_close(weighed.mean_prior_, copied.mean_prior_)


def test_weights_that_count_no_two_rows_say_so():
    X = np.arange(10.0).reshape(-1, 1)
    with pytest.raises(ValueError, match=r"must sum to more than 1 .* or set covariance_prior"):
        fitted_weighed(X, np.full(10, 0.05))
    assert fitted_weighed(X, np.full(10, 0.05), covariance_prior=[[1.0]]).mean_precision_.sum() == pytest.approx(2.5)


def fitted_weighed(X, w, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Ours(2, random_state=0, max_iter=2, **params).fit(X, sample_weight=w)


@settings(max_examples=25)
@given(
    family=st.sampled_from(FAMILIES),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**31),
    exponents=st.tuples(*3 * [st.floats(-6, 6)]),
)
def test_units_of_the_features_do_not_matter(family, kind, seed, exponents):
    """Each feature has a unit of its own where the family allows it; the bound shifts by a constant."""
    scale = 10.0 ** np.array(exponents if family != "spherical" else 3 * exponents[:1])
    m = random_mixture(family, n=100, d=3, k=2, seed=seed)
    params = {"n_components": 3, "covariance_type": family, "weight_concentration_prior_type": kind, "tol": 0.0}
    params |= {"init_params": "random", "max_iter": 5, "reg_covar": 0.0, "random_state": 0}
    plain = fitted(Ours, m.X, **params)
    other = fitted(Ours, m.X * scale + 5 * scale, **params)
    assert_close(other.weights_, plain.weights_, rtol=1e-8)
    assert_close((other.means_ - 5 * scale) / scale, plain.means_, rtol=1e-8)
    np.testing.assert_allclose(np.diff(other.lower_bounds_), np.diff(plain.lower_bounds_), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_threads_and_chunks_change_no_bit(family, kind, tmp_path):
    X = random_mixture(family, n=5000, d=3, k=3, seed=1).X
    w = np.random.default_rng(0).uniform(0, 300, len(X))
    params = {"n_components": 4, "covariance_type": family, "weight_concentration_prior_type": kind}
    params |= {"random_state": 0, "max_iter": 5, "tol": 0.0, "init_params": "random_from_data"}

    def numbers(X, weights=w, **more):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = {name: more.pop(name) for name in ("n_jobs", "max_iter") if name in more}
            model = Ours(**{**params, **settings}).fit(X, sample_weight=weights, **more)
        return [*map(np.ravel, model._get_parameters()[2:]), model.weights_, model.lower_bounds_]

    expected = numbers(X, n_jobs=1)
    block = foldstat.mixture.block_rows(3)
    parts, weights = [X[: 2 * block], X[2 * block :]], [w[: 2 * block], w[2 * block :]]
    path = tmp_path / "fit.npz"
    half = numbers(parts, weights, checkpoint=path, max_iter=3)
    assert len(half[-1]) == 3
    with ThreadPoolExecutor(2) as executor:
        found = {
            "threads": numbers(X, n_jobs=3),
            "chunks": numbers(parts, weights),
            "checkpoint": numbers(parts, weights, checkpoint=path),
            "executor": numbers(parts, weights, executor=executor),
        }
    for name, arrays in found.items():
        for mine, other in zip(arrays, expected, strict=True):
            np.testing.assert_array_equal(mine, other, err_msg=name)


def test_a_checkpoint_of_the_other_model_is_refused(tmp_path):
    X, path = random_mixture("full", n=200, seed=1).X, tmp_path / "fit.npz"
    foldstat.GaussianMixture(2, random_state=0, stages=1).fit(X, checkpoint=path)
    with pytest.raises(ValueError, match="is of another fit: prior was None"):
        Ours(2, random_state=0).fit(X, checkpoint=path)
    path.unlink()
    Ours(2, random_state=0, max_iter=500).fit(X, checkpoint=path)
    with pytest.raises(ValueError, match="is of another fit: prior was"):
        foldstat.GaussianMixture(2, random_state=0, max_iter=500, stages=1).fit(X, checkpoint=path)


def test_rows_far_away_belong_to_components_that_nobody_uses():
    """Their weights lie below the smallest number, and theirs logarithms still count."""
    X = np.random.default_rng(0).normal(size=(500, 1))
    params = {"n_components": 60, "weight_concentration_prior": 1e-3, "init_params": "random_from_data"}
    theirs = fitted(Theirs, X, **params, random_state=0, max_iter=1, warm_start=True)
    for first, left in [theirs.weight_concentration_]:
        first[2:], left[1:] = 1.0, 1e-3
        theirs.degrees_of_freedom_[2:], theirs.mean_precision_[2:] = 1.0, 1.0
    ours = started(theirs)
    assert ours._estimate_log_weights().min() < -5e4
    rows = np.array([[0.0], [300.0], [1e4], [1e5]])
    assert_close(ours.score_samples(rows), theirs.score_samples(rows))
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))


def test_copies_are_the_model():
    X = random_mixture("tied", n=200, seed=2).X
    model = fitted(Ours, X, n_components=3, covariance_type="tied", random_state=0)
    expected = model.predict_proba(X)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(other.predict_proba(X), expected)
    mixture = model._compiled_mixture()
    sent = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(sent.predict_proba(X), expected)
    assert not hasattr(clone(model), "weights_")
    assert not hasattr(model, "bic")
    rows, labels = model.sample(50)
    assert rows.shape == (50, 3)
    assert set(labels) <= {0, 1, 2}


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_rows_make_float32_models(family):
    X = random_mixture(family, n=2000, d=3, k=2, seed=2).X
    params = {"n_components": 2, "covariance_type": family, "random_state": 0, "max_iter": 8, "tol": 0.0}
    single = fitted(Ours, X.astype(np.float32), **params)
    double = fitted(Ours, X, **params)
    for name in PARAMETERS:
        found = getattr(single, name)
        assert found.dtype == np.float32, name
        np.testing.assert_allclose(found, getattr(double, name), rtol=2e-3, atol=2e-3)
    assert single.mean_prior_.dtype == single.covariance_prior_.dtype == np.float32
    np.testing.assert_allclose(single.lower_bounds_, double.lower_bounds_, rtol=1e-5)
    assert single.predict_proba(X.astype(np.float32)).dtype == np.float32


BAD = [
    ("full", {"degrees_of_freedom_prior": 1.0}),
    ("full", {"mean_prior": [1.0, 2.0, 3.0]}),
    ("full", {"mean_prior": [1.0, np.nan]}),
    ("full", {"covariance_prior": np.eye(3)}),
    ("full", {"covariance_prior": [[1.0, 2.0], [2.0, 1.0]]}),
    ("tied", {"covariance_prior": [[1.0, 0.5], [0.2, 1.0]]}),
    ("diag", {"covariance_prior": [1.0, -1.0]}),
    ("diag", {"covariance_prior": np.eye(2)}),
    ("spherical", {"covariance_prior": -1.0}),
    ("full", {"weight_concentration_prior": 0.0}),
    ("full", {"weight_concentration_prior_type": "uniform"}),
    ("full", {"mean_precision_prior": -2}),
    ("EII", {}),
]


@pytest.mark.parametrize(("family", "params"), BAD)
def test_bad_priors_are_refused_in_the_same_words(family, params):
    X = np.random.default_rng(0).normal(size=(20, 2))
    messages = []
    for kind in (Theirs, Ours):
        with pytest.raises(ValueError, match=r".") as caught:  # the other one's text is the expected one
            kind(covariance_type=family, **params).fit(X)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=8), st.integers(1, 6))
def test_digamma_is_scipys(concentration, d):
    """By way of what an E-step expects."""
    a = np.array(concentration)
    k = len(a)
    freedom = a + d - 0.5
    means, factors = np.zeros((k, d)), np.ones((k, d))
    mixture = _core.Mixture(None, means, factors, "diag", None, (a, None, a, freedom))
    weights, offsets = mixture.expected_logs
    psi = special.digamma(a)
    np.testing.assert_allclose(weights, psi - special.digamma(a.sum()), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(mixture.weights, a / a.sum(), rtol=1e-14)
    of_matrices = special.digamma(0.5 * (freedom[:, np.newaxis] - np.arange(d))).sum(axis=1)
    expected = 0.5 * (of_matrices + d * np.log(2 / freedom) - d / a)
    np.testing.assert_allclose(offsets, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        (([1.0, 0.0], None, [1.0, 1.0], [3.0, 3.0]), "weight_concentration: must hold positive"),
        (([1.0, 1.0], [1.0], [1.0, 1.0], [3.0, 3.0]), "weight_concentration: must hold positive"),
        (([1.0], None, [1.0], [3.0]), "weight_concentration"),
        (([1.0, 1.0], None, [1.0], [3.0, 3.0]), "mean_precision: must hold"),
        (([1.0, 1.0], None, [1.0, 1.0], [1.0, 3.0]), "degrees_of_freedom: must hold 2 finite numbers above 1"),
    ],
)
def test_distributions_that_are_none_are_refused(parts, match):
    posterior = tuple(None if part is None else np.array(part) for part in parts)
    with pytest.raises(ValueError, match=match):
        _core.Mixture(None, np.zeros((2, 2)), np.ones((2, 2)), "diag", None, posterior)
    with pytest.raises(ValueError, match="weights: must be None"):
        _core.Mixture(np.full(2, 0.5), np.zeros((2, 2)), np.ones((2, 2)), "diag", None, posterior)


def test_constructor():
    ours, theirs = (inspect.signature(kind).parameters for kind in (Ours, Theirs))
    assert list(ours) == [*theirs, "init_size", "n_jobs"]
    assert {name: p.default for name, p in ours.items() if name in theirs} == {n: p.default for n, p in theirs.items()}


def test_overrides_that_would_be_ignored_are_refused():
    with pytest.raises(TypeError, match=r"overrides _m_step, which foldstat.BayesianGaussianMixture never calls"):
        type("Child", (Ours,), {"_m_step": lambda self, X, log_resp: None})

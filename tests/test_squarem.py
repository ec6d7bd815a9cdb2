"""Longer steps of EM and the rules by which it stops: laws over drawn mixtures."""

import json
import warnings

import numpy as np
import pytest
import sklearn.mixture
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture
from foldstat.mixture import em

FAMILIES = ("full", "tied", "diag", "spherical")


@pytest.fixture(autouse=True)
def few_iterations():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Best performing initialization")
        yield


def rows_of(seed, d=2, k=3, n=300, spread=1.5):
    """Rows of overlapping clusters, among which EM is slow."""
    rng = np.random.default_rng(seed)
    centres = spread * rng.normal(size=(k, d))
    return centres[rng.integers(k, size=n)] + rng.normal(size=(n, d)) * rng.uniform(0.5, 1.5, d)


def fitted(X, family="full", k=3, **more):
    given = {"random_state": 0, "tol": 1e-8, "max_iter": 2000, "reg_covar": 0.0, "n_jobs": 1}
    return GaussianMixture(k, covariance_type=family, **given | more).fit(X)


def parameters(model):
    return model.weights_, model.means_, model.covariances_


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=8)
@given(seed=st.integers(0, 10**6), d=st.integers(1, 4), k=st.integers(1, 4))
def test_bounds_rise_and_end_where_no_step_of_scikit_learn_rises(family, seed, d, k):
    X = rows_of(seed, d, k)
    model = fitted(X, family, k, accelerate="squarem", max_iter=400, reg_covar=1e-6)
    bounds = np.array(model.lower_bounds_)
    assert len(bounds) == model.n_iter_
    assert (np.diff(bounds) >= -1e-6 * np.maximum(1.0, np.abs(bounds[1:]))).all()
    theirs = sklearn.mixture.GaussianMixture(
        k,
        covariance_type=family,
        tol=0,
        max_iter=1,
        weights_init=model.weights_,
        means_init=model.means_,
        precisions_init=model.precisions_,
    ).fit(X)
    np.testing.assert_allclose(theirs.lower_bound_, model.score(X), rtol=1e-9)
    if model.converged_:
        assert theirs.score(X) - model.score(X) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_passes_are_fewer_and_the_optimum_is_no_worse(family):
    passes, gains = np.zeros(2), []
    for seed in range(12):
        X = rows_of(seed, n=600, spread=1.0)
        plain, longer = (fitted(X, family, accelerate=name, reg_covar=1e-6) for name in (None, "squarem"))
        passes += plain.n_iter_, longer.n_iter_
        gains.append(longer.score(X) - plain.score(X))
    assert passes[1] < 0.7 * passes[0]
    assert np.mean(gains) > -1e-4


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=10)
@given(
    seed=st.integers(0, 10**6), powers=st.lists(st.integers(-8, 8), min_size=3, max_size=3), moved=st.integers(-8, 8)
)
def test_units_and_origins_of_columns_change_nothing_else(family, seed, powers, moved):
    units = np.exp2(powers if family != "spherical" else powers[:1] * 3)
    X = np.round(rows_of(seed, d=3) * 64) / 64  # so that moving them loses no bit
    given = {
        "weights_init": np.full(3, 1 / 3),
        "means_init": X[:3],
        "max_iter": 12,
        "tol": 0.0,
        "accelerate": "squarem",
    }
    shapes = {"full": (3, 3, 3), "tied": (3, 3), "diag": (3, 3), "spherical": (3,)}
    ones = np.ones(shapes[family]) if family in ("diag", "spherical") else np.broadcast_to(np.eye(3), shapes[family])
    precisions = {"spherical": 1 / units[0] ** 2, "diag": 1 / units**2}.get(family, 1 / np.outer(units, units))
    plain = fitted(X, family, **given, precisions_init=ones)
    given["means_init"] = (X[:3] + moved) * units
    other = fitted((X + moved) * units, family, **given, precisions_init=ones * precisions)
    np.testing.assert_allclose(other.weights_, plain.weights_, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(other.means_ / units - moved, plain.means_, rtol=1e-5, atol=1e-5)
    shift = np.log(units).sum()
    np.testing.assert_allclose(np.array(other.lower_bounds_) + shift, plain.lower_bounds_, rtol=1e-6)


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 3))
def test_the_length_of_steps_knows_no_direction(seed, angle):
    # |r| / |v| of diagonal covariances under exchanged columns, and of means alone under any rotation.
    X = rows_of(seed)
    given = {"max_iter": 9, "tol": 0.0, "accelerate": "squarem", "weights_init": np.full(3, 1 / 3)}
    plain = fitted(X, "spherical", **given, means_init=X[:3], precisions_init=np.ones(3))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = fitted(X @ turn, "spherical", **given, means_init=X[:3] @ turn, precisions_init=np.ones(3))
    np.testing.assert_allclose(turned.lower_bounds_, plain.lower_bounds_, rtol=1e-7)


@pytest.mark.parametrize("family", FAMILIES)
def test_threads_restarts_and_chunks_change_no_bit(family, tmp_path):
    X = rows_of(4, n=3000)
    given = {"accelerate": "squarem", "tol": 1e-5, "stop": "aitken", "reg_covar": 1e-6}
    expected = fitted(X, family, **given)
    others = [
        fitted(X, family, **given, n_jobs=3),
        GaussianMixture(3, covariance_type=family, random_state=0, max_iter=2000, **given).fit([X[:700], X[700:]]),
    ]
    for part in range(1, 8):  # goes on from a file after each pass
        path = tmp_path / f"{part}"
        model = GaussianMixture(3, covariance_type=family, random_state=0, max_iter=part, **given)
        model.fit(X, checkpoint=path)
        with pytest.warns(UserWarning, match="goes on"):
            others.append(model.set_params(max_iter=2000).fit(X, checkpoint=path))
    for other in others:
        assert other.lower_bounds_ == expected.lower_bounds_
        for ours, theirs in zip(parameters(other), parameters(expected), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    both = fitted(X, family, **given, n_init=3)
    assert both.lower_bound_ >= expected.lower_bound_


def test_files_of_before_there_were_longer_steps_are_gone_on_from(tmp_path):
    X = rows_of(9, n=500)
    path = tmp_path / "fit"
    expected = fitted(X, reg_covar=1e-6)
    model = GaussianMixture(3, random_state=0, tol=1e-8, max_iter=4).fit(X, checkpoint=path)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header")))
    for name in ("stages", "stop", "accelerate"):
        del header["settings"][name]
    for run in header["runs"]:
        del run["change"]
    with path.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)
    with pytest.raises(ValueError, match="stop was 'change', and is 'aitken'"):
        GaussianMixture(3, random_state=0, tol=1e-8, stop="aitken").fit(X, checkpoint=path)
    with pytest.warns(UserWarning, match="goes on"):
        model.set_params(max_iter=2000).fit(X, checkpoint=path)
    assert model.lower_bounds_ == expected.lower_bounds_


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_that_ends_on_a_trial_keeps_what_was_sure(family):
    X = rows_of(5, n=400)
    for passes in range(1, 30):
        model = fitted(X, family, accelerate="squarem", tol=0.0, max_iter=passes, reg_covar=1e-6)
        assert model.n_iter_ == passes
        assert model.score(X) >= model.lower_bound_ - 1e-6


def test_a_component_of_weight_0_stays_away():
    X = rows_of(6)
    fit = em(X, [0.5, 0.5, 0.0], X[:3], [1.0, 1.0, 1.0], covariance_type="spherical", accelerate="squarem", max_iter=30)
    assert fit.weights[2] < 1e-10
    assert np.isfinite(fit.means).all()
    assert (np.diff(fit.lower_bounds) > -1e-9).all()


def test_aitken_stops_where_little_is_left():
    left = []
    for seed in range(12):
        X = rows_of(seed, n=600, spread=0.8)
        best = fitted(X, tol=0.0, max_iter=3000).lower_bound_
        change, aitken = (fitted(X, tol=1e-5, stop=rule, max_iter=3000) for rule in ("change", "aitken"))
        assert aitken.n_iter_ >= change.n_iter_
        assert aitken.converged_
        left.append([best - model.lower_bound_ for model in (change, aitken)])
    # Not all of them: what EM finds after a long plateau, no rule sees before.
    change, aitken = np.median(left, axis=0)
    assert aitken < 1e-5 < change


def test_the_rule_is_that_of_the_differences():
    X = rows_of(7, n=500)
    model = fitted(X, stop="aitken", tol=1e-6)
    changes = np.diff(model.lower_bounds_)
    ratio = changes[1:] / changes[:-1]
    left = np.where(ratio < 1, changes[1:] / (1 - ratio), np.inf)
    assert left[-1] < 1e-6
    assert (left[:-1] >= 1e-6).all()


def test_what_is_not_known_is_refused():
    X = rows_of(1)
    for name, value in (("accelerate", "anderson"), ("stop", "never")):
        with pytest.raises(ValueError, match=name):
            GaussianMixture(2, **{name: value}).fit(X)
        with pytest.raises(ValueError, match=f"{name}.*found"):
            em(X, [1.0], X[:1], [1.0], covariance_type="spherical", **{name: value})

"""`foldstat.select`: a table of fits that `GaussianMixture` gives too, and the best of them."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy
from sklearn.exceptions import ConvergenceWarning

import foldstat
from foldstat import GaussianMixture, plot
from foldstat.mixture import Candidate, Selection
from foldstat.mixture._parameters import NAMED_BY_PARTS

REFERENCE = Path(__file__).parent / "reference"
EXACT = {"tol": 1e-9, "max_iter": 5000}


def published(name):
    return np.array(json.loads((REFERENCE / f"mclust_{name}.json").read_text())["data"], dtype=np.float64)


def blobs(n=150, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 5.0 * rng.integers(3, size=(n, 1))


@pytest.fixture(scope="module")
def found():
    return foldstat.select(blobs(), range(1, 6), random_state=0)


# mclust's numbers with its own start, in its sign.
@pytest.mark.parametrize(("name", "best", "bic"), [("iris", ("VEV", 2), -561.728), ("faithful", ("EEE", 3), -2314.316)])
def test_published_selections_come_out(name, best, bic):
    found = foldstat.select(published(name), random_state=0, n_init=3, **EXACT)
    assert (found.best.covariance_type, found.best.n_components) == best
    assert -found.best.bic == pytest.approx(bic, abs=0.05)
    assert len(found.table) == 126


def test_the_published_likelihood_entropy_and_runner_up():
    found = foldstat.select(published("faithful"), [2, 3], ["EEE", "VEE"], random_state=0, **EXACT)
    three = {(one.covariance_type, one.n_components): one for one in found.table}
    best = three["EEE", 3]
    assert best.log_likelihood == pytest.approx(-1126.326, abs=0.02)
    assert best.n_parameters == 11
    assert best.icl == pytest.approx(2357.824, abs=1.0)  # where mclust stopped, labels were a little clearer
    assert three["VEE", 3].bic == pytest.approx(2322.103, abs=0.2)


@settings(deadline=None, max_examples=15)
@given(
    family=st.sampled_from([*NAMED_BY_PARTS, "full", "diag"]),
    k=st.integers(1, 4),
    seed=st.integers(0, 1000),
    init=st.sampled_from(["kmeans", "k-means++", "random", "random_from_data"]),
    weighted=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_each_fit_is_the_estimators_to_the_bit(family, k, seed, init, weighted, dtype):
    X = blobs(seed=seed).astype(dtype)
    w = np.random.default_rng(seed).gamma(2.0, size=len(X)) if weighted else None
    options = {"tol": 1e-4, "reg_covar": 1e-4, "max_iter": 500, "n_init": 2, "init_params": init, "random_state": seed}
    found = foldstat.select(X, [k, 5], ["EII", "VVV", family], sample_weight=w, **options)
    model = GaussianMixture(k, covariance_type=family, **options).fit(X, sample_weight=w)
    mine = found.models[family, k]
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_", "lower_bounds_"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(model, name))
    assert mine.get_params() == model.get_params()
    row = next(one for one in found.table if (one.covariance_type, one.n_components) == (family, k))
    assert row.bic == pytest.approx(model.bic(X, w), rel=1e-5 if dtype == np.float32 else 1e-12)
    assert row.aic == pytest.approx(model.aic(X, w), rel=1e-5 if dtype == np.float32 else 1e-12)


def test_criteria_are_their_formulas(found):
    X = blobs()
    for row in found.table:
        model = found.models[row.covariance_type, row.n_components]
        assert row.n_parameters == model._n_parameters()
        assert row.bic == pytest.approx(model.bic(X), rel=1e-12)
        assert row.aic == pytest.approx(model.aic(X), rel=1e-12)
        assert row.log_likelihood == pytest.approx(model.score(X) * len(X), rel=1e-12)
        # As mclust's icl: the logarithm of the probability of each row's label.
        r = model.predict_proba(X)
        hard = np.eye(r.shape[1])[r.argmax(axis=1)]
        assert row.icl == pytest.approx(row.bic - 2 * xlogy(hard, r).sum(), rel=1e-12)
        assert row.icl >= row.bic
        assert row.cv is None
        assert row.converged is model.converged_
        assert row.n_iter == model.n_iter_


def test_the_best_is_the_smallest(found):
    for criterion in ("bic", "icl", "aic"):
        assert getattr(found.best_by(criterion), criterion) == min(getattr(row, criterion) for row in found.table)
    assert found.best == found.best_by("bic")
    assert found.best_ is found.models[found.best.covariance_type, found.best.n_components]
    assert found.best.n_components == 3
    with pytest.raises(ValueError, match="no candidate has a value of 'cv'"):
        found.best_by("cv")
    with pytest.raises(ValueError, match="criterion must be 'bic' or 'icl' or 'aic' or 'cv', got 'BIC'"):
        found.best_by("BIC")


def test_rows_left_out_judge():
    X = blobs(90)
    found = foldstat.select(X, [1, 3], ["EII", "VVV"], criterion="cv", cv=3, random_state=4)
    assert found.best.cv == max(row.cv for row in found.table)
    assert found.best.n_components == 3
    random = np.random.RandomState(4)
    random.randint(0, 2**63, size=1, dtype=np.uint64)
    parts = random.permutation(90) % 3
    scores = np.empty(90)
    for part in range(3):
        model = GaussianMixture(3, covariance_type="EII", tol=1e-5, reg_covar=0, max_iter=1000, random_state=4)
        scores[parts == part] = model.fit(X[parts != part]).score_samples(X[parts == part])
    row = next(row for row in found.table if (row.covariance_type, row.n_components) == ("EII", 3))
    assert row.cv == pytest.approx(scores.mean(), rel=1e-12)


def test_what_collapses_is_a_row_with_its_reason():
    X = np.concatenate([blobs(30), np.full((3, 2), 40.0)])
    found = foldstat.select(X, [1, 4], ["EII", "VVV"], random_state=0)
    row = found.table[-1]
    assert row == Candidate("VVV", 4, reason="every start collapsed")
    assert ("VVV", 4) not in found.models
    assert "every start collapsed" in found._repr_html_()
    few = foldstat.select(X[:3], [1, 4], "EII", random_state=0)
    assert few.table[1].reason == "3 rows are fewer than components"
    with pytest.raises(ValueError, match="no candidate has a value of 'bic': every start collapsed"):
        foldstat.select(np.ones((9, 2)), 2, "VVV", random_state=0)


def test_a_start_that_collapses_does_not_end_the_others():
    X = np.random.default_rng(1).normal(size=(12, 2))

    def collapsed(**starts):
        found = (foldstat.select(X, [1, 3], "VVV", max_iter=50, random_state=seed, **starts) for seed in range(8))
        return [one.table[1].reason is not None for one in found]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert any(collapsed())
        assert not any(collapsed(n_init=8))


@settings(deadline=None, max_examples=10)
@given(power=st.integers(-20, 20), shift=st.sampled_from([0.0, 64.0]), seed=st.integers(0, 100))
def test_other_units_select_the_same(power, shift, seed):
    X = blobs(seed=seed)
    plain, scaled = (
        foldstat.select(rows, [2, 3], ["EII", "EEV", "VVE"], random_state=0) for rows in (X, (X + shift) * 2.0**power)
    )
    change = 2 * X.size * power * math.log(2)
    for one, other in zip(plain.table, scaled.table, strict=True):
        assert other.bic == pytest.approx(one.bic + change, rel=1e-6)
    assert (plain.best.covariance_type, plain.best.n_components) == (
        scaled.best.covariance_type,
        scaled.best.n_components,
    )


def test_threads_change_no_bit(found):
    again = foldstat.select(blobs(), range(1, 6), random_state=0, n_jobs=1)
    assert again.table == found.table


def test_frames(found):
    frame = found.to_frame()
    assert frame.loc[("VVV", 3), "bic"] == found.models["VVV", 3].bic(blobs())
    assert list(frame.index.names) == ["covariance_type", "n_components"]
    assert found.to_frame("polars").height == len(found.table)
    named = foldstat.select(pd.DataFrame(blobs(), columns=["a", "b"]), [2], "EII", random_state=0)
    assert list(named.best_.feature_names_in_) == ["a", "b"]
    assert repr(named) == "<Selection of 1 candidates: EII with 2 components is best by bic>"


def test_picture(found):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    ax = found.plot(pyplot.figure().subplots())
    assert len(ax.lines) == 15
    assert ax.lines[-1].get_xdata() == [found.best.n_components]
    assert plot.plot_selection(found, ax, criterion="icl") is ax
    pyplot.close("all")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"criterion": "best"}, ValueError, "criterion must be 'bic' or 'icl' or 'aic' or 'cv', got 'best'"),
        ({"n_components": []}, ValueError, "n_components must hold at least one number of components"),
        ({"n_components": 0}, ValueError, "n_components must be a number of components, at least 1, got 0"),
        ({"n_components": [1.5]}, TypeError, "n_components must be a number of components, an integer"),
        ({"covariance_types": "most"}, ValueError, "covariance_type must be one of 'full'"),
        ({"covariance_types": []}, ValueError, "covariance_types must hold at least one covariance family"),
        ({"criterion": "cv", "cv": 1}, ValueError, "cv must be a number of parts, at least 2, got 1"),
        ({"reg_covar": -1.0}, ValueError, "The 'reg_covar' parameter of GaussianMixture"),
        ({"X": [np.ones((3, 2)), np.ones((3, 2))]}, TypeError, "select takes rows in memory; foldstat.sample_rows"),
        ({"X": [[1.0, math.nan], [2.0, 3.0]]}, ValueError, "Input X contains NaN"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        foldstat.select(**({"X": blobs()} | arguments))


def test_a_best_that_did_not_converge_is_told():
    with pytest.warns(ConvergenceWarning, match="the best, VVV with 2 components, did not converge"):
        found = foldstat.select(blobs(), 2, "VVV", max_iter=1, random_state=0)
    assert isinstance(found, Selection)

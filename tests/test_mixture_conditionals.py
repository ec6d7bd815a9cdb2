"""Marginals, conditionals and the regression in a mixture: their laws, and SciPy's conditional normal."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

import twin
from foldstat import GaussianMixture
from mixtures import FAMILIES, assert_close, model_of, random_mixture

LAWS = settings(max_examples=40, deadline=None)
DRAWN = {"seed": st.integers(0, 500), "family": st.sampled_from(FAMILIES), "k": st.integers(1, 4)}


def drawn(seed, family, k, d=4):
    return random_mixture(family, n=40, d=d, k=k, seed=seed)


def matrices(model):
    k, d = model.means_.shape
    return twin.full_covariances(model.covariances_, model.covariance_type, k, d)


@LAWS
@given(**DRAWN, order=st.permutations(range(4)))
def test_a_marginal_of_a_marginal_is_the_marginal(seed, family, k, order):
    model = model_of(drawn(seed, family, k))
    first, then = order[:3], [2, 0]
    once, twice = model.marginal([first[i] for i in then]), model.marginal(first).marginal(then)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(once, name))
    assert twice.covariance_type == family


@LAWS
@given(**DRAWN, order=st.permutations(range(4)), g=st.integers(1, 3))
def test_marginal_times_conditional_is_the_joint_density(seed, family, k, order, g):
    m = drawn(seed, family, k)
    model, columns = model_of(m), order[:g]
    rest = sorted(set(range(4)) - set(columns))
    for row in m.X[:3]:
        conditional = model.condition({column: row[column] for column in columns})
        together = model.marginal(columns).score_samples(row[columns][None]) + conditional.score_samples(
            row[rest][None]
        )
        np.testing.assert_allclose(together, model.score_samples(row[None]), rtol=1e-10, atol=1e-9)


@LAWS
@given(seed=st.integers(0, 500), family=st.sampled_from(FAMILIES))
def test_one_component_is_the_conditional_normal(seed, family):
    m = drawn(seed, family, 1)
    mean, sigma = m.means[0], matrices(model_of(m))[0]
    x = m.X[:5, [3, 1]]
    slopes = np.linalg.solve(sigma[np.ix_([3, 1], [3, 1])], sigma[np.ix_([3, 1], [0, 2])]).T
    expected = mean[[0, 2]] + (x - mean[[3, 1]]) @ slopes.T
    left = sigma[np.ix_([0, 2], [0, 2])] - slopes @ sigma[np.ix_([3, 1], [0, 2])]
    found, cov = model_of(m).predict_given(x, given=[3, 1], return_cov=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cov, np.broadcast_to(left, cov.shape), rtol=1e-9, atol=1e-10)
    # And through densities that SciPy has: p(rest | given) = p(x) / p(given).
    conditional = model_of(m).condition({3: x[0, 0], 1: x[0, 1]})
    joint = multivariate_normal(mean, sigma).logpdf(m.X[0])
    given_ones = multivariate_normal(mean[[3, 1]], sigma[np.ix_([3, 1], [3, 1])]).logpdf(x[0])
    np.testing.assert_allclose(conditional.score_samples(m.X[:1, [0, 2]])[0], joint - given_ones, rtol=1e-9, atol=1e-9)


@LAWS
@given(**DRAWN, offset=st.sampled_from([0.0, 1e6]))
def test_predictions_are_the_moments_of_the_conditional_mixture(seed, family, k, offset):
    m = random_mixture(family, n=40, d=4, k=k, seed=seed, offset=offset)
    model = model_of(m)
    x = m.X[:4, [2, 0]]
    mean, cov = model.predict_given(x, given=[2, 0], return_cov=True)
    for i, row in enumerate(x):
        conditional = model.condition({2: row[0], 0: row[1]})
        expected = conditional.weights_ @ conditional.means_
        apart = conditional.means_ - expected
        spread = matrices(conditional) + apart[:, :, None] * apart[:, None, :]
        np.testing.assert_allclose(mean[i], expected, rtol=1e-9, atol=1e-9)
        assert_close(cov[i], np.einsum("k,kij->ij", conditional.weights_, spread), rtol=1e-6 if offset else 1e-9)
    only, std = model.predict_given(x, given=[2, 0], return_std=True)
    np.testing.assert_array_equal(only, mean)
    np.testing.assert_array_equal(std, np.sqrt(np.diagonal(cov, axis1=1, axis2=2)))
    np.testing.assert_array_equal(model.predict_given(x, given=[2, 0]), mean)


@LAWS
@given(**DRAWN, share=st.floats(0.1, 0.9))
def test_gaps_are_filled_as_if_their_pattern_were_given(seed, family, k, share):
    m = drawn(seed, family, k)
    gaps = np.random.default_rng(seed).random(m.X.shape) < share
    gaps[0], gaps[1] = False, True
    rows = np.where(gaps, np.nan, m.X)
    model = model_of(m)
    filled, cov = model.predict_given(rows, return_cov=True)
    np.testing.assert_array_equal(filled[~gaps], m.X[~gaps])
    np.testing.assert_allclose(filled[1], m.weights @ m.means, rtol=1e-10, atol=1e-10)
    for row, gap, mean, spread in zip(rows, gaps, filled, cov, strict=True):
        known, missing = np.flatnonzero(~gap), np.flatnonzero(gap)
        assert not spread[known].any()
        assert not spread[:, known].any()
        if len(known) and len(missing):
            expected, inner = model.predict_given(row[None, known], given=known, return_cov=True)
            np.testing.assert_allclose(mean[missing], expected[0], rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(spread[np.ix_(missing, missing)], inner[0], rtol=1e-12, atol=1e-13)


@LAWS
@given(**DRAWN, powers=st.lists(st.integers(-60, 60), min_size=4, max_size=4))
def test_other_units_give_the_same_predictions(seed, family, k, powers):
    powers = powers[:1] * 4 if family == "spherical" else powers
    scales = np.ldexp(1.0, powers)
    m = drawn(seed, family, k)
    stretch = {"spherical": scales[0] ** 2, "diag": scales**2}.get(family, np.outer(scales, scales))
    other = GaussianMixture.from_parameters(
        m.weights, m.means * scales, m.covariances * stretch, covariance_type=family
    )
    plain = model_of(m).predict_given(m.X[:, [1, 2]], given=[1, 2], return_std=True)
    scaled = other.predict_given(m.X[:, [1, 2]] * scales[[1, 2]], given=[1, 2], return_std=True)
    for ours, expected in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(ours / scales[[0, 3]], expected, rtol=1e-9, atol=1e-10)


def test_more_features_than_a_word_has_bits():
    m = random_mixture("diag", n=80, d=70, k=2)
    rows = m.X[:10].copy()
    rows[::2, 65:] = np.nan
    rows[::2, 0] = np.nan
    rows[1::2, 69] = np.nan
    filled = model_of(m).predict_given(rows)
    one = model_of(m).predict_given(rows[2:3])
    assert np.isfinite(filled).all()
    np.testing.assert_allclose(filled[2], one[0], rtol=1e-12)


def test_any_number_of_threads_gives_the_same_bits():
    m = random_mixture("full", n=200_000, d=3, k=3)
    found = [model_of(m, n_jobs=n).predict_given(m.X[:, :1], given=0, return_cov=True) for n in (1, 2, 3)]
    for part in range(2):
        np.testing.assert_array_equal(found[0][part], found[1][part])
        np.testing.assert_array_equal(found[0][part], found[2][part])


@pytest.fixture
def named():
    m = random_mixture("full", n=200, d=3, k=2)
    frame = pd.DataFrame(m.X, columns=["width", "length", "weight"])
    return frame, GaussianMixture(2, random_state=0).fit(frame)


def test_features_go_by_their_names(named):
    frame, model = named
    assert model.marginal(["weight", "width"]).feature_names_in_.tolist() == ["weight", "width"]
    assert model.marginal("length").means_.shape == (2, 1)
    row = frame.iloc[0]
    by_name, by_number = model.condition(row[["width", "weight"]]), model.condition({0: row.iloc[0], 2: row.iloc[2]})
    np.testing.assert_array_equal(by_name.means_, by_number.means_)
    assert by_name.feature_names_in_.tolist() == ["length"]
    expected = model.predict_given(frame[["weight", "width"]].to_numpy(), given=["weight", "width"])
    for rows in (frame, frame[["width", "weight"]], pl.DataFrame(frame.to_dict("list"))):
        np.testing.assert_array_equal(model.predict_given(rows, given=["weight", "width"]), expected)
    gaps = frame.assign(length=np.nan)[["weight", "length", "width"]]
    np.testing.assert_allclose(model.predict_given(gaps)[:, 1], expected[:, 0], rtol=1e-12)
    nulls = frame.assign(length=pd.array([pd.NA] * len(frame), dtype="Float64"))
    np.testing.assert_allclose(model.predict_given(nulls)[:, 1], expected[:, 0], rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_stays_float32(family):
    m = random_mixture(family, n=300, d=3, k=2)
    rows = m.X.astype(np.float32)
    model = GaussianMixture(2, covariance_type=family, random_state=0).fit(rows)
    assert model.marginal([0, 2]).means_.dtype == np.float32
    assert model.condition({1: 0.5}).covariances_.dtype == np.float32
    single = model.predict_given(rows[:, :1], given=0)
    assert single.dtype == np.float32
    double = model.predict_given(rows[:, :1].astype(float), given=0)
    assert double.dtype == np.float64
    np.testing.assert_allclose(single, double, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m: m.marginal([]), ValueError, "columns must name one or more different features"),
        (lambda m: m.marginal([0, 0]), ValueError, "different features"),
        (lambda m: m.marginal([3]), ValueError, "columns must lie between 0 and 2, got 3"),
        (lambda m: m.marginal([True]), TypeError, "numbers or names of features, got True"),
        (lambda m: m.marginal("a"), ValueError, "the model knows no feature 'a'"),
        (lambda m: m.condition({}), ValueError, "given must name one or more"),
        (lambda m: m.condition([1.0]), TypeError, "given must be a mapping of features to values"),
        (lambda m: m.condition({0: np.nan}), ValueError, "given must be finite, got nan for 0"),
        (lambda m: m.condition({0: [1.0, 2.0]}), ValueError, "one number for each feature"),
        (
            lambda m: m.condition({0: 1.0, 1: 1.0, 2: 1.0}),
            ValueError,
            "given must leave at least one of the 3 features",
        ),
        (
            lambda m: m.predict_given([[np.nan]], given=0),
            ValueError,
            "got nan at row 0, column 0; given=None takes NaN",
        ),
        (lambda m: m.predict_given([[np.inf] * 3]), ValueError, "X must be finite, got inf at row 0"),
        (lambda m: m.predict_given([[1.0, 2.0]], given=0), ValueError, "X must have 1 columns"),
        (
            lambda m: m.predict_given([[1.0]], given=0, return_std=True, return_cov=True),
            ValueError,
            "exclude each other",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask(model_of(random_mixture("full", d=3)))


@pytest.mark.parametrize(
    "ask", [lambda m: m.marginal(0), lambda m: m.condition({0: 1}), lambda m: m.predict_given([[1]])]
)
def test_unfitted_models_are_refused(ask):
    with pytest.raises(ValueError, match="not fitted"):
        ask(GaussianMixture(2))

"""Given weights and responsibilities are relative: their scale does not matter, from 1e-300 to 1e300."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat.cells import covariance
from foldstat.cells import maximization as cell
from foldstat.mixture import maximization, statistics
from mixtures import FAMILIES, assert_close, random_mixture

POWERS = st.integers(-996, 996)  # about 1e-300 to 1e300


def exact(X, r, about=None):
    """Σrx / Σr and Σr(x−m)(x−m)ᵀ / Σr of one component in rational numbers."""
    X, r = [[Fraction(x) for x in row] for row in X.tolist()], [Fraction(value) for value in r.tolist()]
    total, d = sum(r), len(X[0])
    mean = [sum(w * row[j] for w, row in zip(r, X, strict=True)) / total for j in range(d)]
    center = mean if about is None else [Fraction(value) for value in about]
    second = [
        [sum(w * (row[i] - center[i]) * (row[j] - center[j]) for w, row in zip(r, X, strict=True)) / total
         for j in range(d)]
        for i in range(d)
    ]  # fmt: skip
    return np.array(mean, dtype=float), np.array(second, dtype=float)


def drawn(seed, n=25, d=2, k=3):
    rng = np.random.default_rng(seed)
    r = rng.gamma(0.5, size=(n, k))
    r[rng.random((n, k)) < 0.2] = 0.0
    r[0] = 1.0
    return rng.normal(size=(n, d)) * [1.0, 30.0] + [5.0, -1.0], r


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), powers=st.tuples(POWERS, POWERS, POWERS))
def test_cells_give_the_formulas_whatever_the_unit_of_each_component(seed, powers):
    X, r = drawn(seed)
    plain = cell(X, r)
    scaled = cell(X, np.ldexp(r, powers))
    for found, expected in zip(scaled, plain, strict=True):
        np.testing.assert_array_equal(found, expected)
    for k, power in enumerate(powers):
        mean, second = exact(X, r[:, k])
        assert_close(scaled[0][k], mean, 1e-12)
        assert_close(scaled[1][k], second, 1e-12)
        weights = np.ldexp(r[:, k], power)
        np.testing.assert_array_equal(covariance(X, weights), covariance(X, r[:, k]))
        assert_close(covariance(X, weights), second, 1e-12)
        assert_close(covariance(X, weights, [1.0, 2.0]), exact(X, r[:, k], [1.0, 2.0])[1], 1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    power=POWERS,
    weights=st.none() | POWERS,
    family=st.sampled_from(FAMILIES),
    dtype=st.sampled_from([np.float64, np.float32]),
    d=st.sampled_from([2, 26]),  # more than 24 features have kernels of their own
)
def test_the_scale_of_responsibilities_changes_no_bit(seed, power, weights, family, dtype, d):
    X, r = drawn(seed)
    X = np.repeat(X, 13, axis=1) + np.random.default_rng(seed).normal(size=(25, 26)) if d == 26 else X
    w = None if weights is None else np.arange(25.0)
    found = [
        maximization(X.astype(dtype), np.ldexp(r, p), covariance_type=family, sample_weight=s, reg_covar=1e-3)
        for p, s in [(0, w), (power, None if w is None else np.ldexp(w, weights))]
    ]
    for scaled, plain in zip(found[1], found[0], strict=True):
        np.testing.assert_array_equal(scaled, plain)


@pytest.mark.parametrize("scale", [1e-300, 3e-200, 1e-40, 1e40, 1e300])
@pytest.mark.parametrize("family", FAMILIES)
def test_maximization_of_responsibilities_of_any_scale(family, scale):
    m = random_mixture(family)
    r = np.random.default_rng(0).dirichlet([1.0, 2.0], size=300)
    for ours, expected in zip(
        maximization(m.X, r * scale, covariance_type=family), maximization(m.X, r, covariance_type=family), strict=True
    ):
        assert_close(ours, expected, 1e-9)


def test_large_rows_of_large_weights():
    X, r = drawn(3)
    expected = exact(X, r[:, 0])[1]
    assert_close(covariance(X * 1e3, 1e300 * r[:, 0]), 1e6 * expected, 1e-9)
    assert_close(cell(X * 1e3, 1e300 * r)[1][0], 1e6 * expected, 1e-9)


def test_components_far_below_others_are_components():
    """Their share is no less a number because another component's is near one."""
    X, r = drawn(5)
    r *= [1.0, 1e-290, 1e-306]
    for k, (mean, second) in enumerate(zip(*cell(X, r), strict=True)):
        expected = exact(X, r[:, k])
        assert_close(mean, expected[0], 1e-12)
        assert_close(second, expected[1], 1e-12)


def test_no_responsibility_at_all_is_still_none():
    X = drawn(0)[0]
    with pytest.raises(ValueError, match="Component 1 is responsible for no row"):
        cell(X, np.column_stack([np.ones(25), np.zeros(25)]))
    with pytest.raises(ValueError, match="sum to zero"):
        covariance(X, np.zeros(25))
    assert np.isfinite(maximization(X, np.zeros((25, 2))).covariances).all()


@pytest.mark.parametrize("bad", [-1e-300, np.nan, np.inf])
def test_what_cannot_be_used_is_named_as_it_was_given(bad):
    X, r = drawn(0)
    r *= 1e-290
    r[7, 1] = bad
    with pytest.raises(ValueError, match="responsibilities") as error:
        maximization(X, r)
    assert "row 7, column 1" in str(error.value)
    if bad < 0:
        assert "1e-300" in str(error.value) or "0" * 200 in str(error.value)


def test_weights_that_overflow_are_not_blamed_on_the_rows():
    m = random_mixture("full")
    with pytest.raises(ValueError, match="sample_weight: weighted sums exceed the range of float64"):
        statistics(1e5 * m.X, m.weights, 1e5 * m.means, 1e10 * m.covariances, sample_weight=np.full(300, 1e300))


@pytest.mark.parametrize("heavy", [1.0, 1e10, 1e15, 1e20, 2.0**90])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_heavy_row_does_not_draw_the_components_it_is_no_part_of(family, heavy):
    X = np.array([[10.0], [1.0], [2.0], [3.0]])
    r = np.array([[heavy, 0.0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    found = maximization(X, r, covariance_type=family, reg_covar=0.0)
    assert found.means[1] == pytest.approx(2.0, rel=1e-14)
    expected = (heavy * 10 + 3.0) / (heavy + 1.5)
    assert found.means[0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("weight", "size"), [(1e-200, 1e-70), (1e-290, 1e-17), (1e-308, 1e-150), (5e-324, 1.0)])
@pytest.mark.parametrize("family", FAMILIES)
def test_statistics_that_fall_below_the_range_are_refused(family, weight, size):
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(200, 2)) * size, np.full(200, weight)
    covariance = {"full": [np.eye(2)], "tied": np.eye(2), "diag": [np.ones(2)], "spherical": [1.0]}[family]
    arguments = (X, [1.0], [[0.0, 0.0]], np.asarray(covariance) * size**2)
    with pytest.raises(ValueError, match="sample_weight: weighted sums fall below the range of float64; scale the"):
        statistics(*arguments, covariance_type=family, sample_weight=w)
    usual = maximization(statistics(*arguments, covariance_type=family, sample_weight=np.ones(200)), reg_covar=0.0)
    given = maximization(X, np.ones((200, 1)), covariance_type=family, sample_weight=w, reg_covar=0.0)
    assert_close(np.asarray(given.covariances) / size**2, np.asarray(usual.covariances) / size**2)

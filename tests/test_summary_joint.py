"""Covariances, correlations and least-squares lines: exact, rounded once, and a monoid."""

from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import foldstat
from foldstat import JointSummary, Summary
from summaries import anything, assert_identical, finite, round_ratio, round_root, same

MANY = hypothesis_settings(max_examples=100)


class Joint:
    """All complete rows, and everything read from them as ratios of integers."""

    def __init__(self, rows, weights=None):
        weights = [1] * len(rows) if weights is None else weights
        kept = [(r, w) for r, w in zip(rows, weights, strict=True) if all(map(math.isfinite, r))]
        self.weights = [int(w) for _, w in kept]
        ratios = [[v.as_integer_ratio() for v in column] for column in zip(*(r for r, _ in kept), strict=True)]
        # Each column in units that make its numbers integers.
        self.units = [max(d for _, d in column) for column in ratios]
        self.columns = [[n * (u // d) for n, d in column] for column, u in zip(ratios, self.units, strict=True)]
        self.count = sum(self.weights)
        self.incomplete_count = int(sum(weights)) - self.count

    def _scatter(self, i, j):
        """n times the sum of products about the means."""
        if not self.columns:
            return Fraction(0)
        x, y, w = self.columns[i], self.columns[j], self.weights
        products = sum(a * b * c for a, b, c in zip(x, y, w, strict=True))
        return Fraction(self.count * products - self._total(i) * self._total(j), self.units[i] * self.units[j])

    def _total(self, i):
        return sum(a * c for a, c in zip(self.columns[i], self.weights, strict=True))

    def mean(self, i):
        return Fraction(self._total(i), self.units[i] * self.count)

    def cov(self, i, j, ddof=1):
        if self.count - ddof <= 0:
            return math.nan
        return round_ratio(self._scatter(i, j) / (self.count * (self.count - ddof)))

    def corr(self, i, j):
        square = self._scatter(i, i) * self._scatter(j, j) if self.count else 0
        if square == 0:
            return math.nan
        product = self._scatter(i, j)
        return round_root(product**2 / square) * (-1 if product < 0 else 1)

    def line(self, i, j):
        spread = self._scatter(i, i) if self.count else 0
        if spread == 0:
            return math.nan, math.nan, math.nan
        slope = self._scatter(i, j) / spread
        return round_ratio(slope), round_ratio(self.mean(j) - slope * self.mean(i)), self.corr(i, j)


def assert_joint(found, rows, weights=None):
    expected = Joint(rows, weights)
    d = len(rows[0]) if len(rows) else 0
    assert (found.count, found.incomplete_count) == (expected.count, expected.incomplete_count)
    for ddof in (0, 1):
        assert all(same(found.cov(ddof)[i, j], expected.cov(i, j, ddof)) for i in range(d) for j in range(d))
    assert all(same(found.corr()[i, j], expected.corr(i, j)) for i in range(d) for j in range(d))
    for i in range(d):
        for j in range(d):
            assert all(same(a, b) for a, b in zip(found.line(i, j), expected.line(i, j), strict=True)), (i, j)


def rows_of(element, d=2, **sizes):
    return st.lists(st.lists(element, min_size=d, max_size=d), **sizes)


matrices = st.integers(1, 3).flatmap(
    lambda d: (rows_of(finite, d, min_size=1, max_size=6) | rows_of(anything, d, min_size=1, max_size=6)).map(np.array)
)


# --- exact ------------------------------------------------------------------------------------------


@MANY
@given(matrices)
def test_reads_are_correctly_rounded(X):
    assert_joint(foldstat.summarize(X, cov=True), X.tolist())
    assert_joint(foldstat.summarize(np.asfortranarray(X), cov=True), X.tolist())


@pytest.mark.parametrize("exponent", [-1060, -600, -500, -485, 0, 485, 500, 511, 1000])
@pytest.mark.parametrize("n", [3, 2500])
def test_every_scale(exponent, n):
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3))
    with np.errstate(under="ignore"):
        X = np.ldexp(X / 16, exponent)
        X[:, 1] = np.ldexp(X[:, 1], -exponent)
    assert_joint(foldstat.summarize(X, cov=True), X.tolist())


def test_narrow_columns_with_outliers_and_gaps():
    rng = np.random.default_rng(0)
    X = rng.normal(8.342, 1, (5003, 2)) + np.array([0, 1e8])
    X[rng.integers(0, 5003, 5), 0] = [1e300, -1e-300, 0.0, 5e-324, -1e150]
    assert_joint(foldstat.summarize(X, cov=True), X.tolist())
    X[::7, 0], X[::11, 1], X[5] = math.nan, math.inf, -math.inf
    assert_joint(foldstat.summarize(X, cov=True), X.tolist())


def test_as_numpy_and_scipy_do():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 6)) @ rng.normal(size=(6, 6)) + 5
    s = foldstat.summarize(X, cov=True)
    np.testing.assert_allclose(s.cov(), np.cov(X.T), rtol=1e-10)
    np.testing.assert_allclose(s.cov(ddof=0), np.cov(X.T, ddof=0), rtol=1e-10)
    np.testing.assert_allclose(s.corr(), np.corrcoef(X.T), rtol=1e-10)
    np.testing.assert_array_equal(np.diag(s.corr()), np.ones(6))
    np.testing.assert_array_equal(s.cov(), s.cov().T)
    line = s.line(0, 1)
    np.testing.assert_allclose(line[:2], np.polyfit(X[:, 0], X[:, 1], 1), rtol=1e-9)
    assert (line.slope, line.intercept, line.r) == tuple(line)
    assert line.r == s.corr()[0, 1]
    assert np.linalg.eigvalsh(s.cov()).min() > 0


def test_lines_by_hand():
    x = np.arange(10.0)
    line = foldstat.summarize(np.column_stack([x, 3 * x - 7]), cov=True).line(0, 1)
    assert line == (3.0, -7.0, 1.0)
    back = foldstat.summarize(np.column_stack([x, 7 - 0.5 * x]), cov=True).line(1, 0)
    assert back == (-2.0, 14.0, -1.0)
    constant = foldstat.summarize(np.column_stack([x, np.full(10, 4.0)]), cov=True)
    assert constant.line(0, 1)[:2] == (0.0, 4.0)
    assert math.isnan(constant.corr()[0, 1])
    assert all(map(math.isnan, constant.line(1, 0)))


def test_offsets_lose_nothing():
    """Sums of squares minus squares of sums, as every textbook warns against."""
    x = np.arange(1000.0) * 2.0**-20
    s = foldstat.summarize(np.column_stack([x + 2.0**30, 2.0**30 - x]), cov=True)
    assert s.corr()[0, 1] == -1.0
    assert s.line(0, 1) == (-1.0, 2.0**31, -1.0)


def test_variances_are_those_of_the_columns():
    X = np.random.default_rng(0).lognormal(size=(3001, 4))
    s = foldstat.summarize(X, cov=True)
    assert [s.cov()[i, i] for i in range(4)] == [Summary(X[:, i]).var() for i in range(4)]


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int64, np.uint64, np.bool_])
def test_dtypes(dtype):
    rng = np.random.default_rng(0)
    info = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    if info:
        X = rng.integers(info.min, info.max, (2003, 2), dtype=dtype, endpoint=True)
    else:
        X = (rng.normal(size=(2003, 2)) > 0.3) if dtype is np.bool_ else rng.normal(size=(2003, 2)).astype(dtype)
    assert_joint(foldstat.summarize(X, cov=True), X.tolist())


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(2003, 2)), rng.integers(0, 4, 2003)
    X[::50, 1] = math.nan
    s = foldstat.summarize(X, cov=True, sample_weight=weights)
    assert_identical(s, foldstat.summarize(np.repeat(X, weights, axis=0), cov=True))
    assert_joint(s, X.tolist(), weights.tolist())


# --- frames -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_frames(make):
    rng = np.random.default_rng(0)
    data = {"a": rng.normal(size=500), "b": rng.integers(0, 9, 500), "c": rng.normal(size=500) > 0}
    s = foldstat.summarize(make(data), cov=True)
    X = np.column_stack([np.asarray(v, dtype=float) for v in data.values()])
    plain = foldstat.summarize(X, cov=True)
    np.testing.assert_array_equal(s.cov(), plain.cov())
    assert s.line("a", "c") == plain.line(0, 2) == s.line(0, "c")
    with pytest.raises((KeyError, ValueError, IndexError), match="d"):
        s.line("a", "d")


def test_rows_with_nulls_are_incomplete():
    frame = pl.DataFrame({"x": [1, 2, None, 4, 5], "y": [2.0, 4.0, 6.0, None, math.inf]})
    for kind in (frame, frame.to_arrow(), frame.to_pandas()):
        s = foldstat.summarize(kind, cov=True)
        assert (s.count, s.incomplete_count) == (2, 3)
        assert s.line("x", "y") == (2.0, 0.0, 1.0)


# --- a monoid ---------------------------------------------------------------------------------------


@MANY
@given(rows_of(anything, max_size=8), rows_of(anything, max_size=8), rows_of(finite, max_size=8))
def test_laws(a, b, c):
    a, b, c = (foldstat.summarize(np.array(rows, dtype=float).reshape(-1, 2), cov=True) for rows in (a, b, c))
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(a + b, b + a)
    assert_identical(JointSummary() + a, a)
    assert_identical(a + JointSummary(), a)
    assert_identical(sum([a, b, c]), a + b + c)
    assert_identical(JointSummary.merge_all([a, b, c]), a + b + c)
    assert_identical(JointSummary.from_bytes(a.to_bytes()), a)
    for other in (a.copy(), copy.copy(a), copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert_identical(other, a)


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 7])
def test_parts_make_the_whole(n_jobs):
    rng = np.random.default_rng(0)
    X = rng.normal(8.342, 1, (30_011, 4))
    X[rng.integers(0, 30_011, 30), rng.integers(0, 4, 30)] = rng.choice([math.nan, math.inf, 1e300, 0.0], 30)
    whole = foldstat.summarize(X, cov=True, n_jobs=1)
    order = rng.permutation(len(X))
    parts = [foldstat.summarize(X[part], cov=True, n_jobs=n_jobs) for part in np.array_split(order, 7)]
    assert_identical(sum(parts), whole)
    assert_identical(foldstat.summarize(np.asfortranarray(X), cov=True, n_jobs=n_jobs), whole)
    assert_identical(foldstat.summarize(X[::-1], cov=True, n_jobs=n_jobs), whole)


def test_what_cannot_merge():
    two, three = (foldstat.summarize(np.zeros((4, d)), cov=True) for d in (2, 3))
    with pytest.raises(ValueError, match=r"(?s)2.*3|3.*2"):
        two + three
    named = foldstat.summarize(pd.DataFrame({"a": [1.0], "b": [2.0]}), cov=True)
    other = foldstat.summarize(pd.DataFrame({"a": [1.0], "c": [2.0]}), cov=True)
    with pytest.raises(ValueError, match=r"(?s)b.*c|c.*b"):
        named + other
    with pytest.raises(TypeError):
        two + 1


@pytest.mark.parametrize("X", [np.zeros(3), np.float64(1), np.zeros((2, 2, 2)), [1.0, 2.0]])
def test_covariances_need_columns(X):
    with pytest.raises((ValueError, TypeError)):
        foldstat.summarize(X, cov=True)


def test_covariances_of_groups_are_refused_with_advice():
    with pytest.raises(ValueError, match="by"):
        foldstat.summarize(np.zeros((4, 2)), by=[1, 1, 2, 2], cov=True)


@pytest.mark.parametrize("data", [b"", b"\0" * 50, Summary([1.0]).to_bytes()])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match="bytes"):
        JointSummary.from_bytes(data)

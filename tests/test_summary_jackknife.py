"""The jackknife against closed forms, SciPy, and each replicate from the values that are left."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import summaries as s
from foldstat import JointSummary, Summary, jackknife, summarize
from foldstat.summary import Jackknife

NUMPY = {
    "mean": np.mean,
    "sum": np.sum,
    "var": lambda x: np.var(x, ddof=1),
    "std": lambda x: np.std(x, ddof=1),
    "sem": scipy.stats.sem,
    "skewness": scipy.stats.skew,
    "kurtosis": scipy.stats.kurtosis,
    "median": np.median,
    "iqr": scipy.stats.iqr,
}


def naive(blocks, read):
    """Busing, Meijer & van der Leeden, formula by formula."""
    values, g = np.concatenate(blocks), len(blocks)
    estimate = read(values)
    replicates = np.array([read(np.concatenate(blocks[:j] + blocks[j + 1 :])) for j in range(g)])
    h = len(values) / np.array([len(block) for block in blocks])
    corrected = g * estimate - np.sum((1 - 1 / h) * replicates)
    pseudo = h * estimate - (h - 1) * replicates
    return estimate, estimate - corrected, math.sqrt(np.mean((pseudo - corrected) ** 2 / (h - 1))), replicates


def assert_close(found, expected, scale=1.0):
    estimate, bias, error, replicates = expected
    close = {"rtol": 1e-7, "atol": 1e-9 * scale}
    np.testing.assert_allclose(found.estimate, estimate, **close)
    np.testing.assert_allclose(found.replicates, replicates, **close)
    np.testing.assert_allclose(found.bias, bias, rtol=1e-6, atol=1e-7 * scale)
    np.testing.assert_allclose(found.standard_error, error, rtol=1e-6, atol=1e-7 * scale)


@pytest.mark.parametrize("read", sorted(NUMPY))
def test_named_reads_of_values(read):
    x = np.random.default_rng(3).normal(4, 2, 40)
    found = jackknife(x, read)
    assert isinstance(found, Jackknife)
    assert found.replicates.shape == (40,)
    assert_close(found, naive([x[i : i + 1] for i in range(len(x))], NUMPY[read]))
    again = jackknife(
        x,
        lambda left: getattr(left, read)() if read in ("var", "std") else getattr(left, read),
        moments=4,
        quantiles=True,
    )
    assert again.replicates.tolist() == found.replicates.tolist()
    assert math.isclose(again.bias, found.bias, rel_tol=1e-9, abs_tol=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30))
def test_closed_forms(values):
    x = np.array(values)
    n = len(x)
    found = jackknife(x, "mean")
    assert math.isclose(found.standard_error, Summary(x).sem, rel_tol=1e-9, abs_tol=1e-9)
    assert abs(found.bias) <= 1e-9 * np.abs(x).max()
    plug_in = jackknife(x, lambda left: left.var(ddof=0))
    # The bias of the variance with n is what n - 1 corrects.
    unit = max(np.abs(x).max() ** 2, 1e-300)
    assert math.isclose(plug_in.estimate - plug_in.bias, Summary(x).var(), rel_tol=1e-6, abs_tol=1e-9 * unit)
    # s.e. of the variance: sqrt((n-1)/n Σ (v_i - v̄)²) with v_i = (Σ - n/(n-1) d_i²)/(n-2).
    if n > 3:
        d = (x - x.mean()) ** 2
        exact = math.sqrt((n - 1) / n * np.sum((n / (n - 1) / (n - 2) * (d - d.mean())) ** 2))
        assert math.isclose(jackknife(x, "var").standard_error, exact, rel_tol=1e-6, abs_tol=1e-9 * unit)


@given(st.lists(s.finite, min_size=2, max_size=9))
def test_replicates_are_those_of_the_values_that_are_left(values):
    found = jackknife(values, "mean")
    expected = [Summary(values[:i] + values[i + 1 :]).mean for i in range(len(values))]
    assert all(map(s.same, found.replicates.tolist(), expected))


@pytest.mark.parametrize("read", ["mean", "std", "skewness", "median"])
def test_blocks_of_any_sizes(read):
    rng = np.random.default_rng(4)
    blocks = [rng.normal(size=size) for size in (3, 17, 5, 9, 1)]
    keys = np.repeat(np.arange(5), [3, 17, 5, 9, 1])
    settings = {"moments": 4, "quantiles": True}
    summaries = [Summary(block, **settings) for block in blocks]
    expected = naive(blocks, NUMPY[read])
    grouped = summarize(np.concatenate(blocks), by=keys, **settings)
    for parts in (summaries, tuple(summaries), grouped, [*summaries, Summary([np.nan, None], **settings)]):
        assert_close(jackknife(parts, read), expected)
    X = rng.normal(size=(20, 4))
    equal = [X[:, i] for i in range(4)]
    assert_close(jackknife(summarize(X, axis=0, **settings), read), naive(equal, NUMPY[read]))


@pytest.mark.parametrize(
    "column",
    [list, iter, tuple, np.array, lambda x: pd.Series(x, index=range(5, 5 + len(x))), pl.Series, pa.array, np.float32],
)
def test_values_of_every_library(column):
    x = [1.0, 2.5, -3.0, 8.0]
    assert jackknife(column(x), "mean").replicates.tolist() == jackknife(np.array(x), "mean").replicates.tolist()


def test_nan_and_nulls_are_passed_over():
    found = jackknife([1.0, None, 4.0, math.nan, 7.0], "mean")
    assert found.estimate == 4.0
    assert found.replicates.tolist() == [5.5, 4.0, 2.5]


def test_many_values_are_taken_some_at_a_time(monkeypatch):
    x = np.random.default_rng(5).normal(size=100)
    whole = jackknife(x, "kurtosis")
    monkeypatch.setattr("foldstat.summary._jackknife._AT_ONCE", 7)
    for parts in (x, list(x), pd.Series(x), [Summary([v], moments=4) for v in x]):
        found = jackknife(parts, "kurtosis")
        assert found.replicates.tolist() == whole.replicates.tolist()
        assert found.bias == whole.bias


def test_repr_and_frozen():
    found = jackknife([1.0, 2.0, 3.0], "mean")
    assert repr(found) == "Jackknife(estimate=2.0, bias=0.0, standard_error=0.5773502691896257, 3 replicates)"
    with pytest.raises(AttributeError):
        found.bias = 3


@pytest.mark.parametrize(
    ("parts", "read", "settings", "error", "message"),
    [
        ([1.0, 2.0], "min", {}, ValueError, "read='min' cannot be told once values are taken away"),
        ([1.0, 2.0], "mode", {}, ValueError, "read must be 'mean', .* or a function of a Summary, got 'mode'"),
        ([1.0, 2.0], 3, {}, TypeError, "read must be the name of a statistic, or a function"),
        ([1.0, 2.0], lambda left: "a", {}, TypeError, "read must give a number, got 'a'"),
        ([1.0, 2.0], lambda left: left.max, {}, ValueError, "the largest value cannot be told from what is left"),
        ([1.0], "mean", {}, ValueError, "two parts with values or more, got 1"),
        ([None, 1.0], "mean", {}, ValueError, "two parts with values or more, got 1"),
        ([], "mean", {}, ValueError, "two parts with values or more, got 0"),
        ([[1.0, 2.0]], "mean", {}, TypeError, "parts must be values of one dimension"),
        (pd.DataFrame({"a": [1.0, 2.0]}), "mean", {}, TypeError, "parts must be values of one dimension"),
        (3, "mean", {}, TypeError, "parts must be values of one dimension"),
        ([Summary([1.0]), Summary([2.0])], "skewness", {}, ValueError, "moments=4"),
        ([Summary([1.0]), Summary([2.0])], "median", {}, ValueError, "quantiles=True"),
        ([Summary([1.0]), Summary([2.0])], "mean", {"moments": 4}, TypeError, "have settings of their own"),
        ([Summary([1.0]), 2.0], "mean", {}, TypeError, "Summary objects"),
        (
            [2.0, Summary([1.0])],
            "mean",
            {},
            TypeError,
            "parts must be .* Summary objects only, got float at position 0",
        ),
        ([JointSummary()] * 2, "mean", {}, TypeError, "parts must be .*, got JointSummary at position 0"),
        (summarize([[1.0, 2.0]], by=["a"]), "mean", {}, TypeError, "groups of one column"),
    ],
)
def test_wrong_arguments(parts, read, settings, error, message):
    with pytest.raises(error, match=message):
        jackknife(parts, read, **settings)


@given(st.floats(-1e15, 1e15), st.lists(st.floats(-10, 10), min_size=2, max_size=12))
def test_means_far_from_zero_differ_exactly(origin, values):
    x = [origin + value for value in values]
    found = jackknife(x, "mean")
    assert math.isclose(found.standard_error, Summary(x).sem, rel_tol=1e-9, abs_tol=1e-300)
    blocks = [Summary([value]) for value in x]
    assert jackknife(blocks, "mean").standard_error == found.standard_error


DECIMALS = [Decimal("1.1"), Decimal("2.25"), None, Decimal("7")]


@pytest.mark.parametrize("read", sorted(NUMPY))
@pytest.mark.parametrize("column", [list, lambda x: pl.Series(x, dtype=pl.Decimal(9, 2)), pa.array, pd.Series])
def test_decimals(monkeypatch, read, column):
    monkeypatch.setattr("foldstat.summary._jackknife._AT_ONCE", 2)
    floats = [1.1, 2.25, 7.0]
    assert_close(jackknife(column(DECIMALS), read), naive([np.array([v]) for v in floats], NUMPY[read]))


def test_blocks_of_decimals():
    values = pl.Series(DECIMALS, dtype=pl.Decimal(9, 2)).drop_nulls()
    expected = naive([np.array([1.1]), np.array([2.25]), np.array([7.0])], np.mean)
    for parts in ([Summary(values[i : i + 1]) for i in range(3)], summarize(values, by=[0, 1, 2])):
        assert_close(jackknife(parts, "mean"), expected)
        assert_close(jackknife(parts, lambda left: left.mean), expected)


def test_times():
    days = [datetime.timedelta(days=day) for day in (1, 2, 6)]
    found = jackknife(days, lambda left: left.mean / datetime.timedelta(days=1))
    assert_close(found, naive([np.array([1.0]), np.array([2.0]), np.array([6.0])], np.mean))
    for parts in (days, [Summary([day]) for day in days]):
        with pytest.raises(TypeError, match="parts hold durations in 'us', whose mean is no number"):
            jackknife(parts, "mean")
    with pytest.raises(TypeError, match="not callable") as raised:
        jackknife([1.0, 2.0], np.mean)
    assert "read is called with a Summary" in raised.value.__notes__[0]


@pytest.mark.parametrize("read", ["median", "iqr"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 30, 5000])
def test_quantiles_of_many_values_are_exact(read, n):
    x = np.round(np.random.default_rng(n).lognormal(3, 1, n), 4 if n > 9 else 0)
    found = jackknife([None, *x], read)
    few = range(n) if n < 99 else range(0, n, 97)
    assert [found.replicates[i] for i in few] == pytest.approx([NUMPY[read](np.delete(x, i)) for i in few], rel=1e-12)
    assert found.estimate == pytest.approx(NUMPY[read](x), rel=1e-12)


def test_quantiles_that_are_not_exact_are_told():
    x = np.random.default_rng(1).normal(size=50)
    for parts, settings in ((x, {"quantile_buckets": 8}), (summarize(x, by=np.arange(50) % 9, quantile_buckets=8), {})):
        with pytest.warns(UserWarning, match="median is read to a relative error of"):
            jackknife(parts, "median", **settings)


def test_groups_of_a_frame_of_one_column():
    frame = pd.DataFrame({"d": [1, 1, 2, 3], "x": [1.0, 2.0, 5.0, 7.0]})
    expected = jackknife(summarize(frame["x"], by=frame["d"]), "mean")
    assert repr(jackknife(summarize(frame, by="d"), "mean")) == repr(expected)

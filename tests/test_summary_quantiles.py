"""Quantiles that follow the spread of the values: exact where these are few, within known limits where not."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import plain_reader
from foldstat import Summary, describe, summarize
from summaries import MAX, TINY, arrays, assert_identical, cuts, merge_as_tree, same, shards, singles

MANY = hypothesis_settings(max_examples=100)
METHODS = ["inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen"]
METHODS += ["weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"]
PEOPLE = [0.0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 0.75, 0.9, 0.95, 0.99, 1.0]
qs = st.sampled_from(PEOPLE) | st.floats(0, 1)
limits = st.sampled_from([2, 3, 10, 100, 4096])
# Differences of these do not overflow, so that NumPy has an answer as well.
moderate = st.floats(-1e300, 1e300) | st.integers(-9, 9).map(float) | st.sampled_from([0.1, 0.2, TINY, -TINY])


def numbers_of(values):
    """What has an order, ascending."""
    values = np.asarray(values, dtype=float)
    return np.sort(values[~np.isnan(values)])


# --- where all values are known ---------------------------------------------------------------------


@MANY
@given(st.lists(moderate, min_size=1, max_size=40), st.lists(qs, min_size=1, max_size=5), st.sampled_from(METHODS))
def test_few_values_give_the_quantiles_of_numpy(values, q, method):
    s = Summary(values, quantiles=True)
    assert s.quantile_error == 0.0
    np.testing.assert_array_equal(s.quantile(q, method), np.quantile(values, q, method=method))
    low, high = s.quantile_bounds(q, method)
    np.testing.assert_array_equal(low, s.quantile(q, method))
    np.testing.assert_array_equal(high, low)


@MANY
@given(st.lists(st.integers(-(2**53), 2**53) | st.integers(0, 5), min_size=1, max_size=40), qs)
def test_integers_give_the_quantiles_of_numpy(values, q):
    s = Summary(values, quantiles=True)
    for method in METHODS:
        assert s.quantile(q, method) == np.quantile(np.array(values, dtype=float), q, method=method)


@MANY
@given(st.lists(st.tuples(moderate, st.integers(0, 9)), min_size=1, max_size=20), qs, st.sampled_from(METHODS))
def test_weights_are_repetitions(pairs, q, method):
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    assume(weights.any())
    found = Summary(values, sample_weight=weights, quantiles=True).quantile(q, method)
    assert found == np.quantile(np.repeat(values, weights), q, method=method)


@MANY
@given(st.lists(st.tuples(moderate, st.integers(0, 9)), min_size=1, max_size=20), st.floats(0, 1))
def test_weighted_quantiles_are_those_of_numpy(pairs, q):
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    total = int(weights.sum())
    assume(total and abs(q * total - round(q * total)) > 1e-9)  # at a step NumPy's two ways may part by a rounding
    s = Summary(values, sample_weight=weights, quantiles=True)
    assert s.quantile(q, "inverted_cdf") == np.quantile(values, q, weights=weights, method="inverted_cdf")


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30), st.floats(0, 1))
def test_methods_of_polars(values, q):
    s, series = Summary(values, quantiles=True), pl.Series(values, dtype=pl.Float64)
    assert s.quantile(q, "lower") == series.quantile(q, "lower")
    assert s.quantile(q, "higher") == series.quantile(q, "higher")
    assert s.quantile(q, "linear") == pytest.approx(series.quantile(q, "linear"), rel=1e-12, abs=1e-12)
    assume(abs(q * len(values) - round(q * len(values))) > 1e-9)
    assert s.quantile(q, "equiprobable") == s.quantile(q, "inverted_cdf") == series.quantile(q, "equiprobable")


def test_ranks_that_people_mean():
    for n in (11, 101, 1001):
        s = Summary(np.arange(n), quantiles=True)
        for q in PEOPLE:
            assert s.quantile(q) == np.quantile(np.arange(n), q)
        assert s.quantile(0.1) == (n - 1) // 10
    assert Summary([0.0] * 2 + [0.1] * 9, quantiles=True).quantile(0.1) == 0.0


def test_years_and_constants():
    years = np.random.default_rng(0).integers(2000, 2024, 100_000)
    s = Summary(years, quantiles=True)
    for method in METHODS:
        np.testing.assert_array_equal(s.quantile(PEOPLE, method), np.quantile(years, PEOPLE, method=method))
    assert Summary([0.1] * 5000, quantiles=True, quantile_buckets=2).quantile(0.3) == 0.1


@pytest.mark.parametrize("value", [MAX, -MAX, TINY, -TINY, 0.0, -0.0, 2**60 + 1, True])
def test_one_value(value):
    s = Summary([value], quantiles=True)
    for method in METHODS:
        assert same(s.quantile(0.5, method), float(value))
    assert Summary([-MAX, MAX], quantiles=True).median == 0.0


def test_infinities_have_ranks():
    s = Summary([-math.inf, 1.0, 2.0, 3.0, math.inf], quantiles=True, quantile_buckets=2)
    assert (s.quantile(0), s.quantile(1)) == (-math.inf, math.inf)
    assert (s.quantile(0.1), s.quantile(0.9)) == (-math.inf, math.inf)
    assert s.quantile(0.2, "averaged_inverted_cdf") == -math.inf
    assert 1.0 <= s.quantile(0.25) <= 3.0
    assert math.isnan(Summary([-math.inf, math.inf], quantiles=True).median)
    assert math.isnan(Summary([], quantiles=True).median)
    assert Summary([], quantiles=True).quantile_error == 0.0
    low, high = Summary([math.nan, None], quantiles=True).quantile_bounds([0.1, 0.2])
    assert np.isnan([low, high]).all()
    assert np.isnan(Summary().quantile_bounds(0.5)).all()
    nan = Summary([math.nan, 1.0], quantiles=True).read(nan="propagate")
    assert np.isnan([nan.median, *nan.quantile_bounds(0.5)]).all()


# --- where they are too many ------------------------------------------------------------------------


@MANY
@given(arrays | singles, limits, st.lists(qs, min_size=1, max_size=5), st.sampled_from(METHODS))
def test_quantiles_lie_within_their_bounds(values, limit, q, method):
    s, ordered = Summary(values, quantiles=True, quantile_buckets=limit), numbers_of(values)
    assume(len(ordered) and np.isfinite(ordered).all() and np.ptp(ordered / 2) < MAX / 2)
    expected = np.quantile(ordered, q, method=method)
    found, (low, high) = s.quantile(q, method), s.quantile_bounds(q, method)
    assert (low <= expected).all()
    assert (expected <= high).all()
    assert (low <= found).all()
    assert (found <= high).all()
    assert ordered[0] <= found.min()
    assert found.max() <= ordered[-1]
    if s.quantile_error == 0:
        np.testing.assert_array_equal(found, expected)
    exact = np.quantile(ordered, q, method="lower")
    size = np.maximum(np.abs(exact), 2.0**-1022)
    assert (np.abs(s.quantile(q, "lower") - exact) / size <= s.quantile_error).all()


@MANY
@given(arrays | singles, limits, st.sampled_from(METHODS))
def test_quantiles_ascend(values, limit, method):
    s, finite = Summary(values, quantiles=True, quantile_buckets=limit), np.isfinite(values)
    assume(len(values) and finite.all())
    found = s.quantile(np.linspace(0, 1, 203), method)
    # Interpolation rounds as NumPy's does.
    # np.diff of the largest floats overflows.
    assert (np.diff(found / 2) >= -(2.0**-50) * np.abs(values.astype(float)).max()).all()


@MANY
@given(arrays, st.lists(limits, min_size=1, max_size=4), cuts, st.integers(0, 2**32))
def test_any_tree_of_merges_is_one_pass(values, some, cuts, seed):
    parts = shards(values, cuts)
    kept = [some[i % len(some)] for i in range(len(parts))]
    summaries = [Summary(part, quantiles=True, quantile_buckets=n) for part, n in zip(parts, kept, strict=True)]
    whole = Summary(values, quantiles=True, quantile_buckets=min(kept))
    assert_identical(merge_as_tree(summaries, np.random.default_rng(seed)), whole)
    assert_identical(Summary.from_bytes(whole.to_bytes()), whole)


def test_threads_and_groups_change_no_bit():
    rng = np.random.default_rng(0)
    x = rng.normal(46.9, 0.05, 200_000)
    x[::1000] *= 1e6
    whole, by = Summary(x, quantiles=True), rng.integers(0, 50, x.size)
    assert_identical(Summary(x, quantiles=True, n_jobs=1), whole)
    assert_identical(Summary(np.sort(x), quantiles=True), whole)
    groups = summarize(x, by=by, quantiles=True)
    assert_identical(Summary.merge_all(groups.values()), whole)
    assert_identical(groups[7], Summary(x[by == 7], quantiles=True))
    assert_identical(Summary.merge_all(summarize(x.reshape(-1, 8), axis=0, quantiles=True)), whole)


@pytest.mark.parametrize("draw", ["normal", "exponential", "lognormal", "uniform", "standard_cauchy"])
def test_known_distributions(draw):
    x = getattr(np.random.default_rng(0), draw)(size=100_001)
    s = Summary(x, quantiles=True)
    assert s.quantile_error < 0.02
    q = [0.1, 0.25, 0.75, 0.9, 0.99]
    np.testing.assert_allclose(s.quantile(q), np.quantile(x, q), rtol=2e-3)


def test_far_from_zero_the_resolution_is_that_of_the_spread():
    x = np.random.default_rng(0).normal(46.9, 0.05, 100_000)
    low, high = np.quantile(x, [0.25, 0.75])
    assert Summary(x, quantiles=True).iqr == pytest.approx(high - low, rel=1e-3)
    found = describe(pd.DataFrame({"latitude": x}))["latitude"]
    assert found["75%"] - found["25%"] == pytest.approx(high - low, rel=1e-3)
    outliers = Summary(np.concatenate([x, [0.0, -1e9, 1e300]]), quantiles=True)
    assert outliers.iqr == pytest.approx(high - low, rel=0.01)


def test_many_zeros_stay_zeros():
    x = np.random.default_rng(0).exponential(size=100_000)
    x[x < 1] = 0.0
    for sign in (1, -1):
        s = Summary(sign * x, quantiles=True, quantile_buckets=100)
        assert s.median == 0.0
        assert s.quantile_error > 0


def test_more_buckets_are_finer():
    x = np.random.default_rng(0).normal(size=50_000)
    errors = [Summary(x, quantile_buckets=n).quantile_error for n in (2, 10, 100, 1000, 10_000, 100_000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == 0.0
    assert errors[0] == math.inf


# --- which sketch -----------------------------------------------------------------------------------


def test_both_sketches_keep_both_promises():
    x = np.random.default_rng(0).normal(46.9, 0.05, 50_000)
    both = Summary(x, quantiles=True, relative_error=0.01)
    fine, coarse = Summary(x, quantiles=True), Summary(x, relative_error=0.01)
    q = np.linspace(0, 1, 57)
    assert both.quantile_error == fine.quantile_error < coarse.quantile_error
    np.testing.assert_array_equal(both.quantile(q), fine.quantile(q))
    assert_identical(both + fine, Summary(np.concatenate([x, x]), quantiles=True))
    assert_identical(both + coarse, Summary(np.concatenate([x, x]), relative_error=0.01))
    assert (fine + coarse).quantile_error is None
    wide = np.random.default_rng(0).choice([-1, 1], 50_000) * 2.0 ** np.random.default_rng(1).uniform(-300, 300, 50_000)
    both, coarse = Summary(wide, quantiles=True, relative_error=0.01), Summary(wide, relative_error=0.01)
    assert both.quantile_error == coarse.quantile_error < Summary(wide, quantiles=True).quantile_error
    exact = np.quantile(wide, q, method="lower")
    assert (np.abs(both.quantile(q, "lower") - exact) <= np.abs(exact) * both.quantile_error).all()
    low, high = both.quantile_bounds(q, "lower")
    assert ((low <= exact) & (exact <= high)).all()


def test_settings_are_keywords():
    for asked in ({}, {"quantiles": True}, {"quantile_buckets": 9}, {"relative_error": 0.1, "quantiles": True}):
        s = Summary([1.0], **asked)
        assert Summary([1.0], **s.settings).settings == s.settings
    assert Summary([], quantiles=True).settings["quantile_buckets"] == 4096
    assert Summary([], relative_error=0.1).settings["quantiles"] is False
    assert Summary([], quantiles=None).settings["quantile_buckets"] is None


@pytest.mark.parametrize("make", [lambda **k: Summary([1.0], **k), lambda **k: summarize([1.0], **k)])
@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"quantiles": 0.01}, TypeError, "relative_error=0.01"),
        ({"quantiles": 1}, TypeError, "quantiles must be True or False, got 1"),
        ({"quantiles": [0.25, 0.5]}, TypeError, r"quantiles=True.*s\.quantile\(\[0\.25, 0\.5\]\)"),
        ({"quantiles": np.array([0.5])}, TypeError, "quantiles=True"),
        ({"quantiles": "yes"}, TypeError, "quantiles must be True or False, got 'yes'"),
        ({"quantile_buckets": 1}, ValueError, "quantile_buckets must be from 2 to 1048576, got 1"),
        ({"quantile_buckets": 2**20 + 1}, ValueError, "quantile_buckets must be from 2"),
        ({"quantile_buckets": 2.5}, TypeError, "quantile_buckets must be"),
        ({"quantile_buckets": True}, TypeError, "quantile_buckets must be"),
        ({"relative_error": True}, TypeError, "relative_error must be a number"),
        ({"relative_error": [0.1]}, TypeError, "relative_error must be a number"),
        ({"relative_error": 0.6}, ValueError, r"relative_error must be from 0\.0001 to 0\.5, got 0\.6"),
    ],
)
def test_what_is_not_meant_says_what_is(make, keywords, error, message):
    with pytest.raises(error, match=message):
        make(**keywords)


@pytest.mark.parametrize("read", ["quantile", "quantile_bounds"])
def test_reads_name_what_is_wrong(read):
    s = Summary([1.0], quantiles=True)
    with pytest.raises(ValueError, match=rf"{read}\(q\): q must be from 0 to 1, got 1.5"):
        getattr(s, read)(1.5)
    with pytest.raises(ValueError, match=r"method must be one of 'inverted_cdf', .*'equiprobable'; got 'mean'"):
        getattr(s, read)(0.5, "mean")
    with pytest.raises(TypeError, match="method must be a name such as 'linear', got 3"):
        getattr(s, read)(0.5, 3)
    with pytest.raises(ValueError, match="make it with quantiles=True"):
        getattr(Summary([1.0]), read)(0.5)


# --- bytes ------------------------------------------------------------------------------------------


# Of Summary([0.5, -2.25, None, 2**60 + 1], moments=4, best=2, histogram=[0.0, 1.0], distinct=True), with quantiles to
# a relative error of 0.1, as written by the version of foldstat which had no others.
FIRST_VERSION = """
4653756d013f030001000000000000000002c000000000000000b04301000000000000f03f108601fdffffffffffff3f208c026500000000000000
02000000000000103092036ffdffffffffffff0b000000000000c00000000000000004409804b11a0000000000004000000000000000060000000000
0040000000000000000102000200000000000002c0000002000000000000e03f000000020203fb1f01914301f30101020000000000000000000000
000000f03f010101000314592d66a82c932160cb0824b9f4ebde6dced8d14d9856f4
"""


def test_bytes_of_the_first_version_are_read():
    """Those had no envelope, and no prefixes; neither of the two versions is read as the other."""
    settings = {"moments": 4, "best": 2, "relative_error": 0.1, "histogram": [0.0, 1.0], "distinct": True}
    old = Summary.from_bytes(bytes.fromhex(FIRST_VERSION))
    assert_identical(old, Summary([0.5, -2.25, None, 2**60 + 1], **settings))
    _, _, payload = plain_reader.opened(old.to_bytes())
    assert payload == bytes.fromhex(FIRST_VERSION)[5:]
    for kept, other in ((False, 2), (True, 1)):
        _, _, payload = plain_reader.opened(Summary([0.5, 1.5], quantiles=kept).to_bytes())
        with pytest.raises(ValueError, match="not of its version"):
            Summary.from_bytes(b"FSum" + bytes([other]) + payload)


def test_small_sketches_are_small():
    for n in (1, 10, 100):
        x = np.random.default_rng(0).normal(size=n)
        assert len(Summary(x, quantiles=True).to_bytes()) - len(Summary(x).to_bytes()) <= 10 * n + 5
    years = Summary(np.arange(100_000) % 24 + 2000, quantiles=True)
    assert len(years.to_bytes()) - len(Summary(np.arange(100_000) % 24 + 2000).to_bytes()) < 300

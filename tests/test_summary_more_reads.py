"""Reads with an argument, and all of them together."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from foldstat import Summary
from foldstat._common.fractions import rounded, rounded_root, whole_root
from summaries import TINY, Oracle, finite, round_ratio, round_root, same, short

ratios = st.fractions(min_value=0) | st.builds(
    lambda a, b, s: Fraction(a) * Fraction(2) ** s / b,
    st.integers(0, 2**80),
    st.integers(1, 2**80),
    st.integers(-1200, 1200),
)


@given(ratios, st.booleans())
def test_ratios_and_roots_are_rounded_once(ratio, negative):
    assert same(rounded(-ratio if negative else ratio), round_ratio(-ratio if negative else ratio))
    assert same(rounded_root(ratio), round_root(ratio))
    assert same(rounded_root(ratio**2), round_ratio(ratio))
    nearest = whole_root(ratio)
    assert (2 * nearest - 1) ** 2 <= 4 * ratio or nearest == 0
    assert 4 * ratio <= (2 * nearest + 1) ** 2


@given(st.integers(2**52, 2**53 - 1), st.sampled_from([-1, 0, 1]), st.integers(-600, 600))
def test_roots_beside_a_tie_are_rounded_once(whole, beside, exponent):
    """What is a hair above half a unit is rounded up, what is exactly that to even."""
    root = Fraction(2 * whole + 1, 2)
    square = (root**2 + Fraction(beside, 2**300)) * Fraction(4) ** exponent
    expected = whole + (beside > 0 or (beside == 0 and whole % 2))
    assert rounded_root(square) == math.ldexp(expected, exponent)


def corrected(values):
    """Skewness and kurtosis without bias, from exact fractions."""
    oracle = Oracle(values)
    n, second = oracle.count, oracle._spread()
    if second is None:
        return math.nan, math.nan
    third, fourth = oracle.central_moment(3), oracle.central_moment(4)
    skew = kurt = math.nan
    if n > 2:
        square = third**2 / second**3 * n * (n - 1) / (n - 2) ** 2
        skew = math.copysign(round_root(square), 1 if third >= 0 else -1)
    if n > 3:
        kurt = round_ratio(((n + 1) * (fourth / second**2 - 3) + 6) * (n - 1) / ((n - 2) * (n - 3)))
    return skew, kurt


@given(short)
def test_shape_without_bias_is_correctly_rounded(values):
    s = Summary(values, moments=4)
    skew, kurt = corrected(values)
    assert same(s.skew(bias=False), skew)
    assert same(s.kurt(bias=False), kurt)
    assert same(s.skew(), s.skewness)
    assert same(s.kurt(bias=True), s.kurtosis)


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=30))
def test_shape_as_scipy_and_pandas_have_it(values):
    assume(np.std(values) > 1e-3)
    s, x = Summary(values, moments=4), pd.Series(values)
    for bias in (True, False):
        np.testing.assert_allclose(s.skew(bias), scipy.stats.skew(values, bias=bias), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(s.kurt(bias), scipy.stats.kurtosis(values, bias=bias), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(s.skew(bias=False), x.skew(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(s.kurt(bias=False), x.kurt(), rtol=1e-6, atol=1e-6)


def test_shape_needs_its_powers_and_follows_the_policy():
    with pytest.raises(ValueError, match="moments=4"):
        Summary([1.0, 2.0, 4.0]).skew(bias=False)
    s = Summary([1.0, 2.0, 5.0, 9.0, math.nan], moments=4)
    assert math.isnan(s.read(nan="propagate").skew(bias=False))
    assert s.read().kurt(bias=False) == s.kurt(bias=False)
    with pytest.raises(ValueError, match="NaN"):
        s.read(nan="raise").kurt(bias=False)
    with pytest.raises(TypeError, match="bias must be True or False"):
        s.skew(bias="no")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(0.01, 0.999))
def test_the_interval_of_the_mean_is_that_of_scipy(values, confidence):
    assume(np.std(values) > 1e-3)
    low, high = Summary(values).mean_interval(confidence)
    expected = scipy.stats.t.interval(confidence, len(values) - 1, np.mean(values), scipy.stats.sem(values))
    np.testing.assert_allclose([low, high], expected, rtol=1e-9, atol=1e-6)


def test_the_interval_of_few_values_and_of_none():
    for values in ([], [1.0], [1.0, math.inf]):
        assert all(map(math.isnan, Summary(values).mean_interval()))
    assert Summary([2.0, 2.0]).mean_interval() == (2.0, 2.0)
    assert all(map(math.isnan, Summary([1.0, 2.0, math.nan]).read(nan="propagate").mean_interval()))
    for wrong in (0, 1, 95, math.nan, -0.5):
        with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
            Summary([1.0, 2.0]).mean_interval(wrong)
    for wrong in ("0.95", True, None):
        with pytest.raises(TypeError, match="confidence must be a number"):
            Summary([1.0, 2.0]).mean_interval(wrong)


@given(st.lists(finite | st.sampled_from([math.nan, math.inf, None, 2**60 + 1]), max_size=6), st.booleans())
def test_dicts_and_json_hold_what_is_read(values, full):
    s = Summary(values, **({"moments": 4, "quantiles": True, "distinct": True} if full else {}))
    row = dict(s)
    assert list(row) == list(s.to_dict()) == list(s.keys())
    assert all(same(row[name], s[name]) for name in row)
    for name, cell in {"count": s.count, "mean": s.mean, "std": s.std(), "min": s.min, "nulls": s.null_count}.items():
        assert same(row[name], cell)
    decoded = json.loads(s.to_json())
    assert list(decoded) == list(row)
    for name, cell in row.items():
        found = decoded[name]
        assert same(math.nan if found is None else float(found) if isinstance(found, str) else found, cell)


def test_a_summary_is_no_sequence():
    s = Summary([1.0, 2.0])
    with pytest.raises(TypeError, match="not iterable"):
        iter(s)
    with pytest.raises(KeyError, match="'median': there are"):
        s["median"]
    with pytest.raises(KeyError, match="0"):
        s[0]
    assert pd.Series([s, s]).iloc[1] is s
    assert np.array([s, s], dtype=object).shape == (2,)
    assert {**s}["mean"] == 1.5
    assert dict(s.read(nan="propagate")) == dict(s)


def test_formats():
    s = Summary([1.0, 2.0, 4.0])
    assert f"{s:.3g}" == "<Summary count=3 min=1 max=4 mean=2.33 std=1.53>"
    assert f"{s:.1f}" == "<Summary count=3 min=1.0 max=4.0 mean=2.3 std=1.5>"
    assert f"{s}" == str(s) == repr(s)
    assert f"{Summary():.3g}" == "Summary()"
    assert f"{Summary([2**60 + 1]):.3g}" == "<Summary count=1 min=1.15e+18 max=1.15e+18 mean=1.15e+18 std=nan>"
    with pytest.raises(ValueError, match="format"):
        f"{s:wrong}"


def test_statistics_without_an_argument_are_plain_floats():
    """A callable number would have pandas call it, in `assign`, `where`, `mask` and `loc`."""
    s = Summary([1.0, 2.0])
    assert type(s.mean) is float
    frame = pd.DataFrame({"x": [1.0, 2.0]}).assign(m=s.mean)
    assert frame["m"].tolist() == [1.5, 1.5]
    assert Summary([TINY]).mean == TINY

"""Sums and moments are the exact ones, rounded once: compared with fractions, fsum, SciPy and NumPy."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foldstat import Summary
from summaries import (
    MAX,
    TINY,
    Oracle,
    anything,
    arrays,
    assert_reads,
    finite,
    integers,
    near_exponents,
    round_ratio,
    round_root,
    same,
    short,
    singles,
)

MANY = hypothesis_settings(max_examples=200)


# --- the oracle itself ------------------------------------------------------------------------------


@given(st.fractions() | near_exponents().map(Fraction))
def test_roots_of_the_oracle_are_rounded_to_nearest(x):
    x = abs(x)
    root = round_root(x)
    below, above = math.nextafter(root, 0), math.nextafter(root, math.inf)
    assert ((Fraction(below) + Fraction(root)) / 2) ** 2 <= x <= ((Fraction(root) + Fraction(above)) / 2) ** 2
    with localcontext(prec=1200):
        assert root == float((Decimal(x.numerator) / Decimal(x.denominator)).sqrt())


def test_roots_of_the_oracle_tie_to_even():
    half = Fraction(1, 2)
    assert round_root((2**53 + half * 2) ** 2) == 2.0**53
    assert round_root((2**53 + 3) ** 2) == 2.0**53 + 4
    assert round_root((Fraction(TINY) * half) ** 2) == 0.0
    assert round_root((Fraction(TINY) * 3 / 2) ** 2) == 2 * TINY
    assert round_root(Fraction(MAX) ** 2) == MAX
    assert round_root(Fraction(2) ** 2048) == math.inf


# --- fractions --------------------------------------------------------------------------------------


@MANY
@given(short | st.lists(near_exponents(), max_size=8) | st.lists(anything | integers, max_size=8))
def test_reads_of_short_lists_are_correctly_rounded(values):
    assert_reads(Summary(values, moments=4), values, moments=4)
    assert_reads(Summary(values), values)


@MANY
@given(short.map(lambda v: np.array(v, dtype=float)))
def test_reads_of_short_arrays_are_correctly_rounded(values):
    assert_reads(Summary(values, moments=4), values.tolist(), moments=4)
    assert_reads(Summary(values), values.tolist())


@given(arrays | singles)
def test_reads_of_long_arrays_are_correctly_rounded(values):
    assert_reads(Summary(values), values.tolist())


@hypothesis_settings(max_examples=40)
@given(arrays | singles)
def test_reads_of_higher_moments_are_correctly_rounded(values):
    assert_reads(Summary(values, moments=4), values.tolist(), moments=4)


@pytest.mark.parametrize("exponent", [-1074, -1030, -969, -540, -511, -485, -257, 0, 257, 485, 511, 512, 1000, 1023])
@pytest.mark.parametrize("moments", [2, 4])
def test_every_scale(exponent, moments):
    """The same numbers at another scale, where squares underflow, lose their tail, or overflow."""
    rng = np.random.default_rng(exponent + 2000)
    values = rng.normal(size=2500) / 8
    values[::100] *= 2.0**-40
    with np.errstate(under="ignore"):
        values = np.ldexp(values, exponent)
    assert_reads(Summary(values, moments=moments), values.tolist(), moments)


@pytest.mark.parametrize(
    "outliers", [[1e300], [1e-300], [5e-324, 1e308], [np.nan], [np.inf, np.nan, 0.0], [1e20] * 300]
)
@pytest.mark.parametrize("n", [2049, 10_007])
def test_outliers_among_narrow_numbers(outliers, n):
    rng = np.random.default_rng(n)
    values = rng.normal(8.342, 1, n)
    values[rng.choice(n, len(outliers), replace=False)] = outliers
    for moments in (2, 4):
        assert_reads(Summary(values, moments=moments), values.tolist(), moments)


def test_a_hundred_thousand_numbers():
    """Lanes are filled and emptied many times."""
    values = np.random.default_rng(0).normal(8.342, 1, 100_000)
    s = Summary(values, n_jobs=1)
    assert_reads(s, values.tolist())
    assert s.sum == math.fsum(values)
    for value in (0.1, MAX, -TINY):
        s = Summary(np.full(100_000, value), moments=4, n_jobs=1)
        assert [s.power_sum(k) for k in (1, 2, 3, 4)] == [100_000 * Fraction(value) ** k for k in (1, 2, 3, 4)]


# --- fsum -------------------------------------------------------------------------------------------


def _fsum(values):
    """math.fsum, which gives up where the sum overflows on the way: there it adds halves of halves."""
    try:
        return math.fsum(values)
    except OverflowError:
        return round_ratio(sum(map(Fraction, values), Fraction(0)))


@MANY
@given(st.lists(finite) | arrays.map(lambda v: v[np.isfinite(v)]))
def test_the_sum_is_that_of_fsum(values):
    # The sum of no numbers but negative zeros is +0.0 in both.
    assert same(Summary(values).sum, _fsum(values) + 0.0)


# --- infinities, nothing, one -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sum_", "mean"),
    [
        ([], 0.0, math.nan),
        ([math.nan], 0.0, math.nan),
        ([None], 0.0, math.nan),
        ([-0.0], 0.0, 0.0),
        ([math.inf], math.inf, math.inf),
        ([math.inf, 1.0, math.inf], math.inf, math.inf),
        ([-math.inf, MAX], -math.inf, -math.inf),
        ([math.inf, -math.inf], math.nan, math.nan),
        ([MAX, MAX], math.inf, MAX),
        ([-MAX, -MAX, -MAX], -math.inf, -MAX),
        ([TINY, 0.0], TINY, 0.0),
        ([TINY, TINY, 0.0, TINY], 3 * TINY, TINY),
        ([1, 2, 3.5], 6.5, 6.5 / 3),
    ],
)
def test_sums_and_means_at_the_edge(values, sum_, mean):
    s = Summary(values)
    assert same(s.sum, sum_)
    assert same(s.mean, mean)
    assert_reads(Summary(values, moments=4), values, moments=4)


def test_an_infinity_leaves_power_sums_alone():
    s = Summary([math.inf, 3.0, -math.inf, 0.5], moments=4)
    assert [s.power_sum(k) for k in (1, 2, 3, 4)] == [
        Fraction(7, 2),
        Fraction(37, 4),
        Fraction(27) + Fraction(1, 8),
        Fraction(81) + Fraction(1, 16),
    ]
    assert isinstance(s.power_sum(1), Fraction)
    for name in ("sem", "skewness", "kurtosis"):
        assert math.isnan(getattr(s, name))
    assert math.isnan(s.var())
    assert (s.min, s.max) == (-math.inf, math.inf)


def test_squares_that_overflow_come_back():
    values = [1e200, -1e200, 3.0]
    s = Summary(values)
    assert s.var() == math.inf
    assert s.std() == 1e200
    assert s.power_sum(2) == 2 * Fraction(1e200) ** 2 + 9


@pytest.mark.parametrize("value", [0.1, -0.0, TINY, MAX, -MAX, 2**64 - 1, 2**53 + 1])
@pytest.mark.parametrize("n", [1, 2, 3, 5000])
def test_constants_have_no_spread(value, n):
    s = Summary([value] * n, moments=4)
    assert s.var() == 0.0 if n > 1 else math.isnan(s.var())
    assert s.var(ddof=0) == 0.0
    assert math.isnan(s.skewness)
    assert math.isnan(s.kurtosis)
    assert same(s.mean, round_ratio(Fraction(value)))


@pytest.mark.parametrize("ddof", [3, 4, 100])
def test_too_few_for_the_degrees_of_freedom(ddof):
    s = Summary([1.0, 2.0, 4.0])
    assert math.isnan(s.var(ddof))
    assert math.isnan(s.std(ddof=ddof))


@pytest.mark.parametrize("ddof", [0, 1, 2, 7])
def test_ddof_is_that_of_numpy(ddof):
    x = np.random.default_rng(0).normal(3, 2, 1000)
    assert Summary(x).var(ddof) == pytest.approx(np.var(x, ddof=ddof), rel=1e-13)
    assert Summary(x).std(ddof=ddof) == pytest.approx(np.std(x, ddof=ddof), rel=1e-13)


# --- conventions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", ["normal", "exponential", "lognormal", "uniform", "standard_cauchy"])
def test_shape_is_that_of_scipy_and_of_type_1_in_r(draw):
    """Population moments without correction: bias=True in SciPy, type 1 in R's e1071."""
    x = getattr(np.random.default_rng(1), draw)(size=501)
    s = Summary(x, moments=4)
    assert s.skewness == pytest.approx(scipy.stats.skew(x, bias=True), rel=1e-9)
    assert s.kurtosis == pytest.approx(scipy.stats.kurtosis(x, fisher=True, bias=True), rel=1e-9)
    assert s.sem == pytest.approx(scipy.stats.sem(x), rel=1e-12)


def test_shape_by_hand():
    # m2 = 3, m3 = 6, m4 = 21 about the mean 1
    s = Summary([0, 0, 0, 4], moments=4)
    assert s.skewness == round_root(Fraction(6**2, 3**3))
    assert s.kurtosis == -2 / 3
    assert Summary([0, 0, 0, -4], moments=4).skewness == -s.skewness
    assert same(Summary([-1, 1], moments=4).skewness, 0.0)
    assert Summary([-1, 1], moments=4).kurtosis == -2.0


@pytest.mark.parametrize("name", ["skewness", "kurtosis"])
def test_shape_needs_four_moments(name):
    with pytest.raises(ValueError, match="moments=4"):
        getattr(Summary([1.0, 2.0]), name)
    with pytest.raises(ValueError, match="moments"):
        Summary([1.0]).power_sum(3)


@pytest.mark.parametrize("power", [0, -1, 5, 1.5, "1"])
def test_powers_there_are(power):
    with pytest.raises((ValueError, TypeError)):
        Summary([1.0], moments=4).power_sum(power)


@pytest.mark.parametrize("moments", [0, 1, 3, 5, -2, 2.5, "2", None])
def test_moments_there_are(moments):
    with pytest.raises((ValueError, TypeError), match="moments"):
        Summary([1.0], moments=moments)


# --- integers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64])
@pytest.mark.parametrize("n", [0, 1, 5, 5000])
def test_integers_are_exact_over_their_whole_range(dtype, n):
    info = np.iinfo(dtype)
    values = np.random.default_rng(n).integers(info.min, info.max, n, dtype=dtype, endpoint=True)
    values[:3] = [info.max, info.max - 1, info.min][:n]
    for moments in (2, 4):
        assert_reads(Summary(values, moments=moments), values.tolist(), moments)


def test_integers_around_powers_of_two():
    near = [s * 2**k + d for k in (53, 54, 62, 63) for s in (1, -1) for d in (-1, 0, 1)]
    signed = [v for v in near if -(2**63) <= v < 2**63]
    unsigned = [v for v in [*near, 2**64 - 1] if v >= 0]
    for values in (np.array(signed * 300, dtype=np.int64), np.array(unsigned * 300, dtype=np.uint64)):
        assert_reads(Summary(values), values.tolist())
    mixed = [*signed, *unsigned, 0.5, -math.pi, True]
    assert_reads(Summary(mixed, moments=4), mixed, moments=4)
    assert Summary([2**60 + 1, 0.5]).power_sum(1) == 2**60 + 1 + Fraction(1, 2)


def test_extremes_are_integers_where_no_float_holds_them():
    s = Summary(np.array([2**63, 2**63 + 1, 2**64 - 1], dtype=np.uint64))
    assert s.max == 2**64 - 1
    assert isinstance(s.max, int)
    assert s.min == 2.0**63
    t = Summary(np.array([-(2**53) - 1, 5]))
    assert t.min == -(2**53) - 1
    assert isinstance(t.min, int)
    assert isinstance(t.max, float)
    assert isinstance(Summary([1, 2]).min, float)


@given(st.lists(integers | anything, min_size=1, max_size=10))
def test_extremes_of_integers_and_floats_together(values):
    s, oracle = Summary(values), Oracle(values)
    assert same(s.min, oracle.min)
    assert same(s.max, oracle.max)

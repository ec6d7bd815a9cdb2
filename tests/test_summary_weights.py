"""Real weights: exact sums against fractions, reads against NumPy, laws of merging, refusals."""

import math
import warnings
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import foldstat
from foldstat import Summary, summarize
from summaries import EXPONENTS, assert_identical, round_ratio, round_root

# What weights are without their name is for one test; the others take it as it is.
pytestmark = pytest.mark.filterwarnings("ignore:sample_weight has fractions")

KINDS = ("frequency", "reliability")
LENGTHS = (0, 1, 7, 47, 48, 64, 511, 512, 513, 3001)


def power_of_two(drawn):
    mantissa, exponent = drawn
    return math.ldexp(mantissa, exponent)


floats = st.floats(allow_nan=False, allow_infinity=False)
sized = st.tuples(st.floats(0.5, 1.0), st.sampled_from(EXPONENTS)).map(power_of_two)
values = st.one_of(floats, sized, sized.map(lambda x: -x), st.floats(-3, 3), st.just(0.0), st.just(-0.0))
weight = st.one_of(sized, st.floats(0, 1), st.just(0.0), st.just(1e-300), st.integers(0, 9).map(float))
rows = st.lists(st.tuples(values, weight), max_size=70)
kinds = st.sampled_from(KINDS)


def columns(pairs):
    x, w = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(x, dtype=float), np.array(w, dtype=float)


def exact_sums(x, w):
    pairs = [(Fraction(float(a)), Fraction(float(b))) for a, b in zip(x, w, strict=True)]
    powers = ((0, 1), (0, 2), (1, 1), (2, 1))
    return tuple(sum((a**i * b**j for a, b in pairs), Fraction(0)) for i, j in powers)


def sums_of(s):
    return s.weight_power_sum(1), s.weight_power_sum(2), s.power_sum(1), s.power_sum(2)


def tall_data(n, seed):
    """Values and weights that go through every kernel: narrow, wide, cancelling, tiny, huge, with zeros."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=n)
    with np.errstate(over="ignore"):
        xs = [normal, normal + 8.3, np.exp(9 * normal), normal * 10.0 ** rng.integers(-280, 280, n), np.round(normal)]
    xs += [normal * 5e-324, normal * 1e307, np.where(rng.random(n) < 0.1, 1e-9, normal), np.full(n, -1.7e308)]
    ws = [rng.random(n), rng.random(n) * 1e-300, rng.random(n) * 1e307, np.exp(20 * rng.normal(size=n))]
    ws += [np.where(rng.random(n) < 0.3, 0, rng.random(n)), 5e-324 * rng.integers(1, 99, n), np.ones(n)]
    return xs, ws


# --- exact sums -------------------------------------------------------------------------------------


@given(rows, kinds)
def test_sums_are_exact(pairs, kind):
    x, w = columns(pairs)
    s = Summary(x, sample_weight=w, weights=kind)
    assert sums_of(s) == exact_sums(x, w)
    assert s.count == np.count_nonzero(w)
    if s.count:
        live = [Fraction(float(a)) for a in x[w > 0]]
        assert (s.min, s.max) == (float(min(live)), float(max(live)))


@pytest.mark.parametrize("n", LENGTHS)
def test_sums_of_many_are_exact(n):
    xs, ws = tall_data(n, n)
    for x in xs:
        for w in ws:
            assert sums_of(Summary(x, sample_weight=w, weights="reliability", n_jobs=2)) == exact_sums(x, w)


@pytest.mark.parametrize("most", [2, 3, 8, 100, 8191, 8192, 10**6, 2**51, 2**53, 2**62])
def test_numbers_of_times_of_many_are_exact(most):
    for n in (64, 512, 3001):
        xs, _ = tall_data(n, n)
        for low in (0, 1):
            times = np.random.default_rng(most % 997).integers(low, most, n)
            times //= max(1, most * n // 2**62)
            for x in xs:
                s = Summary(x, sample_weight=times)
                pairs = [(Fraction(float(a)), int(t)) for a, t in zip(x, times, strict=True)]
                expected = [sum((t * a**k for a, t in pairs), Fraction(0)) for k in (1, 2)]
                assert [s.power_sum(1), s.power_sum(2)] == expected
                assert s.count == int(times.sum())


def test_neither_overflow_nor_underflow():
    w = np.array([1e-300, 3e-300, 5e-324])
    s = Summary([1.0, 2.0, 1e308], sample_weight=w)
    assert s.weight_sum == 4e-300
    assert s.mean == round_ratio(exact_sums([1.0, 2.0, 1e308], w)[2] / exact_sums([0, 0, 0], w)[0])
    huge = Summary([1e308, -1e308, 3.0], sample_weight=[1e308, 1e308, 0.5])
    assert huge.sum == 1.5
    assert huge.weight_sum == math.inf
    assert huge.effective_sample_size == 2.0


# --- reads ------------------------------------------------------------------------------------------


@given(rows, kinds, st.integers(-1, 3))
def test_reads_are_the_exact_ones_rounded_once(pairs, kind, ddof):
    x, w = columns(pairs)
    s = Summary(x, sample_weight=w, weights=kind)
    W, V, S, Q = exact_sums(x, w)
    assert s.weights == kind
    assert (s.sum, s.weight_sum) == (round_ratio(S), round_ratio(W))
    if not W:
        assert all(math.isnan(value) for value in (s.mean, s.var(ddof), s.sem, s.effective_sample_size))
        return
    assert s.mean == round_ratio(S / W)
    assert s.effective_sample_size == round_ratio(W**2 / V)
    squares = Q - S**2 / W
    divisor = W - ddof * (1 if kind == "frequency" else V / W)
    if divisor <= 0:
        assert math.isnan(s.var(ddof))
        assert math.isnan(s.std(ddof))
    else:
        assert (s.var(ddof), s.std(ddof)) == (round_ratio(squares / divisor), round_root(squares / divisor))
    size = W if kind == "frequency" else W**2 / V
    divisor = W - (1 if kind == "frequency" else V / W)
    if divisor > 0:
        assert s.sem == round_root(squares / divisor / size)
    else:
        assert math.isnan(s.sem)


def test_reads_are_those_of_numpy():
    rng = np.random.default_rng(3)
    x, w = rng.normal(50, 3, 10_000), rng.exponential(size=10_000)
    s = Summary(x, sample_weight=w)
    assert s.weights == "reliability"
    assert s.mean == pytest.approx(np.average(x, weights=w), rel=1e-14)
    for ddof in (0, 1):
        assert s.var(ddof) == pytest.approx(float(np.cov(x, aweights=w, ddof=ddof)), rel=1e-12)
    times = rng.integers(0, 5, 10_000)
    f = Summary(x, sample_weight=times.astype(float), weights="frequency")
    for ddof in (0, 1):
        assert f.var(ddof) == pytest.approx(float(np.cov(x, fweights=times, ddof=ddof)), rel=1e-12)
    counted = Summary(x, sample_weight=times)
    assert (f.mean, f.var(), f.std(), f.sem) == (counted.mean, counted.var(), counted.std(), counted.sem)
    # DescrStatsW of statsmodels: std_mean of frequencies.
    assert f.sem == pytest.approx(math.sqrt(f.var(0) / (f.weight_sum - 1)), rel=1e-12)


@given(rows, st.integers(-40, 40))
def test_the_scale_of_reliabilities_changes_nothing(pairs, shift):
    x, w = columns([(x, w) for x, w in pairs if w == 0 or 1e-280 < w < 1e280])
    one = Summary(x, sample_weight=w, weights="reliability")
    other = Summary(x, sample_weight=np.ldexp(w, shift), weights="reliability")
    for read in ("mean", "sem", "effective_sample_size"):
        np.testing.assert_equal(getattr(one, read), getattr(other, read))
    np.testing.assert_equal([one.var(), one.std(0)], [other.var(), other.std(0)])


def test_intervals_of_the_mean():
    from scipy import stats

    x, w = np.array([1.0, 2.0, 4.0, 8.0]), np.array([0.5, 1.5, 2.5, 1.25])
    for kind in KINDS:
        s = Summary(x, sample_weight=w, weights=kind)
        size = s.weight_sum if kind == "frequency" else s.effective_sample_size
        expected = stats.t.interval(0.9, size - 1, loc=s.mean, scale=s.sem)
        assert s.mean_interval(0.9) == pytest.approx(expected, rel=1e-12)


def test_what_is_not_finite():
    x = np.array([1.0, math.nan, math.inf, 3.0, math.nan, -math.inf, 5.0])
    w = np.array([0.5, 0.25, 0.0, 0.25, 0.0, 0.0, 0.0])
    s = Summary(x, sample_weight=w)
    assert (s.count, s.nan_count, s.mean, s.max) == (2, 1, 1.25 / 0.75, 3.0)
    s = Summary(np.append(x, math.inf), sample_weight=np.append(w, 0.1))
    assert (s.count, s.positive_infinity_count, s.sum, s.mean) == (3, 1, math.inf, math.inf)
    assert math.isnan(s.var())
    assert s.weight_power_sum(1) == Fraction(3, 4)
    tall = np.tile(x, 200)
    assert sums_of(Summary(tall, sample_weight=np.tile(w, 200))) == exact_sums([1.0, 3.0] * 200, [0.5, 0.25] * 200)


def test_best_and_distinct_go_with_weights():
    x = np.array([3.0, 1.0, 2.0, 0.0, 1.0])
    s = Summary(x, ids=list("abcde"), sample_weight=[0.5, 0.25, 1.5, 0.0, 2.5], best=3, distinct=True)
    assert s.best == [(1.0, "b"), (1.0, "e"), (2.0, "c")]
    assert s.distinct_count == 3


# --- laws -------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(rows, st.booleans()), min_size=1, max_size=4), kinds, st.randoms())
def test_parts_make_the_whole_with_and_without_weights(parts, kind, random):
    """Values without weights weigh 1, whatever the tree and the order."""
    summaries, x_all, w_all = [], [], []
    for pairs, weighted in parts:
        x, w = columns(pairs)
        w = w if weighted else np.ones(len(x))
        summaries.append(Summary(x, sample_weight=w, weights=kind) if weighted else Summary(x))
        x_all += x.tolist()
        w_all += w.tolist()
    summaries.append(Summary([], weights=kind))
    whole = Summary(x_all, sample_weight=w_all, weights=kind)
    for _ in range(2):
        random.shuffle(summaries)
        assert_identical(Summary.merge_all([*summaries, Summary()]), whole)
        left = Summary()
        for s in summaries:
            left = s + left
        assert_identical(left, whole)
    updated = Summary([], weights=kind)
    for pairs, weighted in parts:
        x, w = columns(pairs)
        updated.update(x, sample_weight=w if weighted else None)
    assert_identical(updated, whole)


@given(rows, kinds)
def test_bytes_are_inverse(pairs, kind):
    x, w = columns(pairs)
    s = Summary(x, sample_weight=w, weights=kind)
    assert_identical(Summary.from_bytes(s.to_bytes()), s)


def test_states_without_weights_keep_their_bytes():
    assert Summary([1.0, 2.0]).to_bytes() == Summary([1.0, 2.0], sample_weight=[1.0, 1.0]).to_bytes()
    assert Summary([1.0], weights="frequency") != Summary([1.0])


def test_frequencies_and_reliabilities_do_not_merge():
    one, other = (Summary([1.0], sample_weight=[0.5], weights=kind) for kind in KINDS)
    before = one.copy()
    with pytest.raises(ValueError, match="frequency weights with reliability weights"):
        one + other
    assert_identical(one, before)


def test_a_merge_keeps_what_both_keep():
    kept = Summary([1.0, 2.0], quantiles=True, distinct=True, moments=4)
    merged = kept + Summary([3.0], sample_weight=[0.5], distinct=True)
    assert merged.settings == Summary([], distinct=True, weights="reliability").settings
    assert merged.mean == 4.5 / 2.5
    assert merged.distinct_count == 3


# --- columns, rows, groups --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_columns_rows_and_groups(kind):
    rng = np.random.default_rng(1)
    X, w = rng.normal(size=(700, 9)), rng.random(700)
    w[::5], X[3, 2] = 0.0, np.nan
    keys = rng.integers(0, 6, 700)
    keys[w == 0] += 10
    for layout in (X, np.asfortranarray(X), pd.DataFrame(X)):
        found = summarize(layout, axis=0, sample_weight=w, weights=kind)
        turned = summarize(np.asarray(layout).T, axis=1, sample_weight=w, weights=kind)
        groups = summarize(layout, by=keys, sample_weight=w, weights=kind)
        assert sorted(groups) == sorted(set(keys[w > 0].tolist()))
        for j in range(9):
            expected = Summary(X[:, j], sample_weight=w, weights=kind)
            assert_identical(found[j], expected)
            assert_identical(turned[j], expected)
            for key, group in groups.items():
                rows = keys == key
                assert_identical(group[j], Summary(X[rows, j], sample_weight=w[rows], weights=kind))
        expected = [Summary(X[:, j], sample_weight=w, weights=kind) for j in range(9)]
        assert found.weight_sum.tolist() == [s.weight_sum for s in expected]
        assert found.effective_sample_size.tolist() == [s.effective_sample_size for s in expected]
        assert found.std().tolist() == [s.std() for s in expected]


def test_many_groups_of_weighted_rows():
    rng = np.random.default_rng(2)
    keys, x, w = rng.integers(0, 5000, 20_000), rng.normal(size=20_000), rng.random(20_000)
    groups = summarize(x, by=keys, sample_weight=w)
    for key in (0, 17, 4999):
        assert_identical(groups[key], Summary(x[keys == key], sample_weight=w[keys == key]))
    halves = [summarize(x[part], by=keys[part], sample_weight=w[part]) for part in (slice(0, 9000), slice(9000, None))]
    assert halves[0] + halves[1] == groups


def test_nulls_wide_integers_and_items():
    pa = pytest.importorskip("pyarrow")
    x, w = [2**60 + 1, None, 3, -(2**62) - 1], np.array([0.5, 0.25, 0.0, 1.5])
    expected = [Fraction(2**60 + 1) / 2 + Fraction(-(2**62) - 1) * 3 / 2]
    for given_x in (x, pa.array(x), pd.Series(x, dtype="Int64")):
        s = Summary(given_x, sample_weight=w)
        assert (s.count, s.null_count, s.max) == (2, 1, 2**60 + 1)
        assert [s.power_sum(1)] == expected
    mixed = Summary([2**60 + 1, 0.5, None], ids=["a", "b", "c"], sample_weight=[0.5, 1.5, 2.0], best=2)
    assert mixed.power_sum(1) == Fraction(2**60 + 1) / 2 + Fraction(3, 4)
    assert mixed.best == [(0.5, "b"), (2**60 + 1, "a")]


def test_durations_with_weights():
    x = [timedelta(seconds=s) for s in (1, 2, 4)]
    w = [0.5, 0.25, 0.25]
    for kind in KINDS:
        s, plain = (Summary(of, sample_weight=w, weights=kind) for of in (x, [1, 2, 4]))
        assert s.mean == timedelta(seconds=2) == timedelta(seconds=plain.mean)
        assert s.std(0) == timedelta(microseconds=round(plain.std(0) * 1e6))
    assert Summary(x, sample_weight=w).sem == timedelta(
        microseconds=round(Summary([1, 2, 4], sample_weight=w).sem * 1e6)
    )


# --- what weights are, and refusals -----------------------------------------------------------------


def test_which_weights_are_numbers_of_times():
    x = [1.0, 2.0, 3.0]
    for whole in ([1, 0, 2], [1.0, 0.0, 2.0], np.array([1, 0, 2], dtype=np.uint8)):
        assert_identical(Summary(x, sample_weight=whole), Summary([1.0, 3.0, 3.0]))
    with pytest.warns(UserWarning, match="read as reliabilities.* weights='frequency' if") as told:
        assert Summary(x, sample_weight=[1.0, 0.5, 2.0]).weights == "reliability"
    assert told[0].filename == __file__
    for kind in KINDS:
        named = Summary(x, sample_weight=[1.0, 0.0, 2.0], weights=kind)
        assert (named.weights, named.count, named.weight_power_sum(2)) == (kind, 2, 5)
    counted = Summary(x, sample_weight=[1, 0, 2], weights="frequency")
    assert (counted.count, counted.weight_power_sum(2)) == (3, 3)
    assert Summary(x, sample_weight=[1, 0, 2], weights="reliability").count == 2
    # A summary that has real weights takes all floats as such: chunks whose weights happen to be whole, too.
    chunks = Summary(x, sample_weight=[1.0, 0.5, 2.0]).update(x, sample_weight=[1.0, 0.0, 2.0])
    assert_identical(chunks, Summary([*x, *x], sample_weight=[1.0, 0.5, 2.0, 1.0, 0.0, 2.0]))


@pytest.mark.parametrize("bad", [-0.5, -1.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("n", [3, 5000])
@pytest.mark.parametrize("kind", [None, *KINDS])
def test_the_first_bad_weight_is_named(bad, n, kind):
    w = np.full(n, 0.5)
    w[[n - 2, n - 1]] = bad
    said = "is missing or NaN" if math.isnan(bad) else f"= {bad} is"
    X = np.ones((n, 3))
    calls = [lambda: Summary(X[:, 0], sample_weight=w, weights=kind)]
    calls += [lambda: Summary([None] * n, sample_weight=w, weights=kind)]
    calls += [lambda: Summary([*[1.0] * (n - 1), None], sample_weight=w, weights=kind)]
    calls += [lambda: summarize(X, axis=0, sample_weight=w, weights=kind)]
    calls += [lambda: summarize(X, by=np.arange(n) % 2, sample_weight=w, weights=kind)]
    for call in calls:
        with pytest.raises(ValueError, match=rf"sample_weight\[{n - 2}\] {said}"):
            call()
    s = Summary([1.0])
    with pytest.raises(ValueError, match="sample_weight"):
        s.update(X[:, 0], sample_weight=w)
    assert_identical(s, Summary([1.0]))


@pytest.mark.parametrize("n", [3, 5000])
def test_the_first_negative_number_of_times_is_named(n):
    w = np.ones(n, dtype=int)
    w[[n - 2, n - 1]] = -7
    X = np.ones((n, 3))
    for arguments in ({}, {"axis": 0}, {"cov": True}, {"by": np.arange(n) % 2}):
        weights = np.repeat(w, 3).reshape(n, 3) if not arguments else w
        with pytest.raises(ValueError, match=rf"sample_weight\[{n - 2}(, 0)?\] = -7 is negative"):
            summarize(X, sample_weight=weights, **arguments)
    with pytest.raises(ValueError, match=r"is negative"):
        Summary([1.0, 2.0], sample_weight=w[-2:][::-1])


@pytest.mark.parametrize(
    "setting", [{"quantiles": True}, {"relative_error": 0.01}, {"histogram": [0.0, 1.0]}, {"moments": 4}]
)
def test_what_needs_numbers_of_times_is_refused_with_weights(setting):
    for call in (
        lambda: Summary([1.0, 2.0], sample_weight=[0.5, 1.5], **setting),
        lambda: Summary([], weights="frequency", **setting),
        lambda: summarize(np.ones((2, 2)), axis=0, sample_weight=[0.5, 1.5], **setting),
        lambda: summarize(np.ones(2), by=[1, 2], sample_weight=[0.5, 1.5], **setting),
    ):
        with pytest.raises(ValueError, match=r"real weights and .*do not go together.*as integers"):
            call()
    kept = Summary([1.0, 2.0], sample_weight=[3.0, 2.0], **setting)
    assert kept.count == 5


def test_other_refusals():
    with pytest.raises(ValueError, match=r"weights must be 'frequency', 'reliability' or None, got 'analytic'"):
        Summary([1.0], weights="analytic")
    with pytest.raises(ValueError, match="sample_weight"):
        Summary([1.0], weights=[0.5])
    with pytest.raises(ValueError, match=r"cov=True.*as integers"):
        summarize(np.ones((3, 2)), cov=True, sample_weight=[0.5, 1.5, 1.0])
    with pytest.raises(ValueError, match="more than 53 bits"):
        Summary([1.0], sample_weight=[2**53 + 1], weights="reliability")
    with pytest.raises(ValueError, match=r"k must be 1 or 2"):
        Summary([1.0]).weight_power_sum(3)


def test_settings_make_the_same_summary():
    s = Summary([1.0, 2.0], sample_weight=[0.5, 1.5], best=1)
    assert_identical(Summary([], **s.settings) + s, s)
    assert "weights" not in Summary([1.0]).settings


def test_bytes_that_contradict_themselves():
    data = Summary([1.0, 2.0], sample_weight=[0.5, 1.5]).to_bytes()
    for end in range(len(data)):
        with pytest.raises(ValueError, match=r"not those of|cut off"):
            Summary.from_bytes(data[:end])


def test_reads_of_plain_summaries():
    s = Summary([1.0, 2.0, math.nan, math.inf])
    assert (s.weights, s.weight_sum, s.effective_sample_size, s.weight_power_sum(2)) == (None, 2.0, 2.0, 2)
    assert math.isnan(Summary().effective_sample_size)
    assert foldstat.Summary().weight_sum == 0.0


def test_order_of_merging_many_weighted_parts():
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=40_000) * 1e8, rng.random(40_000)
    whole = Summary(x, sample_weight=w, n_jobs=1)
    cuts = [0, *sorted(rng.integers(0, 40_000, 30).tolist()), 40_000]
    parts = [Summary(x[a:b], sample_weight=w[a:b], weights="reliability", n_jobs=2) for a, b in pairwise(cuts)]
    assert_identical(Summary.merge_all(parts[::-1]), whole)


def test_fractions_are_told_only_where_the_weights_are_taken():
    x, fractions = np.ones((3, 2)), [0.5, 1.5, 1.0]
    for problem, call in {
        "must have shape": lambda: Summary(x[:, 0], sample_weight=fractions[:2]),
        "is negative": lambda: Summary(x[:, 0], sample_weight=[0.5, 1.5, -1.0]),
        "is missing": lambda: summarize(x, axis=0, sample_weight=[0.5, 1.5, None]),
        "cov=True": lambda: summarize(x, cov=True, sample_weight=fractions),
    }.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ValueError, match=problem):
                call()
    with pytest.warns(UserWarning, match="has fractions"):
        Summary(x[:, 0], sample_weight=fractions)
    with pytest.raises(TypeError, match="the weights themselves, got the text 'w'"):
        summarize({"x": [1.0], "w": [2.0]}, axis=0, sample_weight="w")

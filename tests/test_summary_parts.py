"""The best N, quantiles, histograms and distinct counts of a summary."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foldstat import Summary
from summaries import MAX, TINY, Oracle, arrays, edges, ids, integers, same, short, singles, total_order

MANY = hypothesis_settings(max_examples=100)


# --- best -------------------------------------------------------------------------------------------


def assert_best(found, expected):
    assert [i for _, i in found] == [i for _, i in expected]
    assert [type(i) for _, i in found] == [type(i) for _, i in expected]
    assert all(same(v, w) for (v, _), (w, _) in zip(found, expected, strict=True))


@MANY
@given(arrays | singles, st.sampled_from([1, 2, 7, 1000, 2**24]), st.booleans(), st.data())
def test_best_is_sorting(values, n, largest, data):
    some = data.draw(st.lists(ids, min_size=1, max_size=8))
    names = [some[i % len(some)] for i in range(len(values))]
    assert_best(Summary(values, best=n, largest=largest).best, Oracle(values.tolist()).best(n, largest=largest))
    found = Summary(values, ids=names, best=n, largest=largest).best
    assert_best(found, Oracle(values.tolist()).best(n, names, largest))


@given(st.lists(integers | st.floats() | st.none(), max_size=20), st.booleans())
def test_best_of_python_numbers_is_sorting(values, largest):
    assert_best(Summary(values, best=5, largest=largest).best, Oracle(values).best(5, largest=largest))


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("n", [1, 100, 4096])
def test_best_of_sorted_numbers(n, largest):
    """Every number is better than all before, or none is."""
    for values in (np.arange(20_000.0), np.arange(20_000.0)[::-1], np.zeros(20_000)):
        expected = Oracle(values.tolist()).best(n, largest=largest)
        assert_best(Summary(values, best=n, largest=largest).best, expected)
        assert_best(Summary(values, best=n, largest=largest, n_jobs=3).best, expected)


def test_best_are_those_of_numpy():
    x = np.random.default_rng(0).normal(8.342, 1, 300_000)
    found = Summary(x, best=100).best
    order = np.argsort(x, kind="stable")[:100]
    assert [i for _, i in found] == order.tolist()
    np.testing.assert_array_equal([v for v, _ in found], x[order])


@pytest.mark.parametrize("largest", [False, True])
def test_ties_go_to_the_smaller_id(largest):
    s = Summary([1.0] * 6, ids=["b", "a", b"z", 7, -7, "é"], best=6, largest=largest)
    assert [i for _, i in s.best] == [-7, 7, b"z", "a", "b", "é"]
    assert [i for _, i in Summary([2.0] * 4, ids=[3, 1, 2, 1], best=3, largest=largest).best] == [1, 1, 2]


def test_zeros_have_an_order():
    assert [i for _, i in Summary([0.0, -0.0, 0.0, -0.0], best=4).best] == [1, 3, 0, 2]
    assert [i for _, i in Summary([0.0, -0.0, 0.0, -0.0], best=4, largest=True).best] == [0, 2, 1, 3]


def test_infinities_are_numbers_and_nan_is_not():
    s = Summary([math.nan, 1.0, -math.inf, None, math.inf], best=9)
    assert s.best == [(-math.inf, 2), (1.0, 1), (math.inf, 4)]


def test_default_ids_are_positions_in_all_of_the_input():
    s = Summary([3.0, math.nan, None], best=9)
    s.update(np.array([2.0, 5.0]))
    s.push(1.0)
    s.push(None)
    s.push(0.5, id="named")
    s.push(0.25)
    assert s.best == [(0.25, 8), (0.5, "named"), (1.0, 5), (2.0, 3), (3.0, 0), (5.0, 4)]


@pytest.mark.parametrize(
    "names",
    [
        range(10, 40, 10),
        np.array([10, 20, 30]),
        np.array([10, 20, 30], dtype=np.uint8),
        np.array([10, 20, 30], dtype=np.int32)[::1],
        [10, 20, 30],
        (10, 20, 30),
        iter([10, 20, 30]),
        [np.int64(10), np.uint8(20), 30],
    ],
    ids=lambda names: type(names).__name__,
)
def test_kinds_of_ids(names):
    found = Summary([3.0, 1.0, 2.0], ids=names, best=3).best
    assert found == [(1.0, 20), (2.0, 30), (3.0, 10)]
    assert all(type(i) is int for _, i in found)


def test_texts_and_bytes_as_ids():
    for names in (["x", "ÿ", ""], [b"x", b"\xff", b""], np.array(["x", "ÿ", ""]), ["x", b"x", 2**64 - 1]):
        found = Summary([3.0, 1.0, 2.0], ids=names, best=3).best
        assert found == [(1.0, names[1]), (2.0, names[2]), (3.0, names[0])]
        assert [type(i) for _, i in found] in ([str] * 3, [bytes] * 3, [bytes, int, str])


@pytest.mark.parametrize("names", [[1, 2], [1, 2, 3, 4], range(2), np.arange(4), []])
def test_as_many_ids_as_numbers(names):
    with pytest.raises(ValueError, match="ids"):
        Summary([1.0, 2.0, 3.0], ids=names, best=1)


@pytest.mark.parametrize("names", [[1, 2, None], [1, 2, 0.5], [1, 2, (3,)], np.array([1.5, 2, 3]), 7, "abcd", object()])
def test_ids_of_another_kind(names):
    with pytest.raises((TypeError, ValueError), match="id"):
        Summary([1.0, 2.0, 3.0], ids=names, best=1)


@pytest.mark.parametrize("best", [-1, 1.5, "3", math.nan, 2**24 + 1, 10**30])
def test_numbers_of_best(best):
    with pytest.raises((TypeError, ValueError, OverflowError), match="best"):
        Summary([1.0], best=best)


def test_merging_different_numbers_keeps_the_smaller():
    a, b = Summary([1.0, 4.0, 3.0], ids=["a1", "a4", "a3"], best=3), Summary([2.0, 0.0], ids=["b2", "b0"], best=2)
    assert (a + b).best == [(0.0, "b0"), (1.0, "a1")]
    assert a.best == [(1.0, "a1"), (3.0, "a3"), (4.0, "a4")]


def test_mean_of_the_best():
    x = np.random.default_rng(0).normal(size=10_000)
    assert Summary([v for v, _ in Summary(x, best=100).best]).mean == Summary(np.sort(x)[:100]).mean


# --- quantiles --------------------------------------------------------------------------------------

QS = [0.0, 1e-9, 0.001, 0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 0.999, 1 - 1e-9, 1.0]


def assert_within(found, values, q, error):
    """A quantile by linear interpolation of two neighbours, each within the relative error."""
    ordered = sorted(values.tolist(), key=total_order)
    rank = Fraction(q) * (len(ordered) - 1)
    below = math.floor(rank)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    if below in (0, len(ordered) - 1) and rank == below:
        assert same(found, low)
        return
    if not (math.isfinite(low) and math.isfinite(high)):
        return
    t = rank - below
    expected = (1 - t) * Fraction(low) + t * Fraction(high)
    # And the rounding of three operations, the smallest of which are subnormal.
    allowed = ((1 - t) * abs(Fraction(low)) + t * abs(Fraction(high))) * Fraction(error) + 4 * Fraction(TINY)
    allowed += max(abs(Fraction(low)), abs(Fraction(high))) * Fraction(2.0**-50)
    assert abs(Fraction(found) - expected) <= allowed, (found, float(expected), q)


@MANY
@given(arrays | singles, st.sampled_from([1e-4, 0.001, 0.01, 0.05, 0.5]), st.sampled_from(QS) | st.floats(0, 1))
def test_quantiles_are_within_the_error(values, alpha, q):
    s = Summary(values, relative_error=alpha)
    values = values[~np.isnan(values)].astype(float)
    assume(len(values))
    assert s.quantile_error > 0
    assert s.quantile_error <= alpha
    assert_within(s.quantile(q), values, q, s.quantile_error)


@pytest.mark.parametrize("alpha", [1e-4, 0.01, 0.3])
@pytest.mark.parametrize("draw", ["normal", "exponential", "lognormal", "uniform", "standard_cauchy"])
def test_quantiles_of_known_distributions(draw, alpha):
    x = getattr(np.random.default_rng(0), draw)(size=10_001)
    s = Summary(x, relative_error=alpha)
    assert s.quantile_error <= alpha
    for q in QS:
        assert_within(s.quantile(q), x, q, s.quantile_error)
    expected = np.quantile(x, [0.9, 0.99, 0.999])
    np.testing.assert_allclose(s.quantile([0.9, 0.99, 0.999]), expected, rtol=alpha)
    if alpha == 1e-4:
        np.testing.assert_allclose(s.quantile(np.array(QS)), np.quantile(x, QS), rtol=2e-4, atol=2e-4)


def test_median_and_interquartile_range():
    x = np.random.default_rng(0).lognormal(size=5000)
    s = Summary(x, relative_error=0.001)
    assert s.median == s.quantile(0.5)
    assert s.iqr == s.quantile(0.75) - s.quantile(0.25)
    assert s.median == pytest.approx(np.median(x), rel=0.001)
    assert s.iqr == pytest.approx(np.subtract(*np.quantile(x, [0.75, 0.25])), rel=0.01)
    assert isinstance(s.quantile(0.5), float)
    assert s.quantile([[0.5], [0.25]]).shape == (2, 1)
    assert s.quantile([]).shape == (0,)


def test_extremes_are_exact():
    x = np.random.default_rng(0).normal(size=1000)
    s = Summary(x, relative_error=0.5)
    assert (s.quantile(0), s.quantile(1)) == (x.min(), x.max())
    one = Summary([MAX], relative_error=0.1)
    assert one.quantile(0.5) == MAX
    assert Summary([TINY] * 3, relative_error=0.1).median == TINY
    assert Summary([-MAX] * 3, relative_error=0.1).median == -MAX


def test_quantiles_with_infinities_and_without_numbers():
    s = Summary([-math.inf, 1.0, 2.0, 3.0, math.inf], relative_error=0.001)
    assert s.median == pytest.approx(2.0, rel=0.001)
    assert (s.quantile(0), s.quantile(1)) == (-math.inf, math.inf)
    # Between an infinity and a number lies the infinity.
    assert (s.quantile(0.1), s.quantile(0.9)) == (-math.inf, math.inf)
    assert s.quantile(0.25) == pytest.approx(1.0, rel=0.001)
    assert math.isnan(Summary([], relative_error=0.1).median)
    assert math.isnan(Summary([math.nan], relative_error=0.1).quantile(0.3))
    np.testing.assert_array_equal(Summary([], relative_error=0.1).quantile([0.1, 1.0]), [math.nan, math.nan])
    assert Summary([-1.0, 0.0, -0.0, 0.0, 1.0], relative_error=0.1).median == 0.0


def test_numbers_of_every_size_take_a_coarser_resolution():
    """The buckets are bounded, and the error that is left is said and kept."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1, 1], 100_000) * 2.0 ** rng.uniform(-1000, 1000, 100_000)
    fine, coarse = Summary(x, relative_error=1e-4), Summary(x, relative_error=0.5)
    assert 1e-4 < fine.quantile_error < 0.3
    assert coarse.quantile_error <= 0.5
    assert len(fine.to_bytes()) < 16384 * 8
    for q in QS:
        assert_within(fine.quantile(q), x, q, fine.quantile_error)
    narrow = Summary(rng.normal(8.342, 1, 1000), relative_error=1e-4)
    assert narrow.quantile_error <= 1e-4
    assert (fine + narrow).quantile_error == fine.quantile_error


@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.51, 1e-5, math.nan, math.inf, "0.1"])
def test_errors_there_are(alpha):
    with pytest.raises((ValueError, TypeError), match="relative_error"):
        Summary([1.0], relative_error=alpha)


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan, [0.5, 2], "half", None])
def test_quantiles_there_are(q):
    with pytest.raises((ValueError, TypeError)):
        Summary([1.0], relative_error=0.1).quantile(q)


# --- histogram --------------------------------------------------------------------------------------


def assert_histogram(found, values, edges):
    assert found.dtype == np.uint64
    inside, _ = np.histogram(values, edges)
    expected = [np.sum(values < edges[0]), *inside, np.sum(values > edges[-1])]
    np.testing.assert_array_equal(found, expected)


@MANY
@given(arrays | singles, edges())
def test_histogram_is_that_of_numpy(values, edges):
    s = Summary(values, histogram=edges)
    np.testing.assert_array_equal(s.histogram_edges, edges)
    assert_histogram(s.histogram_counts, values[~np.isnan(values)].astype(float), edges)


@pytest.mark.parametrize("bins", [1, 2, 10, 1000])
def test_even_edges(bins):
    """Numbers on the edges themselves, and next to them."""
    even = np.linspace(-3, 7, bins + 1)
    x = np.concatenate([even, np.nextafter(even, np.inf), np.nextafter(even, -np.inf), np.linspace(-5, 9, 5000)])
    assert_histogram(Summary(x, histogram=even).histogram_counts, x, even)
    tenths = np.arange(bins + 1) * 0.1
    x = np.concatenate([tenths, np.arange(3 * bins) / 10, np.random.default_rng(0).uniform(-1, bins, 5000)])
    assert_histogram(Summary(x, histogram=tenths).histogram_counts, x, tenths)


@given(st.lists(integers | st.floats(), max_size=12), st.lists(integers, min_size=2, max_size=5, unique=True))
def test_histogram_of_integers_is_exact(values, edges):
    edges = sorted({float(e) for e in edges})
    assume(len(edges) > 1)
    assert Summary(values, histogram=edges).histogram_counts.tolist() == Oracle(values).histogram(edges)


def test_histogram_by_hand():
    s = Summary([-math.inf, -1, 0, 0.5, 1, 2, 2.5, math.inf, math.nan, None], histogram=[0, 1, 2])
    assert s.histogram_counts.tolist() == [2, 2, 2, 2]
    assert Summary([], histogram=[0, 1]).histogram_counts.tolist() == [0, 0, 0]
    assert Summary([2**53 + 1], histogram=[0, 2.0**53]).histogram_counts.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "edges", [[], [1.0], [1.0, 1.0], [2.0, 1.0], [0.0, math.nan], [0.0, math.inf], [[0.0, 1.0]], "ab", [0.0, -0.0], 5]
)
def test_edges_there_are(edges):
    with pytest.raises((ValueError, TypeError), match="histogram"):
        Summary([1.0], histogram=edges)


def test_merging_keeps_the_common_edges():
    a, b = Summary([0.5, 1.5, 2.5], histogram=[0, 1, 2, 3]), Summary([0.5, 9.0], histogram=[-1, 1, 3])
    merged = a + b
    assert merged.histogram_edges.tolist() == [1, 3]
    assert merged.histogram_counts.tolist() == [2, 2, 1]


# --- distinct ---------------------------------------------------------------------------------------


@MANY
@given(short | st.lists(integers | st.floats() | st.none(), max_size=30))
def test_few_distinct_numbers_are_counted_exactly(values):
    assert Summary(values, distinct=True).distinct_count == Oracle(values).distinct


def test_distinct_by_hand():
    assert Summary([0.0, -0.0, 0, False], distinct=True).distinct_count == 1
    assert Summary([1, 1.0, True, np.float32(1)], distinct=True).distinct_count == 1
    assert Summary([2**53, 2**53 + 1, 2.0**53, math.nan, None], distinct=True).distinct_count == 2
    assert Summary([], distinct=True).distinct_count == 0
    assert Summary(np.tile(np.arange(1000), 50), distinct=True).distinct_count == 1000


@pytest.mark.parametrize("n", [1025, 3000, 20_000, 300_000])
@pytest.mark.parametrize("kind", ["normal", "integers", "single", "huge"])
def test_many_distinct_numbers_are_counted_well(n, kind):
    """The standard error is 1.04 / sqrt(2**14), that is 0.8 %; these fixed data are within four of them."""
    rng = np.random.default_rng(n)
    if kind == "normal":
        values = rng.normal(8.342, 1, n)
    elif kind == "integers":
        values = np.arange(n) * 3 + 5
    elif kind == "single":
        values = np.arange(n).astype(np.float32)
    else:
        values = np.arange(n, dtype=np.uint64) + np.uint64(2**63)
    found = Summary(np.concatenate([values, values[::7]]), distinct=True).distinct_count
    assert abs(found / n - 1) < 4 * 1.04 / 128


# --- what is not kept -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "argument"),
    [
        (lambda s: s.median, "quantiles=True"),
        (lambda s: s.iqr, "quantiles=True"),
        (lambda s: s.quantile(0.5), "quantiles=True"),
        (lambda s: s.histogram_counts, "histogram="),
        (lambda s: s.distinct_count, "distinct=True"),
        (lambda s: s.skewness, "moments=4"),
    ],
)
def test_reading_what_is_not_kept_names_the_argument(read, argument):
    for values in ([], [1.0, 2.0]):
        with pytest.raises(ValueError, match=argument):
            read(Summary(values))


def test_the_identity_reads_as_nothing():
    s = Summary()
    assert (s.count, s.sum, s.best, s.distinct_count, s.power_sum(4)) == (0, 0.0, [], 0, 0)
    for value in (s.mean, s.min, s.max, s.std(), s.median, s.iqr, s.skewness, s.kurtosis, s.quantile(0.1)):
        assert math.isnan(value)
    assert s.quantile_error is None
    assert s.histogram_edges is None

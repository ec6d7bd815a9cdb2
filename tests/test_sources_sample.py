"""Samples of rows: a lawful monoid, and as good as any other sample."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import sample_rows
from foldstat.sources import RowSample
from source_kinds import cut, frame

MASK = 2**64 - 1


def mixed(state):
    """SplitMix64's finaliser, in Python's integers."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & MASK
    return state ^ (state >> 31)


def expected_numbers(n, size, seed):
    golden = 0x9E3779B97F4A7C15
    base = mixed((seed + golden) & MASK)
    return sorted(sorted(range(n), key=lambda i: mixed((base + (i + 1) * golden) & MASK))[:size])


def sample_of(X, size, seed, first=0, weights=None):
    sample = RowSample(size, seed)
    sample.add(X, first, weights)
    return sample


@given(
    st.integers(0, 80),
    st.integers(1, 30),
    st.integers(0, MASK),
    st.lists(st.integers(0, 80), max_size=6),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_any_cut_in_any_order_over_any_tree_gives_the_same(n, size, seed, cuts, random, weighted):
    X = np.arange(2.0 * n).reshape(n, 2)
    weights = np.array([random.choice([0.0, 0.5, 2.0]) for _ in range(n)]) if weighted else None
    present = np.flatnonzero(weights > 0) if weighted else np.arange(n)
    whole = sample_of(X, size, seed, 0, weights)
    numbers = expected_numbers(len(present), size, seed)
    assert whole.row_numbers.tolist() == numbers
    assert len(whole) == len(numbers)
    if numbers:
        np.testing.assert_array_equal(whole.rows, X[present[numbers]])
        np.testing.assert_array_equal(whole.weights, weights[present[numbers]] if weighted else np.ones(len(numbers)))
    parts, first = [], 0
    bounds = [0, *sorted(one % (n + 1) for one in cuts), n]
    for begin, end in itertools.pairwise(bounds):
        own = weights[begin:end] if weighted else None
        parts.append(sample_of(X[begin:end], size, seed, first, own))
        first += np.count_nonzero(own > 0) if weighted else end - begin
    random.shuffle(parts)
    while len(parts) > 1:
        i = random.randrange(len(parts) - 1)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    (merged,) = parts
    assert merged == whole
    assert hash(merged) == hash(whole)
    assert pickle.loads(pickle.dumps(merged)) == whole
    assert RowSample(size, seed) + whole == whole == whole + RowSample(size, seed)
    one_by_one = RowSample(size, seed)
    order = list(range(len(present)))
    random.shuffle(order)
    for i in order:
        one_by_one.add(X[present[i]][None], i, None if weights is None else weights[present[i]][None])
        assert sum(len(part.rows) for part in one_by_one._parts) <= 2 * size
    assert one_by_one == whole


def test_rows_are_drawn_evenly_and_independently():
    n, size, times = 40, 10, 4000
    counts, pairs = np.zeros(n), np.zeros((n, n))
    for seed in range(times):
        numbers = sample_of(np.zeros((n, 1)), size, seed).row_numbers.astype(int)
        counts[numbers] += 1
        pairs[np.ix_(numbers, numbers)] += 1
    p, q = size / n, size * (size - 1) / (n * (n - 1))
    assert (np.abs(counts - times * p) < 5 * np.sqrt(times * p * (1 - p))).all()
    off = pairs[~np.eye(n, dtype=bool)]
    assert (np.abs(off - times * q) < 5.5 * np.sqrt(times * q * (1 - q))).all()


def test_what_does_not_merge_is_refused():
    X = np.ones((3, 2))
    with pytest.raises(ValueError, match="samples of 3 rows with seed 0 and of 3 with seed 1 do not merge"):
        RowSample(3, 0) + RowSample(3, 1)
    with pytest.raises(ValueError, match="samples of 2 and of 1 columns do not merge"):
        sample_of(X, 3, 0) + sample_of(X[:, :1], 3, 0, 3)
    with pytest.raises(ValueError, match=r"row \d was added twice"):
        sample_of(X, 3, 0) + sample_of(X, 3, 0)
    with pytest.raises(ValueError, match="rows must have 2 columns as before, got 1"):
        sample_of(X, 3, 0).add(X[:, :1], 3)
    with pytest.raises(ValueError, match=r"weights must have shape \(3,\), got \(2,\)"):
        sample_of(X, 3, 0, 0, np.ones(2))
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match="weights must not be negative or NaN"):
            sample_of(X, 3, 0, 0, np.full(3, bad))
    for size, seed in ((0, 0), (1, -1), (1, 2**64)):
        with pytest.raises(ValueError, match=r"size must be|seed must be"):
            RowSample(size, seed)
    with pytest.raises(TypeError):
        RowSample(3, 0) + 1


def test_samples_do_not_hold_on_to_the_rows_they_are_of():
    X = np.ones((100_000, 2))
    sample = sample_of(X, 5, 0)
    assert not any(np.shares_memory(part.rows, X) for part in sample._parts)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sample_rows_of_anything(dtype):
    X = np.random.default_rng(0).normal(size=(300, 3)).astype(dtype)
    expected = sample_rows(X, 20, random_state=3)
    assert (expected.shape, expected.dtype) == ((20, 3), dtype)
    rows = {row.tobytes(): i for i, row in enumerate(X)}
    places = [rows[row.tobytes()] for row in expected]
    assert places == sorted(set(places))
    parts = cut(X, [7, 80])
    for x in (X.tolist() if dtype == np.float64 else X, frame(X), parts, lambda: iter(parts), iter(parts)):
        np.testing.assert_array_equal(sample_rows(x, 20, random_state=3), expected)
    np.testing.assert_array_equal(sample_rows(frame(X), 20, 3, columns=["x2"]), expected[:, [2]])
    np.testing.assert_array_equal(sample_rows(X, 500), X)
    assert not np.array_equal(sample_rows(X, 20, 4), expected)


def test_where_the_choice_comes_from():
    X = np.arange(1000.0)[:, None]
    for make in (np.random.default_rng, np.random.RandomState):
        one, other = make(0), make(0)
        first = sample_rows(X, 5, one)
        np.testing.assert_array_equal(first, sample_rows(X, 5, other))
        assert not np.array_equal(first, sample_rows(X, 5, one))
    assert not np.array_equal(sample_rows(X, 5), sample_rows(X, 5))
    np.testing.assert_array_equal(sample_rows(X, 5, np.random.SeedSequence(3)), sample_rows(X, 5, 3))
    with pytest.raises(ValueError, match="n must be a number of rows, at least 1, got 0"):
        sample_rows(X, 0)
    with pytest.raises(ValueError, match="x has no rows"):
        sample_rows(X[:0], 3)
    with pytest.raises(TypeError, match=r"columns=\['a'\]: x has columns without names"):
        sample_rows(X, 3, columns=["a"])
    with pytest.raises(ValueError, match=r"column 'a' of .* holds a null in row 1"):
        sample_rows(pd.DataFrame({"a": pd.array([1, None], "Int64")}), 3)

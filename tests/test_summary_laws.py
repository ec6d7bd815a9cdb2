"""Merging is associative and commutative and has an identity: to the last bit, for every setting."""

from __future__ import annotations

import copy
import functools
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foldstat import Summary
from summaries import (
    EDGES,
    MAX,
    TINY,
    anything,
    arrays,
    assert_identical,
    cuts,
    ids,
    integers,
    merge_as_tree,
    settings,
    shards,
    short,
    singles,
)

THREADS = (1, 2, 3, 7)
seeds = st.integers(0, 2**32)
MANY = hypothesis_settings(max_examples=100)


@st.composite
def summaries(draw, largest=False):
    """Of any settings that can merge with one another; sometimes the identity."""
    if draw(st.integers(0, 9)) == 0:
        return Summary()
    arguments = draw(settings(largest=largest))
    values = draw(arrays | short.map(lambda v: np.array(v, dtype=float)))
    result = Summary(values, ids=draw(some_ids(len(values))), **arguments)
    result.update([*draw(st.lists(st.none() | integers, max_size=4))], ids=None)
    return result


@st.composite
def some_ids(draw, n):
    """An id for each of n values: few different ones for many values."""
    some = draw(st.lists(ids, min_size=1, max_size=8))
    return [some[i % len(some)] for i in range(n)]


# --- the laws of a commutative monoid ---------------------------------------------------------------


@MANY
@given(summaries(), summaries(), summaries())
def test_merge_is_associative(a, b, c):
    assert_identical((a + b) + c, a + (b + c))


@MANY
@given(summaries(), summaries())
def test_merge_is_commutative(a, b):
    assert_identical(a + b, b + a)


@MANY
@given(summaries() | summaries(largest=True))
def test_the_empty_call_is_the_identity(a):
    before = a.to_bytes()
    assert_identical(a + Summary(), a)
    assert_identical(Summary() + a, a)
    assert_identical(Summary() + a + Summary(), a)
    assert a.to_bytes() == before, "merging must not change its operands"


def test_the_identity_of_itself():
    assert_identical(Summary() + Summary(), Summary())
    assert_identical(Summary.merge_all([]), Summary())
    assert_identical(sum([], Summary()), Summary())


@MANY
@given(st.lists(summaries(), min_size=1, max_size=6), seeds)
def test_every_tree_gives_the_same(parts, seed):
    expected = functools.reduce(operator.add, parts)
    assert_identical(sum(parts), expected)
    assert_identical(sum(parts, Summary()), expected)
    assert_identical(Summary.merge_all(parts), expected)
    assert_identical(Summary.merge_all(iter(parts)), expected)
    in_place = parts[0].copy()
    for part in parts[1:]:
        in_place += part
    assert_identical(in_place, expected)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        assert_identical(merge_as_tree(parts, rng), expected)


def test_a_sum_of_one_is_another_object():
    a = Summary([1.0])
    for total in (sum([a]), sum([a], Summary()), Summary.merge_all([a]), a + Summary(), Summary() + a):
        total.push(5.0)
        assert_identical(a, Summary([1.0]))


@given(summaries())
def test_a_summary_merges_with_itself(a):
    twice = a + a
    other = a.copy()
    other += other
    assert_identical(other, twice)
    if a != Summary():
        assert twice.count == 2 * a.count
        assert twice.power_sum(2) == 2 * a.power_sum(2)


# --- of(xs ++ ys) == of(xs) + of(ys) ----------------------------------------------------------------


@MANY
@given(arrays | singles, settings(), cuts, seeds, st.data())
def test_parts_make_the_whole(values, arguments, at, seed, data):
    """Any shards in any order on any number of threads: one state."""
    names = data.draw(some_ids(len(values)))
    whole = Summary(values, ids=names, **arguments)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(values))
    parts = [
        Summary(values[part], ids=[names[i] for i in part], n_jobs=int(rng.choice(THREADS)), **arguments)
        for part in shards(order, at)
    ]
    assert_identical(merge_as_tree(parts, rng), whole)


@given(st.lists(st.one_of(st.none(), st.booleans(), integers, anything), max_size=20), settings(), cuts, seeds)
def test_parts_make_the_whole_of_python_numbers(values, arguments, at, seed):
    whole = Summary(values, ids=range(len(values)), **arguments)
    rng = np.random.default_rng(seed)
    order = [int(i) for i in rng.permutation(len(values))]
    parts = [Summary((values[i] for i in part), ids=part, **arguments) for part in shards(order, at)]
    assert_identical(merge_as_tree(parts, rng), whole)
    pushed = Summary([], **arguments)
    for i in order:
        pushed.push(values[i], id=i)
    assert_identical(pushed, whole)


@given(arrays, settings(), seeds)
def test_weights_are_repetitions(values, arguments, seed):
    weights = np.random.default_rng(seed).choice([0, 1, 1, 2, 5], len(values))
    names = np.arange(len(values))
    weighted = Summary(values, ids=names, sample_weight=weights, **arguments)
    repeated = Summary(np.repeat(values, weights), ids=np.repeat(names, weights), **arguments)
    assert_identical(weighted, repeated)


@given(arrays, settings(), st.integers(0, 2**40))
def test_large_weights_are_as_many_merges(values, arguments, weight):
    names = np.zeros(len(values), dtype=int)
    arguments["best"] = min(arguments["best"], 3)
    doubled = Summary(values, ids=names, sample_weight=np.full(len(values), weight), **arguments)
    expected = Summary([], **arguments)
    power = Summary(values, ids=names, **arguments)
    while weight:
        if weight & 1:
            expected += power
        power += power
        weight >>= 1
    assert_identical(doubled, expected)


@given(arrays, settings(), st.sampled_from(THREADS))
def test_updates_are_merges(values, arguments, n_jobs):
    half = len(values) // 2
    names = np.arange(len(values))
    updated = Summary(values[:half], ids=names[:half], **arguments)
    updated.update(values[half:], ids=names[half:], n_jobs=n_jobs)
    assert_identical(updated, Summary(values, ids=names, **arguments))
    default = Summary(values[:half], **arguments)
    default.update(values[half:], n_jobs=n_jobs)
    assert_identical(default, Summary(values, **arguments))


@pytest.mark.parametrize(
    "arguments", [{}, {"moments": 4, "best": 50, "quantiles": True, "relative_error": 0.01, "distinct": True}]
)
def test_threads_do_not_matter_for_a_million(arguments):
    rng = np.random.default_rng(3)
    narrow = rng.normal(8.342, 1, 1_000_003)
    wide = narrow * 2.0 ** rng.integers(-300, 300, narrow.size)
    with np.errstate(over="ignore", under="ignore"):
        single = wide.astype(np.float32)
    for values in (narrow, wide, single, narrow.astype(np.int64)):
        values[rng.integers(0, narrow.size, 20)] = values[7]
        results = [Summary(values, n_jobs=n, **arguments).to_bytes() for n in THREADS]
        assert len(set(results)) == 1
        parts = np.array_split(np.arange(narrow.size), 13)[::-1]
        merged = sum(Summary(values[part], ids=part, n_jobs=1, **arguments) for part in parts)
        assert merged.to_bytes() == results[0]


# --- equality, hashes and copies --------------------------------------------------------------------


@given(summaries())
def test_copies_are_equal_and_apart(a):
    before = a.to_bytes()
    copies = [a.copy(), copy.copy(a), copy.deepcopy(a), pickle.loads(pickle.dumps(a)), Summary.from_bytes(before)]
    for other in copies:
        assert type(other) is Summary
        assert_identical(other, a)
        other.push(1.0)
        assert other != a
    assert a.to_bytes() == before


def test_what_differs_is_not_equal():
    """Each pair differs in one part of the state only."""
    base = {"x": [1.0, 2.0], "best": 2, "relative_error": 0.1, "histogram": [0, 1, 2], "distinct": True}
    variants = [
        base,
        base | {"x": [1.0, 2.0, None]},
        base | {"x": [1.0, 2.0, np.nan]},
        base | {"x": [1.0, 2.0, np.inf]},
        base | {"x": [1.0, 2.0, -np.inf]},
        base | {"x": [1.0, 2.0 + 2**-51]},
        base | {"x": [1.0, 2.0, 0.0]},
        base | {"x": [1.0, 2.0, -0.0]},
        base | {"ids": [0, 2]},
        base | {"ids": ["0", "1"]},
        base | {"ids": [b"0", b"1"]},
        base | {"best": 3},
        base | {"largest": True},
        base | {"moments": 4},
        base | {"relative_error": 0.01},
        base | {"relative_error": None},
        base | {"quantiles": True},
        base | {"quantile_buckets": 9},
        base | {"histogram": [0, 2]},
        base | {"histogram": None},
        base | {"distinct": False},
    ]
    found = [Summary(**arguments) for arguments in variants] + [Summary(), Summary([])]
    assert len({s.to_bytes() for s in found}) == len(found)
    assert len(set(found)) == len(found)
    assert all(a != b for i, a in enumerate(found) for b in found[:i])


def test_equality_with_others():
    assert Summary([1.0]) != 1.0
    assert Summary() != None  # noqa: E711
    assert Summary([1.0]) == Summary([1])
    assert Summary([0.5, 0.25]) == Summary([0.25, 0.5])
    for other in (1, None, "a", [1.0]):
        with pytest.raises(TypeError):
            Summary([1.0]) + other
        with pytest.raises(TypeError):
            other + Summary([1.0])


def test_the_generators_draw_what_they_should():
    """The laws above are only as good as their data."""
    seen = set()

    @hypothesis_settings(max_examples=400, database=None)
    @given(arrays)
    def look(values):
        size = "long" if len(values) > 2000 else "short"
        finite = abs(values[np.isfinite(values)])
        exponents = np.frexp(finite[finite > 0])[1] - 1
        seen.update((size, e) for e in (-1074, -969, -511, -485, 0, 485, 511, 1023) if (abs(exponents - e) < 6).any())
        seen.update((size, v) for v in (MAX, -MAX, TINY, -TINY, np.inf, -np.inf) if v in values)
        found = {
            "nan": np.isnan(values).any(),
            "subnormal": (exponents < -1022).any(),
            "negative zero": (np.signbit(values) & (values == 0)).any(),
            "ties": len(values) > len(np.unique(values)) > 1,
            "empty": len(values) == 0,
            "narrow": len(exponents) > 0 and np.ptp(exponents) < 10,
            "wide": len(exponents) > 0 and np.ptp(exponents) > 1500,
            "cancelling": any(abs(v) > 1e300 and -v in values for v in values[:20]),
        }
        seen.update((size, name) for name, present in found.items() if present)

    look()
    everywhere = ["nan", "subnormal", "negative zero", "ties", "narrow", "wide", np.inf, -np.inf]
    edges = [-969, -511, -485, 0, 485, 511]
    wanted = {(size, name) for size in ("short", "long") for name in everywhere}
    wanted |= {("short", edge) for edge in edges}
    wanted |= {("short", name) for name in ("empty", "cancelling", MAX, -MAX, TINY, -TINY, 1023, -1074)}
    assert wanted <= seen, wanted - seen
    # Long arrays are few, and which edges they meet depends on what else has been imported.
    assert len({("long", edge) for edge in edges} & seen) >= 4


# --- different settings merge to the coarser --------------------------------------------------------


@given(arrays, settings(largest=False), settings(largest=False))
def test_merging_keeps_what_both_have(values, left, right):
    """The merge is that of two summaries which had the coarser settings from the start."""
    half = len(values) // 2
    names = np.arange(len(values))
    merged = Summary(values[:half], ids=names[:half], **left) + Summary(values[half:], ids=names[half:], **right)
    both = left["histogram"] is not None and right["histogram"] is not None

    def in_both(coarser, name):
        return None if None in (left[name], right[name]) else coarser(left[name], right[name])

    coarse = {
        "moments": min(left["moments"], right["moments"]),
        "best": min(left["best"], right["best"]),
        "quantile_buckets": in_both(min, "quantile_buckets"),
        "relative_error": in_both(max, "relative_error"),
        "histogram": [e for e in EDGES if e in left["histogram"] and e in right["histogram"]] if both else None,
        "distinct": left["distinct"] and right["distinct"],
    }
    assert_identical(merged, Summary(values, ids=names, **coarse))


def test_what_cannot_merge_says_what_it_is():
    """And neither operand is changed."""
    smallest, largest = Summary([1.0], best=5), Summary([1.0], best=7, largest=True)
    with pytest.raises(ValueError, match=r"(?s)best.*5.*7|best.*7.*5"):
        smallest + largest
    with pytest.raises(ValueError, match="best"):
        smallest += largest
    assert_identical(smallest, Summary([1.0], best=5))
    narrow, shifted = Summary([1.0], histogram=[0, 1, 2]), Summary([1.0], histogram=[0.5, 1.5, 2.5])
    with pytest.raises(ValueError, match=r"(?s)2.*2\.5|2\.5.*2"):
        narrow + shifted
    assert_identical(narrow, Summary([1.0], histogram=[0, 1, 2]))
    with pytest.raises(ValueError, match="best"):
        Summary.merge_all([smallest, Summary(), largest])


def test_a_best_of_none_goes_with_both_directions():
    none = Summary([1.0])
    for largest in (False, True):
        other = Summary([2.0], best=5, largest=largest)
        assert_identical(none + other, Summary([1.0, 2.0]))
    assert_identical(Summary([1.0], best=0, largest=True), Summary([1.0], best=0))


def test_data_makes_the_identity_a_plain_summary():
    s = Summary()
    assert s.best == []
    s.update([2.0, 1.0])
    assert_identical(s, Summary([2.0, 1.0]))
    pushed = Summary()
    pushed.push(3.0)
    assert_identical(pushed, Summary([3.0]))
    empty = Summary()
    empty.update([])
    assert_identical(empty, Summary([]))
    assert Summary([]) != Summary()
    other = Summary([], best=3)
    assert_identical(Summary([]) + other, Summary([]))

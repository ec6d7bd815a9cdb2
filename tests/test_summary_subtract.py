"""Subtraction of exact states: what is left is as if the rest had never been there, or an error says what shows it."""

from __future__ import annotations

import datetime
import json
import pickle
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keys
import summaries as s
from foldstat import GroupedSummary, JointSummary, Summaries, Summary, summarize

EVERYTHING = {
    "moments": 4,
    "best": 3,
    "quantile_buckets": 9,
    "relative_error": 0.02,
    "histogram": [-1.0, 0.0, 0.5, 8.0],
    "distinct": True,
}


def same_bytes(left, right):
    assert left.to_bytes() == right.to_bytes()
    assert left == right
    assert hash(left) == hash(right)


def unchanged_by_error(total, part):
    """The message of a subtraction that is refused."""
    before = total.to_bytes()
    with pytest.raises(ValueError, match="cannot subtract what was never added") as found:
        total - part
    with pytest.raises(ValueError, match="cannot subtract"):
        total -= part
    assert total.to_bytes() == before
    return str(found.value).partition("added: ")[2]


# --- one summary --------------------------------------------------------------------------------------


@given(s.short, s.short, s.settings())
def test_what_is_left_is_that_of_the_other_values(a, b, settings):
    total, part = Summary([*a, *b], **settings), Summary(b, **settings)
    left = total - part
    oracle = s.Oracle(a)
    for name in s.COUNTS:
        assert getattr(left, name) == getattr(oracle, name), name
    for name in ("sum", "mean", "sem"):
        assert s.same(getattr(left, name), getattr(oracle, name)), name
    for power in range(1, settings["moments"] + 1):
        assert left.power_sum(power) == oracle.power_sum(power)
    if settings["histogram"] is not None:
        assert left.histogram_counts.tolist() == oracle.histogram(settings["histogram"])
    same_bytes(Summary.from_bytes(left.to_bytes()), left)
    same_bytes(pickle.loads(pickle.dumps(left)), left)
    if part.count == 0:
        assert left == Summary(a, **settings) or settings["best"]  # positions are those in the total


@given(s.short, s.short, st.sampled_from([2, 9, 4096]))
def test_quantiles_lie_between_their_bounds(a, b, buckets):
    left = Summary([*a, *b], quantile_buckets=buckets, relative_error=0.01) - Summary(
        b, quantile_buckets=buckets, relative_error=0.01
    )
    present = sorted(s.Oracle(a).present)
    q = np.linspace(0, 1, 7)
    found, (low, high) = left.quantile(q, "lower"), left.quantile_bounds(q, "lower")
    if not present:
        assert np.isnan(found).all()
        return
    true = np.quantile(present, q, method="lower")
    # Infinities are equal, and NumPy has no -0.0 before 0.0.
    assert (low <= true).all()
    assert (true <= high).all()
    assert (low <= found).all()
    assert (found <= high).all()


@given(s.short, s.short, s.short)
def test_differences_are_those_of_a_group(a, b, c):
    for settings in ({}, EVERYTHING):
        x, y, z = (Summary(values, **settings) for values in (a, b, c))
        total = x + y + z
        same_bytes((total - y) - z, total - (y + z))
        same_bytes(x - Summary(), x)
        changed = total.copy()
        changed -= y
        same_bytes(changed, total - y)
        if not settings:
            outside, inside = total - z, x + ((y + z) - z)
            same_bytes(outside, inside)


def test_coarser_buckets_are_those_of_the_total():
    rng = np.random.default_rng(0)
    near, far = rng.normal(100, 1, 5000), rng.lognormal(0, 20, 5000)
    total = Summary(np.append(near, far), quantiles=True)
    left = total - Summary(far, quantiles=True)
    assert left.quantile_error == total.quantile_error > Summary(near, quantiles=True).quantile_error
    median = np.median(near)
    assert abs(left.median - median) <= left.quantile_error * median
    low, high = left.quantile_bounds([0.0, 1.0])
    assert low[0] <= near.min()
    assert high[1] >= near.max()


def test_what_single_values_make_is_dropped():
    left = Summary([3.0, 1.0, 2.0], **EVERYTHING) - Summary([1.0], **EVERYTHING)
    for read, words in [
        ("min", "the smallest value"),
        ("max", "the largest value"),
        ("best", "the best values"),
        ("distinct_count", "the number of different values"),
    ]:
        message = f"values were subtracted from this Summary: {words} cannot be told from what is left"
        for reads in (left, left.read(nan="propagate"), left + Summary([0.0], **EVERYTHING)):
            with pytest.raises(ValueError, match=message):
                getattr(reads, read)
    row = left.to_dict()
    assert np.isnan(row["min"])
    assert np.isnan(row["max"])
    assert row["mean"] == 2.5
    assert "distinct" not in row
    assert json.loads(left.to_json())["min"] is None
    assert "nan" in left._repr_html_()
    assert repr(left) == "<Summary count=2 mean=2.5 std=0.707107>"
    settings = left.settings
    assert (settings["best"], settings["distinct"], settings["moments"], settings["quantile_buckets"]) == (
        0,
        False,
        4,
        9,
    )


def test_where_nothing_is_left_there_is_nothing_to_tell():
    x = Summary([3.0], **EVERYTHING)
    left = x - x
    assert np.isnan(left.min)
    assert left.best == []
    assert left.distinct_count == 0
    assert np.isnan(left.median)
    assert (left.count, left.sum, left.power_sum(4)) == (0, 0.0, 0)
    assert left != Summary([], **EVERYTHING)
    with pytest.raises(ValueError, match="the smallest value cannot be told"):
        (left + x).min  # noqa: B018


def test_nan_and_nulls_tell_all_that_is_left():
    total, part = Summary([1.0, float("nan"), None], best=1, distinct=True), Summary([None], best=1, distinct=True)
    left = total - part
    assert (left.min, left.best, left.distinct_count, left.null_count) == (1.0, [(1.0, 0)], 1, 0)


@given(s.short, s.short)
def test_what_was_never_added_is_not_subtracted(a, b):
    missing = Counter(map(repr, b)) - Counter(map(repr, a))
    total, part = Summary(a, **EVERYTHING), Summary(b, **EVERYTHING)
    before = total.to_bytes()
    if len(b) > len(a):
        assert unchanged_by_error(total, part)
    try:
        total - part
    except ValueError:
        assert missing
    assert total.to_bytes() == before


@pytest.mark.parametrize(
    ("total", "part", "shown"),
    [
        ([1.0], [1.0, 1.0], "it has 2 finite values, where 1 are"),
        ([], [1.0], "it has 1 finite values, where 0 are"),
        ([1.0], [None], "it has 1 nulls, where 0 are"),
        ([1, 2**63 + 1], [2**63 + 3], f"it has the value {2**63 + 3}, above the largest of the whole, {2**63 + 1}"),
        ([1.0, 3.0], [2.0, 2.0], "no finite values would be left, and a sum of them that is not 0"),
        ([0.0, 4.0, 4.0], [0.0, 1.0], "the variance of the values that are left would be negative"),
        ([1e300, -1e300, 0.0], [1e300, 1e300], "the variance of the values that are left would be negative"),
    ],
)
def test_errors_say_what_shows_it(total, part, shown):
    assert unchanged_by_error(Summary(total), Summary(part)) == shown
    assert unchanged_by_error(Summary(total, moments=4), Summary(part, moments=4)) == shown
    if not total:
        assert unchanged_by_error(Summary(), Summary(part)) == shown


def test_a_histogram_or_a_sketch_shows_more():
    total, part = ([0.0, 0.5, 9.0], [1.0])
    edges = {"histogram": [0.0, 1.0, 2.0]}
    assert "the bin from 1.0 to 2.0" in unchanged_by_error(Summary(total, **edges), Summary(part, **edges))
    quantiles = {"quantiles": True}
    assert "a bucket of its quantiles" in unchanged_by_error(Summary(total, **quantiles), Summary(part, **quantiles))
    assert (Summary(total) - Summary(part)).sum == 8.5, "which sums alone do not show"


def test_what_one_side_lacks_is_dropped():
    total = Summary([1.0, 2.0, 3.0], moments=4, quantiles=True, histogram=[0.0, 1.5, 4.0])
    left = total - Summary([1.0], histogram=[0.0, 4.0])
    assert left.settings["moments"] == 2
    assert left.settings["quantile_buckets"] is None
    assert left.histogram_counts.tolist() == [0, 2, 0]


def test_other_things_are_not_subtracted():
    for left in (Summary([1]), Summaries([Summary([1])]), summarize([1], by=["a"]), JointSummary()):
        for other in (1, None, "a"):
            with pytest.raises(TypeError, match="unsupported operand"):
                left - other


# --- times and decimals --------------------------------------------------------------------------------


def test_times_and_decimals():
    days = [datetime.datetime(2024, 1, day, tzinfo=datetime.UTC) for day in (1, 3, 9)]
    left = Summary(days, quantiles=True) - Summary(days[:1], quantiles=True)
    assert left.mean == datetime.datetime(2024, 1, 6, tzinfo=datetime.UTC)
    assert left.median == left.mean
    assert left.to_dict()["min"] is None
    assert json.loads(left.to_json())["max"] is None
    with pytest.raises(ValueError, match="the smallest value cannot be told"):
        left.min  # noqa: B018
    same_bytes(Summary.from_bytes(left.to_bytes()), left)
    money = Summary([Decimal("1.10"), Decimal("2.25")])
    money -= Summary([Decimal("1.10")])
    assert money.sum == Decimal("2.25")
    assert repr(money).startswith("<Summary count=1 mean=")
    before = money.to_bytes()
    for other in (Summary([1.5]), Summary(days)):
        with pytest.raises(ValueError, match="does not go together"):
            money -= other
    assert money.to_bytes() == before
    with pytest.raises(ValueError, match="never added"):
        Summary(days[:1]) - Summary(days)


# --- several --------------------------------------------------------------------------------------------


def test_columns():
    X = np.arange(12.0).reshape(4, 3)
    total, part = summarize(X, axis=0), summarize(X[:2], axis=0)
    left = total - part
    assert left.mean.tolist() == X[2:].mean(axis=0).tolist()
    assert left.std().tolist() == X[2:].std(axis=0, ddof=1).tolist()
    same_bytes(Summaries.from_bytes(left.to_bytes()), left)
    assert left == Summaries([a - b for a, b in zip(total, part, strict=True)])
    assert total[1:] - part[1:] == left[1:]
    assert total - Summaries() == total
    with pytest.raises(ValueError, match="from 3 of these summaries, first from that at position 0"):
        left.min  # noqa: B018
    assert np.isnan(left.to_frame("pandas")["max"]).all()
    assert "nan" in left._repr_html_()
    with pytest.raises(ValueError, match=r"never added: it has the value 9\.0, above the largest") as found:
        part - summarize(X[3:], axis=0)
    assert found.value.__notes__ == ["in the column 0"]
    with pytest.raises(ValueError, match=r"2 columns|3 columns"):
        total - part[1:]
    with pytest.raises(ValueError, match="never added"):
        Summaries() - part
    assert Summaries() - summarize(X[:0], axis=0) == summarize(X[:0], axis=0)


def test_columns_together():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 3))
    X[3, 1] = np.nan
    total, part = summarize(X, cov=True), summarize(X[:10], cov=True)
    left = total - part
    expected = summarize(X[10:], cov=True)
    assert (left.count, left.incomplete_count) == (20, 0)
    assert left.cov().tolist() == expected.cov().tolist()
    assert left.corr().tolist() == expected.corr().tolist()
    assert left._joint == expected._joint
    assert left.columns.mean.tolist() == expected.columns.mean.tolist()
    same_bytes(JointSummary.from_bytes(left.to_bytes()), left)
    assert total - JointSummary() == total
    before = total.to_bytes()
    with pytest.raises(ValueError, match="never added"):
        total - summarize(X[:10] + 1, cov=True) - summarize(X[10:20], cov=True) - summarize(X[20:] - 2, cov=True)
    assert total.to_bytes() == before
    with pytest.raises(ValueError, match="never added"):
        JointSummary() - part


def test_rows_that_make_a_correlation_beyond_one():
    total = summarize([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [5.0, -5.0], [-5.0, 5.0]], cov=True)
    part = summarize([[5.0, 5.0], [-5.0, -5.0]], cov=True)
    assert unchanged_by_error(total, part) == "two columns that are left would have a correlation beyond 1"


# --- groups ---------------------------------------------------------------------------------------------


rows_of_groups = st.lists(st.tuples(keys.named_keys, st.integers(-3, 3).map(float)), max_size=8)


def grouped(rows):
    """Row by row, each with its own spelling of the key."""
    parts = [
        GroupedSummary(missing_key_count=1) if name is None else GroupedSummary({key: Summary([value])})
        for (name, key), value in rows
    ]
    return GroupedSummary.merge_all(parts)


@given(rows_of_groups, rows_of_groups)
def test_groups_of_every_type_of_keys(a, b):
    total, part, expected = grouped(a + b), grouped(b), grouped(a)
    before = total.to_bytes()
    left = total - part
    assert total.to_bytes() == before
    assert left.missing_key_count == expected.missing_key_count
    assert len(left) == len(expected)
    assert all(key in left for key in expected)
    for key, group in expected.items():
        assert left[key].power_sum(1) == group.power_sum(1)
        assert left[key].count == group.count
        assert left[key].mean == group.mean
        assert left[key] == (total[key] - part[key] if key in part else total[key])
    same_bytes(pickle.loads(pickle.dumps(left)), left)
    same_bytes(GroupedSummary.from_bytes(left.to_bytes()), left)
    if any(key not in expected for key in part):
        with pytest.raises(ValueError, match="never added"):
            expected - part


@pytest.mark.parametrize("columns", [1, 2])
def test_groups_of_columns(columns):
    rng = np.random.default_rng(2)
    by, X = rng.integers(0, 5, 40), rng.integers(0, 9, (40, columns)).astype(float)
    X = X[:, 0] if columns == 1 else X
    total = summarize(X, by=by)
    part = summarize(X[:10], by=by[:10])
    left, expected = total - part, summarize(X[10:], by=by[10:])
    assert list(left) == list(expected)
    assert left.to_frame("pandas").filter(like="mean").equals(expected.to_frame("pandas").filter(like="mean"))
    assert "nan" in left._repr_html_()
    for key in left:
        assert left[key] == (total[key] - part[key] if key in part else total[key])
    same_bytes(GroupedSummary.from_bytes(left.to_bytes()), left)
    assert not total - total
    assert (total - total) == GroupedSummary()


def test_errors_name_the_group():
    total = summarize([1.0, 2.0, 3.0, 0.0], by=["a", "b", "b", None])
    before = total.to_bytes()
    with pytest.raises(ValueError, match="it has the group 'c', which is not there"):
        total - summarize([1.0], by=["c"])
    with pytest.raises(ValueError, match=r"3\.5, above the largest") as found:
        total - summarize([1.0, 3.5], by=["a", "b"])
    assert found.value.__notes__ == ["in the group 'b'"]
    with pytest.raises(ValueError, match="it has 2 rows without a key, where 1 are"):
        total - summarize([1.0, 1.0], by=[None, None])
    with pytest.raises(ValueError, match="columns"):
        summarize([[1.0, 2.0]], by=["a"]) - summarize([[1.0, 2.0, 3.0]], by=["a"])
    with pytest.raises(TypeError, match="does not go together"):
        summarize([[1.0, 2.0]], by=["a"]) - summarize([1.0], by=["a"])
    assert total.to_bytes() == before
    assert (total - summarize([0.0], by=[None])).missing_key_count == 0
    assert total - GroupedSummary() == total


def test_groups_of_different_columns():
    wide = {"a": Summaries([Summary([1.0]), Summary([2.0])]), "b": Summaries([Summary([3.0])])}
    total = GroupedSummary(wide) + GroupedSummary({"b": Summaries([Summary([4.0])])})
    left = total - GroupedSummary({"b": Summaries([Summary([3.0])])})
    assert left["b"].sum.tolist() == [4.0]
    assert left["a"] == wide["a"]
    assert list(left - GroupedSummary({"a": wide["a"]})) == ["b"]
    three = total + GroupedSummary({"c": Summaries([Summary([5.0])] * 3)})
    rest = three - GroupedSummary({"b": total["b"]})
    assert {key: len(group) for key, group in rest.items()} == {"a": 2, "c": 3}


def test_views_of_the_total_are_left_alone():
    total = summarize([1.0, 2.0, 3.0], by=["a", "a", "b"])
    group = total["a"]
    left = total - total
    assert not left
    assert group.count == 2
    group -= Summary([2.0])
    assert total["a"].sum == 1.0


def test_sums_far_from_each_other():
    x = [1e300, 1e-300, 2.0**-1074]
    left = Summary([*x, 7.0]) - Summary([7.0])
    assert left.power_sum(1) == sum(map(Fraction, x))
    assert left.power_sum(2) == sum(Fraction(v) ** 2 for v in x)


def test_units_are_compared_before_values():
    coarse, fine = [Decimal("1.1"), Decimal("2.2")], [Decimal("1.10"), Decimal("2.20")]
    message = "the state of decimals of 1 place does not go together with one of "
    for other in (fine, [1.0, 2.0]):
        for total, part in (
            (Summary(coarse), Summary(other)),
            (summarize({"p": coarse}, axis=0), summarize({"p": other}, axis=0)),
            (summarize(coarse, by=["a", "b"]), summarize(other, by=["a", "b"])),
        ):
            with pytest.raises(ValueError, match=message):
                total - part
    for total, part in (([[1.0, 2.0]], [[1.0]]), ([[1.0, 2.0]], [[1.0, 2.0, 3.0]])):
        with pytest.raises(ValueError, match="do not go together with"):
            summarize(total, axis=0) - summarize(part, axis=0)


def test_layouts_whose_groups_are_gone_leave_nothing():
    times = summarize(pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}), by=["p"])
    numbers = summarize(pd.DataFrame({"b": [1.0]}), by=["r"])
    left = (times + numbers) - times
    assert left == numbers
    assert left.to_bytes() == numbers.to_bytes()
    assert GroupedSummary.from_bytes(left.to_bytes()) == numbers


@pytest.mark.parametrize("weights", [None, "reliability"])
def test_one_value_that_is_left_has_no_spread(weights):
    given = {} if weights is None else {"weights": weights}
    for settings in ({}, {"moments": 4} if weights is None else {"best": 1}):
        total, part = (Summary(x, **given, **settings) for x in ([0.0, 4.0], [1.0]))
        before = total.copy()
        with pytest.raises(ValueError, match="the one value that is left would have a variance"):
            total -= part
        assert total == before
        assert (total - Summary([4.0], **given, **settings)).sum == 0.0

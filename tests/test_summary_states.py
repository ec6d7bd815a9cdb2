"""Groups, columns and rows are views of one vector of states: many, small, changed where they are seen."""

from __future__ import annotations

import math
import pickle
import re
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import foldstat
from foldstat import GroupedSummary, Summaries, Summary, summarize
from summaries import assert_identical

# --- many groups


@pytest.mark.parametrize("kind", ["float64", "int64", "nulls", "big integers", "weights", "moments=4", "two columns"])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_groups_by_the_ten_thousands(kind, n_jobs):
    rng = np.random.default_rng(len(kind))
    n, n_groups = 150_000, 40_000
    keys = rng.integers(-n_groups, n_groups, n) // 2 * 3
    values = rng.normal(8.3, 2.0, n)
    values[::997], values[::1009], values[5::1013] = math.nan, math.inf, 1e-200
    settings = {"moments": 4} if kind == "moments=4" else {}
    weight = rng.integers(0, 3, n) if kind == "weights" else None
    X = {
        "int64": rng.integers(-5, 9, n),
        "big integers": rng.integers(-(2**62), 2**62, n),
        "nulls": pd.array(values, dtype="Float64"),
        "two columns": np.column_stack([values, -values]),
    }.get(kind, values)
    if kind == "nulls":
        X[::11] = pd.NA
    found = summarize(X, by=keys, sample_weight=weight, n_jobs=n_jobs, **settings)
    counted = keys if weight is None else keys[weight > 0]
    assert list(found) == np.unique(counted).tolist()
    assert found == summarize(X[:77_777], by=keys[:77_777], sample_weight=_part(weight, 0, 77_777), **settings) + (
        summarize(X[77_777:], by=keys[77_777:], sample_weight=_part(weight, 77_777, n), **settings)
    )
    for key in rng.choice(counted, 60):
        rows = np.flatnonzero(keys == key)
        expected = summarize(
            X[rows],
            axis=0 if kind == "two columns" else None,
            sample_weight=None if weight is None else weight[rows],
            **settings,
        )
        assert_identical(found[int(key)], expected)


def _part(weight, begin, end):
    return None if weight is None else weight[begin:end]


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
like = st.integers(-4000, 4000).map(lambda i: 46.9 + i * 1.25e-5)
integers = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(finite, like)), min_size=1, max_size=150))
def test_sums_of_groups_are_those_of_fractions(rows):
    keys, values = np.array([key for key, _ in rows]), np.array([value for _, value in rows])
    found = summarize(values, by=keys)
    for key, group in found.items():
        exact = [Fraction(value) for value in values[keys == key].tolist()]
        assert group.power_sum(1) == sum(exact)
        assert group.power_sum(2) == sum(value * value for value in exact)
        assert (group.min, group.max) == (min(exact), max(exact))
    sums = found.to_frame("pandas")["mean"]
    for key, mean in sums.items():
        exact = [Fraction(value) for value in values[keys == key].tolist()]
        assert mean == found[key].mean == float(sum(exact) / len(exact))


@given(st.lists(st.tuples(st.integers(0, 3), integers), min_size=1, max_size=150))
def test_sums_of_groups_of_integers_are_those_of_python(rows):
    keys, values = np.array([key for key, _ in rows]), np.array([value for _, value in rows], dtype=np.int64)
    for key, group in summarize(values, by=keys).items():
        exact = values[keys == key].tolist()
        assert group.power_sum(1) == sum(exact)
        assert group.power_sum(2) == sum(value * value for value in exact)
        assert (group.min, group.max) == (min(exact), max(exact))


# --- reads of all at once


@pytest.mark.parametrize("moments", [2, 4])
@pytest.mark.parametrize("nan", ["skip", "propagate"])
def test_statistics_of_all_are_those_of_each(moments, nan):
    rng = np.random.default_rng(moments)
    X = rng.normal(size=(40, 300)) * np.geomspace(1e-9, 1e9, 300)
    X[3, ::7], X[2, ::11], X[:, 5] = math.nan, math.inf, math.nan
    found = summarize(X, axis=0, moments=moments).read(nan=nan)
    names = ["count", "nan_count", "null_count", "min", "max", "sum", "mean", "sem", "positive_infinity_count"]
    for name in names + ["skewness", "kurtosis"] * (moments == 4):
        np.testing.assert_array_equal(getattr(found, name), [getattr(one, name) for one in found])
    for ddof in (-1, 0, 1, 39, 400):
        np.testing.assert_array_equal(found.var(ddof), [one.var(ddof) for one in found])
        np.testing.assert_array_equal(found.std(ddof), [one.std(ddof) for one in found])
    part = found[250:10:-3]
    np.testing.assert_array_equal(part.mean, found.mean[250:10:-3])
    with pytest.raises(ValueError, match=r"values are NaN|one value is NaN"):
        summarize(X, axis=0).read(nan="raise").mean  # noqa: B018


def test_what_is_not_kept_is_not_read():
    found = summarize(np.ones((3, 2)), axis=0)
    for name in ("skewness", "kurtosis"):
        with pytest.raises(ValueError, match="moments=4"):
            getattr(found, name)


def test_integers_that_no_float_holds_are_read_as_they_are():
    found = summarize(np.array([[2**53 + 1, 3], [-(2**62) - 1, 4]]), axis=0)
    assert found.min.tolist() == [-(2**62) - 1, 3]
    assert found.max.tolist() == [2**53 + 1, 4]


@pytest.mark.parametrize("rows", [1, 10, 63, 64, 65, 2049, 4000, 5000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_matrix(rows, order):
    rng = np.random.default_rng(rows)
    X = np.array(rng.normal(size=(200, rows)) * np.geomspace(1e-30, 1e30, 200)[:, None], order=order)
    X[3, 0], X[4, -1], X[5, 0], X[6] = math.nan, -math.inf, -0.0, 0.0
    found = summarize(X, axis=1)
    for i in range(200):
        assert_identical(found[i], Summary(X[i]))
    assert summarize(X.T, axis=0) == found


# --- views


def test_what_is_changed_in_a_group_is_changed_in_all():
    grouped = summarize([1.0, 2.0, 5.0], by=["a", "a", "b"])
    group, copied = grouped["a"], grouped.copy()
    group.push(9.0)
    group += Summary([4.0])
    grouped["b"].update([1e300, 1e-300])
    assert grouped["a"].sum == group.sum == 16.0
    assert grouped["b"].count == 3
    assert copied["a"].sum == 3.0
    assert grouped != copied
    assert grouped["a"] == Summary([1.0, 2.0, 9.0, 4.0])


def test_what_is_changed_in_a_column_is_changed_in_all():
    found = summarize(np.ones((3, 4)), axis=0)
    found[1:][1].push(7.0)
    assert found.max.tolist() == [1.0, 1.0, 7.0, 1.0]
    grouped = summarize(np.ones((3, 2)), by=[1, 1, 2])
    grouped[1][0].push(3.0)
    assert grouped[1].max.tolist() == [3.0, 1.0]


def test_collections_hold_copies():
    one = Summary([1.0])
    several, grouped = Summaries([one, one]), GroupedSummary({"a": one})
    one.push(2.0)
    assert several.count.tolist() == [1, 1]
    assert grouped["a"].count == 1


def test_positions_go_on_in_a_view():
    grouped = summarize([3.0, 1.0], by=["a", "b"], best=2)
    grouped["a"].push(2.0)
    grouped["a"].update([1.0, 8.0])
    assert grouped["a"].best == [(1.0, 2), (2.0, 1)]


@given(st.lists(st.lists(st.tuples(st.floats(-9, 9), st.integers(0, 3)), min_size=1, max_size=5), max_size=5))
def test_positions_in_a_view_are_those_of_a_summary(pieces):
    alone, several = Summary(best=4, largest=True), Summaries([Summary(best=4, largest=True)] * 2)
    for piece in pieces:
        values, weights = zip(*piece, strict=True)
        alone.update(values, sample_weight=weights)
        several[1].update(values, sample_weight=weights)
        alone.push(5.0)
        several[1].push(5.0)
    assert several[1].best == alone.best
    assert several[0].count == 0


def test_threads_may_change_views_of_one_group():
    grouped = summarize([0.0, 0.0], by=[1, 2], best=1)

    def change(key):
        for value in range(300):
            grouped[key].push(float(value))
            grouped[key].update([1.0, 2.0])

    threads = [threading.Thread(target=change, args=(key,)) for key in (1, 1, 2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert (grouped + grouped).to_frame("pandas")["count"].sum() % 2 == 0
    for thread in threads:
        thread.join()
    assert (grouped[1].count, grouped[2].count) == (1801, 901)


# --- keys


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int8"])
def test_integers_are_found_however_they_are_spelt(dtype):
    grouped = summarize([1.0, 2.0, 3.0], by=np.array([0, 1, 100], dtype=dtype))
    for key in (1, 1.0, True, np.int8(1), np.float64(1), Decimal("1.00"), 1 + 0j, Fraction(1)):
        assert grouped[key].sum == 2.0, key
        assert key in grouped
    for key in (2, -1, 1.5, math.inf, math.nan, "1", None, 2**70, -(2**70), (1,)):
        assert key not in grouped, key
        with pytest.raises(KeyError):
            grouped[key]


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=6), max_size=4))
def test_integer_keys_merge_as_dicts_do(parts):
    found = GroupedSummary.merge_all(
        summarize(np.ones(len(part)), by=np.array(part, dtype=np.int64)) for part in parts if part
    )
    every = [key for part in parts for key in part]
    assert {key: group.count for key, group in found.items()} == {key: every.count(key) for key in every}
    assert list(found) == sorted(set(every))
    assert pickle.loads(pickle.dumps(found)) == found
    assert GroupedSummary.from_bytes(found.to_bytes()) == found


def test_signed_and_unsigned_keys_merge_exactly():
    signed = summarize([1.0], by=np.array([2**63 - 1], dtype=np.int64))
    unsigned = summarize([2.0, 3.0], by=np.array([2**63 - 1, 2**63], dtype=np.uint64))
    assert {key: group.sum for key, group in (signed + unsigned).items()} == {2**63 - 1: 3.0, 2**63: 3.0}


# --- groups of different columns


def two_kinds_of_columns():
    first = summarize({"x": [1.0, 2.0]}, axis=0)
    second = summarize({"y": [5.0], "z": [7.0]}, axis=0)
    return GroupedSummary({"a": first, "b": second})


def test_groups_of_different_columns():
    grouped = two_kinds_of_columns()
    assert grouped["a"].names == ("x",)
    assert grouped["b"]["z"].sum == 7.0
    for other in (grouped.copy(), pickle.loads(pickle.dumps(grouped)), GroupedSummary.from_bytes(grouped.to_bytes())):
        assert other == grouped
        assert hash(other) == hash(grouped)
    doubled = grouped + grouped
    assert doubled["b"]["y"].count == 2
    assert (doubled + GroupedSummary({"c": grouped["a"]}))["c"] == grouped["a"]
    with pytest.raises(ValueError, match="no one table"):
        grouped.to_frame()
    cells = re.findall(r"<t[hd]>(.*?)</t[hd]>", grouped._repr_html_())
    assert {"x.mean", "y.mean", "z.max", "a", "b", "1.5"} <= set(cells)
    with pytest.raises(ValueError, match="Summaries of 2 columns do not go together with") as raised:
        grouped + GroupedSummary({"b": grouped["a"]})
    assert raised.value.__notes__ == ["in the group 'b'"]


def test_groups_of_one_and_of_several_columns_do_not_merge():
    with pytest.raises(TypeError, match="does not go together with Summaries of several"):
        GroupedSummary({"a": Summary([1.0])}) + GroupedSummary({"b": summarize([[1.0]], axis=0)})


def test_an_error_names_the_group():
    left = summarize([1.0, 2.0], by=["a", "b"], best=1)
    right = summarize([1.0], by=["b"], best=1, largest=True)
    with pytest.raises(ValueError, match="smallest") as raised:
        left + right
    assert raised.value.__notes__ == ["in the group 'b'"]
    assert not hasattr(raised.value, "position")


def test_groups_have_columns():
    with pytest.raises(ValueError, match="must have columns"):
        GroupedSummary({"a": Summaries()})


def test_nothing_in_several_columns_is_nothing():
    empty = summarize({"x": [1.0, 2.0], "y": [1.0, 2.0]}, by=[None, None])
    assert empty.missing_key_count == 2
    assert empty + GroupedSummary() == empty == GroupedSummary() + empty
    assert GroupedSummary.from_bytes(empty.to_bytes()) == empty
    assert pickle.loads(pickle.dumps(empty)) == empty


# --- numbers at the ends of their ranges


def test_counts_of_weights_are_not_negative():
    found = summarize(np.array([[1.0], [2.0]]), axis=0, sample_weight=[2**63, 5])
    assert found.count.tolist() == [2**63 + 5]
    assert found.to_frame("pandas")["count"].tolist() == [2**63 + 5]


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_tables_of_integers_that_no_float_holds(kind):
    table = summarize(np.array([2**53 + 1, 2**64 - 1], dtype=np.uint64), by=[1, 2]).to_frame(kind)
    column = table["max"].to_pylist() if kind == "pyarrow" else table["max"].to_list()
    assert column == [2**53 + 1, 2**64 - 1]


# --- what notebooks show


def test_long_tables_show_their_ends():
    grouped = summarize(np.arange(500.0), by=np.arange(500))
    html = grouped._repr_html_()
    shown = re.findall(r"<tr><th>(.*?)</th>", html)
    assert shown[1:] == [*map(str, range(30)), "… 440 more …", *map(str, range(470, 500))]
    several = summarize(np.arange(1000.0).reshape(2, 500), axis=0)
    assert re.findall(r"<tr><th>(.*?)</th>", several._repr_html_()) == shown


def test_a_million_groups_take_what_they_hold():
    keys = np.arange(1_000_000)
    grouped = summarize(np.ones(len(keys)), by=keys)
    assert len(grouped) == len(keys)
    assert grouped[777_777].count == 1
    assert foldstat.summarize([1.0], by=[5]) + grouped == grouped + foldstat.summarize([1.0], by=[5])

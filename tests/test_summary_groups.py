"""Summaries by group: as dicts of the groups' numbers alone, and as pandas groups."""

from __future__ import annotations

import copy
import datetime
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import foldstat
from foldstat import GroupedSummary, Summaries, Summary
from summaries import anything, assert_identical, settings

FULL = {
    "best": 5,
    "quantiles": True,
    "relative_error": 0.1,
    "histogram": [0.0, 1.0, 50.0],
    "distinct": True,
    "moments": 4,
}


def assert_groups(found, values, keys, **arguments):
    """Each group is the summary of its numbers alone, with their positions in the whole."""
    values, keys = np.asarray(values), np.asarray(keys)
    expected = sorted(set(keys.tolist()))
    assert list(found) == expected
    for key in expected:
        where = np.flatnonzero(keys == key)
        assert_identical(found[key], Summary(values[where], ids=where, **arguments))


INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("n", [1, 10, 5003])
def test_integer_keys(dtype, n):
    rng = np.random.default_rng(0)
    info = np.iinfo(dtype)
    some = np.array([info.min, info.max, 0, 1, 5, 100], dtype=dtype)
    values, keys = rng.normal(8.342, 1, n), rng.choice(some, n)
    found = foldstat.summarize(values, by=keys, **FULL)
    assert type(found) is GroupedSummary
    assert_groups(found, values, keys, **FULL)
    assert all(type(key) is int for key in found)


@pytest.mark.parametrize("groups", [1, 2, 1000, 20_000])
@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_few_and_many_groups(groups, n_jobs):
    rng = np.random.default_rng(groups)
    n = 40_003
    values, keys = rng.normal(8.342, 1, n), rng.integers(0, groups, n)
    values[::1001], values[1::1003], values[2::1007] = math.nan, math.inf, 1e300
    found = foldstat.summarize(values, by=keys, n_jobs=n_jobs)
    frame = pd.DataFrame({"key": keys, "value": np.where(np.isnan(values), math.nan, values)})
    np.testing.assert_array_equal([s.count for s in found.values()], frame.groupby("key")["value"].count())
    assert sum(found.values()) == Summary(values)
    for key in list(found)[:50]:
        assert_identical(found[key], Summary(values[keys == key]))


@given(st.lists(st.tuples(st.integers(0, 3), anything), max_size=20), settings())
def test_any_numbers(pairs, arguments):
    keys, values = np.array([k for k, _ in pairs], dtype=int), np.array([v for _, v in pairs], dtype=float)
    assert_groups(foldstat.summarize(values, by=keys, **arguments), values, keys, **arguments)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["b", "a", "b", "c"], ["a", "b", "c"]),
        (np.array(["b", "a", "b", "c"]), ["a", "b", "c"]),
        (np.array([b"b", b"a", b"b", b"c"]), [b"a", b"b", b"c"]),
        ((0.5, -1.0, 0.5, math.inf), [-1.0, 0.5, math.inf]),
        ([True, False, True, True], [False, True]),
        (np.array([True, False, True, True]), [False, True]),
        ([2**70, 1, 2**70, 5], [1, 5, 2**70]),
        ([2**63, 1, 2**63, 5], [1, 5, 2**63]),
        ([(1, "x"), (1, "a"), (1, "x"), (0, "z")], [(0, "z"), (1, "a"), (1, "x")]),
        (pd.Series(["b", "a", "b", "c"]), ["a", "b", "c"]),
        (pd.Series(["b", "a", "b", "c"], dtype="category"), ["a", "b", "c"]),
        (pd.Series([3, 1, 3, 2], dtype="Int64"), [1, 2, 3]),
        (pl.Series(["b", "a", "b", "c"]), ["a", "b", "c"]),
        (pl.Series([3, 1, 3, 2]), [1, 2, 3]),
        (pa.array(["b", "a", "b", "c"]), ["a", "b", "c"]),
        (pa.array(["b", "a", "b", "c"]).dictionary_encode(), ["a", "b", "c"]),
        (pa.chunked_array([["b"], ["a", "b", "c"]]), ["a", "b", "c"]),
        (iter(["b", "a", "b", "c"]), ["a", "b", "c"]),
    ],
    ids=lambda v: type(v).__name__,
)
def test_kinds_of_keys(keys, expected):
    found = foldstat.summarize(np.array([1.0, 2.0, 4.0, 8.0]), by=keys)
    assert list(found) == expected
    assert sum(s.sum for s in found.values()) == 15.0
    assert 5.0 in {s.sum for s in found.values()} or len(expected) == 2
    assert_identical(GroupedSummary.from_bytes(found.to_bytes()), found)
    assert_identical(pickle.loads(pickle.dumps(found)), found)


@pytest.mark.parametrize(
    "keys",
    [
        [None, "a", "b", None],
        [math.nan, 1.0, 2.0, math.nan],
        np.array([math.nan, 1.0, 2.0, math.nan]),
        pd.Series([None, "a", "b", None]),
        pd.Series([None, 1, 2, None], dtype="Int64"),
        pd.Series(["NaT", "2020-01-01", "2020-01-02", "NaT"], dtype="datetime64[s]"),
        np.array(["NaT", "2020-01-01", "2020-01-02", "NaT"], dtype="M8[D]"),
        pl.Series([None, "a", "b", None]),
        pl.Series([None, 1, 2, None]),
        pa.array([None, "a", "b", None]),
    ],
    ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', '')}",
)
def test_rows_without_a_key_are_left_out_and_counted(keys):
    found = foldstat.summarize([1.0, 2.0, 4.0, 8.0], by=keys)
    assert [s.sum for s in found.values()] == [2.0, 4.0]
    assert found.missing_key_count == 2
    assert (found + found).missing_key_count == 4
    assert found != foldstat.summarize([2.0, 4.0], by=list(found))
    assert pickle.loads(pickle.dumps(found)) == found
    assert_identical(GroupedSummary.from_bytes(found.to_bytes()), found)


def test_both_zeros_are_one_key():
    found = foldstat.summarize([1.0, 2.0, 4.0], by=np.array([-0.0, 0.0, -0.0]))
    assert [repr(key) for key in found] == ["0.0"]
    a, b = (foldstat.summarize([1.0], by=[zero]) for zero in (-0.0, 0.0))
    assert_identical(a, b)


def test_dates_as_keys():
    days = [datetime.date(2020, 1, 2), datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]
    found = foldstat.summarize([1.0, 2.0, 4.0], by=np.array(days, dtype="M8[D]"))
    assert [s.sum for s in found.values()] == [2.0, 5.0]


def test_a_key_that_is_a_nan_in_a_matrix_is_no_group():
    found = foldstat.summarize(np.arange(8.0).reshape(4, 2), axis=0, by=[1.0, math.nan, 1.0, 2.0])
    assert list(found) == [1.0, 2.0]
    np.testing.assert_array_equal(found[1.0].sum, [4.0, 6.0])


# --- columns of groups ------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
def test_groups_of_columns(order):
    rng = np.random.default_rng(0)
    X, keys = np.asarray(rng.normal(8.342, 1, (5003, 4)), order=order), rng.integers(-3, 9, 5003)
    weights, names = rng.integers(0, 3, 5003), rng.permutation(5003)
    found = foldstat.summarize(X, axis=0, by=keys, sample_weight=weights, ids=names, **FULL)
    for key in range(-3, 9):
        where = np.flatnonzero(keys == key)
        assert type(found[key]) is Summaries
        for j in range(4):
            expected = Summary(X[where, j], ids=names[where], sample_weight=weights[where], **FULL)
            assert_identical(found[key][j], expected)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_a_column_of_a_frame_as_key(make):
    frame = make({"city": ["b", "a", "b"], "price": [1.0, 2.0, 4.0], "rooms": [1, 2, 3]})
    found = foldstat.summarize(frame, axis=0, by="city")
    assert list(found) == ["a", "b"]
    assert tuple(found["a"].names) == ("price", "rooms")
    assert_identical(found["b"]["price"], Summary([1.0, 4.0]))
    with pytest.raises((KeyError, ValueError), match="nothing"):
        foldstat.summarize(frame, axis=0, by="nothing")


def test_as_pandas_groups():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"key": rng.choice(list("abcdefgh"), 3000), "x": rng.normal(size=3000), "y": rng.random(3000)})
    found = foldstat.summarize(frame, axis=0, by="key")
    expected = frame.groupby("key").agg(["mean", "std", "min", "max", "count"])
    assert list(found) == list(expected.index)
    for key, s in found.items():
        for name in ("x", "y"):
            row = expected.loc[key, name]
            assert (s[name].min, s[name].max, s[name].count) == (row["min"], row["max"], row["count"])
            assert s[name].mean == pytest.approx(row["mean"], rel=1e-12)
            assert s[name].std() == pytest.approx(row["std"], rel=1e-12)


@pytest.mark.parametrize("keys", [[1, 2], [1, 2, 3, 4], [[1, 2, 3]], 5])
def test_a_key_for_each_row(keys):
    with pytest.raises((ValueError, TypeError), match="by"):
        foldstat.summarize([1.0, 2.0, 3.0], by=keys)


def test_keys_that_cannot_be_keys():
    with pytest.raises(TypeError):
        foldstat.summarize([1.0, 2.0], by=[[1], [2]])


# --- a mapping and a monoid -------------------------------------------------------------------------


def test_a_mapping():
    found = foldstat.summarize([1.0, 2.0, 4.0], by=["b", "a", "b"])
    assert len(found) == 2
    assert "a" in found
    assert "z" not in found
    assert found.get("z") is None
    assert dict(found) == {"a": Summary([2.0]), "b": Summary([1.0, 4.0])}
    with pytest.raises(KeyError, match="z"):
        found["z"]


def test_laws():
    rng = np.random.default_rng(0)
    values, keys = rng.normal(size=3001) * 2.0 ** rng.integers(-500, 500, 3001), rng.choice(list("abcdef"), 3001)
    names = np.arange(3001)
    whole = foldstat.summarize(values, by=keys, ids=names, **FULL)
    parts = [
        foldstat.summarize(values[part], by=keys[part], ids=names[part], n_jobs=int(rng.choice([1, 2, 3])), **FULL)
        for part in [*np.array_split(rng.permutation(3001), 6), np.array([], dtype=int)]
    ]
    a, b, c, *rest = parts
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(a + b, b + a)
    assert_identical(a + GroupedSummary(), a)
    assert_identical(GroupedSummary() + a, a)
    assert_identical(sum(parts), whole)
    assert_identical(GroupedSummary.merge_all(parts[::-1]), whole)
    in_place = a.copy()
    for part in (b, c, *rest):
        in_place += part
    assert_identical(in_place, whole)
    assert_identical(GroupedSummary.from_bytes(whole.to_bytes()), whole)
    for other in (whole.copy(), copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert_identical(other, whole)


def test_groups_that_only_one_side_has():
    a = foldstat.summarize([1.0, 2.0], by=["x", "y"])
    b = foldstat.summarize([4.0, 8.0], by=["y", "z"])
    assert dict(a + b) == {"x": Summary([1.0]), "y": Summary([2.0, 4.0]), "z": Summary([8.0])}
    assert dict(a) == {"x": Summary([1.0]), "y": Summary([2.0])}


def test_one_and_true_and_one_point_zero_are_one_key():
    a, b, c = (foldstat.summarize([1.0], by=np.array([1], dtype=t)) for t in (int, bool, float))
    assert len(a + b + c) == 1
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(a + b, b + a)
    assert_identical(a + c, c + a)


def test_to_frame():
    found = foldstat.summarize([1.0, 2.0, 4.0], by=["b", "a", "b"])
    for kind in ("pandas", "polars"):
        frame = found.to_frame(kind)
        assert type(frame).__module__.startswith(kind)
        assert len(frame) == 2
        assert list(frame["mean"]) == [2.0, 2.5]


# --- several columns as keys ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table, dict], ids=["pandas", "polars", "arrow", "dict"]
)
def test_columns_of_a_frame_as_keys(make):
    data = {"x": ["a", "b", "a", None, "a"], "g": [1, 1, 2, 2, 1], "v": [1.0, 2.0, 3.0, 4.0, 5.0]}
    found = foldstat.summarize(make(data), by=["x", "g"])
    assert {key: group["v"].sum for key, group in found.items()} == {("a", 1): 6.0, ("a", 2): 3.0, ("b", 1): 2.0}
    assert all(group.names == ("v",) for group in found.values())
    assert found.missing_key_count == 1
    assert_identical(GroupedSummary.from_bytes(found.to_bytes()), found)
    numbers = make({name: data[name] for name in ("g", "v")})
    assert [group.sum.tolist() for group in foldstat.summarize(numbers, by=["g"]).values()] == [[8.0], [7.0]]
    assert list(foldstat.summarize(numbers, by=["g"])) == [(1,), (2,)]


def test_many_keys_of_three_columns():
    rng = np.random.default_rng(0)
    keys = {name: rng.integers(0, 9, 5003) for name in "abc"}
    frame = pd.DataFrame(keys | {"v": rng.normal(size=5003)})
    found = foldstat.summarize(frame, by=["a", "b", "c"])
    expected = frame.groupby(["a", "b", "c"])["v"]
    assert list(found) == list(expected.groups)
    assert [group["v"].count for group in found.values()] == expected.count().tolist()
    assert [group["v"].max for group in found.values()] == expected.max().tolist()


def test_rows_without_one_of_their_keys_are_left_out_and_counted():
    frame = pd.DataFrame({"x": ["a", None, "b", "a", None], "g": [1.0, 2.0, math.nan, 3.0, math.nan], "v": range(5)})
    for by in (["x", "g"], ["g", "x"], ["z", "g", "x"]):
        found = foldstat.summarize(frame.assign(z=1), by=by)
        assert found.missing_key_count == 3
        assert [group["v"].sum for group in found.values()] == [0.0, 3.0]


def test_a_list_is_one_of_names_if_it_can_be():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]})
    assert list(foldstat.summarize(frame, by=["a", "b"])) == [(1.0, 3.0), (2.0, 4.0)]
    assert list(foldstat.summarize(frame, by=np.array(["a", "b"]))) == ["a", "b"]
    assert list(foldstat.summarize(frame, by=["a", "a"])) == ["a"]
    assert list(foldstat.summarize(frame, by=["a", "z"])) == ["a", "z"]
    assert list(foldstat.summarize(frame.to_numpy(), by=["a", "b"])) == ["a", "b"]


# --- NaN --------------------------------------------------------------------------------------------


def test_groups_are_read_under_a_policy_for_nan():
    found = foldstat.summarize([1.0, math.nan, 5.0], by=["a", "a", "b"])
    read = found.read(nan="propagate")
    assert (list(read), len(read)) == (["a", "b"], 2)
    assert math.isnan(read["a"].mean)
    assert read["b"].mean == 5.0
    assert found.read()["a"].mean == 1.0
    assert repr(read) == "<GroupedReads of 2 groups, nan='propagate'>"
    columns = foldstat.summarize([[1.0, math.nan], [2.0, 3.0]], by=[1, 1]).read(nan="propagate")
    assert columns[1].mean[0] == 1.5
    assert math.isnan(columns[1].mean[1])
    with pytest.raises(ValueError, match="one value is NaN"):
        _ = found.read(nan="raise")["a"].sum
    with pytest.raises(ValueError, match="nan must be"):
        GroupedSummary().read("ignore")


def test_tables_of_keys_that_no_column_holds():
    tuples = foldstat.summarize([1.0, 2.0], by=[("a", 1), ("b", 2)])
    mixed = foldstat.summarize([1.0, 2.0], by=[1, "b"])
    for found, shown in ((tuples, ["('a', 1)", "('b', 2)"]), (mixed, ["1", "b"])):
        assert found.to_frame("polars")["key"].to_list() == shown
        assert found.to_frame("pyarrow")["key"].to_pylist() == shown
        assert list(found.to_frame("pandas").index) == list(found)
    named = foldstat.summarize(pd.DataFrame({"a": [1.0], 7: [2.0]}), axis=0)
    assert named.to_frame("pyarrow")["column"].to_pylist() == ["a", "7"]


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
@given(st.lists(st.sampled_from(["a", "b", "a_2", "a_3", "1", 1, 2, "2_2"]), min_size=1, max_size=8))
def test_a_table_keeps_columns_whose_names_look_alike(kind, names):
    frame = pd.DataFrame([list(range(len(names)))] * 2, columns=pd.Index(names, dtype=object))
    groups = foldstat.summarize(frame, by=["k", "k"])
    table = groups.to_frame(kind)
    columns = list(table.columns) if kind != "pyarrow" else table.column_names
    means = [column for column in columns if str(column).endswith(".mean")]
    assert [table[mean].to_numpy()[0] for mean in means] == list(range(len(names)))
    assert len(set(columns)) == len(columns)
    for name, mean in zip(names, means, strict=True):
        assert [*map(str, names)].count(str(name)) > 1 or mean == f"{name}.mean"
        assert f"<th>{mean}</th>" in groups._repr_html_()


@pytest.mark.filterwarnings("ignore:columns of X that are not numbers")
def test_notebooks_show_what_keys_are_and_one_word_for_what_is_missing():
    data = {"k": ["a", "b"], "l": [1, 2], "d": [datetime.date(2024, 1, 1), None], "x": [1.0, 2.0]}
    for by, title in (("k", "k"), (["k", "l"], "k, l"), (["k", np.array([3, 4])], "k, key_1"), (np.array([3, 4]), "")):
        shown = foldstat.summarize(data, by=by)
        assert f"<tr><th>{title}</th><th>" in shown._repr_html_()
    few = {"d": data["d"], "x": [1.0, float("nan")]}
    for shown in (
        foldstat.summarize(few, by=["a", "b"]),
        foldstat.summarize(few, axis=0),
        Summary([datetime.date(2024, 1, 1)]),
        Summary([1.0]),
    ):
        html = shown._repr_html_()
        assert "<td>nan</td>" in html
        assert "None" not in html

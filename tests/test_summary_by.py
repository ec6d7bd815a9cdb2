"""Which columns are summarised, and what `by` and `axis` mean."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import Summary, summarize
from summaries import assert_identical

DATA = {
    "x": [1.0, 2.0, 4.0, 8.0],
    "name": ["a", "b", "a", "b"],
    "flag": [True, False, True, True],
    "n": [1, 1, 2, 2],
    "when": np.array([0, 1, 2, 3], "M8[us]"),
}
MAKE = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table, "dict": dict}
NUMBERS = ["x", "flag", "n"]


@pytest.mark.parametrize("kind", MAKE)
def test_columns_that_hold_no_numbers_are_left_out_with_a_warning(kind):
    frame, numbers = MAKE[kind](DATA), {name: DATA[name] for name in NUMBERS}
    measured = {name: DATA[name] for name in [*NUMBERS, "when"]}
    few = r"^columns of X that are not integers, floats or booleans are left out: 'name' \(.*\), 'when' \(.*\)$"
    more = r"^columns of X that are not numbers, times or decimals are left out: 'name' \([^,]*\)$"
    cases = [({}, few, numbers), ({"cov": True}, few, numbers)]
    cases += [({"axis": 0}, more, measured), ({"by": [1, 2, 1, 2]}, more, measured)]
    for arguments, message, known in cases:
        with pytest.warns(UserWarning, match=message) as caught:
            found = summarize(frame, **arguments)
        assert [warning.filename for warning in caught] == [__file__]
        assert found == summarize(known, **arguments)
        with pytest.raises(TypeError, match=r"only columns of numbers.*X\['name'\]"):
            summarize(frame, strict=True, **arguments)
    with pytest.warns(UserWarning, match="columns of x that are not .* are left out: 'name'"):
        assert_identical(Summary(frame), Summary(numbers))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert summarize(numbers, axis=0, strict=True).names == tuple(NUMBERS)


@pytest.mark.parametrize("kind", MAKE)
def test_columns_of_keys_are_no_columns_that_are_left_out(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summarize(MAKE[kind]({name: DATA[name] for name in ("x", "name", "n")}), by="name")
    assert {key: group["x"].sum for key, group in found.items()} == {"a": 5.0, "b": 10.0}


def test_as_pandas_takes_the_numeric_columns():
    frame = pd.DataFrame({name: DATA[name] for name in [*NUMBERS, "name"]})
    with pytest.warns(UserWarning, match="left out"):
        found = summarize(frame, axis=0)
    own = frame.mean(numeric_only=True)
    assert list(found.names) == list(own.index)
    assert found.mean.tolist() == own.tolist()


def test_a_frame_without_any_numbers_is_refused():
    for frame in (pd.DataFrame({"name": ["a"]}), pl.DataFrame({"name": ["a"]})):
        for arguments in ({}, {"axis": 0}, {"by": [1]}):
            with pytest.raises(TypeError, match=r"only columns of numbers can be summarised.*X\['name'\]"):
                summarize(frame, **arguments)


def test_numbers_that_are_not_read_are_no_columns_to_leave_out():
    """Nothing is left out that is a number."""
    frame = pd.DataFrame({"x": [1.0, 2.0], "large": pd.Series([2**70, 1], dtype=object)})
    with pytest.raises(TypeError, match="more than 64 bits"):
        summarize(frame, axis=0)


def test_numbered_columns_keep_their_numbers():
    frame = pd.DataFrame({0: ["a", "b"], 1: [1.0, 2.0]})
    with pytest.warns(UserWarning, match=r"'0' \(str\)"):
        assert summarize(frame, axis=0).names == (1,)


# ---------------------------------------------------------------- by

KEYS = st.sampled_from(["a", "b", None])


@given(st.lists(st.tuples(KEYS, st.integers(0, 2), st.integers(-5, 5)), min_size=1, max_size=12))
def test_names_series_and_arrays_are_the_same_keys(rows):
    frame = pd.DataFrame(rows, columns=["g", "h", "x"])
    expected = {key: group["x"].sum() for key, group in frame.groupby(["g", "h"])}
    polars = pl.DataFrame(rows, {"g": pl.String, "h": pl.Int64, "x": pl.Int64}, orient="row")
    g, h = frame["g"].to_numpy(dtype=object), frame["h"].to_numpy()
    ways = [
        (frame, ["g", "h"]),
        (frame, ["g", frame["h"]]),
        (frame, [frame["g"], "h"]),
        (frame[["x"]], [frame["g"], frame["h"]]),
        (frame[["x"]], [g, h]),
        (frame[["x"]], (frame["g"], h)),
        (polars, ["g", "h"]),
        (polars, ["g", polars["h"]]),
        (polars[["x"]], [polars["g"], pa.array(h)]),
    ]
    for X, by in ways:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "columns of X")
            found = summarize(X, by=by)
        assert {key: group["x"].sum for key, group in found.items()} == expected
        assert found.missing_key_count == frame["g"].isna().sum()


def test_one_array_in_a_list_makes_tuples():
    found = summarize([1.0, 2.0, 4.0], by=[np.array([1, 2, 1])])
    assert {key: group.sum for key, group in found.items()} == {(1,): 5.0, (2,): 2.0}
    named = summarize(pd.DataFrame({"x": [1.0, 2.0]}), by=[pd.Series(["a", "b"], name="g"), np.array([1, 2])])
    assert named.to_frame("pandas").index.names[0] == "g"


def test_names_on_a_frame_of_two_rows_are_names():
    for make in (pd.DataFrame, pl.DataFrame, pa.table, dict):
        frame = make({"a": [1, 2], "b": [3, 3], "x": [5.0, 7.0]})
        assert list(summarize(frame, by=["a", "b"])) == [(1, 3), (2, 3)]
        assert list(summarize(frame, by=np.array(["a", "b"]))) == ["a", "b"]
        assert list(summarize(frame, by=["a", "a"])) == ["a"]


def test_tuples_name_columns_of_several_levels():
    columns = pd.MultiIndex.from_tuples([("key", "g"), ("key", "h"), ("value", "x")])
    frame = pd.DataFrame([["a", 1, 1.0], ["b", 1, 2.0], ["a", 1, 4.0]], columns=columns)
    assert {
        key: group.sum.tolist() for key, group in summarize(frame.drop(columns=[("key", "h")]), by=("key", "g")).items()
    } == {
        "a": [5.0],
        "b": [2.0],
    }
    found = summarize(frame, by=[("key", "g"), ("key", "h")])
    assert {key: group.sum.tolist() for key, group in found.items()} == {("a", 1): [5.0], ("b", 1): [2.0]}
    assert list(summarize([1.0, 2.0], by=("key", "g"))) == ["g", "key"]  # two rows, no frame


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        ([np.array([1, 2]), "x"], ValueError, r"by\[0\] must have a key for each of the 3 rows, got 2"),
        (["other", np.array([1, 2, 3])], ValueError, "by='other': columns are"),
        ([np.array([1, 2, 3]), 1.5], TypeError, "only names of columns, got float"),
        ([np.ones((3, 2))], ValueError, "one dimension"),
        ([pd.Series([1, 2, 3], index=[7, 8, 9])], ValueError, r"by\[0\] and X have different labels"),
    ],
)
def test_lists_that_are_no_keys(by, error, message):
    with pytest.raises(error, match=message):
        summarize(pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}), by=by)


# ---------------------------------------------------------------- axis


def test_axes_have_the_names_of_pandas():
    X = np.arange(6.0).reshape(3, 2)
    frame = pd.DataFrame(X, columns=["a", "b"])
    for name, number in (("index", 0), ("rows", 0), ("columns", 1)):
        assert summarize(X, axis=name) == summarize(X, axis=number)
        assert summarize(X, axis=name).mean.tolist() == frame.mean(axis=name).tolist()
    assert summarize(frame, axis="index").names == ("a", "b")
    for wrong in ("column", "0", ""):
        with pytest.raises(ValueError, match="axis must be None, 0, 1, 'index' or 'columns'"):
            summarize(X, axis=wrong)
    with pytest.raises(ValueError, match="out of range"):
        summarize([1.0], axis="columns")


@pytest.mark.parametrize("kind", MAKE)
def test_a_name_in_by_that_no_column_has_is_told(kind):
    frame = MAKE[kind]({"city": ["a"] * 5, "n": range(5)})
    with pytest.raises(ValueError, match=r"a key for each of the 5 rows, got 2; .*'x' is no column"):
        summarize(frame, by=["city", "x"])
    with pytest.raises(ValueError, match=r"got 2; .*has a name twice"):
        summarize(frame, by=["city", "city"])

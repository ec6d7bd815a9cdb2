"""Summaries of columns and rows: each is that of its numbers alone."""

from __future__ import annotations

import copy
import importlib
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
from foldstat import Summaries, Summary
from summaries import anything, assert_identical, settings

FULL = {
    "best": 5,
    "quantiles": True,
    "relative_error": 0.1,
    "histogram": [0.0, 1.0, 50.0],
    "distinct": True,
    "moments": 4,
}


def matrix(n, d, dtype=float):
    rng = np.random.default_rng(n + d)
    X = rng.normal(8.342, 1, (n, d))
    if n * d > 10:
        X[rng.integers(0, n, 5), rng.integers(0, d, 5)] = [math.nan, math.inf, 1e300, 0.0, -0.0]
    if dtype is not float:
        X = np.nan_to_num(X, posinf=100, neginf=-100).clip(-100, 100)
    return X.astype(dtype)


def assert_columns(found, columns, **arguments):
    assert type(found) is Summaries
    assert len(found) == len(columns)
    for i, column in enumerate(columns):
        assert_identical(found[i], Summary(column, **arguments))


@pytest.mark.parametrize("arguments", [{}, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("dtype", [float, np.float32, np.int8, np.int64, np.uint16, bool])
@pytest.mark.parametrize("shape", [(2051, 7), (7, 2051), (5, 1), (1, 5), (0, 3), (300, 100)])
def test_every_column_and_row(shape, dtype, arguments):
    X = matrix(*shape, dtype)
    for Y in (X, np.asfortranarray(X), X[::-1, ::-1].copy()[::-1, ::-1], np.repeat(X, 2, axis=1)[:, ::2]):
        assert_columns(foldstat.summarize(Y, axis=0, **arguments), list(X.T), **arguments)
        assert_columns(foldstat.summarize(Y, axis=1, **arguments), list(X), **arguments)


def test_no_columns():
    for shape, axis in (((3, 0), 0), ((0, 3), 1), ((0, 0), 0)):
        assert len(foldstat.summarize(np.zeros(shape), axis=axis)) == 0


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 7])
def test_wide_and_long(n_jobs):
    X = matrix(20_011, 100)
    expected = [Summary(column) for column in X.T]
    for Y in (X, np.asfortranarray(X)):
        assert list(foldstat.summarize(Y, axis=0, n_jobs=n_jobs)) == expected
        assert list(foldstat.summarize(Y.T, axis=1, n_jobs=n_jobs)) == expected


@given(
    st.integers(1, 4).flatmap(lambda d: st.lists(st.lists(anything, min_size=d, max_size=d), min_size=1)), settings()
)
def test_any_numbers(rows, arguments):
    X = np.array(rows)
    assert_columns(foldstat.summarize(X, axis=0, **arguments), list(X.T), **arguments)
    assert_columns(foldstat.summarize(X, axis=1, **arguments), list(X), **arguments)


def test_ids_and_weights_go_with_rows():
    X, names, weights = matrix(503, 3), [f"r{i % 97}" for i in range(503)], np.arange(503) % 4
    for Y, axis in ((X, 0), (X.T, 1)):
        found = foldstat.summarize(Y, axis=axis, ids=names, sample_weight=weights, best=9)
        for i in range(3):
            assert_identical(found[i], Summary(X[:, i], ids=names, sample_weight=weights, best=9))
    for argument in ({"ids": names}, {"sample_weight": weights}):
        with pytest.raises(ValueError, match=next(iter(argument))):
            foldstat.summarize(X, axis=1, **argument)


def test_all_numbers_in_one():
    X = matrix(503, 3)
    assert_identical(foldstat.summarize(X, best=5), Summary(X, best=5))
    assert_identical(foldstat.summarize(X.ravel(), axis=0), Summary(X))
    assert_identical(foldstat.summarize([1.0, None, 2**60 + 1]), Summary([1.0, None, 2**60 + 1]))
    assert_identical(foldstat.summarize(pl.DataFrame({"a": [1, 2], "b": [None, 0.5]})), Summary([1, 2, None, 0.5]))


@pytest.mark.parametrize("axis", [2, -3, 0.5, "0", (0, 1)])
def test_axes_there_are(axis):
    with pytest.raises((ValueError, TypeError), match="axis"):
        foldstat.summarize(np.zeros((3, 2)), axis=axis)


def test_more_dimensions_are_refused():
    with pytest.raises(ValueError, match="dimension"):
        foldstat.summarize(np.zeros((3, 2, 2)), axis=0)


# --- frames -----------------------------------------------------------------------------------------

DATA = {
    "price": [1.5, 2.5, None, 4.0],
    "count": [1, None, 2**53 + 1, 3],
    "flag": [True, None, False, True],
}


def frames():
    extension = {"price": "Float64", "count": "Int64", "flag": "boolean"}
    yield pd.DataFrame({name: pd.array(values, dtype=extension[name]) for name, values in DATA.items()})
    yield pl.DataFrame(DATA)
    yield pa.table(DATA)
    yield pa.record_batch(DATA)
    yield pa.concat_tables([pa.table(DATA).slice(0, 1), pa.table(DATA).slice(1)])


@pytest.mark.parametrize("frame", list(frames()), ids=["pandas", "polars", "table", "batch", "chunks"])
def test_frames_have_named_columns(frame):
    s = foldstat.summarize(frame, axis=0, **FULL)
    assert tuple(s.names) == tuple(DATA)
    for i, (name, values) in enumerate(DATA.items()):
        assert_identical(s[name], Summary(values, **FULL))
        assert_identical(s[i], s[name])
    with pytest.raises(KeyError, match="nothing"):
        s["nothing"]


def test_columns_without_numbers_are_named():
    for frame in (pd.DataFrame({"a": [1.0], "city": ["x"]}), pl.DataFrame({"a": [1.0], "city": ["x"]})):
        with pytest.raises(TypeError, match="city"):
            foldstat.summarize(frame, axis=0, strict=True)


# --- a sequence -------------------------------------------------------------------------------------


def test_a_sequence_of_summaries():
    X = matrix(100, 4)
    s = foldstat.summarize(X, axis=0)
    assert [t.count for t in s] == [s[i].count for i in range(4)]
    assert_identical(s[-1], Summary(X[:, 3]))
    assert_identical(s[1:3], foldstat.summarize(X[:, 1:3], axis=0))
    for bad in (4, -5):
        with pytest.raises(IndexError):
            s[bad]
    with pytest.raises((TypeError, KeyError)):
        s[1.5]


def test_reads_are_arrays():
    X = np.random.default_rng(0).normal(3, 2, (1001, 5))
    s = foldstat.summarize(X, axis=0, quantiles=True, moments=4, distinct=True)
    for name in ("count", "min", "max", "sum", "mean", "sem", "skewness", "kurtosis", "median", "distinct_count"):
        np.testing.assert_array_equal(getattr(s, name), [getattr(t, name) for t in s])
    for ddof in (0, 1):
        np.testing.assert_array_equal(s.var(ddof=ddof), [t.var(ddof) for t in s])
        np.testing.assert_array_equal(s.std(ddof), [t.std(ddof) for t in s])
    np.testing.assert_allclose(s.mean, X.mean(axis=0))
    assert isinstance(s.mean, np.ndarray)
    assert s.mean.dtype == float


# --- a monoid ---------------------------------------------------------------------------------------


def test_laws():
    X = matrix(3001, 3)
    X[::17] = 2.0**-1060
    rng = np.random.default_rng(0)
    names = np.arange(3001)
    whole = foldstat.summarize(X, axis=0, ids=names, **FULL)
    parts = [
        foldstat.summarize(X[part], axis=0, ids=names[part], n_jobs=int(rng.choice([1, 2, 3, 7])), **FULL)
        for part in np.array_split(rng.permutation(3001), 6)
    ]
    a, b, c, *rest = parts
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(a + b, b + a)
    assert_identical(a + Summaries(), a)
    assert_identical(Summaries() + a, a)
    assert_identical(Summaries() + Summaries(), Summaries())
    assert_identical(sum(parts), whole)
    assert_identical(Summaries.merge_all(parts[::-1]), whole)
    in_place = a.copy()
    for part in (b, c, *rest):
        in_place += part
    assert_identical(in_place, whole)
    assert_identical(Summaries.from_bytes(whole.to_bytes()), whole)
    for other in (whole.copy(), copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert_identical(other, whole)
        assert other.names == whole.names


def test_names_must_agree():
    a = foldstat.summarize(pl.DataFrame({"x": [1.0], "y": [2.0]}), axis=0)
    b = foldstat.summarize(pl.DataFrame({"x": [1.0], "z": [2.0]}), axis=0)
    with pytest.raises(ValueError, match=r"(?s)y.*z"):
        a + b
    assert a != b
    with pytest.raises(ValueError, match=r"(?s)2.*1|1.*2"):
        foldstat.summarize(np.zeros((3, 2)), axis=0) + foldstat.summarize(np.zeros((3, 1)), axis=0)
    with pytest.raises(TypeError):
        a + Summary([1.0])


def test_subclasses_merge_with_their_base():
    class Losses(Summaries):
        __slots__ = ()

    base = foldstat.summarize([[1.0, 2.0]], axis=0)
    for total in (Losses(base) + base, base + Losses(base), sum([Losses(base), base]), Losses.merge_all([base, base])):
        assert total == base + base
    with pytest.raises(TypeError, match="merge_all merges Summaries, got Summary at position 1"):
        Summaries.merge_all([base, base[0]])
    with pytest.raises(TypeError):
        _ = base + base[0]


def test_to_frame():
    s = foldstat.summarize(pl.DataFrame({"x": [1.0, 2.0, 4.0], "y": [5, None, 7]}), axis=0)
    frame = s.to_frame()
    text = frame.to_string() if isinstance(frame, pd.DataFrame) else str(frame)
    assert "x" in text
    assert "y" in text
    assert "2.33" in text


# --- nulls in matrices and lists --------------------------------------------------------------------

GRID = [[1.0, None, 3.0], [None, 5.0, math.nan]]
FLAT = [*GRID[0], *GRID[1]]


def masked_grid():
    data = np.array([[1.0, 7.0, 3.0], [7.0, 5.0, math.nan]])
    return np.ma.masked_array(data, mask=[[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("missing", ["pyarrow", "polars", None])
@pytest.mark.parametrize(
    "grid", [masked_grid(), np.array(GRID, dtype=object), GRID], ids=["masked", "objects", "lists"]
)
def test_nulls_stay_in_their_column(grid, missing, monkeypatch):
    """Whichever library is there to tell them to the compiled module."""
    load = importlib.import_module

    def without(name, *rest):
        if name == missing:
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    assert_columns(foldstat.summarize(grid, axis=0, **FULL), list(zip(*GRID, strict=True)), **FULL)
    assert_columns(foldstat.summarize(grid, axis=1, **FULL), GRID, **FULL)
    joint = foldstat.summarize(grid, cov=True)
    assert (joint.count, joint.incomplete_count, len(joint.columns)) == (0, 2, 3)
    groups = foldstat.summarize(grid, by=[1, 1])
    assert groups[1].null_count.tolist() == [1, 1, 0]
    assert_identical(Summary(grid, best=4), Summary(FLAT, best=4))
    weights = [[1, 2, 3], [4, 5, 6]]
    flat = Summary(FLAT, sample_weight=range(1, 7), best=4)
    assert_identical(Summary(grid, sample_weight=weights, best=4), flat)


def test_nulls_without_a_library_for_them(monkeypatch):
    def nothing(name, *rest):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", nothing)
    assert_identical(Summary(masked_grid()), Summary(FLAT))
    with pytest.raises(TypeError, match=r"X has nulls.*pyarrow"):
        foldstat.summarize(masked_grid(), axis=0)


def test_objects_that_are_numbers_are_columns():
    X = np.array([[1, 2**63 + 1], [3, 2**64 - 1]], dtype=object)
    assert_columns(foldstat.summarize(X, axis=0), [[1, 3], [2**63 + 1, 2**64 - 1]])
    assert foldstat.summarize(np.array([[1, 2], [3, 5]], dtype=object), cov=True).cov()[0, 1] == 3.0


@pytest.mark.parametrize("null", [None, pd.NA, np.ma.masked], ids=["None", "NA", "masked"])
def test_what_is_a_null_in_a_list(null):
    values, expected = [1, null, 3], Summary([1, None, 3])
    assert expected.null_count == 1
    assert_identical(Summary(values), expected)
    assert_identical(Summary(iter(values)), expected)
    assert_identical(foldstat.summarize(values, axis=0), expected)
    assert_columns(foldstat.summarize({"a": values}, axis=0), [[1, None, 3]])
    assert_identical(
        Summary(values, sample_weight=[1, 2, 3]), Summary([1, 3], sample_weight=[1, 3]) + Summary([None] * 2)
    )
    groups = foldstat.summarize(values, by=["a", "b", "a"])
    assert (groups["a"].sum, groups["b"].null_count) == (4.0, 1)
    pushed = Summary([])
    for value in values:
        pushed.push(value)
    assert_identical(pushed, expected)


@pytest.mark.parametrize("values", [[2**63 + 5, 3], [-(2**63), 2**63 - 1], [True, 2**64 - 1], [2**64 - 2**11, -1]])
def test_lists_of_integers_are_exact(values):
    assert_identical(foldstat.summarize(values, axis=0), Summary(values))


def test_lists_of_integers_that_no_column_holds():
    with pytest.raises(ValueError, match="X mixes -3 with 9223372036854775813"):
        foldstat.summarize([2**63 + 5, -3], axis=0)
    with pytest.raises(OverflowError, match="X holds 18446744073709551616"):
        foldstat.summarize([2**64, 0.5], axis=0)


# --- names that are integers ------------------------------------------------------------------------


def test_integers_as_names():
    years = pd.DataFrame({2020: [1.0, 2.0], 0: [3.0, 4.0]})
    s = foldstat.summarize(years, axis=0)
    assert s.names == (2020, 0)
    assert s[2020].sum == s.read()[2020].sum == 3.0
    assert s[0].sum == 7.0, "the column of that name, not the first one"
    with pytest.raises(KeyError, match="2020"):
        s[1]
    assert_identical(Summaries.from_bytes(s.to_bytes()), s)
    assert_identical(s.copy(), s)
    assert_identical(pickle.loads(pickle.dumps(s)) + Summaries(), s)
    assert list(s.to_frame("pandas").index) == s.to_frame("polars")["column"].to_list() == [2020, 0]
    joint = foldstat.summarize(years, cov=True)
    assert joint.line(2020, 0) == (1.0, 2.0, 1.0)
    groups = foldstat.summarize(years, by=2020)
    assert groups[1.0].names == (0,)
    assert list(groups.to_frame("pandas").columns)[:1] == ["0.count"]
    with pytest.raises(ValueError, match="by=7"):
        foldstat.summarize(years, by=7)
    assert foldstat.summarize(pd.DataFrame(np.eye(2)), by=0)[1.0].sum.tolist() == [0.0]


def test_columns_that_are_not_there():
    s = foldstat.summarize([[1, 2]], axis=0)
    for key in (2, -3):
        with pytest.raises(IndexError, match=f"{key}: there are 2 columns"):
            s[key]
    with pytest.raises(IndexError, match="5: there are 2 columns"):
        foldstat.summarize([[1, 2]], cov=True).line(0, 5)
    with pytest.raises(TypeError, match=r"1\.5"):
        s[1.5]


# --- messages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "arguments", "message"),
    [
        (5, {}, "X must be many numbers, got the single 5"),
        (None, {}, "X must be numbers, got None"),
        ([1, "a"], {}, r"X\[1\] is of type str"),
        ([1, "a"], {"axis": 0}, r"X\[1\] is of type str"),
        ([[1, 2], [3, "a"]], {"axis": 0}, r"X\[1, 1\] is of type str"),
        ({"a": 1}, {}, r"X\['a'\] must be a column of numbers, got 1"),
        ({"a": "bc"}, {}, r"X\['a'\] must be a column of numbers, got 'bc'"),
        ({"x": [1, 2], "y": 5}, {"axis": 0}, r"X\['y'\] must be a column of numbers, got 5"),
        ({"x": [1, 2], "y": [[1], [2]]}, {"axis": 0}, r"X\['y'\] must have one dimension"),
        ([[1, 2]], {"cov": "yes"}, "cov must be True or False, got 'yes'"),
        ([1], {"best": True}, "best must be a number of values to keep, an integer, got True"),
        ([1], {"n_jobs": "a"}, "n_jobs must be a number of threads.*'a'"),
        ([1], {"axis": 0, "n_jobs": 2.5}, r"n_jobs must be a number of threads.*2\.5"),
        ([1], {"quantiles": 1j}, "quantiles must be"),
        ([1], {"relative_error": 1j}, "relative_error must be"),
    ],
)
def test_messages_name_the_argument(X, arguments, message):
    with pytest.raises(TypeError, match=message) as raised:
        foldstat.summarize(X, **arguments)
    assert "push" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"), [({"best": 2**70}, "best must be from 0 to 16777216"), ({"n_jobs": 0}, "n_jobs")]
)
def test_messages_name_what_is_out_of_range(arguments, message):
    for axis in (None, 0):
        with pytest.raises(ValueError, match=message):
            foldstat.summarize([1], axis=axis, **arguments)


@pytest.mark.parametrize("cells", [[[1], [2]], [[1], [2, 3]], [(1,), None], [np.ones(2), np.ones(2)]])
def test_columns_of_lists_are_left_out_with_a_warning(cells):
    lists = pd.Series(cells, dtype=object)
    for frame in (pd.DataFrame({"l": lists, "x": [1.0, 2.0]}), pl.DataFrame({"l": cells, "x": [1.0, 2.0]})):
        for arguments in ({"axis": 0}, {"by": [1, 1]}, {"cov": True}):
            with pytest.warns(UserWarning, match="left out: 'l'"):
                foldstat.summarize(frame, **arguments)
            with pytest.raises(TypeError, match=r"\['l'\] must hold numbers"):
                foldstat.summarize(frame, strict=True, **arguments)


def test_ragged_lists_are_told_as_such():
    with pytest.raises(ValueError, match="lists of different shapes"):
        foldstat.summarize([[1.0], [2.0, 3.0]], axis=0)

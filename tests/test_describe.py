"""describe: the libraries' own numbers, in the libraries' own frames."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foldstat import Summary, describe

ROWS = ["count", "nulls", "nan", "mean", "std", "min", "25%", "50%", "75%", "max", "distinct"]
TEXT = {"count", "nulls", "distinct", "top", "freq"}


def cells(table):
    """Column name -> statistic -> number, text or None, whatever the frame; the order of both is kept."""
    if isinstance(table, pd.DataFrame):
        names = list(table.index)
        return {c: dict(zip(names, (None if v != v else v for v in table[c]), strict=True)) for c in table.columns}
    data = table.to_dict(as_series=False) if isinstance(table, pl.DataFrame) else table.to_pydict()
    names = data.pop("statistic")
    return {c: {n: cell(n, v) for n, v in zip(names, data[c], strict=True)} for c in data}


def cell(name, value):
    """Counts of columns of texts and times are texts outside of pandas."""
    if isinstance(value, str) and name in ("count", "nulls", "distinct", "freq"):
        return int(value)
    return None if value is None or value != value else value


def data(n=5003):
    rng = np.random.default_rng(0)
    return {
        "normal": rng.normal(8.342, 1, n),
        "wide": rng.normal(size=n) * 2.0 ** rng.integers(-100, 100, n),
        "integer": rng.integers(-5, 100, n),
        "large": rng.integers(2**62, 2**63, n),
        "flag": rng.random(n) < 0.3,
        "text": rng.choice(["a", "b", "ü"], n),
    }


MAKE = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.mark.parametrize("kind", MAKE)
def test_every_cell(kind):
    source = data()
    table = describe(MAKE[kind](source))
    assert type(table) is type(MAKE[kind](source))
    found = cells(table)
    assert list(found) == list(source)
    for name, values in source.items():
        column = found[name]
        assert list(column) == [*ROWS, "top", "freq"]
        if name == "text":
            assert {n for n, v in column.items() if v is not None} == TEXT
            assert (column["count"], column["nulls"], column["distinct"]) == (len(values), 0, 3)
            assert [column["top"], column["freq"]] == pd.Series(values).describe()[["top", "freq"]].tolist()
            continue
        flags = pd.Series(values).describe()[["top", "freq"]].tolist() if name == "flag" else [None, None]
        s = Summary(values, quantiles=True, distinct=True)
        assert column == {
            "count": len(values),
            "nulls": 0,
            "nan": 0,
            "mean": s.mean,
            "std": s.std(),
            "min": float(s.min),
            "25%": s.quantile(0.25),
            "50%": s.median,
            "75%": s.quantile(0.75),
            "max": float(s.max),
            "distinct": s.distinct_count,
            "top": flags[0],
            "freq": flags[1],
        }


def test_as_pandas_describes():
    frame = pd.DataFrame(data()).drop(columns=["flag", "text"])
    found, own = describe(frame), frame.describe()
    assert list(found.columns) == list(own.columns)
    for name in ("count", "min", "max"):
        np.testing.assert_array_equal(found.loc[name], own.loc[name])
    np.testing.assert_allclose(found.loc["mean"], own.loc["mean"], rtol=1e-12)
    np.testing.assert_allclose(found.loc["std"], own.loc["std"], rtol=1e-12)
    for name in ("25%", "50%", "75%"):
        for column in found:  # one of them is spread over hundreds of orders of magnitude
            rtol = 0.03 if column == "wide" else 2e-4
            np.testing.assert_allclose(found.loc[name, column], own.loc[name, column], rtol=rtol)
    assert set(found.dtypes) == {np.dtype(float)}


def test_as_polars_describes():
    frame = pl.DataFrame(data()).drop("text")
    found, own = describe(frame), cells(frame.describe())
    assert found.columns == ["statistic", *frame.columns]
    assert found.dtypes[1:] == [pl.Float64] * 5
    for name, column in cells(found).items():
        assert column["count"] == float(own[name]["count"])
        assert column["nulls"] == float(own[name]["null_count"])
        assert column["mean"] == pytest.approx(float(own[name]["mean"]), rel=1e-12)
        if name != "flag":
            assert column["std"] == pytest.approx(float(own[name]["std"]), rel=1e-12)
            assert column["min"] == float(own[name]["min"])


NULLS = {
    "x": [1.0, None, math.nan, 4.0],
    "n": [1, None, 3, None],
    "t": ["a", None, "a", "b"],
    "b": [None, True, None, False],
}


def gaps():
    yield pl.DataFrame(NULLS, strict=False)
    yield pa.table(NULLS)
    types = {"x": "double[pyarrow]", "n": "Int64", "t": "string", "b": "boolean"}
    arrow = pd.array(pa.array(NULLS["x"]), dtype="double[pyarrow]")
    yield pd.DataFrame({c: arrow if c == "x" else pd.array(v, dtype=types[c]) for c, v in NULLS.items()})


@pytest.mark.parametrize("frame", list(gaps()), ids=["polars", "pyarrow", "pandas"])
def test_nulls_and_nan(frame):
    found = cells(describe(frame))
    assert [found["x"][n] for n in ("count", "nulls", "nan", "mean", "min", "max", "distinct")] == [
        2,
        1,
        1,
        2.5,
        1,
        4,
        2,
    ]
    assert [found["n"][n] for n in ("count", "nulls", "nan", "mean")] == [2, 2, 0, 2]
    assert [found["t"][n] for n in ("count", "nulls", "distinct", "mean")] == [3, 1, 2, None]
    assert [found["b"][n] for n in ("count", "nulls", "mean", "distinct")] == [2, 2, 0.5, 2]


def test_nan_of_pandas_is_counted():
    found = cells(describe(pd.DataFrame({"x": [1.0, math.nan, math.nan]})))["x"]
    assert (found["count"], found["nulls"] + found["nan"]) == (1, 2)


@pytest.mark.parametrize("kind", MAKE)
def test_columns_of_other_things_are_counted(kind):
    days = [datetime.date(2020, 1, 1), None, datetime.date(2020, 1, 3)]
    lists = [[1], None, [2, 3]]
    found = cells(describe(MAKE[kind]({"day": days, "x": [1.0, 2.0, 4.0], "list": lists})))
    assert (found["day"]["count"], found["day"]["nulls"]) == (2, 1)
    assert {n: v for n, v in found["list"].items() if v is not None} == {"count": 2, "nulls": 1}
    assert found["x"]["count"] == 3


def test_categories_and_dictionaries_are_text():
    for frame in (
        pd.DataFrame({"c": pd.Categorical(["a", "b", None, "a"])}),
        pl.DataFrame({"c": pl.Series(["a", "b", None, "a"], dtype=pl.Categorical)}),
        pa.table({"c": pa.array(["a", "b", None, "a"]).dictionary_encode()}),
    ):
        found = cells(describe(frame))["c"]
        assert (found["count"], found["nulls"], found["distinct"]) == (3, 1, 2)
        assert (found["top"], found["freq"]) == ("a", 2)


def test_many_distinct_texts():
    names = [f"name {i}" for i in range(30_000)]
    for kind in (pd.DataFrame, pl.DataFrame, pa.table):
        found = cells(describe(kind({"name": names + names})))["name"]
        assert found["count"] == 60_000
        assert found["distinct"] == 30_000
        assert (found["top"], found["freq"]) == ("name 0", 2)


@pytest.mark.parametrize("percentiles", [None, (), (0.5,), (0.9, 0.1, 0.999), [0, 1], np.array([0.25])])
def test_percentiles(percentiles):
    x = np.random.default_rng(0).lognormal(size=1000)
    found = cells(describe(pd.DataFrame({"x": x}), percentiles=percentiles))["x"]
    chosen = [] if percentiles is None else sorted(percentiles)
    names = [n for n in found if n.endswith("%")]
    assert names == [f"{100 * p:.10g}%" for p in chosen]
    np.testing.assert_allclose([found[n] for n in names], np.quantile(x, chosen), rtol=0.002)


@pytest.mark.parametrize("wrong", [{"percentiles": [1.5]}, {"percentiles": [math.nan]}])
def test_what_is_out_of_range(wrong):
    with pytest.raises(ValueError, match="percentiles"):
        describe(pd.DataFrame({"x": [1.0]}), **wrong)


def test_percentiles_may_be_an_array():
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    pd.testing.assert_frame_equal(describe(frame, np.array([0.25, 0.5, 0.75])), describe(frame))
    rows = [name for name in describe(frame, [0.5, 0.5000000000000001, 0.5]).index if "%" in name]
    assert rows == ["50%"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"percentiles": 0.5}, r"percentiles must be a sequence.*0\.5"),
        ({"percentiles": "a"}, "percentiles must be a sequence.*'a'"),
        ({"percentiles": ["a"]}, "percentiles must be numbers.*'a'"),
        ({"percentiles": [1j]}, "percentiles must be numbers.*1j"),
        ({"n_jobs": "a"}, "n_jobs must be"),
    ],
)
def test_arguments_of_another_type_are_named(arguments, message):
    with pytest.raises(TypeError, match=message):
        describe(pd.DataFrame({"a": [1.0, 2.0]}), **arguments)


@pytest.mark.parametrize("frame", [None, 5, "abc"])
def test_no_frame_at_all(frame):
    with pytest.raises(TypeError, match=r"frame must be columns|must be the path of a file"):
        describe(frame)


def test_columns_of_more_dimensions_are_named():
    with pytest.raises(ValueError, match=r"frame\['a'\] must have one dimension"):
        describe({"a": np.array([[1], [2]])})


def test_pandas_columns_that_only_store_numbers():
    structs = pd.Series([{"a": 1}, {"a": 2}, None], dtype=pd.ArrowDtype(pa.struct({"a": pa.int64()})))
    intervals = pd.Series([*pd.interval_range(0, 2), None], dtype="interval")
    periods = pd.Series([*pd.period_range("2020", periods=2), None], dtype="period[D]")
    found = cells(describe(pd.DataFrame({"s": structs, "i": intervals, "p": periods})))
    for column in found.values():
        assert {name: cell for name, cell in column.items() if cell is not None} == {"count": 2, "nulls": 1}


def test_nulls_of_lists_and_masked_arrays():
    masked = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])
    for source, nulls in [({"a": [1, None], "b": [pd.NA, 2.0]}, [1, 1]), (masked, [0, 1])]:
        assert describe(source).loc["nulls"].tolist() == nulls


def test_arrays_and_dicts():
    X = np.arange(12.0).reshape(4, 3)
    records = np.zeros(4, dtype=[("a", "f8"), ("b", "i4")])
    for source, names in ((X, [0, 1, 2]), ({"a": X[:, 0], "b": X[:, 1]}, ["a", "b"]), (records, ["a", "b"])):
        table = describe(source)
        assert isinstance(table, pd.DataFrame)
        assert [str(c) for c in table.columns] == [str(n) for n in names]
        assert table.loc["count"].tolist() == [4] * len(names)
    assert describe(X).loc["mean"].tolist() == [4.5, 5.5, 6.5]


@pytest.mark.parametrize("source", [np.arange(3.0), [1.0, 2.0], 3, "text"])
def test_what_has_no_columns_is_refused(source):
    with pytest.raises(TypeError):
        describe(source)


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({"x": []}), pl.DataFrame({"x": []}), pl.DataFrame({"x": []}, {"x": float})]
)
def test_empty_frames(frame):
    found = cells(describe(frame))
    assert list(found) == list(frame.columns)
    assert all(column["count"] == 0 for column in found.values())


@pytest.mark.parametrize("frame", [pd.DataFrame(), pl.DataFrame(), pa.table({}), {}, np.empty((3, 0))])
def test_a_frame_without_columns_is_refused(frame):
    with pytest.raises(ValueError, match="frame has no columns to describe"):
        describe(frame)


def test_unusual_column_names():
    """Numbers, tuples, duplicates and the name of the first column."""
    frame = pd.DataFrame(np.arange(4.0).reshape(2, 2), columns=[("a", 1), 7])
    assert list(describe(frame).columns) == [("a", 1), 7]
    twice = pd.DataFrame(np.arange(4.0).reshape(2, 2), columns=["a", "a"])
    assert describe(twice).loc["max"].tolist() == [2.0, 3.0]
    found = describe(pl.DataFrame({"statistic": [1.0, 3.0]}))
    assert found["statistic"][3] == 2.0
    assert found.width == 2


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_threads_do_not_matter(n_jobs):
    frame = pd.DataFrame(data(100_003))
    a, b = cells(describe(frame, n_jobs=n_jobs)), cells(describe(pl.DataFrame(data(100_003)), n_jobs=1))
    for name in a:
        assert a[name] == b[name]


def test_neither_pandas_nor_polars_is_needed_for_arrow():
    program = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("pandas", "polars"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import pyarrow as pa
from foldstat import describe
table = describe(pa.table({"x": [1.0, 3.0]}))
assert table.column("x").to_pylist()[3] == 2.0
try:
    describe({"x": [1.0]})
except ImportError as error:
    assert "pandas" in str(error)
else:
    raise AssertionError
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_pandas_says_of_types_names_the_argument():
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(TypeError, match=r"include='numbers': .*not understood"):
        describe(frame, include="numbers")
    with pytest.raises(ValueError, match="include='number' and exclude='number': "):
        describe(frame, include="number", exclude="number")

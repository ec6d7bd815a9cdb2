"""describe: columns of every kind, against what pandas, Polars and exact arithmetic say."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import Summary, describe
from summaries import round_ratio, round_root
from test_describe import cells

MAKE = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
TOP = ["count", "nulls", "distinct", "top", "freq"]


# ---------------------------------------------------------------- texts, categories, booleans


def top_of(values):
    present = [value for value in values if value is not None]
    counts = {value: present.count(value) for value in present}
    most = max(counts.values(), default=None)
    top = min((value for value, times in counts.items() if times == most), default=None)
    return [len(present), len(values) - len(present), len(counts), top, most]


def columns_of_text(values):
    """The same texts in every form that a library has for them."""
    yield pd.Series(values, dtype=object)
    yield pd.Series(values, dtype="str")
    yield pd.Series(values, dtype="category")
    yield pd.Series(values, dtype=pd.ArrowDtype(pa.string()))
    yield pl.Series(values, dtype=pl.String)
    yield pl.Series(values, dtype=pl.Categorical)
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        yield pa.array(values, kind)
        yield pa.chunked_array([pa.array(values, kind), pa.array([], kind)])
    yield pa.array(values, pa.string()).dictionary_encode()


texts = st.sampled_from(["a", "b", "B", "ü", "", "𝔘", "\uffff"])


@given(st.lists(st.none() | texts, max_size=12))
def test_texts_are_counted(values):
    expected = top_of(values)
    for column in columns_of_text(values):
        table = describe(column)
        (found,) = cells(table).values()
        assert [found[name] for name in TOP] == expected, (column, type(column))
    assert [cells(describe({"x": values}))["x"][name] for name in TOP if name in describe({"x": values}).index] == [
        cell for name, cell in zip(TOP, expected, strict=True) if name in describe({"x": values}).index
    ]


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=9))
def test_as_pandas_counts_texts(values):
    series = pd.Series(values, dtype=object)
    own, found = series.describe(), describe(series)[0]
    assert (found["count"], found["distinct"]) == (own["count"], own["unique"])
    if own["count"]:
        assert found["freq"] == own["freq"]
        assert found["top"] in series.mode().tolist()


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("flags", [[True, False, None, True], [False, True], [None, None], [False]])
def test_booleans(kind, flags):
    table = describe(MAKE[kind]({"b": pd.array(flags, "boolean") if kind == "pandas" else pa.array(flags, pa.bool_())}))
    found = cells(table)["b"]
    assert [found[name] for name in TOP if name in found][:3] == top_of(flags)[:3]
    if any(flag is not None for flag in flags):
        assert (found["top"], found["freq"]) == tuple(top_of(flags)[3:])


def test_rows_of_top_are_there_when_they_have_a_meaning():
    assert "top" not in describe(pd.DataFrame({"x": [1.0]})).index
    assert list(describe(pd.DataFrame({"x": [1.0], "t": ["a"]})).index)[-2:] == ["top", "freq"]


def test_categories_that_are_no_texts():
    found = describe(pd.DataFrame({"c": pd.Categorical([2**60 + 1, 2**60 + 1, 3])}))["c"]
    assert (found["top"], found["freq"]) == (2**60 + 1, 2)


def test_objects_are_read_by_what_they_are():
    frame = pd.DataFrame(
        {
            "dict": [{"a": "x"}, {"a": "y"}, None],
            "list": [["x"], ["y"], ["z"]],
            "number": pd.Series([1, None, 2.5], dtype=object),
            "flag": pd.Series([True, None, True], dtype=object),
            "mixed": pd.Series(["a", 1, 1], dtype=object),
        }
    )
    found = cells(describe(frame))
    present = {c: {n: v for n, v in column.items() if v is not None} for c, column in found.items()}
    assert present["dict"] == {"count": 2, "nulls": 1}
    assert present["list"] == {"count": 3, "nulls": 0}
    assert [present["number"][n] for n in ("count", "mean", "max")] == [2, 1.75, 2.5]
    assert [present["flag"][n] for n in ("count", "mean", "top", "freq")] == [2, 1.0, True, 2]
    assert present["mixed"] == {"count": 3, "nulls": 0, "distinct": 2, "top": 1, "freq": 2}


@pytest.mark.parametrize(
    "column", [pl.Series([{"a": "x", "b": 1}, {"a": "y", "b": 2}, None]), pa.array([{"a": 1}, None])]
)
def test_structs_are_not_their_first_field(column):
    for frame in (column, pl.DataFrame({"s": column}) if isinstance(column, pl.Series) else pa.table({"s": column})):
        (found,) = cells(describe(frame)).values()
        assert {n: v for n, v in found.items() if v is not None} == {"count": len(column) - 1, "nulls": 1}


# ---------------------------------------------------------------- distinct, names, empty columns


def test_distinct_is_never_more_than_count():
    for n in (1000, 5003, 20_000, 50_000):
        for seed in range(4):
            x = np.random.default_rng(seed).normal(size=n)
            assert describe(pd.Series(x))[0]["distinct"] <= n
            assert Summary(x, distinct=True).distinct_count <= n


@pytest.mark.parametrize("names", [["a", "a"], [1, "1"], [("a", 1), ("b", 2)], [datetime.date(2020, 1, 1), None]])
def test_names_of_pandas_survive(names):
    frame = pd.DataFrame(np.arange(4.0).reshape(2, 2))
    frame.columns = pd.Index(names, tupleize_cols=False, name="label")
    found = describe(frame)
    assert found.columns.equals(frame.columns)
    assert found.columns.name == "label"
    assert found.loc["max"].tolist() == [2.0, 3.0]


def test_levels_of_pandas_survive():
    columns = pd.MultiIndex.from_product([["a", "b"], ["x"]], names=["upper", "lower"])
    frame = pd.DataFrame(np.arange(4.0).reshape(2, 2), columns=columns)
    assert describe(frame).columns.equals(columns)
    assert describe(frame).columns.names == ["upper", "lower"]


def test_names_of_dicts_and_of_arrow_survive():
    assert list(describe({1: [1.0], "1": [2.0]}).columns) == [1, "1"]
    twice = pa.table([pa.array([1.0]), pa.array([2.0]), pa.array([3.0])], names=["a", "a", "statistic"])
    found = describe(twice)
    assert found.column_names == ["_statistic", "a", "a", "statistic"]
    assert [column[3].as_py() for column in found.columns[1:]] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("dtype", [pl.Null, pl.Float64, pl.Int64, pl.Boolean, pl.String, pl.Date, pl.Decimal(10, 2)])
@pytest.mark.parametrize("values", [[], [None, None]])
def test_columns_of_nulls_have_no_statistics(dtype, values):
    found = cells(describe(pl.DataFrame({"x": values}, {"x": dtype})))["x"]
    known = {name: cell for name, cell in found.items() if cell is not None}
    assert known.pop("nan", 0) == 0
    assert known == {"count": 0, "nulls": len(values), "distinct": 0}
    assert describe(pl.Series("x", values, dtype))["x"].to_list()[3:10] == [None] * 7  # NaN would be a number


def test_a_series_is_a_column():
    for series, name in ((pd.Series([1.0, 3.0], name="size"), "size"), (pl.Series("size", [1.0, 3.0]), "size")):
        found = describe(series)
        assert type(found) is type(series.to_frame())
        assert cells(found)[name]["mean"] == 2.0
    assert cells(describe(pl.Series([1.0, 3.0])))["value"]["mean"] == 2.0
    for array in (pa.array([1.0, 3.0]), pa.chunked_array([[1.0], [3.0]])):
        assert isinstance(describe(array), pa.Table)
        assert cells(describe(array))["value"]["mean"] == 2.0


# ---------------------------------------------------------------- times

UNITS = ["s", "ms", "us", "ns"]
SCALE = {"D": 86_400 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}  # nanoseconds
ticks = st.integers(-(2**62), 2**62) | st.integers(-1000, 1000) | st.integers(1_577_836_800, 1_577_836_900)


def expected_of(values, shares=(0.25, 0.5, 0.75)):
    """Mean, variance and quantiles of integers as fractions."""
    n, mean = len(values), Fraction(sum(values), len(values))
    variance = sum((value - mean) ** 2 for value in values) / (n - 1) if n > 1 else None
    ordered = sorted(values)
    found = []
    for share in map(Fraction, shares):
        rank = share * (n - 1)
        low = math.floor(rank)
        found.append(ordered[low] + (rank - low) * (ordered[min(low + 1, n - 1)] - ordered[low]))
    return mean, variance, found


def root(square):
    """The nearest integer to a root."""
    floor = math.isqrt(math.floor(square))
    half = (floor + Fraction(1, 2)) ** 2
    return floor + (square > half or (square == half and floor % 2 == 1))


@given(st.lists(ticks, min_size=1, max_size=9), st.sampled_from(["us", "ns"]), st.booleans())
def test_times_are_exact_in_their_unit(values, unit, zoned):
    """Every cell is the integer nearest to the exact one, in pandas' own words."""
    stored = np.array(values, dtype=np.int64).view(f"M8[{unit}]")
    if unit == "us":
        values = [value % 10**17 for value in values]  # years that pandas shows
        stored = np.array(values, dtype=np.int64).view("M8[us]")
    series = pd.Series(stored)
    if zoned:
        series = series.dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    mean, variance, quantiles = expected_of(values)
    found = describe(series)[0]
    for name, exact in zip(["mean", "25%", "50%", "75%"], [mean, *quantiles], strict=True):
        assert found[name].unit == unit
        assert found[name].asm8.astype(f"M8[{unit}]").astype(np.int64) == round(exact)
        assert str(found[name].tz) == ("Asia/Kolkata" if zoned else "None")
    assert (found["min"], found["max"]) == (series.min(), series.max())
    assert found["min"].tzinfo == series.min().tzinfo
    assert (found["count"], found["distinct"]) == (len(values), len(set(values)))
    if variance is not None:
        assert found["std"].asm8.astype(f"m8[{unit}]").astype(np.int64) == root(variance)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_times_as_the_libraries_describe_them(unit, zone):
    values = np.random.default_rng(0).integers(0, 10**6, 101) * 10**4 * SCALE["s"] // SCALE[unit]
    series = pd.Series(values.view(f"M8[{unit}]"))
    if zone is not None:
        series = series.dt.tz_localize("UTC").dt.tz_convert(zone)
    own, found = series.describe(), describe(series)[0]
    for name in ("count", "min", "25%", "50%", "75%", "max"):
        assert found[name] == own[name], name
    assert abs(found["mean"] - own["mean"]) <= pd.Timedelta(1, "s")
    if unit == "s":
        return
    polars = pl.Series("t", values).cast(pl.Datetime(unit, zone))
    column = cells(describe(polars))["t"]
    assert column["mean"] == str(found["mean"])  # as pandas writes it
    assert column["min"] == str(polars.min()) if unit != "ns" else polars.min() is not None


@pytest.mark.parametrize("nulls", [0, 2])
def test_durations_dates_and_times_of_day(nulls):
    hours = [datetime.timedelta(hours=h) for h in (1, 2, 6)] + [None] * nulls
    days = [datetime.date(2020, 1, d) for d in (1, 2, 6)] + [None] * nulls
    clock = [datetime.time(h, 30) for h in (1, 2, 6)] + [None] * nulls
    for frame in (pl.DataFrame({"h": hours, "d": days, "c": clock}), pa.table({"h": hours, "d": days, "c": clock})):
        found = cells(describe(frame, percentiles=[0.5]))
        assert [found["h"][n] for n in ("mean", "min", "50%", "max")] == ["3:00:00", "1:00:00", "2:00:00", "6:00:00"]
        assert [found["d"][n] for n in ("min", "max")] == ["2020-01-01", "2020-01-06"]
        assert found["d"]["mean"] == "2020-01-03 00:00:00"
        assert [found["c"][n] for n in ("mean", "min", "max")] == ["03:30:00", "01:30:00", "06:30:00"]
        assert found["h"]["std"] == "2:38:44.704720"
        assert found["c"]["std"] in ("2:38:44.704720", "2:38:44.704719833")  # Polars counts nanoseconds
        assert [found[c]["nulls"] for c in "hdc"] == [nulls] * 3


def test_times_of_lists_and_arrays():
    stamps = [datetime.datetime(2020, 1, 1), None, datetime.datetime(2020, 1, 4)]
    array = np.array([["2020-01-01", "NaT"], ["2020-01-03", "2021-01-01"]], dtype="M8[D]")
    assert describe({"t": stamps})["t"]["mean"] == pd.Timestamp("2020-01-02 12:00")
    assert describe(array).loc["count"].tolist() == [2, 1]
    assert describe(array)[0]["mean"] == pd.Timestamp("2020-01-02")


# ---------------------------------------------------------------- decimals and large integers

decimals = st.decimals(-(10**15), 10**15, places=3) | st.decimals(-(10**34), 10**34, places=3)


@given(st.lists(st.none() | decimals, min_size=1, max_size=9))
def test_decimals_are_exact_and_rounded_once(values):
    present = [Fraction(value) for value in values if value is not None]
    for column in (
        pa.array(values, pa.decimal128(38, 3)),
        pa.array([None, *values], pa.decimal256(60, 3))[1:],
        pl.Series(values, dtype=pl.Decimal(38, 3)),
        pd.Series(values, dtype=object),
        pd.Series(values, dtype=pd.ArrowDtype(pa.decimal128(38, 3))),
    ):
        (found,) = cells(describe(column)).values()
        assert (found["count"], found["nulls"]) == (len(present), len(values) - len(present))
        if present:
            mean, variance, quantiles = expected_of(present)
            assert [found[n] for n in ("mean", "25%", "50%", "75%")] == [round_ratio(v) for v in (mean, *quantiles)]
            assert (found["min"], found["max"]) == (round_ratio(min(present)), round_ratio(max(present)))
            assert found["std"] == (None if variance is None else round_root(variance))
            assert found["distinct"] == len(set(present))


@given(st.lists(st.integers(-(2**100), 2**100), min_size=1, max_size=6))
def test_integers_of_any_size(values):
    mean, variance, _ = expected_of(values)
    for column in (pl.Series(values, dtype=pl.Int128), pd.Series(values, dtype=object)):
        (found,) = cells(describe(column)).values()
        assert (found["mean"], found["max"]) == (round_ratio(mean), float(max(values)))
        assert found["std"] == (None if variance is None else round_root(variance))


def test_decimals_of_no_finite_size_are_counted():
    found = cells(describe({"x": [Decimal("Infinity"), Decimal(1)], "y": [Decimal("1e99999"), Decimal("NaN")]}))
    assert [found["x"]["count"], found["y"]["count"], found["y"]["nulls"]] == [2, 1, 1]


# ---------------------------------------------------------------- include, exclude


def everything():
    return pd.DataFrame(
        {
            "f": [1.0, 2.0],
            "i": [1, 2],
            "b": [True, False],
            "o": pd.Series(["a", "b"], dtype=object),
            "s": pd.Series(["a", "b"], dtype="str"),
            "c": pd.Categorical(["a", "b"]),
            "t": pd.to_datetime(["2020", "2021"]),
            "z": pd.to_datetime(["2020", "2021"]).tz_localize("UTC"),
            "d": pd.to_timedelta([1, 2], "h"),
        }
    )


CHOICES = [
    {"include": [np.number]},
    {"include": "object"},
    {"include": "category"},
    {"include": ["float64", "bool"]},
    {"include": "datetime"},
    {"include": "datetimetz"},
    {"include": "timedelta"},
    {"exclude": [np.number]},
    {"exclude": "category"},
    {"include": [np.number, "category"], "exclude": ["int64"]},
    {"include": "all"},
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("asked", CHOICES, ids=str)
def test_columns_are_chosen_as_pandas_chooses(asked):
    frame = everything()
    assert list(describe(frame, **asked).columns) == list(frame.describe(**asked).columns)
    twice = pd.concat([frame, frame], axis=1)
    assert list(describe(twice, **asked).columns) == list(twice.describe(**asked).columns)


def test_all_columns_are_the_default():
    assert list(describe(everything()).columns) == list(everything().columns)


NAMES = [
    (np.number, "fi"),
    ("number", "fi"),
    (np.floating, "f"),
    (float, "f"),
    ("float64", "f"),
    ([np.float64, bool], "fb"),
    ("object", "s"),
    (str, "s"),
    ("category", "c"),
    ("datetime", "tz"),
    ("datetimetz", "z"),
    (np.timedelta64, "d"),
]


@pytest.mark.parametrize(("asked", "names"), NAMES, ids=str)
def test_columns_of_other_libraries_are_chosen_by_the_same_names(asked, names):
    polars = pl.from_pandas(everything().drop(columns=["o"]))
    for frame in (polars, polars.to_arrow()):
        assert list(cells(describe(frame, include=asked))) == list(names)
        rest = [name for name in polars.columns if name not in names]
        assert list(cells(describe(frame, exclude=asked))) == rest


def test_columns_are_chosen_by_the_types_of_their_library():
    frame = pl.from_pandas(everything().drop(columns=["o"]))
    assert list(cells(describe(frame, include=[pl.Float64, pl.String]))) == ["f", "s"]
    assert list(cells(describe(frame, include=pl.Boolean))) == ["b"]
    assert list(cells(describe(frame.to_arrow(), include=[pa.float64(), pa.bool_()]))) == ["f", "b"]


def test_choices_that_leave_nothing_or_mean_nothing():
    for frame in (pd.DataFrame({"x": [1.0]}), pl.DataFrame({"x": [1.0]})):
        with pytest.raises(ValueError, match="no column of the frame is left by include='category'"):
            describe(frame, include="category")
        with pytest.raises(ValueError, match="exclude must be None when include is 'all'"):
            describe(frame, include="all", exclude="category")
    with pytest.raises(ValueError, match="include: no column is of type 'flaot64'"):
        describe(pl.DataFrame({"x": [1.0]}), include="flaot64")


class Capsule:
    """A frame of a library that is known by its Arrow data alone."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_frames_of_other_libraries():
    table = pa.table({"t": ["b", "a", "b"], "d": pa.array([1, 2, None], pa.date32()), "x": [1.0, 2.0, 4.0]})
    found = describe(Capsule(table))
    pd.testing.assert_frame_equal(found, describe(table.to_pandas(types_mapper=pd.ArrowDtype)))
    assert found["t"]["top"] == "b"

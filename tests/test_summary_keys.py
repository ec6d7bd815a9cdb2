"""Laws of keys: no row is lost, a key has one form whatever library it is from, and that merges and becomes bytes."""

from __future__ import annotations

import base64
import copy
import datetime
import enum
import math
import pickle
import re
import subprocess
import sys
import zlib
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import GroupedSummary, Summary, summarize
from foldstat.summary._groups import _restore
from foldstat.summary._keys import canonical_key, identity, signature
from keys import FAMILIES, IN_NANOSECONDS, MISSING, ZURICH, Size, moments, rows_of_keys
from summaries import assert_identical


def of_keys(keys, start=0):
    """Rows of these keys, the i-th with the value 2 ** i, so that sums say which rows are in a group."""
    return summarize([2.0 ** (start + i) for i in range(len(keys))], by=keys)


def rows(found):
    """How many rows a grouped summary knows of."""
    return sum(group.count for group in found.values()) + found.missing_key_count


def assert_lawful(found):
    """Copies, pickles and bytes are the same again, and every key finds its group."""
    for other in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert_identical(other, found)
        assert list(map(signature, other)) == list(map(signature, found))
    decoded = GroupedSummary.from_bytes(found.to_bytes())
    assert_identical(decoded, found)
    assert list(map(signature, decoded)) == list(map(signature, found))
    assert_identical(GroupedSummary(dict(found), missing_key_count=found.missing_key_count), found)
    assert len(dict(found)) == len(found)
    assert all(found[key] == group for key, group in dict(found).items())


# --- objects of Python ------------------------------------------------------------------------------


@given(rows_of_keys)
def test_rows_are_those_of_groups_and_those_without_a_key(pairs):
    """Rows in = Σ counts of groups + missing_key_count, and each row is in the group of its own key."""
    names, keys = [name for name, _ in pairs], [key for _, key in pairs]
    expected = {
        name: sum(2.0**i for i, other in enumerate(names) if other == name) for name in names if name is not None
    }
    for by in (keys, tuple(keys), pd.Series(keys, dtype=object)):
        found = of_keys(by)
        assert rows(found) == len(keys)
        assert found.missing_key_count == names.count(None)
        assert sorted(group.sum for group in found.values()) == sorted(expected.values())
        for name, key in pairs:
            assert name is None or found[key].sum == expected[name]
    assert_lawful(found)


@given(rows_of_keys, rows_of_keys, rows_of_keys)
def test_merging_is_associative_and_commutative_and_gives_the_whole(first, second, third):
    pieces = [[key for _, key in piece] for piece in (first, second, third)]
    starts = np.cumsum([0, *map(len, pieces)]).tolist()
    a, b, c = (of_keys(piece, start) for piece, start in zip(pieces, starts, strict=False))
    whole = of_keys([key for piece in pieces for key in piece])
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(a + b, b + a)
    assert_identical(a + b + c, whole)
    assert_identical(GroupedSummary.merge_all([c, a, b]), whole)
    assert list(map(signature, (c + a) + b)) == list(map(signature, whole))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_key_has_one_form(name):
    """Whichever spelling of it comes first, and however often it is made canonical."""
    spellings = FAMILIES[name]
    for key in spellings:
        form = canonical_key(key)
        assert signature(canonical_key(form)) == signature(form)
        assert identity(form) == identity(canonical_key(spellings[0]))
        assert hash(identity(form)) == hash(identity(canonical_key(spellings[0])))
    forwards, backwards = of_keys(spellings), of_keys(spellings[::-1])
    assert [signature(key) for key in forwards] == [signature(key) for key in backwards]
    assert len(forwards) == 1
    others = [other for other in FAMILIES if other != name]
    assert not any(key in of_keys([FAMILIES[other][0] for other in others]) for key in spellings)


@pytest.mark.parametrize("key", [datetime.time(1, tzinfo=datetime.UTC), np.longdouble("1e4000"), 5.5, "z"], ids=repr)
def test_what_can_be_no_key_is_not_found(key):
    found = of_keys(["a", 1])
    assert key not in found
    with pytest.raises(KeyError, match=re.escape(repr(key))):
        found[key]
    with pytest.raises(TypeError, match="unhashable"):
        found[[1]]


@pytest.mark.parametrize("key", MISSING, ids=repr)
def test_the_missing_key(key):
    found = of_keys([key, "a", key])
    assert (list(found), found.missing_key_count) == (["a"], 2)
    if not isinstance(key, np.ma.core.MaskedConstant) and str(key) != "sNaN":  # not hashable
        assert key not in found
        with pytest.raises(ValueError, match="missing key"):
            GroupedSummary({key: Summary([1.0])})


def test_groups_that_are_given_for_one_key_merge():
    groups = {(1, math.nan): Summary([1.0]), (1, float("nan")): Summary([2.0]), (1.0, None): Summary([4.0])}
    groups |= {datetime.date(2020, 1, 1): Summary([8.0]), datetime.datetime(2020, 1, 1): Summary([16.0])}
    found = GroupedSummary(groups)
    assert {key: group.sum for key, group in found.items()} == {(1.0, None): 7.0, datetime.datetime(2020, 1, 1): 24.0}
    assert_identical(_restore(list(groups.items()), 0), found)  # as pickles of earlier versions do


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ([1], "make it a tuple"),
        ({}, "hashable keys"),
        (np.longdouble(1) + np.finfo(np.longdouble).eps, "that a float64 holds"),
        (np.timedelta64(1, "M"), "unit of one length"),
        (np.timedelta64(1), "unit of one length"),
        (datetime.time(1, tzinfo=datetime.UTC), "no time without its date"),
    ],
    ids=repr,
)
def test_what_is_no_key_is_refused_in_words(key, problem):
    with pytest.raises(TypeError, match=problem):
        of_keys(["a", key])


def test_instants_with_a_zone_that_no_datetime_in_utc_holds():
    with pytest.raises(ValueError, match="years 1 to 9999"):
        of_keys(pa.array([10**12], pa.timestamp("s", tz="UTC")))
    with pytest.raises(ValueError, match="years 1 to 9999"):
        of_keys([datetime.datetime.min.replace(tzinfo=ZURICH)])


# --- columns of libraries ---------------------------------------------------------------------------


def columns_of(kind, ticks):
    if kind == "times of day":
        ticks = [None if tick is None else tick % (86_400 * 10**9) for tick in ticks]
    return ticks, [make(ticks) for make in IN_NANOSECONDS[kind]]


@pytest.mark.parametrize("kind", IN_NANOSECONDS)
@given(ticks=st.lists(moments | st.none(), max_size=10))
def test_nanoseconds_of_all_libraries_are_the_same_keys(kind, ticks):
    """As many groups as integers, in their order, whatever library holds them, and through bytes."""
    ticks, columns = columns_of(kind, ticks)
    counts = Counter(tick for tick in ticks if tick is not None)
    for column in columns:
        found = of_keys(column)
        assert rows(found) == len(ticks)
        assert [group.count for group in found.values()] == [counts[tick] for tick in sorted(counts)]
        unzoned = GroupedSummary(dict(found), missing_key_count=found.missing_key_count)
        assert_identical(unzoned, GroupedSummary(dict(of_keys(columns[0])), missing_key_count=ticks.count(None)))
        assert_lawful(unzoned)
    assert_identical(sum(of_keys(column) for column in columns), sum(of_keys(column) for column in columns[::-1]))


@given(st.lists(st.floats() | st.sampled_from([0.0, -0.0]) | st.none(), max_size=10))
def test_floats_of_all_libraries_are_the_same_keys(values):
    nans = [math.nan if value is None else value for value in values]
    expected = of_keys(values)
    assert expected.missing_key_count == sum(map(math.isnan, nans))
    for column in (
        np.array(nans, dtype=float),
        pd.Series(nans, dtype=float),
        pd.Series(values, dtype="Float64"),
        pd.Series(values, dtype="double[pyarrow]"),
        pd.Series(nans, dtype=float).astype("category"),
        pd.Series(nans, dtype=object),
        pl.Series(values, dtype=pl.Float64),
        pa.array(values, pa.float64()),
        pa.array(values, pa.float64()).dictionary_encode(),
        np.ma.masked_invalid(np.array(nans)) if not np.isinf(nans).any() else nans,
    ):
        found = of_keys(column)
        assert_identical(found, expected)
        assert_lawful(found)


TEXTS = st.lists(st.sampled_from(["a", "b", "", "ä", "aa"]) | st.none(), max_size=10)


@given(TEXTS)
def test_texts_of_all_libraries_are_the_same_keys(values):
    expected = of_keys(values)
    for column in (
        pd.Series(values, dtype=object),
        pd.Series(values, dtype="string"),
        pd.Series(values, dtype="str"),
        pd.Series(values, dtype=pd.ArrowDtype(pa.string())),
        pd.Series(values, dtype=object).astype("category"),
        pl.Series(values, dtype=pl.String),
        pl.Series(values, dtype=pl.Categorical),
        pa.array(values, pa.string()),
        pa.array(values, pa.large_string()).dictionary_encode(),
        np.array(values, dtype=np.dtypes.StringDType(na_object=None)),
    ):
        assert_identical(of_keys(column), expected)


def test_days_of_all_libraries_are_one_key():
    days = np.array(["2020-01-02", "2020-01-01", "NaT", "2020-01-02"], dtype="M8[D]")
    columns = [days, pd.Series(days), pl.Series(days), pa.array(days), days.tolist(), pa.array(days).cast(pa.date64())]
    columns += [pl.Series(days).cast(pl.Datetime("us")), pd.Series(days).astype("category")]
    for column in columns:
        merged = of_keys(days) + of_keys(column)
        assert [group.count for group in merged.values()] == [2, 4]
        assert rows(merged) == 8
        assert merged[days[0]] == merged[pd.Timestamp("2020-01-02")] == merged[datetime.date(2020, 1, 2)]
    assert {type(key) for key in of_keys(days)} == {datetime.date} == {type(key) for key in of_keys(columns[2])}
    assert all(type(key) is datetime.datetime for key in of_keys(columns[1]))


def test_a_year_of_hours_has_a_group_for_each():
    """Also for the hour that clocks show twice."""
    hours = pd.date_range("2023-01-01", "2023-12-31 23:00", freq="h", tz="Europe/Zurich")
    for column in (hours, pd.Series(hours), pl.Series(hours), pa.array(hours), hours.to_pydatetime().tolist()):
        found = summarize(np.arange(8760.0), by=column)
        assert len(hours) == len(found) == rows(found) == 8760
        assert [group.sum for group in found.values()] == list(range(8760))
        for i, hour in enumerate(hours):
            assert found[hour].sum == found[hour.to_pydatetime()].sum == i


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_of_times_make_no_difference(unit):
    ticks = np.array([0, 86_400, -1, 10**9])
    expected = of_keys(ticks.astype("M8[s]"))
    assert_identical(of_keys(ticks.astype("M8[s]").astype(f"M8[{unit}]")), expected)
    assert_identical(of_keys(pa.array(ticks.astype("M8[s]")).cast(pa.timestamp(unit))), expected)
    if unit != "s":
        assert_identical(of_keys(pl.Series(ticks.astype("M8[s]").astype("M8[ms]")).cast(pl.Datetime(unit))), expected)
    days = ticks[:1].astype(f"m8[{unit}]")
    assert_identical(of_keys(days), of_keys([datetime.timedelta(0)]))
    for clock in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")):
        scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[clock.unit]
        found = of_keys(
            pa.array([3661 * scale, None], pa.int64())
            .cast(pa.int32() if clock.bit_width == 32 else pa.int64())
            .cast(clock)
        )
        assert (list(found), found.missing_key_count) == ([datetime.time(1, 1, 1)], 1)


def test_masks_and_records():
    masked = np.ma.masked_array(np.array([1, 2, 3], "M8[ns]"), [0, 1, 0])
    assert_identical(of_keys(masked), of_keys([np.datetime64(1, "ns"), None, np.datetime64(3, "ns")]))
    records = np.array([(1, "2020-01-01"), (1, "NaT"), (2, "2020-01-01")], dtype=[("n", "i4"), ("day", "M8[ns]")])
    found = of_keys(records)
    assert list(found) == [(1, datetime.datetime(2020, 1, 1)), (2, datetime.datetime(2020, 1, 1))]
    assert (found.missing_key_count, found.key_names) == (1, ("n", "day"))
    with pytest.raises(ValueError, match="one dimension"):
        of_keys(np.array([((1, 2),)], dtype=[("pair", "i4", 2)]))


# --- many types at once, and columns together -------------------------------------------------------


def test_columns_of_keys_are_coded_as_one_is():
    hours = pd.date_range("2023-10-28", periods=72, freq="h", tz="Europe/Zurich")
    for frame in (
        pd.DataFrame({"hour": hours, "zero": [0.0, -0.0] * 36, "v": 1.0}),
        pl.DataFrame({"hour": pl.Series(hours), "zero": [0.0, -0.0] * 36, "v": 1.0}),
        pa.table({"hour": pa.array(hours), "zero": [0.0, -0.0] * 36, "v": [1.0] * 72}),
    ):
        found = summarize(frame, by=["hour", "zero"])
        assert len(found) == 72
        assert all(found[hour, -0.0]["v"].count == 1 for hour in hours)
        assert_identical(GroupedSummary.from_bytes(found.to_bytes()), found)
        assert_identical(pickle.loads(pickle.dumps(found)), found)


# --- what is known of keys beyond them --------------------------------------------------------------

CATEGORIES = [None, ["lo", "hi"], ["hi", "lo"], ["lo", "mid", "hi"], ["hi", "lo", "mid"]]


@st.composite
def named_columns(draw):
    """A pandas Series with a name or none, whose keys may be categories, in Zurich, or texts."""
    name = draw(st.sampled_from([None, "size", "place", 7]))
    categories = draw(st.sampled_from(CATEGORIES))
    keys = draw(st.lists(st.sampled_from(["lo", "hi", None]), max_size=4))
    if categories is not None:
        column = pd.Series(pd.Categorical(keys, categories, ordered=draw(st.booleans())), name=name)
    elif draw(st.booleans()):
        zone = draw(st.sampled_from([None, "UTC", "Europe/Zurich"]))
        column = pd.Series(pd.to_datetime([0 if key else None for key in keys]), name=name).dt.tz_localize(zone)
    else:
        column = pd.Series(keys, dtype="str", name=name)
    if draw(st.booleans()):
        return column
    other = draw(st.sampled_from(["x", 3, None]))
    return pd.MultiIndex.from_arrays([column, range(len(column))], names=[name, other])


@given(st.lists(named_columns(), min_size=3, max_size=3))
def test_names_orders_and_zones_merge_in_any_order(columns):
    a, b, c = (of_keys(column) for column in columns)
    assert_identical((a + b) + c, a + (b + c))
    assert_identical(a + b, b + a)
    assert list(a + (b + c)) == list((c + b) + a)
    assert_identical(a + GroupedSummary(), a)
    assert_identical(GroupedSummary() + a, a)
    assert_identical(a.copy() + a, GroupedSummary.merge_all([a, a]))
    assert (a + a).key_names == a.key_names
    for found in (a, b, c, a + b, a + b + c):
        for other in (copy.copy(found), pickle.loads(pickle.dumps(found)), GroupedSummary.from_bytes(found.to_bytes())):
            assert_identical(other, found)
            assert list(other) == list(found)
            assert other.key_names == found.key_names


@pytest.mark.parametrize(
    "keys",
    [
        pd.Series(pd.Categorical(["hi", "lo", None, "hi"], ["lo", "mid", "hi"], ordered=True), name="size"),
        pd.Categorical(["hi", "lo", None, "hi"], ["lo", "mid", "hi"]),
        pd.CategoricalIndex(["hi", "lo", None, "hi"], ["lo", "mid", "hi"]),
        pl.Series("size", ["hi", "lo", None, "hi"], dtype=pl.Enum(["lo", "mid", "hi"])),
        pa.DictionaryArray.from_arrays(pa.array([2, 0, None, 2]), pa.array(["lo", "mid", "hi"]), ordered=True),
    ],
    ids=lambda keys: type(keys).__name__,
)
def test_groups_are_in_the_order_of_categories(keys):
    found = of_keys(keys)
    assert (list(found), found.missing_key_count) == (["lo", "hi"], 1)
    assert list(found + found) == list(pickle.loads(pickle.dumps(found))) == ["lo", "hi"]
    frame = found.to_frame("pandas")
    assert list(frame.index.categories) == ["lo", "mid", "hi"]
    assert list(frame.index) == ["lo", "hi"]
    title = "size" if getattr(keys, "name", None) else "key"
    assert frame.index.name == title
    assert found.to_frame("polars")[title].dtype == pl.Enum(["lo", "mid", "hi"])
    assert found.to_frame("pyarrow")[title].to_pylist() == ["lo", "hi"]
    assert list(found + of_keys(["mid"])) == ["hi", "lo", "mid"], "an order that a piece does not have"


def test_the_order_of_categories_is_that_of_pandas_groups():
    frame = pd.DataFrame({"size": pd.Categorical(list("cabca"), list("cab")), "n": [3, 1, 2, 1, 1], "v": range(5)})
    for by in ("size", ["size", "n"], ["n", "size"]):
        expected = frame.groupby(by, observed=True)["v"].sum()
        found = summarize(frame, by=by)
        assert list(found) == list(expected.index)
        assert found.to_frame("pandas").index.names == expected.index.names
        assert found.to_frame("pandas").index.equals(expected.index)


def test_categories_of_any_kind():
    cut = pd.cut(pd.Series([1.0, 9.0, 3.0, 99.0]), [0, 2, 5, 10])
    assert list(of_keys(cut)) == [pd.Interval(0, 2), pd.Interval(2, 5), pd.Interval(5, 10)]
    assert of_keys(cut).to_frame("pandas").index.dtype == cut.dtype
    numbers = pd.Series(pd.Categorical([1, 3, 2], [3, 2, 1]))
    assert list(of_keys(numbers)) == [3, 2, 1]
    assert_identical(GroupedSummary.from_bytes(of_keys(numbers).to_bytes()), of_keys(numbers))


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_tables_name_their_columns_of_keys(kind):
    frame = pd.DataFrame({"city": ["b", "a", "b"], 7: [1, 1, 2], "v": [1.0, 2.0, 4.0]})
    found = summarize(frame, by=["city", 7])
    assert found.key_names == ("city", 7)
    table = found.to_frame(kind)
    if kind == "pandas":
        assert table.index.equals(pd.MultiIndex.from_tuples([("a", 1), ("b", 1), ("b", 2)], names=["city", 7]))
        assert table.index.names == ["city", 7]
        assert summarize(frame, by=["city"]).to_frame(kind).index.tolist() == ["a", "b"]
    else:
        table = table if kind == "pyarrow" else table.to_arrow()
        assert table["city"].to_pylist() == ["a", "b", "b"]
        assert table["7"].to_pylist() == [1, 1, 2]
    counts = summarize([1.0], by=pd.Series(["a"], name="count")).to_frame("polars")
    assert counts.columns[:2] == ["_count", "count"]


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_tables_hold_times_without_loss(kind):
    hours = pd.date_range("2023-10-29", periods=4, freq="h", tz="Europe/Zurich")
    for column in (hours, pl.Series(hours), pa.array(hours)):
        table = of_keys(column).to_frame(kind)
        found = table.index if kind == "pandas" else table["key"]
        if kind == "pandas":
            assert (found == hours).all()
            assert str(found.tz) == "Europe/Zurich"
        elif kind == "polars":
            assert (found.dt.epoch("ns") == pl.Series(hours).dt.epoch("ns")).all()
            assert found.dtype.time_zone == "Europe/Zurich"
        else:
            assert (
                found.cast(pa.int64()).to_pylist()
                == pa.array(hours).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
            )
            assert found.type.tz == "Europe/Zurich"
    for what in IN_NANOSECONDS:
        ticks, columns = columns_of(what, [1, 5, 1_000_000_007])
        table = of_keys(columns[0]).to_frame(kind)
        if kind == "pandas" and what != "times of day":
            assert table.index.as_unit("ns").asi8.tolist() == ticks
        elif kind == "polars":
            assert table["key"].to_physical().to_list() == ticks
        elif kind == "pyarrow":
            assert table["key"].cast(pa.int64()).to_pylist() == ticks


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - {"surrogate"}))  # which no text of these libraries holds
def test_tables_of_keys_of_every_kind(name):
    found = of_keys(FAMILIES[name])
    for kind in ("pandas", "polars", "pyarrow"):
        assert len(found.to_frame(kind)) == 1
    assert repr(found)
    assert found._repr_html_()


def test_an_offset_is_a_zone_where_the_library_knows_it():
    found = of_keys(pa.array([0], pa.timestamp("s", tz="+02:00")))
    assert str(found.to_frame("pandas").index[0].utcoffset()) == "2:00:00"
    assert found.to_frame("pyarrow")["key"].type.tz == "+02:00"
    assert found.to_frame("polars")["key"].dt.epoch("s").to_list() == [0]


# --- bytes ------------------------------------------------------------------------------------------

# Of keys of all kinds that were written before there were others.
OLD = (
    "c-l+L&q;9)3J7LofC3o9kQ2&CgHS*AYeEIwf=hE572z5f7?d0k45l_l6_y?*0ahfV+;HktaX>JDIyHbg9oT?eCa7>Gy9O?;3JwScP^$t{FB1!p2Y2<HQ"
    "icwjC+2lH?N)O@Fn|W=0PUW@4&<^zg^Np4D@t(cmT*8YfVw3>E@wh=c~TNituhV>22iUED7ct`Tv@1a2^Y-wFdYYArWRM>3=a+m1OsR)4-?QkK%OwnP?"
    "*vX7^4`cQ49_U2GA%Dpiv+ZQJ7Ki*kOdbt3nB<Vdy{xW(-;aV{w3oT_sMZeXvI`fKFopI!yq`Q%84NaiR#i$Nk{WX2KaYA`S=!(0CD0ngB^lV;F|!cm@"
    "WXP8M)LFo0$X023-mc3B47cK|U2NlE"
)


def test_bytes_of_earlier_versions_are_read():
    data = zlib.decompress(base64.b85decode(OLD))
    found = GroupedSummary.from_bytes(data)
    keys = [
        (1, "x"),
        (2.5, b"y"),
        (True, ""),
        (-(2**70), "z"),
        (None, 0.0),
        ("a", (None, 2)),
        "text",
        b"b",
        7,
        -1.5,
        False,
        1e300,
    ]
    assert_identical(found, summarize(np.arange(len(keys), dtype=float), by=keys))


class _Inner(enum.Enum):
    SOME = 1


def test_members_of_an_enum_are_found_by_name_and_nothing_is_imported():
    for member in (Size.SMALL, _Inner.SOME):
        assert next(iter(GroupedSummary.from_bytes(of_keys([member]).to_bytes()))) is member
    local = enum.Enum("local", "a")
    with pytest.raises(TypeError, match="top of a module"):
        of_keys([local.a]).to_bytes()
    program = "import sys, foldstat\ntry:\n foldstat.GroupedSummary.from_bytes(bytes.fromhex(sys.argv[1]))\n"
    program += "except ValueError as error: print(error, 'keys' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program, of_keys([Size.SMALL]).to_bytes().hex()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "these bytes hold a member of the Enum Size of the module keys: import that first False\n"


def test_other_objects_are_keys_that_bytes_do_not_hold():
    found = of_keys([frozenset([1]), range(3), frozenset([1])])
    assert rows(found) == 3
    assert_identical_but_bytes(pickle.loads(pickle.dumps(found)), found)
    with pytest.raises(TypeError, match="pickle writes any key"):
        found.to_bytes()
    deep = ()
    for _ in range(20):
        deep = (deep,)
    with pytest.raises(TypeError, match="pickle"):
        of_keys([deep]).to_bytes()


def assert_identical_but_bytes(left, right):
    assert left == right
    assert hash(left) == hash(right)


def test_keys_are_the_same_without_pandas():
    """Bytes travel to machines that have NumPy only."""
    hours = [datetime.datetime(2023, 10, 29, 2, 30, tzinfo=ZURICH, fold=fold) for fold in (0, 1)]
    found = of_keys([*hours, np.datetime64(1, "ns"), datetime.date(2020, 1, 1), 1.5])
    program = (
        "import sys\nsys.modules['pandas'] = None\nimport foldstat\n"
        "g = foldstat.GroupedSummary.from_bytes(bytes.fromhex(sys.argv[1]))\n"
        "print(g.to_bytes().hex()); print(list(g))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, found.to_bytes().hex()], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told == [found.to_bytes().hex(), str(list(found))]


@pytest.mark.parametrize("kind", ["Int64", "UInt8", "Boolean", "Int128"])
def test_keys_of_polars_may_be_null(kind):
    keys = pl.Series([1, None, 0, 1]).cast(getattr(pl, kind))
    found = summarize([1.0, 2.0, 4.0, 8.0], by=keys)
    assert {key: group.sum for key, group in found.items()} == {0: 4.0, 1: 9.0}
    assert found.missing_key_count == 1
    table = pl.DataFrame({"key": keys, "x": [1.0, 2.0, 4.0, 8.0]})
    assert summarize(table, by="key")[1]["x"].sum == 9.0

"""Arrow types that are no numbers to us, or whose values nobody can read: counted, named, and in nobody's way."""

from __future__ import annotations

import gc
import math
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import Summary, _core, describe, summarize
from summaries import assert_identical


def columns(source):
    return {c.name: (c.type, c.kind, len(c), c.null_count) for c in _core.arrow_columns(source)}


def only(source):
    (column,) = _core.arrow_columns(source)
    return column


def summed(column):
    state = _core.SummaryState()
    state.update(column)
    return state.count, state.null_count, state.sum


def refused(column, type_name):
    state = _core.SummaryState()
    with pytest.raises(TypeError, match=rf"values is of Arrow's type {type_name}; accepted are"):
        state.update(column)
    assert state.count == state.null_count == 0


# --- Extension types --------------------------------------------------------------------------------


def test_extension_types_are_not_their_storage():
    frame = pd.DataFrame(
        {
            "interval": pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3]),
            "period": pd.PeriodIndex(["2020-01", None, "2020-03"], freq="M"),
            "x": [1.0, 2.0, None],
        }
    )
    table = pa.table(frame)
    assert columns(table) == {
        "interval": ("pandas.interval", "other", 3, 0),
        "period": ("pandas.period", "other", 3, 1),
        "x": ("float64", "number", 3, 1),
    }
    assert columns(table.slice(1, 1))["period"] == ("pandas.period", "other", 1, 1)
    for column in _core.arrow_columns(table)[:2]:
        refused(column, column.type)


def test_a_column_of_an_extension_type_whose_storage_is_a_struct_stays_one_column():
    series = pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1), None, (2, 5)]))
    column = only(pa.chunked_array([pa.array(series), pa.array(series)]))
    assert (column.type, column.kind, len(column), column.null_count) == ("pandas.interval", "other", 6, 2)


class Pickled(pa.ExtensionType):
    """Its metadata are not text."""

    def __init__(self):
        super().__init__(pa.int64(), "test.pickled")

    def __arrow_ext_serialize__(self):
        return b"\x80\xff\x00"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


def test_metadata_may_be_any_bytes():
    array = pa.ExtensionArray.from_storage(Pickled(), pa.array([1, None, 3]))
    assert columns(pa.table({"a": array, "b": [1, 2, 3]})) == {
        "a": ("test.pickled", "other", 3, 1),
        "b": ("int64", "number", 3, 0),
    }
    field = pa.field("a", pa.int64(), metadata={b"\xff": b"\xfe", b"": b"", b"ARROW:extension": b"no"})
    assert columns(pa.table({"a": [1, 2]}, schema=pa.schema([field]))) == {"a": ("int64", "number", 2, 0)}


def test_booleans_of_one_byte_are_booleans():
    array = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 5, None, -1, 1], pa.int8()))
    column = only(array)
    assert (column.type, column.kind, column.null_count) == ("arrow.bool8", "boolean", 1)
    assert summed(column) == (4, 1, 3.0)
    assert summed(_core.arrow_columns(pa.table({"b": array}).slice(2))[0]) == (2, 1, 2.0)


def test_such_columns_are_described_as_others():
    frame = pd.DataFrame({"interval": pd.arrays.IntervalArray.from_breaks([0, 1, 2]), "x": [1.0, 3.0]})
    table = describe(pa.table(frame)).to_pydict()
    assert table["statistic"][:4] == ["count", "nulls", "nan", "mean"]
    assert table["interval"] == [2, 0] + [None] * (len(table["interval"]) - 2)
    assert table["x"][:4] == [2, 0, 0, 2.0]
    wide = pl.DataFrame({"wide": pl.Series([2**90, None], dtype=pl.Int128), "nothing": [None, None], "x": [1.0, 3.0]})
    found = describe(wide).to_dict(as_series=False)
    assert found["wide"][:6] == [1, 1, 0, 2.0**90, None, 2.0**90]
    assert (found["nothing"][:2], found["x"][:4]) == ([0, 2], [2, 0, 0, 2.0])


# --- Types that Arrow does not have ------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "name"), [(pl.Int128, "int128"), (pl.UInt128, "uint128")])
def test_wide_integers_of_polars_stand_in_nobodys_way(dtype, name):
    frame = pl.DataFrame({"wide": pl.Series([1, None, 3, None], dtype=dtype), "x": [1, 2, 3, None]})
    assert columns(frame) == {"wide": (name, "other", 4, 2), "x": ("int64", "number", 4, 1)}
    assert columns(frame[1:3])["wide"] == (name, "other", 2, 1)
    assert columns(frame[2:3])["wide"] == (name, "other", 1, 0)
    wide, x = _core.arrow_columns(pl.concat([frame, frame]))
    assert (len(wide), wide.null_count) == (8, 4)
    assert summed(x) == (6, 2, 12.0)
    refused(wide, name)
    refused(only(frame["wide"]), name)
    with pytest.raises(TypeError, match=rf"columns\[1\] is of Arrow's type {name}"):
        _core.summarize_columns([x, wide], _core.SummaryState())


def test_unknown_types_inside_of_others():
    frame = pl.DataFrame(
        {
            "list": pl.Series([[1], None], dtype=pl.List(pl.Int128)),
            "struct": pl.Series([{"a": 1, "b": "x"}, None], dtype=pl.Struct({"a": pl.UInt128, "b": pl.String})),
            "nulls": pl.Series([[None], None], dtype=pl.List(pl.Null)),
            "x": [1, 2],
        }
    )
    assert columns(frame) == {
        "list": ("large_list(int128)", "other", 2, 1),
        "struct": ("struct(uint128, utf8_view)", "other", 2, 1),
        "nulls": ("large_list(null)", "other", 2, 1),
        "x": ("int64", "number", 2, 0),
    }


def test_nulls_of_other_types_are_the_values_that_are_null():
    runs = pa.RunEndEncodedArray.from_arrays([2, 5], [None, 1])
    dictionary = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0, 1]), pa.array([1.5, None]))
    union = pa.UnionArray.from_sparse(pa.array([0, 1] * 2 + [0], pa.int8()), [pa.array([1] * 5), pa.array(["a"] * 5)])
    table = pa.table(
        {"runs": runs, "dictionary": dictionary, "decimal": pa.array([1, 2, None, 3, 4], pa.decimal128(5))}
    )
    found = {name: (kind, null_count) for name, (_, kind, _, null_count) in columns(table).items()}
    assert found == {"runs": ("other", 2), "dictionary": ("other", 3), "decimal": ("decimal", 1)}
    assert only(union).null_count == 0


# --- Nulls only -------------------------------------------------------------------------------------


def test_polars_columns_of_nulls_only():
    frame = pl.DataFrame({"nothing": [None] * 3, "x": [1, None, 3]})
    assert frame.schema["nothing"] == pl.Null
    assert columns(frame) == {"nothing": ("null", "number", 3, 3), "x": ("int64", "number", 3, 1)}
    assert summed(_core.arrow_columns(frame)[0]) == (0, 3, 0.0)
    assert summed(only(frame["nothing"][1:])) == (0, 2, 0.0)
    assert summed(only(pa.nulls(4))) == (0, 4, 0.0)


# --- Structs and memory -----------------------------------------------------------------------------


def test_fields_are_null_where_their_struct_is():
    fields = {
        "a": pa.array([1, 2, 3, None, 5]),
        "b": pa.nulls(5),
        "c": pa.array(list("vwxyz")),
        "d": pa.array([1] * 5).dictionary_encode(),
        "e": pa.array([0.5] * 5, pa.float32()),
    }
    mask = pa.array([False, True, False, False, True])
    struct = pa.StructArray.from_arrays(list(fields.values()), names=list(fields), mask=mask)
    for start, stop in [(0, 5), (1, 5), (1, 3), (4, 5), (2, 2)]:
        part = struct.slice(start, stop - start)
        hidden = mask.to_pylist()[start:stop]
        for name, (_, _, length, null_count) in columns(part).items():
            values = fields[name].to_pylist()[start:stop]
            assert length == stop - start
            assert null_count == sum(h or v is None for h, v in zip(hidden, values, strict=True))
    assert summed(_core.arrow_columns(struct.slice(1))[0]) == (1, 3, 3.0)


def test_memory_lives_as_long_as_a_column_that_reads_it():
    gc.collect()
    before = pa.total_allocated_bytes()
    table = pa.table({"x": np.arange(10_000).tolist(), "d": pa.array([1] * 10_000, pa.decimal128(9))})
    x, d = _core.arrow_columns(table)
    del table
    assert pa.total_allocated_bytes() > before
    assert summed(x) == (10_000, 0, 49_995_000.0)
    del d
    assert summed(x) == (10_000, 0, 49_995_000.0)
    last = [x]
    del x
    thread = threading.Thread(target=last.clear)
    thread.start()
    thread.join()
    assert pa.total_allocated_bytes() == before


# --- Arguments --------------------------------------------------------------------------------------


class Boastful(np.ndarray):
    """Says that it is longer than it is."""

    def __len__(self):
        return 50


def test_arrays_are_as_long_as_they_are():
    array = np.arange(3.0).view(Boastful)
    assert summed(array) == (3, 0, 3.0)
    with pytest.raises(ValueError, match=r"columns\[1\] has 3 elements, but columns\[0\] has 50"):
        _core.summarize_columns([np.zeros(50), array], _core.SummaryState())


@pytest.mark.parametrize(("n_jobs", "error"), [(0, ValueError), ("a", TypeError), (1.5, TypeError)])
def test_n_jobs_is_checked_before_any_work(n_jobs, error):
    values, template = np.arange(2.0), _core.SummaryState()
    joint = _core.JointState(1)
    for call in (
        lambda: template.update(values, n_jobs=n_jobs),
        lambda: _core.summarize_columns([values], template, n_jobs=n_jobs),
        lambda: _core.summarize_columns([], template, n_jobs=n_jobs),
        lambda: _core.summarize_matrix(values[:, None], 0, template, n_jobs=n_jobs),
        lambda: _core.summarize_groups([values], np.arange(2), template, n_jobs=n_jobs),
        lambda: joint.update([values], n_jobs=n_jobs),
        lambda: joint.update_matrix(values[:, None], n_jobs=n_jobs),
        lambda: _core.resolve_threads(n_jobs),
    ):
        with pytest.raises(error, match="n_jobs"):
            call()
    assert template.count == joint.count == 0


def test_ids_that_cannot_be_are_named():
    state = _core.SummaryState(best=1)
    for bad, message in [
        ("\ud800", "is a text that is not Unicode"),
        (2**130, f"is {2**130}, and integer ids have at most 127 bits"),
        (10**5000, "is too large, and integer ids have at most 127 bits"),
    ]:
        with pytest.raises(ValueError, match=rf"^ids\[1\] {message}"):
            state.update(np.zeros(2), [0, bad])
        with pytest.raises(ValueError, match=rf"^id {message}"):
            state.push(1.0, bad)
    assert state.count == 0


def test_a_number_that_is_refused_takes_no_position():
    state = _core.SummaryState(best=3)
    state.push(2.0)
    with pytest.raises(OverflowError):
        state.push(1.0, times=2**64 - 1)
    state.push(3.0)
    assert state.best == [(2.0, 0), (3.0, 1)]


# --- Masked arrays ----------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_lines_with_nulls_are_what_each_of_them_is_alone(n, m, data):
    cells = st.none() | st.sampled_from([1.0, -2.5, 1e300, math.nan, math.inf, -0.0])
    rows = data.draw(st.lists(st.lists(cells, min_size=m, max_size=m), min_size=n, max_size=n))
    mask = np.array([[cell is None for cell in row] for row in rows])
    masked = np.ma.masked_array([[0.0 if cell is None else cell for cell in row] for row in rows], mask)
    settings = data.draw(st.sampled_from([{}, {"best": 2, "quantiles": True}, {"moments": 4, "distinct": True}]))
    for axis, lines, length in ((1, rows, m), (0, list(map(list, zip(*rows, strict=True))), n)):
        weights = data.draw(st.none() | st.lists(st.integers(0, 3), min_size=length, max_size=length))
        names = [None, range(5, 5 + length), [f"id {i}" for i in range(length)], np.arange(length) * 2]
        for ids in names if "best" in settings else [None]:
            arguments = {"sample_weight": weights, "ids": ids, **settings}
            found = summarize(masked, axis=axis, **arguments)
            assert len(found) == len(lines)
            for one, line in zip(found, lines, strict=True):
                assert_identical(one, Summary(line, **arguments))

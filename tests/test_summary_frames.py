"""Columns of pandas, Polars and pyarrow: their nulls, types, chunks and slices."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from foldstat import Summary, summarize
from summaries import assert_identical, assert_reads

FULL = {
    "best": 5,
    "quantiles": True,
    "relative_error": 0.1,
    "histogram": [0.0, 1.0, 50.0],
    "distinct": True,
    "moments": 4,
}
VALUES = [1, None, 3, -4, None, 5, 0, 7] * 40 + [None]
WITH_NAN = [1.5, None, math.nan, -0.0, math.inf, None, 2.0**-1074] * 40
TYPES = ["int8", "int16", "int32", "int64", "float", "double"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]


def check(column, values, **arguments):
    s = Summary(column, **(arguments or FULL))
    assert_identical(s, Summary(values, **(arguments or FULL)))
    return s


# --- pyarrow ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*TYPES, *UNSIGNED, "halffloat"])
def test_arrow_arrays(name):
    values = [abs(v) if v is not None and name in UNSIGNED else v for v in VALUES]
    # pyarrow makes half floats of NumPy's only.
    dtype = getattr(pa, {"float": "float32", "double": "float64", "halffloat": "float16"}.get(name, name))()
    array = pa.array([None if v is None else np.float16(v) for v in values] if name == "halffloat" else values, dtype)
    assert str(array.type) == name
    s = check(array, values)
    assert (s.count, s.null_count, s.nan_count) == (240, 81, 0)
    assert_reads(s, values, moments=4)


def test_arrow_booleans():
    values = [True, None, False, True, True] * 100 + [False]
    for start in (0, 1, 3, 8, 9):
        check(pa.array(values)[start:], values[start:])
        check(pa.array([v is True for v in values])[start:], [v is True for v in values[start:]])


def test_arrow_nulls_are_not_nan():
    s = check(pa.array(WITH_NAN, pa.float64()), WITH_NAN)
    assert (s.count, s.null_count, s.nan_count) == (160, 80, 40)
    check(pa.array(WITH_NAN, pa.float32()), [None if v is None else float(np.float32(v)) for v in WITH_NAN])
    check(pa.array([None, None], pa.float64()), [None, None])
    check(pa.nulls(5), [None] * 5)


@pytest.mark.parametrize("start", [0, 1, 7, 8, 9, 63, 64, 65, 300, 321])
@pytest.mark.parametrize("length", [0, 1, 20, None])
def test_arrow_slices(start, length):
    """Their values and validity begin in the middle of buffers, and of bytes."""
    check(pa.array(VALUES, pa.int64()).slice(start, length), VALUES[start:][:length])
    check(pa.array(VALUES, pa.float64()).slice(start, length), VALUES[start:][:length])


def test_arrow_chunks():
    """Positions run on from chunk to chunk."""
    chunks = pa.chunked_array([VALUES[:3], [], VALUES[3:200], [None], VALUES[200:]], pa.int32())
    values = [*VALUES[:200], None, *VALUES[200:]]
    s = check(chunks, values, best=400)
    assert s.best[0] == (-4.0, 3)
    assert max(i for _, i in s.best) == 320
    check(chunks.slice(2, 250), values[2:252])
    check(pa.chunked_array([], pa.float64()), [])
    names = [f"row {i}" for i in range(len(values))]
    assert_identical(Summary(chunks, ids=names, best=9), Summary(values, ids=names, best=9))
    weights = np.arange(len(values)) % 3
    assert_identical(Summary(chunks, sample_weight=weights, **FULL), Summary(values, sample_weight=weights, **FULL))


def test_many_rows_in_chunks_with_nulls():
    rng = np.random.default_rng(0)
    values = rng.normal(8.342, 1, 50_001)
    mask = rng.random(values.size) < 0.1
    values[mask] = 1e300  # under a null there may be anything
    whole = pa.array(values, mask=mask)
    chunks = pa.chunked_array([whole.slice(i, 7001) for i in range(0, len(whole), 7001)])
    expected = Summary([None if m else v for v, m in zip(values.tolist(), mask, strict=True)], **FULL)
    for n_jobs in (1, 2, 5):
        assert_identical(Summary(whole, n_jobs=n_jobs, **FULL), expected)
        assert_identical(Summary(chunks, n_jobs=n_jobs, **FULL), expected)
    assert expected.max < 20


@pytest.mark.parametrize("kind", ["table", "batch"])
def test_arrow_tables_are_all_their_numbers(kind):
    data = {"a": pa.array([1, None, 3]), "b": pa.array([0.5, math.nan, None]), "c": pa.array([True, None, False])}
    table = pa.table(data) if kind == "table" else pa.record_batch(data)
    assert_identical(Summary(table), Summary([1, None, 3, 0.5, math.nan, None, 1, None, 0]))
    with pytest.warns(UserWarning, match="columns of x that are not integers, floats or booleans are left out: 'text'"):
        assert_identical(Summary(pa.table(data | {"text": ["x", "y", None]})), Summary(table))


STRUCTS = [{"a": 1}, {"a": None}, {"a": 3}]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(STRUCTS),
        pa.chunked_array([pa.array(STRUCTS)]),
        pa.array([{"a": 1, "b": 0.5}]),
        pl.Series(STRUCTS),
        pd.Series(STRUCTS, dtype=pd.ArrowDtype(pa.struct({"a": pa.int64()}))),
    ],
    ids=lambda column: f"{type(column).__module__}.{type(column).__name__}",
)
def test_structs_are_no_numbers_even_with_one_field(column):
    with pytest.raises(TypeError, match=r"(?i)x must hold numbers.*struct"):
        Summary(column)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", "b"]),
        pa.array([b"a"]),
        pa.array([[1.0], [2.0]]),
        pa.array([{"a": 1, "b": "x"}]),
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array([1, 2]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_arrow_columns_of_other_things_are_refused(column):
    s = Summary([1.0])
    for call in (Summary, s.update):
        with pytest.raises(TypeError):
            call(column)
    assert_identical(s, Summary([1.0]))


def test_the_column_lives_as_long_as_it_is_read():
    """Nothing of Arrow is kept when the summary is there."""
    before = pa.total_allocated_bytes()
    for _ in range(5):
        Summary(pa.array(np.arange(100_000.0)))
        Summary(pa.table({"a": np.arange(100_000.0)}))
    assert pa.total_allocated_bytes() == before


class Broken:
    """A producer that does not keep its promise."""

    def __init__(self, result):
        self.result = result

    def __arrow_c_stream__(self, requested_schema=None):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.parametrize("result", [None, 3, "capsule", pa.array([1]).__arrow_c_array__(), RuntimeError("broken")])
def test_broken_producers_raise(result):
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        Summary(Broken(result))


def test_a_stream_that_was_read_is_empty_or_refused():
    reader = pa.RecordBatchReader.from_batches(
        pa.schema([("a", pa.int64())]), [pa.record_batch({"a": [1, 2]}), pa.record_batch({"a": [3, None]})]
    )
    assert_identical(Summary(reader), Summary([1, 2, 3, None]))
    capsule = pa.chunked_array([[1.0]]).__arrow_c_stream__()
    Summary(Broken(capsule))
    with pytest.raises((TypeError, ValueError)):
        Summary(Broken(capsule))


# --- Polars -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64])
def test_polars_series(dtype):
    s = check(pl.Series("x", VALUES, dtype=dtype), VALUES)
    assert s.null_count == 81


def test_polars_chunks_slices_and_special_values():
    series = pl.Series(VALUES[:100]).append(pl.Series(VALUES[100:]))
    assert series.n_chunks() == 2
    check(series, VALUES)
    check(series[37:250], VALUES[37:250])
    check(series[::-3], VALUES[::-3])
    check(pl.Series(WITH_NAN, dtype=pl.Float64), WITH_NAN)
    check(pl.Series([True, None, False] * 50), [True, None, False] * 50)
    check(pl.Series([2**64 - 1, None, 2**63 + 1], dtype=pl.UInt64), [2**64 - 1, None, 2**63 + 1])
    check(pl.Series([], dtype=pl.Float64), [])
    check(pl.Series([None, None]), [None, None])


def test_polars_frames():
    frame = pl.DataFrame({"a": [1, None, 3], "b": [0.5, math.nan, None]})
    assert_identical(Summary(frame), Summary([1, None, 3, 0.5, math.nan, None]))
    assert_identical(Summary(frame[["a"]], best=9), Summary([1, None, 3], best=9))
    with pytest.warns(UserWarning, match=r"columns of x that are not .* are left out: 'name' \("):
        assert_identical(Summary(frame.with_columns(name=pl.lit("x"))), Summary(frame))


@pytest.mark.parametrize(
    "series",
    [
        pl.Series(["a"]),
        pl.Series([[1.0]]),
        pl.Series(["a"], dtype=pl.Categorical),
    ],
)
def test_polars_series_of_other_things_are_refused(series):
    with pytest.raises(TypeError):
        Summary(series)


# --- pandas -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint64", "float32", "float64", "bool"])
def test_pandas_series_of_numpy(dtype):
    values = np.arange(3001).astype(dtype)
    series = pd.Series(values, index=np.arange(3001)[::-1] * 2)
    check(series, values.tolist())
    check(series[::-2], values[::-2].tolist())
    check(pd.Index(values), values.tolist())


def test_pandas_nan_stays_nan():
    s = check(pd.Series([1.0, math.nan, None]), [1.0, math.nan, math.nan])
    assert (s.nan_count, s.null_count) == (2, 0)


@pytest.mark.parametrize(
    "dtype", ["Int8", "Int64", "UInt16", "Float32", "Float64", "int64[pyarrow]", "double[pyarrow]"]
)
def test_pandas_extension_types(dtype):
    values = [abs(v) if v is not None and dtype == "UInt16" else v for v in VALUES]
    s = check(pd.Series(values, dtype=dtype), values)
    assert (s.count, s.null_count) == (240, 81)
    check(pd.Series(values, dtype=dtype)[5:-7:3], values[5:-7:3])


def test_pandas_booleans_and_objects():
    values = [True, None, False] * 30
    check(pd.Series(values, dtype="boolean"), values)
    check(pd.Series(values, dtype="bool[pyarrow]"), values)
    check(pd.Series([1, None, 2.5, pd.NA], dtype=object), [1, None, 2.5, None])
    check(pd.Series([], dtype=object), [])


def test_pandas_sparse_numbers():
    values = np.zeros(1000)
    values[::50] = 2.5
    check(pd.Series(pd.arrays.SparseArray(values)), values.tolist())


def test_pandas_frames():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, math.nan, 2.0], "c": pd.array([1, None, 3], dtype="Int64")})
    assert_identical(Summary(frame), Summary([1, 2, 3, 0.5, math.nan, 2.0, 1, None, 3]))
    assert_identical(Summary(frame[["b"]]), Summary([0.5, math.nan, 2.0]))
    with pytest.warns(UserWarning, match=r"columns of x that are not .* are left out: 'name' \(str\)"):
        assert_identical(Summary(frame.assign(name="x")), Summary(frame))
    # A homogeneous frame is one array.
    square = pd.DataFrame(np.arange(12.0).reshape(4, 3))
    assert_identical(Summary(square), Summary(np.arange(12.0)))


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["a", "b"]),
        pd.Series(["a"], dtype="category"),
        pd.Series([1 + 1j]),
        pd.Series([1.0, "2"], dtype=object),
    ],
    ids=lambda series: str(series.dtype),
)
def test_pandas_series_of_other_things_are_refused(series):
    with pytest.raises(TypeError):
        Summary(series)


def test_arrow_is_read_where_it_lies():
    """Reading does not take memory for another copy of the numbers."""
    import psutil

    values = pa.array(np.random.default_rng(0).normal(size=8_000_000))
    series = pl.Series(np.zeros(8_000_000))
    Summary(values[:100_000], n_jobs=1)
    process = psutil.Process()
    before = process.memory_info().rss
    peak = 0
    for column in (values, series):
        s = Summary([])
        s.update(column, n_jobs=1)
        peak = max(peak, process.memory_info().rss - before)
        assert s.count == 8_000_000
    assert peak < 32e6, "64 MB of numbers were copied"


@pytest.mark.parametrize(
    "values",
    [
        pd.interval_range(0, 3),
        pd.period_range("2020", periods=3),
        pd.Index(pd.array(["a", "b"], dtype="category")),
    ],
    ids=lambda values: str(values.dtype),
)
def test_pandas_numbers_that_only_store_something_else_are_refused(values):
    for column in (values, pd.Series(values)):
        with pytest.raises(TypeError, match=rf"x must hold numbers.*{re.escape(str(values.dtype))}"):
            Summary(column)
    with pytest.raises(TypeError, match=r"X\['when'\] must hold numbers"):
        summarize(pd.DataFrame({"when": values}), axis=0)


def test_pandas_nulls_without_a_type():
    check(pd.Series([None] * 3, dtype=pd.ArrowDtype(pa.null())), [None] * 3)


@pytest.mark.parametrize("argument", ["by", "ids", "sample_weight"])
@pytest.mark.parametrize("axis", [None, 0])
def test_pandas_labels_must_agree(argument, axis):
    """Read by position, the rows would belong to each other in another way than pandas shows them."""
    values = pd.Series([1.0, 2.0, 3.0])
    turned = pd.Series([10, 20, 30], index=[2, 1, 0])
    for X in (values, values.to_frame("v")):
        with pytest.raises(ValueError, match=rf"{argument}.*reindex.*to_numpy"):
            summarize(X, axis=axis, **{argument: turned})
        for fitting in (turned.reindex(values.index), turned.to_numpy(), pl.Series([1, 2, 3])):
            summarize(X, axis=axis, **{argument: fitting})
    summarize(values.to_numpy(), axis=axis, **{argument: turned})
    if argument != "by":
        with pytest.raises(ValueError, match=rf"{argument} and x have"):
            Summary(values, **{argument: turned})


def test_pandas_labels_of_columns_go_with_rows_turned():
    """Along axis 1 weights are those of columns."""
    X = pd.DataFrame({"a": [1.0], "b": [2.0]}, index=["row"])
    weights = pd.Series([1, 2], index=["b", "a"])
    with pytest.raises(ValueError, match=r"X\.columns"):
        summarize(X, axis=1, sample_weight=weights)

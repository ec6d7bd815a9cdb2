"""Data that come in batches: the same bits as the whole, one batch at a time, on the calling thread."""

from __future__ import annotations

import ctypes
import itertools
import sqlite3
import sys
import threading
import types
from datetime import datetime, timedelta
from decimal import Decimal

import narwhals
import narwhals.stable.v1 as stable
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldstat import Summary, summarize
from summaries import assert_identical

SETTINGS = {
    "moments": 4,
    "best": 3,
    "quantiles": True,
    "relative_error": 0.01,
    "distinct": True,
    "histogram": [-2.0, 0.0, 2.0],
}
SCHEMA = pa.schema([("key", pa.string()), ("x", pa.float64()), ("n", pa.int32())])


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    x = pa.array(rng.normal(size=n) * 10.0 ** rng.integers(-200, 200, n), mask=rng.random(n) < 0.1)
    keys = pa.array(rng.choice(["a", "b", "c", None], n).tolist(), pa.string())
    return pa.table([keys, x, pa.array(rng.integers(-5, 5, n), pa.int32())], schema=SCHEMA)


def batches_of(whole, cuts):
    """The rows of a table in batches that end at the cuts, some of them empty."""
    ends = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    for begin, end in itertools.pairwise(ends):
        yield from whole.slice(begin, end - begin).combine_chunks().to_batches() or whole.slice(0, 0).to_batches()


def reader(whole, cuts=()):
    return pa.RecordBatchReader.from_batches(whole.schema, batches_of(whole, cuts))


KINDS = {
    "arrow": lambda batch: batch,
    "arrow table": lambda batch: pa.Table.from_batches([batch]),
    "pandas": lambda batch: batch.to_pandas(),
    "polars": pl.from_arrow,
    "dict": lambda batch: {name: batch.column(name).to_pylist() for name in batch.schema.names},
}


@given(st.integers(0, 60), st.lists(st.integers(0, 60), max_size=5), st.integers(0, 9))
def test_a_reader_is_what_its_rows_are(n, cuts, seed):
    whole = table(n, seed)
    numbers = whole.drop_columns("key")
    assert_identical(Summary(reader(numbers, cuts), **SETTINGS), Summary(numbers, **SETTINGS))
    x = whole.select(["x"])
    assert_identical(Summary(reader(x, cuts), **SETTINGS), Summary(x, **SETTINGS))
    assert_identical(Summary(reader(x, cuts), ids=range(n), best=2), Summary(x, ids=range(n), best=2))
    assert_identical(summarize(reader(numbers, cuts), quantiles=True), summarize(numbers, quantiles=True))
    assert_identical(summarize(reader(numbers, cuts), axis=0, **SETTINGS), summarize(numbers, axis=0, **SETTINGS))
    assert_identical(summarize(reader(numbers, cuts), cov=True), summarize(numbers, cov=True))
    assert_identical(summarize(reader(whole, cuts), by="key", **SETTINGS), summarize(whole, by="key", **SETTINGS))
    both = summarize(reader(whole, cuts), by=["key", "n"])
    assert_identical(both, summarize(whole, by=["key", "n"]))
    assert sum(int(group.count[0] + group.null_count[0]) for group in both.values()) + both.missing_key_count == n
    by = np.arange(n) % 3
    assert_identical(summarize(reader(numbers, cuts), by=by), summarize(numbers, by=by))


@given(st.integers(1, 40), st.lists(st.integers(0, 40), max_size=4), st.sampled_from(sorted(KINDS)))
def test_generators_of_frames(n, cuts, kind):
    whole = table(n)

    def frames(*names):
        return (KINDS[kind](batch) for batch in batches_of(whole.select(names), cuts) if kind != "dict" or len(batch))

    expected = KINDS[kind](batches_of(whole.select(["key", "x"]), []).__next__())
    assert_identical(summarize(frames("key", "x"), by="key", best=2), summarize(expected, by="key", best=2))
    assert_identical(
        Summary(frames("x"), **SETTINGS), Summary(KINDS[kind](next(batches_of(whole.select(["x"]), []))), **SETTINGS)
    )
    assert Summary(frames("x", "n")).sum == Summary(whole.select(["x", "n"])).sum


@given(st.integers(1, 40), st.lists(st.integers(0, 40), max_size=4))
def test_generators_of_arrays(n, cuts):
    X = np.random.default_rng(n).normal(size=(n, 3))
    ends = [0, *sorted(cut % (n + 1) for cut in cuts), n]

    def parts(of):
        return (of[i:j] for i, j in itertools.pairwise(ends))

    assert_identical(Summary(parts(X), **SETTINGS), Summary(X, **SETTINGS))
    assert_identical(Summary(parts(X[:, 0]), **SETTINGS), Summary(X[:, 0], **SETTINGS))
    assert_identical(Summary().update(parts(X)), Summary().update(X))
    assert_identical(summarize(parts(X), axis=0, best=2), summarize(X, axis=0, best=2))
    assert_identical(summarize(parts(X), cov=True), summarize(X, cov=True))
    assert_identical(Summary(map(pd.Series, parts(X[:, 0]))), Summary(X[:, 0]))


def test_numbers_one_by_one_are_no_batches():
    assert Summary(iter([1.0, None, 2])).null_count == 1
    assert Summary(iter([])).count == 0
    assert Summary(iter([None])).null_count == 1
    assert summarize(iter([1, 2, 3]), by=["a", "b", "a"])["a"].sum == 4
    with pytest.raises(TypeError, match=r"^x\[0\] is of type str"):
        Summary(iter(["a", "b"]))
    with pytest.raises(TypeError, match=r"^x\[2\] is of type ndarray"):
        Summary(iter([1.0, 2.0, np.ones(3)]))


def test_one_batch_is_held_at_a_time():
    """What was read is given back before the next batch is made."""
    held, most = [], []

    def made(names):
        for i in range(20):
            batch = pa.record_batch({name: np.full(50_000, float(i)) for name in names})
            held.append(pa.total_allocated_bytes())
            most.append(batch.nbytes)
            yield batch

    names = ["x", "y"]
    schema = pa.schema([(name, pa.float64()) for name in names])
    for call in (
        Summary,
        lambda r: summarize(r, axis=0),
        lambda r: summarize(r, by="y"),
        lambda r: summarize(r, cov=True),
    ):
        for stream in (pa.RecordBatchReader.from_batches(schema, made(names)), made(names)):
            held.clear()
            before = pa.total_allocated_bytes()
            call(stream)
            assert max(held) - before <= 3 * most[0]


def cursor_batches(cursor):
    while rows := cursor.fetchmany(7):
        yield pa.record_batch({"x": [x for (x,) in rows]}, schema=pa.schema([("x", pa.float64())]))


@pytest.mark.parametrize("call", [Summary, lambda r: summarize(r, axis=0)])
def test_a_cursor_that_belongs_to_its_thread(call):
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x real)")
    connection.executemany("insert into t values (?)", [(float(i),) for i in range(50)])
    batches = cursor_batches(connection.execute("select x from t"))
    stream = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.float64())]), batches)
    found = call(stream)
    assert np.ravel(found.sum).tolist() == [1225.0]
    connection.close()


class Exports:
    """A stream that others read through Arrow's interface alone."""

    def __init__(self, stream):
        self.stream = stream

    def __arrow_c_stream__(self, requested_schema=None):
        return self.stream.__arrow_c_stream__(requested_schema)


def threads_of(stream_of):
    seen = []

    def made():
        for i in range(5):
            seen.append(threading.current_thread())
            yield pa.record_batch({"x": [float(i)]})

    Summary(stream_of(pa.RecordBatchReader.from_batches(pa.schema([("x", pa.float64())]), made())))
    return set(seen)


@pytest.mark.parametrize("stream_of", [lambda r: r, Exports], ids=["reader", "capsule"])
def test_producers_run_on_the_calling_thread(stream_of):
    assert threads_of(stream_of) == {threading.current_thread()}
    found = []
    other = threading.Thread(target=lambda: found.append(threads_of(stream_of)))
    other.start()
    other.join()
    assert found == [{other}]


class MineError(Exception):
    pass


@pytest.mark.parametrize("error", [MineError("mine"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("call", [Summary, lambda x: summarize(x, axis=0), lambda x: summarize(x, by="x")])
def test_exceptions_of_the_producer_are_its_own(call, error):
    def made():
        yield pa.record_batch({"x": [1.0], "y": [2.0]})
        raise error

    schema = pa.schema([("x", pa.float64()), ("y", pa.float64())])
    for stream in (pa.RecordBatchReader.from_batches(schema, made()), made()):
        with pytest.raises(type(error)) as caught:
            call(stream)
        assert caught.value is error


def test_an_error_leaves_the_summary_as_it_was():
    s = Summary([1.0, 2.0], best=2)
    before = s.to_bytes()

    def made():
        yield np.ones(3)
        yield np.array(["a"])

    with pytest.raises(TypeError, match="x must hold real numbers"):
        s.update(made())
    assert s.to_bytes() == before


def test_what_batches_do_not_have_is_refused():
    X = np.ones((4, 2))
    with pytest.raises(ValueError, match="ids and x do not go together where x comes in batches"):
        Summary(iter([X]), ids=range(8))
    with pytest.raises(ValueError, match="sample_weight and x do not go together"):
        Summary(iter([X]), sample_weight=np.ones((4, 2), int))
    with pytest.raises(ValueError, match="best needs ids"):
        Summary(iter([{"a": [1.0], "b": [2.0]}]), best=1)
    for wrong in (
        {"axis": 1},
        {"by": np.zeros(4)},
        {"axis": 0, "ids": range(4)},
        {"axis": 0, "sample_weight": [1] * 4},
    ):
        with pytest.raises(ValueError, match="X comes in batches"):
            summarize(iter([X]), **wrong)
    for n in (3, 0):
        with pytest.warns(UserWarning, match="'key'"):
            assert Summary(reader(table(n))).count == 2 * n


@pytest.mark.parametrize("settings", [{"relative_error": 0.01}, {"quantiles": True, "quantile_buckets": 64}])
def test_batches_keep_what_is_asked_for(settings):
    frames = [pd.DataFrame({"key": [1, 2], "x": [i, i / 7]}) for i in range(200)]
    whole = pd.concat(frames, ignore_index=True)
    assert summarize(iter(frames), by="key", **settings) == summarize(whole, by="key", **settings)
    assert summarize(iter(frames), axis=0, **settings) == summarize(whole, axis=0, **settings)


class ByHand:
    """A stream whose callbacks are functions of Python, by ctypes: what they raise goes nowhere."""

    def __init__(self, error, answer):
        self.error, self.answer = error, answer
        self.call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        text = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)
        release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self.callbacks = [
            self.call(self.schema),
            self.call(self.next),
            text(lambda _: b"failed"),
            release(self.release),
        ]
        self.stream = (ctypes.c_void_p * 5)(
            *(ctypes.cast(callback, ctypes.c_void_p) for callback in self.callbacks), None
        )

    def schema(self, _stream, out):
        pa.schema([("x", pa.float64())])._export_to_c(out)
        return 0

    def next(self, _stream, out):
        if self.answer == "raises":
            raise self.error
        try:
            raise self.error
        except type(self.error):
            type("Other", (), {"__del__": lambda _: self.fail()})()
        return 5 if self.answer == "fails" else ctypes.memset(out, 0, 80) * 0

    def fail(self):
        raise self.error

    def release(self, stream):
        ctypes.cast(stream, ctypes.POINTER(ctypes.c_void_p))[3] = None

    def __arrow_c_stream__(self, requested_schema=None):
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return make(ctypes.addressof(self.stream), b"arrow_array_stream", None)


def test_what_a_callback_raises_is_the_cause(monkeypatch):
    left = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: left.append(unraisable.exc_value))
    hook = sys.unraisablehook
    with pytest.raises(ValueError, match=r"Arrow data: (failed|the producer raised an exception, and so)") as caught:
        Summary(ByHand(MineError("mine"), "raises"))
    assert isinstance(caught.value.__cause__, MineError)
    with pytest.raises(ValueError, match="failed") as caught:
        Summary(ByHand(MineError("mine"), "fails"))
    assert isinstance(caught.value.__cause__, MineError)
    with pytest.raises(KeyboardInterrupt):
        Summary(ByHand(KeyboardInterrupt(), "raises"))
    assert {type(error) for error in left} <= {RuntimeWarning}  # of ctypes, about callbacks
    left.clear()
    assert Summary(ByHand(MineError("of something else"), "ends")).count == 0
    assert [type(error) for error in left] == [MineError]
    assert sys.unraisablehook is hook


# --- Libraries that compute batch by batch ----------------------------------------------------------


class Computed:
    """What a relation of DuckDB and a table of ibis are to us: rows that are computed as they are read."""

    def __init__(self, whole):
        self.whole, self.columns, self.read = whole, whole.column_names, []

    def __arrow_c_stream__(self, requested_schema=None):
        raise AssertionError("all rows are read at once")

    def limit(self, n):
        return type(self)(self.whole.slice(0, n))

    def schema(self):
        return types.SimpleNamespace(to_pyarrow=lambda: self.whole.schema)

    def _reader(self, rows):
        def batches():
            for batch in self.whole.to_batches(7):
                self.read.append(len(batch))
                yield batch

        assert rows > 0
        return pa.RecordBatchReader.from_batches(self.whole.schema, batches())


class Relation(Computed):
    def to_arrow_reader(self, rows):
        return self._reader(rows)


class OldRelation(Computed):
    def fetch_record_batch(self, rows):
        return self._reader(rows)


class Expression(Computed):
    def to_pyarrow_batches(self, *, chunk_size):
        return self._reader(chunk_size)


@pytest.mark.parametrize(
    ("kind", "library", "name"),
    [
        (Relation, "duckdb", "DuckDBPyRelation"),
        (OldRelation, "duckdb", "DuckDBPyRelation"),
        (Expression, "ibis.expr.types", "Table"),
    ],
)
def test_relations_are_read_batch_by_batch(kind, library, name, monkeypatch):
    module = types.ModuleType(library)
    setattr(module, name, kind)
    monkeypatch.setitem(sys.modules, library, module)
    whole = table(40)
    found = kind(whole)
    assert summarize(found, by="key", quantiles=True) == summarize(whole, by="key", quantiles=True)
    assert sum(found.read) == len(whole)
    assert max(found.read) == 7
    numbers = whole.drop_columns("key")
    assert_identical(Summary(kind(numbers)), Summary(numbers))
    assert summarize(kind(numbers), axis=0) == summarize(numbers, axis=0)
    assert summarize(kind(whole.slice(0, 0)), by="key") == summarize(whole.slice(0, 0), by="key")


def test_frames_of_narwhals_and_lazy_ones_of_polars():
    whole = table(40)
    numbers = whole.drop_columns("key")
    for make in (
        pl.from_arrow,
        lambda rows: rows.to_pandas(),
        lambda rows: rows,
        lambda rows: pl.from_arrow(rows).lazy(),
    ):
        frame = make(whole)
        expected = summarize(frame.collect() if isinstance(frame, pl.LazyFrame) else frame, by="key", moments=4)
        for given_frame in (frame, narwhals.from_native(frame), stable.from_native(frame)):
            assert summarize(given_frame, by="key", moments=4) == expected
        frame = make(numbers)
        collected = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
        expected = summarize(collected, axis=0)
        for given_frame in (frame, narwhals.from_native(frame), stable.from_native(frame)):
            assert summarize(given_frame, axis=0) == expected
            assert_identical(Summary(given_frame), Summary(collected))
    series = narwhals.from_native(pl.Series([1, 2, 3]), series_only=True)
    keys = narwhals.from_native(pl.Series(["a", "b", "a"]), series_only=True)
    assert summarize(series, by=keys)["a"].sum == 4.0


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (lambda x: np.array(x, "M8[us]"), ["2024", "NaT", "2025"]),
        (lambda x: pd.Series(pd.to_datetime(x)), ["2024", "2024", "2025"]),
        (lambda x: pl.Series(x, dtype=pl.Decimal(9, 2)), ["1.1", None, "1.25"]),
        (lambda x: pl.Series(x, dtype=pl.Float64), [1.0, None, 2.0]),
    ],
)
def test_batches_may_be_arrays_of_times_or_decimals(column, values):
    whole = Summary(column(values), best=2)
    assert Summary((column([value]) for value in values), best=2) == whole
    begun = Summary(column(values[:1]), best=2)
    before = begun.copy()
    with pytest.raises((TypeError, ValueError)):
        begun.update(iter([column(values), np.array(["a"])]))
    assert begun == before
    begun.update(column([value]) for value in values[1:])
    assert begun == whole
    with pytest.raises((TypeError, ValueError)):
        Summary([True]).update(iter([np.array(["2024"], "M8[us]")]))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2))
def test_a_list_as_by_is_never_given_to_each_batch_as_its_keys(rows, batches, known):
    """As many texts as a batch has rows are no keys of these: there are more rows than these."""
    names = [f"name {i}" for i in range(rows)]
    columns = {"x": np.arange(rows)} | {name: np.arange(rows) for name in names[:known]}
    made = (pd.DataFrame(columns) for _ in range(batches))
    if known >= rows:
        groups = summarize(made, by=names)
        assert {key: group[0].count for key, group in groups.items()} == {(i,) * rows: batches for i in range(rows)}
        return
    with pytest.raises(ValueError, match=f"comes in batches.*'name {known}' is no column"):
        summarize(made, by=names)


def test_a_later_batch_without_a_column_of_keys_is_refused():
    first, second = {"x": [1.0, 2.0], "k": [1, 2], "l": [3, 4]}, {"x": [1.0, 2.0], "k": [1, 2]}
    with pytest.raises(ValueError, match="chunk 1 has other columns than those before: 'x', 'k' where"):
        summarize(iter([first, second]), by=["k", "l"])


def test_a_list_of_keys_for_all_rows_of_a_reader_is_read_as_such():
    whole = pa.table({"x": [1.0, 2.0, 3.0, 4.0]})
    keys = ["a", "b", "a", "b"]
    groups = summarize(whole.to_reader(max_chunksize=2), by=keys)
    assert {key: group.sum.tolist() for key, group in groups.items()} == {"a": [4.0], "b": [6.0]}
    with pytest.raises(ValueError, match=r"comes in batches.*'a' is no column"):
        summarize(pl.LazyFrame(whole.to_pydict()), by=keys)


SERIES = {
    "pandas": pd.Series,
    "polars": pl.Series,
    "pyarrow": pa.array,
    "objects": lambda values: np.array(values, dtype=object),
}
VALUES = {
    "decimals": st.decimals(-(10**6), 10**6, places=2, allow_nan=False),
    "datetimes": st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    "durations": st.timedeltas(timedelta(-1000), timedelta(1000)),
}


@pytest.mark.parametrize("kind", SERIES)
@pytest.mark.parametrize("values", VALUES)
@given(st.data())
def test_batches_of_times_and_decimals_are_their_values(kind, values, data):
    batches = data.draw(st.lists(st.lists(VALUES[values], min_size=1, max_size=4), min_size=1, max_size=4))
    everything = [value for batch in batches for value in batch]
    expected = Summary(pl.Series(everything).to_list(), best=3, quantiles=True)
    made = (SERIES[kind](batch) for batch in batches)
    found = Summary(made, best=3, quantiles=True)
    assert (found.count, found.min, found.max, found.mean) == (
        len(everything),
        min(everything),
        max(everything),
        expected.mean,
    )
    assert [place for _, place in found.best] == [place for _, place in expected.best]
    found.update(SERIES[kind](batch) for batch in batches)
    assert (found.count, found.mean) == (2 * len(everything), expected.mean)


def test_batches_of_times_are_added_all_or_none():
    found = Summary([datetime(2024, 1, 1)])
    before = found.to_bytes()
    with pytest.raises(TypeError, match="holds numbers, and this Summary is of datetimes"):
        found.update(iter([np.array(["2025-01-01"], "M8[us]"), np.array([1.0])]))
    assert found.to_bytes() == before


def test_the_first_batch_may_hold_nothing():
    found = Summary(iter([pd.Series([], dtype=object), pd.Series([None, Decimal("2.5")])]))
    assert (found.min, found.null_count) == (Decimal("2.5"), 1)


@pytest.mark.parametrize("names", [["x"], ["x", "y"]])
def test_a_reader_is_a_table_whatever_it_is_read_with(names):
    whole = pa.table({name: [1.0, 2.0, 4.0] for name in names})
    for arguments in ({}, {"sample_weight": [1, 1, 1]}, {"ids": [0, 1, 2], "best": 2}):
        assert_identical(
            summarize(whole.to_reader(max_chunksize=2), axis=0, **arguments), summarize(whole, axis=0, **arguments)
        )


def test_the_keys_of_a_reader_are_read_with_weights_and_ids():
    whole = table(300)
    for arguments in ({"sample_weight": np.arange(300)}, {"ids": np.arange(300)[::-1], "best": 3}):
        for by in ("key", ["key", "n"]):
            expected = summarize(whole, by=by, **arguments)
            assert_identical(summarize(whole.to_reader(max_chunksize=70), by=by, **arguments), expected)

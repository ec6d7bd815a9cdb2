"""describe, batch by batch: the table of the whole frame."""

from __future__ import annotations

import datetime
import itertools
import tempfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import describe

SCHEMA = pa.schema(
    [
        ("x", pa.float64()),
        ("small", pa.float32()),
        ("n", pa.int64()),
        ("flag", pa.bool_()),
        ("text", pa.string()),
        ("category", pa.dictionary(pa.int32(), pa.string())),
        ("when", pa.timestamp("us", "UTC")),
        ("took", pa.duration("ms")),
        ("price", pa.decimal128(9, 2)),
        ("listed", pa.list_(pa.int64())),
    ]
)
ROW = st.tuples(
    st.none() | st.floats(allow_infinity=False),
    st.none() | st.floats(width=32, allow_infinity=False),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["a", "b", "ü", ""]),
    st.none() | st.sampled_from(["red", "blue"]),
    st.none() | st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),
    st.none() | st.integers(-(10**9), 10**9).map(lambda ms: datetime.timedelta(milliseconds=ms)),
    st.none() | st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents) / 100),
    st.none() | st.lists(st.integers(0, 3), max_size=2),
)


def table_of(rows):
    columns = zip(*rows, strict=True) if rows else [[] for _ in SCHEMA]
    return pa.table(
        [pa.array(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def cut(table, cuts):
    ends = [0, *sorted(one % (len(table) + 1) for one in cuts), len(table)]
    return [table.slice(begin, end - begin) for begin, end in itertools.pairwise(ends)]


def written(table, folder, cuts):
    with pyarrow.parquet.ParquetWriter(folder / "a.parquet", table.schema) as writer:
        for part in cut(table, cuts):
            writer.write_table(part)
    return folder / "a.parquet"


def fed(table, folder, cuts):
    pyarrow.feather.write_feather(table, folder / "a.feather", chunksize=3)
    return folder / "a.feather"


# What is described in batches, and the same in memory.
KINDS = {
    "arrow tables": (lambda table, folder, cuts: cut(table, cuts), lambda table: table),
    "function": (lambda table, folder, cuts: lambda: iter(cut(table, cuts)), lambda table: table),
    "generator": (lambda table, folder, cuts: (part for part in cut(table, cuts)), lambda table: table),
    "polars frames": (lambda table, folder, cuts: list(map(pl.from_arrow, cut(table, cuts))), pl.from_arrow),
    "lazy frame": (lambda table, folder, cuts: pl.from_arrow(table).lazy(), pl.from_arrow),
    "scan": (lambda table, folder, cuts: pl.scan_parquet(written(table, folder, cuts)), pl.from_arrow),
    "dataset": (lambda table, folder, cuts: pyarrow.dataset.dataset(written(table, folder, cuts)), lambda table: table),
    "parquet": (written, lambda table: table),
    "feather": (fed, lambda table: table),
    "reader": (lambda table, folder, cuts: table.to_reader(max_chunksize=3), lambda table: table),
    "pandas frames": (
        lambda table, folder, cuts: [part.to_pandas() for part in cut(table, cuts)],
        lambda table: pd.concat([table.to_pandas()]),
    ),
}


def same(found, expected):
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
    elif isinstance(expected, pl.DataFrame):
        assert found.equals(expected, null_equal=True)
    else:
        assert found.equals(expected)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(st.lists(ROW, min_size=1, max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_batches_are_described_as_the_whole(kind, rows, cuts):
    make, whole = KINDS[kind]
    table = table_of(rows)
    names = ["x", "small", "n", "flag", "text", "price"] if kind == "pandas frames" else table.schema.names
    table = table.select(names)
    if kind == "pandas frames":  # whose columns change their types with their contents
        table = table.select(["x", "small", "text"])
    expected = describe(whole(table), percentiles=[0.1, 0.5])
    with tempfile.TemporaryDirectory() as folder:
        found = describe(make(table, Path(folder), cuts), percentiles=[0.1, 0.5])
    if kind in ("parquet", "feather", "reader"):  # a pandas frame, as of whatever has no frame of its own
        assert isinstance(found, pd.DataFrame)
        assert list(found.index) == expected["statistic"].to_pylist()
        numbers = ["x", "small", "n", "flag"]
        np.testing.assert_array_equal(
            found[numbers].to_numpy(float), expected.select(numbers).to_pandas().to_numpy(float)
        )
        assert found.loc["distinct", "text"] == float(expected["text"].to_pylist()[-3])
        return
    same(found, expected)


def test_a_lazy_frame_is_described_as_it_is_collected():
    frame = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "x"], "c": [0.5, float("nan"), 2.0]})
    assert describe(frame.lazy()).equals(describe(frame), null_equal=True)
    assert describe(frame.lazy(), include="number").columns == ["statistic", "a", "c"]


def test_arrays_are_described_in_windows(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(1000, 3))
    np.save(tmp_path / "a.npy", X)
    monkeypatch.setenv("FOLDSTAT_CHUNK_BYTES", "5000")
    pd.testing.assert_frame_equal(describe(tmp_path / "a.npy"), describe(X))


def test_batches_of_other_columns_are_refused():
    with pytest.raises(ValueError, match=r"^chunk 1 has other columns than those before: 'b' where there were 'a'"):
        describe([pd.DataFrame({"a": [1.0]}), pd.DataFrame({"b": [1.0]})])
    with pytest.raises(TypeError, match=r"chunk 1: frame\['a'\] holds something else than the numbers"):
        describe([pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": ["1"]})])
    with pytest.raises(ValueError, match="has no rows"):
        describe(lambda: iter([]))
    with pytest.raises(TypeError, match="a chunk must be an array, a frame or a column, got float"):
        describe(iter([1.0, 2.0]))


def test_texts_are_counted_in_little_memory():
    """The counts of batches are put together: they hold no more than a few times what is different."""
    from foldstat.summary._counted_texts import CountedTexts

    for make in (pa.array, pl.Series):
        counted = CountedTexts()
        texts = [f"text {i}" for i in range(1000)]
        for _ in range(300):
            counted.add(make(texts))
            assert sum(map(len, counted._tables)) <= 2 * 1000 + (1 << 16) + 1000
        found = counted.texts()
        assert (found.count, found.distinct, found.top, found.frequency) == (300_000, 1000, "text 0", 300)

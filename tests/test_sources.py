"""Whatever comes in chunks: the same rows in the same order, in every pass, and the bits of the array."""

from __future__ import annotations

import tempfile
from pathlib import Path

import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import Summary, describe, sample_rows, summarize
from foldstat.sources import as_matrices, as_source
from source_kinds import KINDS, NAMELESS, cut, frame, table
from summaries import assert_identical

CHUNK_BYTES = [1, 100, 1000, 1 << 24]


def rows_of(n, d=3, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, d)) * 10.0 ** rng.integers(-9, 9, (n, d))).astype(dtype)


def joined(matrices):
    blocks = [block.rows.copy() for block in matrices]
    return np.concatenate(blocks)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12)
@given(st.integers(1, 40), st.lists(st.integers(0, 40), max_size=4), st.sampled_from(CHUNK_BYTES), st.data())
def test_every_kind_gives_the_rows_of_the_array(kind, n, cuts, most, data):
    dtype = data.draw(st.sampled_from([np.float64] if kind == "csv" else [np.float64, np.float32]))
    X = rows_of(n, dtype=dtype)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSTAT_CHUNK_BYTES", str(most))
        x = KINDS[kind](X, cuts, Path(folder))
        matrices = as_matrices(x)
        assert (matrices.n_columns, matrices.dtype, matrices.weighted) == (3, dtype, False)
        assert matrices.n_rows in (None, n)
        for _ in range(2):
            first, labels = 0, {}
            for block in matrices:
                assert block.rows.flags.c_contiguous or block.rows.flags.f_contiguous or kind in NAMELESS
                assert block.rows.nbytes <= max(most, X[0].nbytes) or kind in NAMELESS - {"npy", "npy of columns"}
                np.testing.assert_array_equal(block.rows, X[first : first + len(block.rows)])
                assert block.rows.dtype == dtype
                assert block.first_row == labels.get(block.label, 0)
                labels[block.label] = block.first_row + len(block.rows)
                first += len(block.rows)
            assert first == n == matrices.n_rows
        settings = {"best": 3, "quantiles": True, "distinct": True, "moments": 4}
        assert_identical(Summary(KINDS["arrays"](X, cuts, None), **settings), Summary(X, **settings))
        del settings["best"]
        if kind != "stream":  # of which the second pass is not the function's
            assert_identical(Summary(x, **settings), Summary(X, **settings))
            each = summarize(x, axis=0, **settings)
            assert each == summarize(X if kind in NAMELESS else frame(X), axis=0, **settings)
            assert summarize(x, cov=True) == summarize(X if kind in NAMELESS else frame(X), cov=True)
        np.testing.assert_array_equal(sample_rows(x, 5, 1), sample_rows(X, 5, 1))
        if kind not in NAMELESS:
            assert matrices.names == ("x0", "x1", "x2")
            some = as_matrices(x, columns=["x2", "x0"])
            np.testing.assert_array_equal(joined(some), X[:, [2, 0]])
            weighted = as_matrices(x, columns=["x2", "x0"], sample_weight="x1")
            assert (weighted.names, weighted.weighted) == (("x2", "x0"), True)
            assert [w for block in weighted for w in block.weights] == X[:, 1].tolist()
            np.testing.assert_array_equal(joined(as_matrices(x, sample_weight="x1")), X[:, [0, 2]])


@pytest.mark.filterwarnings("ignore:columns of X that are not numbers")
@pytest.mark.parametrize("packed", [False, True])
def test_types_of_csv_are_those_of_the_whole_file(packed, tmp_path, monkeypatch):
    """pyarrow takes a column for what its first block is, here of 64 KiB."""
    monkeypatch.setenv("FOLDSTAT_CHUNK_BYTES", "1000")
    frame = pd.DataFrame({"late": [1] * 40_000 + [1.5], "text": ["1"] * 40_000 + ["a"], "n": range(40_001)})
    frame["empty"] = [None] * 40_000 + [2.5]
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    frame.to_csv(path, index=False)
    read = pd.read_csv(path, low_memory=False)
    for x in (path, [path, path]):
        whole = read if x is path else pd.concat([read, read])
        assert summarize(x, axis=0)["late"] == summarize(whole[["late"]], axis=0)["late"]
        rows = ["nulls", "nan"]  # pandas has one for the other
        pd.testing.assert_frame_equal(describe(x).drop(rows), describe(whole).drop(rows), check_dtype=False)
    np.testing.assert_array_equal(joined(as_matrices(path, columns=["n", "late"])), frame[["n", "late"]].to_numpy())


def test_texts_of_csv_may_be_null(tmp_path):
    (tmp_path / "a.csv").write_text('x,t\n1,a\n,\n3,""\n')
    table = describe(tmp_path / "a.csv")
    assert table.loc[["count", "nulls"]].to_numpy().tolist() == [[2.0, 2], [1.0, 1]]
    with pytest.raises(ValueError, match=r"^column 'x' of .*a\.csv holds a null in row 1$"):
        joined(as_matrices(tmp_path / "a.csv", columns=["x"]))


def test_columns_of_partitions_are_columns(tmp_path):
    whole = pa.table({"x": [1.0, 2.0, 4.0], "year": [2024, 2025, 2024]})
    pyarrow.dataset.write_dataset(whole, tmp_path, format="parquet", partitioning=["year"], partitioning_flavor="hive")
    dataset = pyarrow.dataset.dataset(tmp_path, partitioning="hive")
    assert sorted(joined(as_matrices(dataset, columns=["x", "year"])).tolist()) == [[1, 2024], [2, 2025], [4, 2024]]
    assert summarize(dataset, by="year") == summarize(whole, by="year")


def test_frames_of_narwhals_are_what_is_inside():
    X = rows_of(10)
    lazy = narwhals.from_native(pl.from_arrow(table(X)).lazy())
    np.testing.assert_array_equal(joined(as_matrices(lazy)), X)
    np.testing.assert_array_equal(joined(as_matrices([narwhals.from_native(frame(X))])), X)
    assert as_source(narwhals.from_native(frame(X))) is None


def test_integers_booleans_and_decimals_are_floats():
    whole = pa.table(
        {"n": [1, 2], "flag": [True, False], "price": pa.array([1.25, 2.5]).cast(pa.decimal128(9, 2)), "x": [0.5, 1.5]}
    )
    for x in ([whole], [pl.from_arrow(whole)], [whole.to_pandas(types_mapper=pd.ArrowDtype)]):
        matrices = as_matrices(x)
        assert matrices.dtype == np.float64
        np.testing.assert_array_equal(joined(matrices), [[1, 1, 1.25, 0.5], [2, 0, 2.5, 1.5]])
    swapped = rows_of(5).astype(">f4")
    matrices = as_matrices([swapped])
    assert matrices.dtype == np.float32
    np.testing.assert_array_equal(joined(matrices), swapped)


def test_a_generator_is_summarised_and_described():
    X = rows_of(50)
    parts = cut(X, [7, 20])
    assert_identical(Summary(part for part in parts), Summary(X))
    assert describe(frame(part) for part in parts).equals(describe(frame(X)))
    assert describe(lambda: map(frame, parts)).equals(describe(frame(X)))

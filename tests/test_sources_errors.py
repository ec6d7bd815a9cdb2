"""What is wrong with a source is told with the file or chunk and the row."""

from __future__ import annotations

import os
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from foldstat import Summary, describe, sample_rows, summarize
from foldstat.sources import as_matrices, as_source
from source_kinds import csv, feather, frame, npy, parquet, table

X = np.arange(60.0).reshape(20, 3)


def read(x, **arguments):
    return [block.rows.copy() for block in as_matrices(x, **arguments)]


def test_what_lies_in_memory_is_no_source(tmp_path):
    mapped = np.load(npy(tmp_path / "a.npy", X), mmap_mode="r")
    for x in (X, mapped, X.tolist(), frame(X), pl.from_arrow(table(X)), table(X), table(X).to_batches()[0]):
        assert as_source(x) is None
        assert as_matrices(x) is None
    for x in (list(X), tuple(X), [], [1.0, 2.0], 3.0, None, b"a.npy", np.float64, {"a": [1.0]}, table(X)["x0"]):
        assert as_source(x) is None


@pytest.mark.parametrize("call", [as_source, as_matrices, Summary, describe, lambda x: summarize(x, axis=0)])
def test_files_that_are_not_there(call, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*missing\.parquet"):
        call(tmp_path / "missing.parquet")
    with pytest.raises(FileNotFoundError, match=r"no file matches '.*/\*\.npy'"):
        call(str(tmp_path / "*.npy"))
    with pytest.raises(FileNotFoundError, match="has no file with one of the suffixes"):
        call(tmp_path)
    (tmp_path / "a.txt").write_text("1")
    with pytest.raises(ValueError, match=r"a\.txt is of no known type: the suffix must be one of \.parquet"):
        call(tmp_path / "a.txt")
    with pytest.raises(ValueError, match=r"is no local path: open it with pyarrow.dataset"):
        call("s3://bucket/a.parquet")
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*/folder$"):
        call(tmp_path / "folder")
    with pytest.raises(TypeError, match=r"'12\.5' holds no numbers: as text it must be the path of a file"):
        call("12.5")


@pytest.mark.parametrize("call", [as_source, Summary, describe, lambda x: summarize(x, axis=0)])
@pytest.mark.parametrize("make", [lambda: iter([X]), lambda: lambda: iter([X]), lambda: pl.LazyFrame({"a": [1.0]})])
def test_a_list_of_sources_is_refused(call, make):
    with pytest.raises(TypeError, match="a list must hold arrays of two dimensions, frames or paths, its first is a "):
        call([make(), make()])


def test_folders_are_of_one_type(tmp_path):
    parquet(tmp_path / "b.parquet", X[10:])
    parquet(tmp_path / "a.parquet", X[:10])
    (tmp_path / "_metadata").write_text("")
    (tmp_path / ".hidden.csv").write_text("")
    (tmp_path / "part").mkdir()
    parquet(tmp_path / "part" / "c.parquet", X)
    np.testing.assert_array_equal(np.concatenate(read(tmp_path)), np.concatenate([X, X]))
    npy(tmp_path / "a.npy", X)
    with pytest.raises(ValueError, match=r"has files of several types \(\.npy, \.parquet\): give a glob"):
        as_source(tmp_path)


@pytest.mark.parametrize(
    ("write", "suffix"), [(parquet, ".parquet"), (feather, ".feather"), (npy, ".npy"), (csv, ".csv")]
)
def test_files_that_are_damaged_or_change(write, suffix, tmp_path):
    path = write(tmp_path / f"a{suffix}", X)
    matrices = as_matrices(path)
    if suffix != ".csv":
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises((ValueError, OSError), match=re.escape(str(path))):
            list(matrices)
        with pytest.raises((ValueError, OSError), match=re.escape(str(path))):
            as_matrices(path)
        path.write_bytes(whole)
    list(matrices)
    write(path, X[:5])
    with pytest.raises(ValueError, match=r"was replaced|gave 5 rows in this pass, where there were 20 before"):
        list(matrices)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        list(matrices)


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDSTAT_CHUNK_BYTES", "100")
    for order in "CF":
        path = npy(tmp_path / "a.npy", np.asarray(X, order=order))
        blocks = iter(as_matrices(path))
        next(blocks)
        os.truncate(path, 200)
        with pytest.raises(ValueError, match=r"a\.npy became shorter while it was read"):
            list(blocks)


def test_files_of_other_columns(tmp_path):
    parquet(tmp_path / "a.parquet", X)
    pyarrow.parquet.write_table(table(X).select(["x2", "x0", "x1"]), tmp_path / "b.parquet")
    np.testing.assert_array_equal(np.concatenate(read(tmp_path)), np.concatenate([X, X]))
    assert summarize(tmp_path, axis=0) == summarize(pd.concat([frame(X), frame(X)]), axis=0)
    pyarrow.parquet.write_table(table(X).rename_columns(["x0", "x1", "y"]), tmp_path / "c.parquet")
    for call in (read, Summary, describe):
        with pytest.raises(
            ValueError, match=r"c\.parquet has other columns than .*a\.parquet: 'x0', 'x1', 'y' and 'x0'"
        ):
            call(tmp_path)
    np.testing.assert_array_equal(np.concatenate(read(tmp_path, columns=["x1"])), np.concatenate([X, X, X])[:, [1]])
    with pytest.raises(
        ValueError, match=r"columns: 'x2' is no column of .*c\.parquet, whose columns are 'x0', 'x1', 'y'"
    ):
        read(tmp_path, columns=["x2"])


def test_columns_that_are_asked_for(tmp_path):
    path = parquet(tmp_path / "a.parquet", X)
    with pytest.raises(
        ValueError, match=r"columns: 'y' is no column of .*a\.parquet, whose columns are 'x0', 'x1', 'x2'"
    ):
        as_source(path, columns=["y"])
    with pytest.raises(ValueError, match="columns names 'x1' twice"):
        as_source(path, columns=["x1", "x1"])
    with pytest.raises(ValueError, match="columns must name one column at least"):
        as_source(path, columns=[])
    with pytest.raises(TypeError, match="columns must be a list of names"):
        as_source(path, columns="x1")
    for x in ([X], lambda: iter([X]), npy(tmp_path / "a.npy", X)):
        with pytest.raises(TypeError, match=r"columns=\[0\]: .* has columns without names"):
            as_source(x, columns=[0])


@pytest.mark.parametrize("most", ["1", "100", "100000"])
@pytest.mark.parametrize("make", [lambda t: t, lambda t: t.to_pandas(types_mapper=pd.ArrowDtype), pl.from_arrow])
def test_nulls_and_texts_are_named(make, most, monkeypatch):
    monkeypatch.setenv("FOLDSTAT_CHUNK_BYTES", most)
    whole = pa.table({"a": [1.0] * 30, "b": pa.array([1.0] * 17 + [None] + [2.0] * 12)})
    with pytest.raises(ValueError, match=r"^column 'b' of chunk 1 holds a null in row 17$"):
        read([make(full(whole)), make(whole)])
    for column, kind in ((["a"] * 30, "text"), (np.array(["2024-01-01"] * 30, "M8[ns]"), "date")):
        other = pa.table({"a": [1.0] * 30, "b": pa.array(column)})
        with pytest.raises(
            TypeError, match=r"^column 'b' of the list of 1 chunk is of type .*, which is no real number"
        ):
            read([make(other)])
        assert len(read([make(other)], columns=["a"])) >= 1, kind


def full(whole):
    return pa.table({name: whole[name].fill_null(0.0) for name in whole.column_names})


def test_nulls_in_files_are_named(tmp_path):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table({"b": pa.array([1.0] * 70_000 + [None])}), path, row_group_size=1000)
    with pytest.raises(ValueError, match=r"^column 'b' of .*a\.parquet holds a null in row 70000$"):
        read(path)


def test_chunks_that_disagree():
    with pytest.raises(ValueError, match=r"^chunk 1 has 2 columns, where 3 are expected$"):
        read([X, X[:, :2]])
    with pytest.raises(
        ValueError, match=r"^chunk 1 has other columns than those before: 'x0', 'x1' where there were 'x0'"
    ):
        read([frame(X), frame(X[:, :2])])
    with pytest.raises(ValueError, match=r"^chunk 1 must have 2 dimensions \(rows, features\), got shape \(20,\)$"):
        read(lambda: iter([X, X[:, 0]]))
    with pytest.raises(ValueError, match=r"^chunk 1 is of type float64, where float32 is expected"):
        read([X.astype(np.float32), X])
    with pytest.raises(ValueError, match=r"^column 'x0' of chunk 1 is of type float64, where float32 is expected"):
        read(lambda: iter([frame(X.astype(np.float32)), frame(X)]))
    with pytest.raises(TypeError, match=r"^chunk 1 must be an array of two dimensions or a frame, got str$"):
        read(lambda: iter([X, "a"]))
    with pytest.raises(TypeError, match=r"^a chunk must be an array, a frame or a column, got str$"):
        read(lambda: iter(["a", X]))
    with pytest.raises(TypeError, match="chunk 1 must hold real numbers"):
        read([X, np.array([["a", "b", "c"]])])
    np.testing.assert_array_equal(np.concatenate(read([X, X.astype(int), X.astype(np.float32)])), np.tile(X, (3, 1)))
    turned = frame(X)[["x2", "x1", "x0"]]
    np.testing.assert_array_equal(np.concatenate(read([frame(X), turned])), np.tile(X, (2, 1)))


def test_no_rows_at_all(tmp_path):
    for x in ([X[:0]], lambda: iter([]), npy(tmp_path / "a.npy", X[:0]), pl.from_arrow(table(X[:0])).lazy()):
        with pytest.raises(ValueError, match="has no rows"):
            read(x)
        with pytest.raises(ValueError, match="has no rows"):
            sample_rows(x, 3)


def test_iterators_are_read_once():
    matrices = as_matrices(part for part in (X, X))
    with pytest.raises(
        TypeError, match=r"^X is an iterator \(generator\), which can be read only once, .* pass a function"
    ):
        matrices.check_opens_again()
    assert len(list(matrices)) == 2
    with pytest.raises(ValueError, match="was read already"):
        list(matrices)
    as_matrices([X]).check_opens_again()
    reader = as_matrices(table(X).to_reader())
    assert not reader.opens_again
    assert len(list(reader)) == 1
    with pytest.raises(ValueError, match="a RecordBatchReader was read already"):
        list(reader)
    made = iter([X, X])
    matrices = as_matrices(lambda: made)
    assert len(list(matrices)) == 2
    with pytest.raises(ValueError, match="gave the same iterator as before"):
        list(matrices)


def test_passes_that_give_other_rows():
    left = [3, 2]
    matrices = as_matrices(lambda: iter([X] * left.pop()))
    list(matrices)
    with pytest.raises(ValueError, match="gave 60 rows in this pass, where there were 40 before"):
        list(matrices)


def test_functions_must_give_chunks():
    for wrong in (X, 3, "a.npy", frame(X)):
        with pytest.raises(TypeError, match=r"must give an iterator of arrays or frames .*, it gave "):
            as_source(lambda wrong=wrong: wrong)


@pytest.mark.parametrize("text", ["0", "-1", "a", "", "1.5"])
def test_the_size_of_chunks_is_checked(text, monkeypatch, tmp_path):
    monkeypatch.setenv("FOLDSTAT_CHUNK_BYTES", text)
    with pytest.raises(
        ValueError, match=f"FOLDSTAT_CHUNK_BYTES must be a number of bytes, a positive integer, got '{text}'"
    ):
        read(npy(tmp_path / "a.npy", X))


@pytest.mark.parametrize("array", [np.array([["a"]]), np.ones((2, 2, 2)), np.array(1.0), np.array([(1, 2)], "i,i")])
def test_arrays_in_files_must_be_matrices_of_numbers(array, tmp_path):
    with pytest.raises((TypeError, ValueError), match=r"a\.npy must (hold real numbers|have one or two dimensions)"):
        as_source(npy(tmp_path / "a.npy", array))


def test_objects_in_files_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(TypeError, match="must hold real numbers, it is of dtype object"):
        as_source(tmp_path / "a.npy")
    (tmp_path / "b.npy").write_bytes(b"not numpy")
    with pytest.raises(ValueError, match=r"b\.npy is no \.npy file that can be read"):
        as_source(tmp_path / "b.npy")


def test_weights_and_rows_disagree(tmp_path):
    parts = [X[:12], X[12:]]
    weights = np.arange(20.0)

    def given(sample_weight, x=parts):
        return np.concatenate([block.weights for block in as_matrices(x, sample_weight=sample_weight)]).tolist()

    path = npy(tmp_path / "w.npy", weights)
    for right in (
        weights,
        [weights[:12], weights[12:]],
        lambda: iter([weights[:12], weights[12:]]),
        path,
        weights.tolist(),
    ):
        assert given(right) == weights.tolist()
    assert given(table(weights[:, None]).to_pandas()["x0"]) == weights.tolist()
    assert given([weights[:12], weights[12:]], lambda: iter(parts)) == weights.tolist()
    with pytest.raises(ValueError, match="sample_weight has 19 weights for 20 rows"):
        given(weights[:19])
    with pytest.raises(ValueError, match="sample_weight has 19 weights, and with chunk 1 there are 20 rows"):
        given(weights[:19], lambda: iter(parts))
    with pytest.raises(ValueError, match="sample_weight has 21 weights for 20 rows"):
        given(np.ones(21), lambda: iter(parts))
    with pytest.raises(ValueError, match=r"^chunk 0 has 12 rows, and its sample_weight 11 weights$"):
        given([weights[:11], weights[11:]])
    with pytest.raises(ValueError, match="sample_weight has no weights for chunk 1"):
        given([weights[:12]])
    with pytest.raises(ValueError, match="sample_weight has more chunks than there are of rows"):
        given([weights[:12], weights[12:], weights])
    npy(path, weights[:19])
    with pytest.raises(ValueError, match="sample_weight has 19 weights, too few for the rows of chunk 1"):
        given(path)
    npy(path, np.ones(21))
    with pytest.raises(ValueError, match="sample_weight has more weights than there are rows, which are 20"):
        given(path)
    with pytest.raises(ValueError, match=r"sample_weight='w' is no column of .*, whose columns are none with names"):
        given("w")
    with pytest.raises(ValueError, match=r"sample_weight='w' is no column of .*, whose columns are 'x0', 'x1', 'x2'"):
        given("w", [frame(X)])
    with pytest.raises(TypeError, match=r"sample_weight is an iterator \(generator\), which can be read only once"):
        given(part for part in [weights])
    with pytest.raises(ValueError, match="has no columns of features"):
        given("x0", [frame(X[:, :1])])

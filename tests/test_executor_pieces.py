"""Chunks that an executor works on: the same fold as of the pieces of Dask."""

from __future__ import annotations

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldstat
from foldstat import Summary, _core
from foldstat._common.threads import thread_count
from foldstat.distributed import chunk_pieces
from foldstat.sources import as_pieces

X = np.random.default_rng(3).normal(size=(60, 2)) * 1e9


def fused(rows, index, scale=3):
    """A sum whose bits depend on the tree."""
    return float(rows.sum() / scale)


def copied(rows, index):
    return [np.array(rows)]


def text(rows, index):
    return str(index)


def plus(a, b):
    return f"({a}+{b})"


def cut(lengths):
    ends = np.cumsum(lengths)[:-1]
    return np.split(X[: sum(lengths)], ends)


def load(begin, end):
    return X[begin:end]


def summarised(rows, index, options):
    return Summary(rows, **options)


# --- what chunks are --------------------------------------------------------------------------------


def test_chunks_may_be_anything_with_rows(tmp_path):
    np.save(tmp_path / "a.npy", X)
    pd.DataFrame(X, columns=["a", "b"]).to_parquet(tmp_path / "a.parquet")
    for chunks in (
        [X[:20], X[20:]],
        (pd.DataFrame(X[:20], columns=["a", "b"]), pd.DataFrame(X[20:], columns=["a", "b"])),
        [pl.DataFrame(X[:20], schema=["a", "b"]), pl.DataFrame(X[20:], schema=["a", "b"])],
        [functools.partial(load, 0, 20), functools.partial(load, 20, 60)],
        [str(tmp_path / "a.npy")],
        [tmp_path / "a.parquet"],
    ):
        pieces = chunk_pieces(chunks)
        np.testing.assert_array_equal(np.concatenate(pieces.fold(copied)), X)
        assert pieces.n_pieces == len(chunks)
    assert chunk_pieces([X[:20], X[20:]]).lengths == (20, 40)
    assert chunk_pieces([tmp_path / "a.npy"]).lengths == (None,)


def test_columns_of_frames():
    first = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "w": [1.0, 0.0]})
    other = first[["w", "b", "a"]]  # in another order
    pieces = chunk_pieces([first, other], columns=["b", "a"])
    assert pieces.names == ("b", "a")
    assert [rows.tolist() for rows in pieces.fold(copied)] == [[[3, 1], [4, 2]]] * 2
    weighted = chunk_pieces([first, other], sample_weight="w")
    assert weighted.names == ("a", "b")
    found = weighted.fold(lambda piece, index: [(piece.rows.tolist(), piece.weights.tolist())])
    assert found == [([[1, 3], [2, 4]], [1, 0])] * 2


def test_weights_of_each_chunk():
    pieces = chunk_pieces(cut([5, 9]), sample_weight=[np.zeros(5), np.ones(9)])
    assert pieces.weighted
    assert pieces.fold(lambda piece, index: [(len(piece.rows), float(piece.weights.sum()))]) == [(5, 0.0), (9, 9.0)]
    with pytest.raises(ValueError, match="chunk 1 has 9 rows, and its sample_weight 8 weights"):
        chunk_pieces(cut([5, 9]), sample_weight=[np.zeros(5), np.ones(8)]).fold(lambda piece, index: 0)


def test_single_precision():
    assert chunk_pieces([X.astype("f4")]).dtype == np.float32
    assert chunk_pieces([X.astype("f4"), X]).dtype == np.float64


# --- the fold ---------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(2, 9))
def test_the_tree_is_that_of_dask(n, fan_in):
    da = pytest.importorskip("dask.array")
    import dask

    with dask.config.set(scheduler="synchronous"):
        expected = as_pieces(da.zeros((n, 1), chunks=(1, 1))).fold(text, merge=plus, fan_in=fan_in)
    assert chunk_pieces([X[:1]] * n).fold(text, merge=plus, fan_in=fan_in) == expected


@settings(max_examples=20)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=9))
def test_any_cut_gives_one_summary(lengths):
    options = {"quantiles": True}
    total = chunk_pieces(cut(lengths)).fold(summarised, options)
    assert total == Summary(X[: sum(lengths)], quantiles=True)


def test_executors_give_equal_bits():
    chunks = cut([7] * 8)
    expected = chunk_pieces(chunks).fold(fused, 7)
    with ThreadPoolExecutor(3) as pool:
        assert chunk_pieces(chunks, pool).fold(fused, 7) == expected
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert chunk_pieces(chunks, pool).fold(fused, 7) == expected
        lazy = [functools.partial(load, 7 * i, 7 * i + 7) for i in range(8)]
        assert chunk_pieces(lazy, pool).fold(fused, 7) == expected


def test_loky():
    from joblib.externals import loky

    executor = loky.get_reusable_executor(max_workers=2, timeout=5)
    try:
        assert chunk_pieces(cut([7] * 8), executor).fold(fused) == chunk_pieces(cut([7] * 8)).fold(fused)
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def used(rows, index):
    return [thread_count(None)]


class Uncounted:
    """An executor that does not tell how many workers it has."""

    def __init__(self, pool):
        self.submit = pool.submit


def test_threads_are_shared_among_the_workers():
    chunks = cut([5] * 6)
    with ThreadPoolExecutor(2) as pool, foldstat.threads(7):
        assert chunk_pieces(chunks, pool).fold(used) == [3] * 6
        assert chunk_pieces(chunks[:1], pool).fold(used) == [7]
        assert chunk_pieces(chunks, Uncounted(pool)).fold(used) == [1] * 6
    assert (
        chunk_pieces(chunks).fold(used)
        == [max(1, _core.resolve_threads(None) // min(6, _core.resolve_threads(None)))] * 6
    )


def test_map_gives_a_list():
    assert chunk_pieces(cut([2, 3])).map(text, meta=None) == ["0", "1"]


def test_progress(capsys):
    heard = []
    chunk_pieces(cut([2] * 5)).fold(fused, progress=heard.append)
    assert heard == [1, 2, 3, 4, 5]
    chunk_pieces(cut([2] * 5)).fold(fused, progress=True, desc="pass 3")
    assert "pass 3: 100%" in capsys.readouterr().err


# --- what goes wrong --------------------------------------------------------------------------------


class StrangeError(Exception):
    pass


def fails_at_2(rows, index):
    if index == 2:
        raise StrangeError("two")
    return 0


def test_an_error_names_its_chunk():
    with pytest.raises(StrangeError, match="two") as caught:
        chunk_pieces(cut([2] * 5)).fold(fails_at_2)
    assert "in chunk 2" in caught.value.__notes__


def test_a_null_is_named():
    frames = [pd.DataFrame({"a": [1.0, 2.0]}), pd.DataFrame({"a": pd.array([1.0, None], dtype="Float64")})]
    with pytest.raises(ValueError, match="column 'a' of chunk 1 holds a null in row 1"):
        chunk_pieces(frames).fold(copied)


REFUSED = [
    (lambda: chunk_pieces(X), TypeError, "must be a list of chunks"),
    (lambda: chunk_pieces([]), ValueError, "without any chunk"),
    (lambda: chunk_pieces([X, 3]), TypeError, r"X\[1\] must be an array, a frame, a function or a path"),
    (lambda: chunk_pieces([X], sample_weight=[X[:, 0]] * 2), ValueError, "2 arrays for 1 chunk"),
    (lambda: chunk_pieces([X], sample_weight=X[:, 0]), TypeError, "a list of arrays"),
    (lambda: chunk_pieces([X], columns=["a"]), TypeError, "without names"),
    (lambda: chunk_pieces([X, X[:, :1]]).fold(copied), ValueError, "chunk 1 has 1 column, where 2 are expected"),
    (lambda: chunk_pieces([X], 5).fold(copied), TypeError, "executor must be None or have a submit method"),
    (lambda: chunk_pieces([X]).fold(copied, fan_in=1), ValueError, "fan_in must be at least 2"),
    (lambda: chunk_pieces([X[:, 0]]), ValueError, "2 dimensions"),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED)
def test_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def fitted(chunks, **arguments):
    return np.concatenate(chunk_pieces(chunks, **arguments).fold(copied))


def test_chunks_of_frames_are_alike(tmp_path):
    first, second = pd.DataFrame(X[:20], columns=["a", "b"]), pd.DataFrame(X[20:], columns=["a", "b"])
    turned, more = second[["b", "a"]], second.assign(more=1.0)
    np.testing.assert_array_equal(fitted([first, turned]), X)
    np.testing.assert_array_equal(fitted([first, pd.DataFrame(), turned]), X)
    np.testing.assert_array_equal(fitted([first, more], columns=["a", "b"]), X)
    unnamed = [pd.DataFrame(X[:20]), pd.DataFrame(X[20:])]
    np.testing.assert_array_equal(fitted(unnamed), X)
    np.testing.assert_array_equal(fitted([X[:20], unnamed[1]]), X)
    np.testing.assert_array_equal(fitted([lambda: unnamed[0], lambda: X[20:]]), X)
    paths = [tmp_path / f"{name}.parquet" for name in ("first", "turned", "more")]
    for path, frame in zip(paths, (first, turned, more), strict=True):
        frame.to_parquet(path)
    np.testing.assert_array_equal(fitted(paths[:2]), X)
    np.testing.assert_array_equal(fitted([paths[0], paths[2]], columns=["a", "b"]), X)
    others = "^chunk 1 has other columns than those before"
    for chunks in ([first, more], [first, second[["a"]]], [X, second], [first, unnamed[1]], [paths[0], paths[2]]):
        with pytest.raises(ValueError, match=others):
            fitted(chunks)
    with pytest.raises(ValueError, match=r"^chunk 1 has no names of columns, as others have"):
        fitted([first, X[20:]])
    with pytest.raises(ValueError, match=r"^there is no column 'b', but 'a', 'c'"):
        fitted([first, second.rename(columns={"b": "c"})], columns=["b"])

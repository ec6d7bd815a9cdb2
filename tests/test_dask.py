"""Collections of Dask in pieces: what pieces are, what a fold does, whatever the scheduler of this machine."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldstat
from foldstat import _core
from foldstat._common.threads import thread_count
from foldstat.sources import as_pieces

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
db = pytest.importorskip("dask.bag")
dd = pytest.importorskip("dask.dataframe")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dask", "ignore::FutureWarning:dask")


def numbered(piece, index, *broadcast):
    return [(index, *broadcast)]


def copied(piece, index):
    return [np.array(piece)]


def plus(a, b):
    return f"({a}+{b})"


def text(piece, index):
    return str(index)


def whole(pieces):
    return np.concatenate(pieces.fold(copied))


X = np.random.default_rng(1).normal(size=(50, 3))
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(w=np.arange(50), t="x")


def frame(**options):
    return dd.from_pandas(FRAME, npartitions=4, **options)


# --- what pieces are --------------------------------------------------------------------------------


def test_what_is_no_collection_has_no_pieces():
    for x in (X, FRAME, [X], "x.npy", None, iter([])):
        assert as_pieces(x) is None


def test_dask_is_not_imported_to_find_out():
    program = (
        "import sys, numpy\nfrom foldstat.sources import as_pieces\nfrom foldstat import Summary, summarize\n"
        "as_pieces(numpy.ones(3)); Summary([1.0]); summarize(numpy.ones((3, 2)), axis=0)\n"
        "assert not any(name.partition('.')[0] in ('dask', 'distributed') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=8),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.sampled_from(["f8", "f4", "i4", "?", ">f8"]),
)
def test_chunks_of_an_array_are_its_rows(rows, columns, dtype):
    n, d = sum(rows), sum(columns)
    x = (np.arange(n * d) % 7).reshape(n, d).astype(dtype)
    pieces = as_pieces(da.from_array(x, chunks=(tuple(rows), tuple(columns))))
    with dask.config.set(scheduler="synchronous"):
        found = pieces.fold(copied)
    assert pieces.n_pieces == len(rows)
    assert pieces.lengths == tuple(rows)
    assert [len(piece) for piece in found] == rows
    assert pieces.n_rows == n
    assert pieces.n_columns == d
    assert {piece.dtype for piece in found} == {pieces.dtype} == {np.dtype("f4" if dtype == "f4" else "f8")}
    np.testing.assert_array_equal(np.concatenate(found), x.astype("f8"))


def test_unknown_lengths_are_not_known():
    x = da.from_array(X, chunks=(20, 2))
    pieces = as_pieces(x[x[:, 0] > 0])
    assert pieces.lengths == (None, None, None)
    assert pieces.n_rows is None
    np.testing.assert_array_equal(whole(pieces), X[X[:, 0] > 0])


def test_partitions_of_a_frame_are_its_rows():
    pieces = as_pieces(frame()[["a", "b", "c"]])
    assert (pieces.n_pieces, pieces.names, pieces.n_columns) == (4, ("a", "b", "c"), 3)
    assert pieces.label(3) == "partition 3"
    np.testing.assert_array_equal(whole(pieces), X)
    np.testing.assert_array_equal(whole(as_pieces(frame(), columns=["c", "a"])), X[:, [2, 0]])


def test_single_precision_columns_of_a_frame_stay_so():
    small = dd.from_pandas(FRAME[["a", "b"]].astype("f4"), npartitions=2)
    assert as_pieces(small).dtype == np.float32
    np.testing.assert_array_equal(whole(as_pieces(small)), X[:, :2].astype("f4"))
    assert as_pieces(small.assign(c=1)).dtype == np.float64


def test_arrays_in_a_bag_follow_each_other():
    parts = [X[:3], X[3:3], X[3:10], X[10:]]
    pieces = as_pieces(db.from_sequence(parts, npartitions=2))
    with dask.config.set(scheduler="threads"):
        np.testing.assert_array_equal(whole(pieces), X)
        empty = as_pieces(db.from_sequence(parts, npartitions=4).filter(lambda part: len(part) > 5))
        assert [len(part) for part in empty.fold(copied)] == [0, 0, 7, 40]


def test_a_column_of_a_frame_is_that_column():
    """`dask.optimize` gives the frame in its place."""
    found = as_pieces(frame()["b"], kind="rows").fold(copied)
    np.testing.assert_array_equal(np.concatenate(found), X[:, 1])


def test_blocks_of_more_dimensions():
    x = da.from_array(np.arange(60.0).reshape(3, 4, 5), chunks=(2, 3, 5))
    assert as_pieces(x, kind="blocks").n_pieces == 4
    rows = as_pieces(x, kind="rows")
    assert rows.lengths == (2, 1)
    np.testing.assert_array_equal(whole(rows), x.compute())


# --- weights ----------------------------------------------------------------------------------------


def rows_and_weights(piece, index):
    return [(np.array(piece.rows), np.array(piece.weights))]


W = np.arange(50.0)


@pytest.mark.parametrize(
    "weight", [W, W.tolist(), da.from_array(W, chunks=7), da.from_array(W, chunks=20)], ids=["array", "list", "7", "20"]
)
def test_weights_of_an_array(weight):
    pieces = as_pieces(da.from_array(X, chunks=(20, 2)), sample_weight=weight)
    rows, weights = zip(*pieces.fold(rows_and_weights), strict=True)
    assert pieces.weighted
    np.testing.assert_array_equal(np.concatenate(rows), X)
    np.testing.assert_array_equal(np.concatenate(weights), W)


def test_weights_of_unknown_lengths():
    x, w = da.from_array(X, chunks=(20, 3)), da.from_array(W, chunks=20)
    kept = x[:, 0] > 0
    _, weights = zip(*as_pieces(x[kept], sample_weight=w[kept]).fold(rows_and_weights), strict=True)
    np.testing.assert_array_equal(np.concatenate(weights), W[X[:, 0] > 0])
    with pytest.raises(ValueError, match=r"chunk \d has \d+ rows, and its sample_weight \d+ weights"):
        as_pieces(x[kept], sample_weight=w[w >= 0]).fold(rows_and_weights)
    with pytest.raises(ValueError, match="sample_weight has 2 chunks and X 3, of unknown lengths"):
        as_pieces(x[kept], sample_weight=da.from_array(W, chunks=25))


@pytest.mark.parametrize("given", ["name", "series"])
def test_weights_of_a_frame(given):
    table = frame()[["a", "b", "w"]]
    if given == "name":
        pieces = as_pieces(table, sample_weight="w")
    else:
        pieces = as_pieces(table[["a", "b"]], sample_weight=table["w"])
    rows, weights = zip(*pieces.fold(rows_and_weights), strict=True)
    assert pieces.names == ("a", "b")
    np.testing.assert_array_equal(np.concatenate(rows), X[:, :2])
    np.testing.assert_array_equal(np.concatenate(weights), W)


def test_chunks_of_weight_zero_are_there():
    pieces = as_pieces(da.from_array(X, chunks=(25, 3)), sample_weight=np.repeat([0.0, 1.0], 25))
    assert [weights.sum() for _, weights in pieces.fold(rows_and_weights)] == [0, 25]


# --- the fold ---------------------------------------------------------------------------------------


def tree_of(n, fan_in):
    level, left = [str(i) for i in range(n)], []
    while level:
        whole = len(level) - len(level) % fan_in
        left = level[whole:] + left
        level = [_joined(level[i : i + fan_in]) for i in range(0, whole, fan_in)]
    return _joined(left)


def _joined(group):
    found = group[0]
    for other in group[1:]:
        found = f"({found}+{other})"
    return found


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(2, 9))
def test_results_are_merged_in_a_tree_of_neighbours(n, fan_in):
    pieces = as_pieces(da.zeros((n, 1), chunks=(1, 1)))
    with dask.config.set(scheduler="synchronous"):
        assert pieces.fold(text, merge=plus, fan_in=fan_in) == tree_of(n, fan_in)


def fused(piece, index):
    return float(piece.sum() / 3)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_schedulers_give_equal_bits(scheduler):
    x = da.from_array(np.random.default_rng(0).normal(size=(300, 2)) * 1e9, chunks=(7, 1))
    with dask.config.set(scheduler="synchronous"):
        expected = as_pieces(x).fold(fused)
    with dask.config.set(scheduler=scheduler, num_workers=3):
        assert as_pieces(x).fold(fused) == expected


def test_an_executor_as_the_scheduler():
    with ThreadPoolExecutor(2) as pool, dask.config.set(scheduler=pool):
        assert as_pieces(da.zeros((5, 1), chunks=(2, 1))).fold(numbered, "m") == [(0, "m"), (1, "m"), (2, "m")]


def used(piece, index):
    return [thread_count(None)]


def test_threads_are_shared_among_those_that_run_together():
    cores = _core.resolve_threads(None)
    pieces = as_pieces(da.zeros((6, 1), chunks=(1, 1)))
    with dask.config.set(scheduler="synchronous"):
        assert pieces.fold(used) == [cores] * 6
        with foldstat.threads(7):
            assert pieces.fold(used) == [7] * 6
    with dask.config.set(scheduler="threads", num_workers=2), foldstat.threads(7):
        assert pieces.fold(used) == [3] * 6
        assert as_pieces(da.zeros((1, 1))).fold(used) == [7], "one piece has them all"


def test_a_chunk_is_computed_inside_of_the_task_that_works_on_it():
    """So it is not stored for others; what several need is computed once."""
    calls, lock = [], threading.Lock()

    def load(block):
        with lock:
            calls.append(1)
        return block

    x = da.from_array(X, chunks=(10, 3)).map_blocks(load, dtype=float, meta=np.empty((0, 0)))
    tasks = as_pieces(x)._graph._tasks
    assert not any("load" in str(key) for key in tasks)
    with dask.config.set(scheduler="synchronous"):
        as_pieces(x, sample_weight=abs(x[:, 0])).fold(rows_and_weights)
    assert len(calls) == 5


def test_every_pass_is_a_new_one():
    pieces = as_pieces(da.zeros((3, 1), chunks=(1, 1)))
    assert pieces.fold(numbered, 1) != pieces.fold(numbered, 2)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_progress_counts_chunks(scheduler):
    heard = []
    with dask.config.set(scheduler=scheduler):
        as_pieces(da.zeros((9, 1), chunks=(2, 1))).fold(numbered, progress=heard.append)
    assert heard == [1, 2, 3, 4, 5]


def test_a_bar(capsys):
    with dask.config.set(scheduler="synchronous"):
        as_pieces(da.zeros((9, 1), chunks=(2, 1))).fold(numbered, progress=True, desc="pass 3")
    assert "pass 3: 100%" in capsys.readouterr().err


# --- what goes wrong --------------------------------------------------------------------------------


class StrangeError(Exception):
    pass


def fails_at_2(piece, index):
    if index == 2:
        raise StrangeError("two")
    return 0


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_an_error_names_its_chunk(scheduler):
    with dask.config.set(scheduler=scheduler), pytest.raises(StrangeError, match="two") as caught:
        as_pieces(da.zeros((9, 1), chunks=(2, 1))).fold(fails_at_2)
    assert caught.value.__notes__ == ["in chunk 2"]


def test_a_chunk_that_cannot_be_made_is_named():
    def load(block, block_info=None):
        raise OSError("no such block")

    x = da.zeros((4, 1), chunks=(4, 1)).map_blocks(load, dtype=float, meta=np.empty((0, 0)))
    with dask.config.set(scheduler="synchronous"), pytest.raises(OSError, match="no such block") as caught:
        as_pieces(x).fold(numbered)
    assert "in chunk 0" in caught.value.__notes__


def test_a_null_is_named():
    table = pd.DataFrame({"a": pd.array([1, 2, 3, None, 5, 6], dtype="Int64"), "b": 1.0})
    pieces = as_pieces(dd.from_pandas(table, npartitions=2))
    with pytest.raises(ValueError, match="column 'a' of partition 1 holds a null in row 0"):
        pieces.fold(copied)


REFUSED = [
    (lambda: as_pieces(da.zeros(5)), ValueError, "must have 2 dimensions"),
    (lambda: as_pieces(da.zeros((5, 2), dtype="M8[s]")), TypeError, "real numbers"),
    (lambda: as_pieces(da.zeros((5, 2)), columns=["a"]), TypeError, "without names"),
    (lambda: as_pieces(da.zeros((5, 2)), sample_weight=[1.0]), ValueError, r"shape == \(1,\), expected \(5,\)"),
    (lambda: as_pieces(da.zeros((5, 2)), sample_weight=da.zeros(4)), ValueError, r"expected \(5,\)"),
    (lambda: as_pieces(da.zeros((5, 2)), sample_weight=["a"] * 5), TypeError, "sample_weight must hold real numbers"),
    (lambda: as_pieces(frame()), TypeError, "column 't' of X is of type"),
    (lambda: as_pieces(frame(), columns="ab"), TypeError, "list of names"),
    (lambda: as_pieces(frame(), columns=["a", "z"]), ValueError, "'z' is no column"),
    (lambda: as_pieces(frame(), columns=["a", "a"]), ValueError, "twice"),
    (lambda: as_pieces(frame(), sample_weight="z"), ValueError, "there is no column 'z'"),
    (lambda: as_pieces(frame()[["a"]], sample_weight=W), TypeError, "name of one of its columns or a Dask Series"),
    (lambda: as_pieces(frame()["a"]), ValueError, "to_frame"),
    (lambda: as_pieces(db.from_sequence([X]), sample_weight=W), ValueError, "Bag"),
    (lambda: as_pieces(dask.delayed(int)()), TypeError, "from_delayed"),
    (lambda: as_pieces(da.zeros((5, 2))).fold(numbered, fan_in=1), ValueError, "fan_in must be at least 2"),
]


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED)
def test_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_bag_of_arrays_that_do_not_fit():
    pieces = as_pieces(db.from_sequence([X, X[:, :2]], npartitions=1))
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(ValueError, match="partition 0 has 2 columns, where 3"),
    ):
        pieces.fold(copied)


# --- results per row --------------------------------------------------------------------------------


def row_sums(piece, index, factor):
    return piece.sum(axis=1) * factor


def outer(piece, index, factor):
    return np.outer(piece[:, 0], [1.0, factor])


@pytest.mark.parametrize("kind", ["array", "unknown", "frame", "bag"])
def test_map_is_lazy_and_keeps_the_chunks(kind):
    x = da.from_array(X, chunks=(20, 2))
    collections = {
        "array": x,
        "unknown": x[x[:, 0] > -9],
        "frame": frame()[["a", "b", "c"]],
        "bag": db.from_sequence([X[:9], X[9:]], npartitions=2),
    }
    pieces = as_pieces(collections[kind])
    sums = pieces.map(row_sums, 2.0, meta=np.empty(0))
    assert isinstance(sums, da.Array)
    assert sums.numblocks == (pieces.n_pieces,)
    assert sums.dtype == float
    assert (kind == "array") != math.isnan(sums.shape[0])
    with dask.config.set(scheduler="threads"):
        np.testing.assert_array_equal(sums.compute(), X.sum(axis=1) * 2.0)
        both = pieces.map(outer, 3.0, meta=np.empty((0, 2)))
        np.testing.assert_array_equal(both.compute(), np.outer(X[:, 0], [1.0, 3.0]))

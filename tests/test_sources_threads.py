"""The next chunk is read while this one is computed with: by one thread, which ends; not where code is the user's."""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from foldstat import Summary, summarize
from foldstat.sources import Chunk, Source, as_matrices
from foldstat.sources._ahead import ahead
from programs import exit_status, outcome
from source_kinds import npy, parquet, table

X = np.arange(6000.0).reshape(2000, 3)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "foldstat reader"]


@pytest.fixture(autouse=True)
def _small_chunks_and_no_threads_left(monkeypatch):
    monkeypatch.setenv("FOLDSTAT_CHUNK_BYTES", "240")
    yield
    assert readers() == []


def test_one_item_is_read_ahead():
    read, taken = [], []

    def items():
        for i in range(20):
            read.append(i)
            yield i

    for item in ahead(items):
        end = time.monotonic() + 5
        while len(read) < min(item + 2, 20) and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.002)
        taken.append(item)
        assert len(read) == min(item + 2, 20)
    assert taken == list(range(20))


class MineError(Exception):
    pass


@pytest.mark.parametrize(
    "error", [MineError("mine"), KeyboardInterrupt(), MemoryError(), StopAsyncIteration()], ids=repr
)
def test_exceptions_of_the_reader_are_its_own(error):
    def items():
        yield 1
        raise error

    found = ahead(items)
    assert next(found) == 1
    with pytest.raises(type(error)) as caught:
        next(found)
    assert caught.value is error


def test_a_pass_that_is_abandoned_ends_its_thread_and_closes_its_file(tmp_path):
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    found = ahead(items)
    next(found)
    assert len(readers()) == 1
    found.close()
    assert readers() == []
    assert closed == ["foldstat reader"]
    files = open_files()
    for path in (npy(tmp_path / "a.npy", X), parquet(tmp_path / "a.parquet", X)):
        for _ in range(3):
            for _block in as_matrices(path):
                break
        gc.collect()
        assert readers() == []
    assert open_files() == files


def test_two_passes_at_once(tmp_path):
    matrices = as_matrices(npy(tmp_path / "a.npy", X))
    pairs = zip(matrices, matrices, strict=True)
    assert all(np.array_equal(one.rows, other.rows) for one, other in pairs)


def test_code_of_the_user_runs_on_the_calling_thread():
    seen = []

    def made():
        seen.append(threading.current_thread())
        yield X

    for call in (lambda: list(as_matrices(made)), lambda: Summary(made), lambda: summarize(made, axis=0)):
        call()
    list(as_matrices([X], sample_weight=lambda: (np.ones(len(part)) for part in made())))
    assert set(seen) == {threading.current_thread()}
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x real)")
    connection.executemany("insert into t values (?)", [(float(i),) for i in range(50)])

    def batches():
        cursor = connection.execute("select x from t")
        while rows := cursor.fetchmany(7):
            yield pa.record_batch({"x": [x for (x,) in rows]})

    for _ in range(2):
        assert Summary(batches).sum == 1225.0
        assert sum(block.rows.sum() for block in as_matrices(batches)) == 1225.0
    connection.close()


def test_blocks_that_are_kept_are_not_written_over(tmp_path):
    for path in (npy(tmp_path / "a.npy", X), parquet(tmp_path / "a.parquet", X)):
        blocks = list(as_matrices(path))
        np.testing.assert_array_equal(np.concatenate([block.rows for block in blocks]), X)
        parts = [block.rows[1:].T for block in as_matrices(path)]
        np.testing.assert_array_equal(np.concatenate([part.T for part in parts]), np.delete(X, np.s_[::10], axis=0))


def test_memory_of_blocks_is_used_again(tmp_path):
    for path in (npy(tmp_path / "a.npy", np.asfortranarray(X)), parquet(tmp_path / "a.parquet", X)):
        addresses = set()
        for block in as_matrices(path):
            addresses.add(block.rows.ctypes.data)
        assert len(addresses) <= 4


def test_where_no_thread_can_be_started_chunks_are_read_as_they_are_asked_for(tmp_path, monkeypatch):
    def start(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    path = npy(tmp_path / "a.npy", X)
    assert sum(len(block.rows) for block in as_matrices(path)) == len(X)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_pass(tmp_path):
    """A pass belongs to its process; in the child a new one can begin."""
    matrices = as_matrices(npy(tmp_path / "a.npy", X))
    blocks = iter(matrices)
    next(blocks)
    child = os.fork()
    if child == 0:
        try:
            next(blocks)
        except RuntimeError:
            blocks.close()
            os._exit(0 if sum(len(block.rows) for block in matrices) == len(X) else 1)
        os._exit(2)
    assert exit_status(child, 20) == 0
    assert sum(len(block.rows) for block in blocks) == len(X) - 10


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_heard_while_a_chunk_is_waited_for():
    class Slow(Source):
        name = "a slow source"

        def chunks(self):
            yield Chunk(X, "chunk 0", 0)
            end.wait(20)

        def empty(self):
            return X[:0]

    end = threading.Event()
    main = threading.main_thread().ident
    timer = threading.Timer(0.2, lambda: (signal.pthread_kill(main, signal.SIGINT), time.sleep(0.1), end.set()))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Summary(Slow())
    assert time.monotonic() - began < 15
    timer.join()


def test_the_interpreter_ends_while_a_reader_waits(tmp_path):
    path = npy(tmp_path / "a.npy", X)
    program = f"""
import json
from foldstat.sources import as_matrices
blocks = iter(as_matrices({str(path)!r}))
next(blocks)
print(json.dumps(True))
"""
    assert outcome(program, FOLDSTAT_CHUNK_BYTES="240") is True


def test_lazy_frames_that_are_abandoned():
    lazy = pl.from_arrow(table(X)).lazy()
    for _block in as_matrices(lazy):
        break
    assert sum(len(block.rows) for block in as_matrices(lazy)) == len(X)
